//! What a contract tells people: who answers, how to ask, what the data are good for and what not.

use serde_json::Value;

use crate::file::DeclaredFile;
use crate::odcs::{ContractDocument, Role, ServiceLevel, Support};

/// What a contract says of its data to those who want to use them.
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
    /// Who answers for them.
    pub owner: String,
    /// Where to ask.
    pub support: Vec<Support>,
    /// Who may do what with them.
    pub roles: Vec<Role>,
    /// What is promised of time.
    pub service_levels: Vec<ServiceLevel>,
    /// Documents elsewhere, as (what it is, address): a data protection impact assessment, a licence.
    pub links: Vec<(String, String)>,
    /// `OFFICIAL`, and so on.
    pub security: String,
    /// The contract's whole text.
    pub text: String,
}

impl ContractInfo {
    pub(crate) fn from_document(document: &ContractDocument, file: &DeclaredFile) -> Self {
        let description = &document.description;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let security = document
            .custom_properties
            .iter()
            .find(|custom| custom.property == "securityClassification");
        let security = security
            .and_then(|custom| custom.value.as_str())
            .unwrap_or("OFFICIAL");
        Self {
            title: document.name.clone().unwrap_or_else(|| document.id.clone()),
            status: document
                .status
                .clone()
                .unwrap_or_else(|| "active".to_owned()),
            purpose: text(&description.purpose),
            usage: text(&description.usage),
            limitations: text(&description.limitations),
            owner: document.owner(),
            support: document.support.clone(),
            roles: document.roles.clone(),
            service_levels: document.sla_properties.clone(),
            links: document
                .links
                .iter()
                .map(|link| (link.kind.clone(), link.url.clone()))
                .collect(),
            security: security.to_owned(),
            text: file.text().to_owned(),
        }
    }

    /// Where to write to: the first address of the support channels that is one of a mailbox.
    #[must_use]
    pub fn support_mailbox(&self) -> Option<&str> {
        self.support
            .iter()
            .find_map(|support| support.url.as_deref()?.strip_prefix("mailto:"))
    }

    /// The document of a kind, such as `licence`.
    #[must_use]
    pub fn link_url(&self, kind: &str) -> Option<&str> {
        let found = self
            .links
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(kind));
        found.map(|(_, url)| url.as_str())
    }

    /// A promise by its name, such as `frequency`, with its unit.
    #[must_use]
    pub fn service_level_text(&self, property: &str) -> Option<String> {
        let found = self
            .service_levels
            .iter()
            .find(|level| level.property == property)?;
        Some(found.value_with_unit())
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
