//! What a contract says to people: who answers for the data, how to ask, what the data are good for
//! and what not.

use serde_json::Value;

use crate::file::DeclaredFile;
use crate::odcs::{ContractDocument, Role, ServiceLevel, Support};

/// What a contract says about its data to those who want to use them.
#[derive(Clone, Debug, Default)]
pub struct ContractInfo {
    /// A name for people.
    pub title: String,
    /// `draft`, `active`, `deprecated` and so on.
    pub status: String,
    /// What the data are for.
    pub purpose: String,
    /// How they may be used.
    pub usage: String,
    /// What they do not say, and what they are not good for.
    pub limitations: String,
    /// The team that answers for them.
    pub owner: String,
    /// Where to ask.
    pub support: Vec<Support>,
    /// Who may do what with them.
    pub roles: Vec<Role>,
    /// Promises about time.
    pub service_levels: Vec<ServiceLevel>,
    /// Linked documents, as (kind, address): a data protection impact assessment, a licence.
    pub links: Vec<(String, String)>,
    /// The security classification: `OFFICIAL`, and so on.
    pub security: String,
    /// The contract's full text.
    pub text: String,
}

impl ContractInfo {
    /// Takes these parts from a contract and its file.
    pub(crate) fn from_document(document: &ContractDocument, file: &DeclaredFile) -> Self {
        let description = &document.description;
        let links = document
            .links
            .iter()
            .map(|link| (link.kind.clone(), link.url.clone()));

        Self {
            title: document.name.clone().unwrap_or_else(|| document.id.clone()),
            status: document
                .status
                .clone()
                .unwrap_or_else(|| "active".to_owned()),
            purpose: description.purpose.clone().unwrap_or_default(),
            usage: description.usage.clone().unwrap_or_default(),
            limitations: description.limitations.clone().unwrap_or_default(),
            owner: document.owner(),
            support: document.support.clone(),
            roles: document.roles.clone(),
            service_levels: document.sla_properties.clone(),
            links: links.collect(),
            security: security_classification(document).to_owned(),
            text: file.text().to_owned(),
        }
    }

    /// The mailbox for questions: the first address of the support channels that begins with
    /// `mailto:`.
    #[must_use]
    pub fn support_mailbox(&self) -> Option<&str> {
        self.support
            .iter()
            .find_map(|support| support.url.as_deref()?.strip_prefix("mailto:"))
    }

    /// The address of the document of a kind, such as `licence`.
    #[must_use]
    pub fn link_url(&self, kind: &str) -> Option<&str> {
        let (_, url) = self
            .links
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(kind))?;
        Some(url)
    }

    /// A promise by its name, such as `frequency`, with its unit.
    #[must_use]
    pub fn service_level_text(&self, property: &str) -> Option<String> {
        let level = self
            .service_levels
            .iter()
            .find(|level| level.property == property)?;
        Some(level.value_with_unit())
    }
}

impl ServiceLevel {
    /// The promise in words, such as `24 h`.
    #[must_use]
    pub fn value_with_unit(&self) -> String {
        let value = match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match &self.unit {
            Some(unit) => format!("{value} {unit}"),
            None => value,
        }
    }
}

/// The contract's security classification; `OFFICIAL`, the UK government's default, where it states
/// none.
fn security_classification(document: &ContractDocument) -> &str {
    let stated = document
        .custom_properties
        .iter()
        .find(|custom| custom.property == "securityClassification")
        .and_then(|custom| custom.value.as_str());
    stated.unwrap_or("OFFICIAL")
}
