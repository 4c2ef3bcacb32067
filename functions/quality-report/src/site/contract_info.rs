//! Contacts, access and documents of a contract.

use contract::ContractInfo;
use maud::{Markup, html};

use super::govuk::{code_block, details_box};
use super::text::{capitalise_first, end_with_full_stop};

/// The support channels that a contract names.
pub(super) fn support_channels(about: &ContractInfo) -> Markup {
    html! {
        @for support in &about.support {
            p {
                @match support.url.as_deref().filter(|url| is_safe_url(url)) {
                    Some(url) => a.govuk-link href=(url) { (support.channel) },
                    None => (support.channel),
                }
                @if let Some(says) = &support.description {
                    br; span.app-muted { (end_with_full_stop(says)) }
                }
            }
        }
        @if about.support.is_empty() {
            "The contract names no channel: ask the owner, " (about.owner)
        }
    }
}

/// The roles by which a contract grants access, and who approves them.
pub(super) fn access_roles(about: &ContractInfo) -> Markup {
    html! {
        @for role in &about.roles {
            p {
                "Role "
                code { (role.role) }
                @if let Some(says) = &role.description { ": " (end_with_full_stop(says)) }
                @if let Some(who) = &role.first_level_approvers {
                    " Granted by " (end_with_full_stop(who))
                }
            }
        }
        @if about.roles.is_empty() { "The contract names no role: ask the owner" }
    }
}

/// The documents that a contract links to.
pub(super) fn document_links(about: &ContractInfo) -> Markup {
    html! {
        @for (kind, url) in &about.links {
            p {
                @if is_safe_url(url) {
                    a.govuk-link href=(url) { (document_label(kind)) }
                } @else {
                    (document_label(kind)) ": " (url)
                }
            }
        }
    }
}

fn document_label(kind: &str) -> String {
    match kind {
        "dpia" => "Data protection impact assessment".into(),
        other => capitalise_first(other),
    }
}

/// Whether a contract's address may become a link: it must not run a script.
fn is_safe_url(url: &str) -> bool {
    ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// The version and state of a contract, and its text.
pub(super) fn contract_text(version: &str, about: &ContractInfo) -> Markup {
    html! {
        p.govuk-body {
            "Version " (version) ", " (about.status) ", in the Open Data Contract Standard."
        }
        (details_box(
            "The contract's text",
            &code_block("The contract's text", &about.text, true),
        ))
    }
}
