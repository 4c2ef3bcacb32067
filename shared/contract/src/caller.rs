//! Who may push: the callers that a contract names, each in full, and which names no caller has.
//!
//! A name is compared letter by letter. A pattern admits callers that the contract does not list:
//! `housing-*` admits every role whose name begins so.

use std::collections::HashMap;

use crate::extension::{PushPermissions, TokenClaims};

/// Claims that describe a token and not its bearer: alone they admit every client of the issuer.
const UNIDENTIFYING_CLAIMS: [&str; 10] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_time",
    "token_use",
    "typ",
    "ver",
];

/// The digits of an account of AWS.
const ACCOUNT_DIGITS: usize = 12;

/// What is wrong with `push`: the word to look for in the contract, and the rule.
pub(crate) type PushFault<'p> = (&'p str, String);

/// Finds what is wrong with `push`. A source that admits no caller can receive nothing.
pub(crate) fn find_push_fault(push: &PushPermissions) -> Option<PushFault<'_>> {
    if push.principals.is_empty() && push.claims.is_empty() {
        let why = "`push` admits no caller; give `principals` or `claims`";
        return Some(("push", why.to_owned()));
    }

    let principal = push.principals.iter().find_map(|principal| {
        let why = principal_fault(principal)?;
        Some((principal.as_str(), why))
    });
    principal.or_else(|| push.claims.iter().find_map(claims_fault))
}

/// What is wrong with the ARN of a principal: it names one role or user of one account.
fn principal_fault(principal: &str) -> Option<String> {
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    let why = match parts.as_slice() {
        ["arn", partition, ..] if !is_partition(partition) => "needs a partition, such as `aws`",
        ["arn", _, "iam" | "sts", "", account, _] if !is_account(account) => {
            "needs an account of 12 digits: otherwise a role of this name in any account could push"
        }
        ["arn", _, service @ ("iam" | "sts"), "", _, resource] => {
            resource_fault(service, resource)?
        }
        _ => "is not the ARN of a role or user: arn:aws:iam::<account>:role/<name>",
    };
    Some(format!("`{principal}` in `push.principals` {why}"))
}

fn is_partition(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    text.starts_with("aws") && text.bytes().all(is_letter)
}

fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with what stands behind the account. A name that no caller's ARN has is refused as
/// well: its author believes that it admits a caller.
fn resource_fault(service: &str, resource: &str) -> Option<&'static str> {
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    match (service, kind) {
        ("iam", "root") if resource == kind => None,
        ("sts", "assumed-role") => Some(
            "names a session, and a session counts as its role: write \
             arn:aws:iam::<account>:role/<name>",
        ),
        ("iam", "role") if name.contains('/') => {
            Some("has a path, and a role that calls has none: write role/<name>")
        }
        ("iam", "role" | "user") | ("sts", "federated-user") => name_fault(name),
        _ => Some("needs a type and a name behind the account, such as `role/housing-api`"),
    }
}

fn name_fault(name: &str) -> Option<&'static str> {
    if name.contains('*') {
        return Some("has a `*`, and is compared letter by letter: list each role or user");
    }
    if !name.bytes().all(is_name_letter) {
        return Some("has a character that is in no name of IAM");
    }
    if !name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Some("has no name behind its type");
    }
    None
}

/// The letters of IAM's names and paths.
fn is_name_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte)
}

/// What is wrong with the claims of one entry.
fn claims_fault(claims: &TokenClaims) -> Option<PushFault<'_>> {
    let identifies = claims
        .keys()
        .any(|name| !UNIDENTIFYING_CLAIMS.contains(&name.as_str()));
    if !claims.contains_key("iss") || !identifies {
        let why = "each of `push.claims` needs `iss`, the token's issuer, and one claim that \
            identifies the caller";
        return Some(("claims", why.to_owned()));
    }

    claims.iter().find_map(|(name, wanted)| {
        let why = claim_fault(name, wanted)?;
        Some((name.as_str(), why))
    })
}

fn claim_fault(name: &str, wanted: &str) -> Option<String> {
    if wanted.contains('*') {
        return Some(format!(
            "`{name}` in `push.claims` is compared letter by letter; write it without `*`"
        ));
    }
    if !wanted.chars().any(char::is_alphanumeric) {
        return Some(format!(
            "`{name}` in `push.claims` has no letters and no digits; write the caller's value"
        ));
    }
    None
}

/// Whether a token has all of these claims.
pub(crate) fn token_matches(claims: &TokenClaims, token: &HashMap<String, String>) -> bool {
    claims.iter().all(|(name, wanted)| {
        token
            .get(name)
            .is_some_and(|value| claim_matches(name, wanted, value))
    })
}

/// Whether a claim's value matches. `scope` and `aud` hold several words, of which one must be
/// equal.
fn claim_matches(name: &str, wanted: &str, value: &str) -> bool {
    match name {
        "scope" => value.split(' ').any(|scope| scope == wanted),
        "aud" => has_audience(wanted, value),
        _ => value == wanted,
    }
}

/// Whether an audience is among those of a token: one text, or a list as API Gateway writes it,
/// `[a b]`, or as JSON, `["a","b"]`.
fn has_audience(wanted: &str, value: &str) -> bool {
    if value == wanted {
        return true;
    }
    if let Ok(audiences) = serde_json::from_str::<Vec<String>>(value) {
        return audiences.iter().any(|audience| audience == wanted);
    }
    let list = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    list.is_some_and(|list| list.split([' ', ',']).any(|audience| audience == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principals(arns: &[&str]) -> PushPermissions {
        PushPermissions {
            principals: arns.iter().map(ToString::to_string).collect(),
            claims: Vec::new(),
        }
    }

    fn claims(pairs: &[(&str, &str)]) -> PushPermissions {
        let entry = pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        PushPermissions {
            principals: Vec::new(),
            claims: vec![entry.collect()],
        }
    }

    const ISSUER: (&str, &str) = ("iss", "https://issuer.example");

    #[test]
    fn scopes_and_audiences_fit_as_words() {
        assert!(claim_matches(
            "scope",
            "events/write",
            "events/read events/write"
        ));
        assert!(!claim_matches("scope", "events/write", "events/writes"));
        assert!(claim_matches("client_id", "housing-api", "housing-api"));
        for other in ["housing-apis", "Housing-api", "x:housing-api", ""] {
            assert!(!claim_matches("client_id", "housing-api", other), "{other}");
        }
        for value in [
            "lake",
            "[lake other]",
            "[other lake]",
            r#"["other","lake"]"#,
        ] {
            assert!(claim_matches("aud", "lake", value), "{value}");
        }
        for value in ["", "lakes", "other lake", "[lakes]", r#"["lakes"]"#, "[]"] {
            assert!(!claim_matches("aud", "lake", value), "{value}");
        }
    }

    #[test]
    fn a_principal_is_one_of_an_account_and_a_type() {
        for arn in [
            "arn:aws:iam::111122223333:role/housing-api",
            "arn:aws-us-gov:iam::111122223333:user/team/sam",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:federated-user/sam",
        ] {
            assert_eq!(find_push_fault(&principals(&[arn])), None, "{arn}");
        }
        for arn in [
            "*",
            "",
            "**",
            "arn:*",
            "arn:aws:iam::*:role/housing-*",
            "arn:aws:iam::1111:role/housing-api",
            "arn:aws:iam::11112222333*:role/housing-api",
            "arn:aws:iam::１１１１２２２２３３３３:role/housing-api",
            "arn:aws:iam:::role/housing-api",
            "arn:*:iam::111122223333:role/housing-api",
            "arn:aws:*::111122223333:role/housing-api",
            "arn:aws:iam:*:111122223333:role/housing-api",
            "arn:aws:iam::111122223333:*",
            "arn:aws:iam::111122223333:*/housing-api",
            "arn:aws:iam::111122223333:role/",
            "role/housing-api",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:role/housing-*",
            "arn:aws:iam::111122223333:role/*-api",
            "arn:aws:iam::111122223333:user/team/*",
            "arn:aws:sts::111122223333:federated-user/s*m",
            "arn:aws:iam::111122223333:user/**/*",
            "arn:aws:iam::111122223333:role/housing-?",
            "arn:aws:iam::111122223333:role/housing-*:x",
            "arn:aws:iam::111122223333:role/housing\u{1b}[2J",
            "arn:aws:iam::111122223333:role/hоusing",
            "arn:aws:iam::111122223333:role/team/housing-api",
            "arn:aws:iam::111122223333:group/housing",
            "arn:aws:iam::111122223333:root/x",
            "arn:aws:sts::111122223333:assumed-role/housing-api/*",
            "arn:aws:sts::111122223333:role/housing-api",
            "arn:aws:s3:::housing",
        ] {
            let push = principals(&["arn:aws:iam::111122223333:role/fine", arn]);
            let (word, _) = find_push_fault(&push).unwrap();
            assert_eq!(word, arn);
        }
    }

    #[test]
    fn claims_name_an_issuer_and_a_caller() {
        let fine = claims(&[ISSUER, ("client_id", "housing-api"), ("aud", "lake")]);
        assert_eq!(find_push_fault(&fine), None);
        for pairs in [
            vec![("iss", "*")],
            vec![ISSUER],
            vec![ISSUER, ("aud", "lake")],
            vec![ISSUER, ("token_use", "access"), ("exp", "4102444800")],
            vec![("client_id", "housing-api")],
            vec![("iss", "*"), ("client_id", "housing-api")],
            vec![("iss", "https://*.example"), ("client_id", "housing-api")],
            vec![("iss", ""), ("client_id", "housing-api")],
            vec![ISSUER, ("client_id", "*")],
            vec![ISSUER, ("client_id", "housing-*")],
            vec![ISSUER, ("client_id", "*/*")],
            vec![ISSUER, ("client_id", "")],
            vec![ISSUER, ("client_id", "housing"), ("aud", "*")],
            vec![ISSUER, ("scope", "events/*")],
        ] {
            assert!(find_push_fault(&claims(&pairs)).is_some(), "{pairs:?}");
        }
        assert!(find_push_fault(&principals(&[])).is_some());
    }
}
