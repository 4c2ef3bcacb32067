//! Who may push: patterns of callers, which callers they admit, and which patterns admit more than
//! a reader would think.

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

/// Finds what is wrong with `push`. A source that admits no caller can receive nothing; a pattern
/// that admits everyone protects nothing.
pub(crate) fn find_push_fault(push: &PushPermissions) -> Option<PushFault<'_>> {
    if push.principals.is_empty() && push.claims.is_empty() {
        let why = "`push` admits no caller; give `principals` or `claims`";
        return Some(("push", why.to_owned()));
    }

    let principal = push.principals.iter().find_map(|pattern| {
        let why = principal_fault(pattern)?;
        Some((pattern.as_str(), why))
    });
    principal.or_else(|| push.claims.iter().find_map(claims_fault))
}

/// What is wrong with the pattern of a principal: everything up to the resource's type is literal,
/// so that a pattern admits principals of one account and one type.
fn principal_fault(pattern: &str) -> Option<String> {
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
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
    Some(format!("`{pattern}` in `push.principals` {why}"))
}

fn is_partition(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    text.starts_with("aws") && text.bytes().all(is_letter)
}

fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with what stands behind the account. A pattern that no caller's ARN has is refused
/// as well: its author believes that it admits a caller.
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
        _ => Some("needs a type and a name behind the account, such as `role/housing-*`"),
    }
}

fn name_fault(name: &str) -> Option<&'static str> {
    if !name.bytes().all(is_name_letter) {
        return Some("has a character that is in no name of IAM; only `*` stands for others");
    }
    if !name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Some("admits every name of the account: write a name, or a pattern with letters");
    }
    None
}

/// The letters of IAM's names and paths, and `*`.
fn is_name_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-/*".contains(&byte)
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
    if matches!(name, "iss" | "aud" | "scope") && wanted.contains('*') {
        return Some(format!(
            "`{name}` in `push.claims` is compared letter by letter; write it without `*`"
        ));
    }
    if !wanted.chars().any(char::is_alphanumeric) {
        return Some(format!(
            "`{name}` in `push.claims` admits every caller; write a value, or a pattern with \
             letters"
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
        "iss" => value == wanted,
        "scope" => value.split(' ').any(|scope| scope == wanted),
        "aud" => has_audience(wanted, value),
        _ => matches_pattern(wanted, value),
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

/// What separates the parts of an ARN.
const DELIMITERS: [char; 2] = [':', '/'];

/// Whether `text` matches `pattern`, in which `*` matches any run of characters but `:` and `/`: a
/// name cannot reach into another part of an ARN.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let patterns: Vec<&str> = pattern.split(DELIMITERS).collect();
    let parts: Vec<&str> = text.split(DELIMITERS).collect();

    patterns.len() == parts.len()
        && pattern.matches(DELIMITERS).eq(text.matches(DELIMITERS))
        && patterns
            .iter()
            .zip(&parts)
            .all(|(pattern, part)| matches_run(pattern, part))
}

/// Whether `text` matches `pattern`, in which `*` matches any run of characters.
fn matches_run(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|prefix| text.strip_prefix(prefix)) else {
        return false;
    };
    let mut inner: Vec<&str> = pieces.collect();
    let Some(suffix) = inner.pop() else {
        return rest.is_empty();
    };

    for piece in inner {
        let Some(start) = rest.find(piece) else {
            return false;
        };
        rest = &rest[start + piece.len()..];
    }
    rest.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn principals(patterns: &[&str]) -> PushPermissions {
        PushPermissions {
            principals: patterns.iter().map(ToString::to_string).collect(),
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
        assert!(claim_matches("client_id", "housing-*", "housing-api"));
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
    fn a_star_ends_at_colons_and_slashes() {
        let pattern = "arn:aws:iam::111122223333:role/housing-*";
        for (caller, admitted) in [
            ("arn:aws:iam::111122223333:role/housing-api", true),
            ("arn:aws:iam::111122223333:role/housing-", true),
            ("arn:aws:iam::111122223333:role/planning", false),
            ("arn:aws:iam::999999999999:role/housing-evil", false),
            ("arn:aws:iam::111122223333:role/housing-/bob", false),
            ("arn:aws:iam::111122223333:role/housing-a:b", false),
            ("arn:aws:iam::111122223333:user/x:role/housing-/bob", false),
            ("arn:aws:iam::111122223333:user/role/housing-api", false),
        ] {
            assert_eq!(matches_pattern(pattern, caller), admitted, "{caller}");
        }
        assert!(!matches_pattern(
            "arn:aws:iam::*:role/housing-*",
            "arn:aws:iam::1:user/x:role/housing-/bob"
        ));
        assert!(matches_pattern("exact", "exact"));
        assert!(!matches_pattern("exact", "exactly"));
        assert!(!matches_pattern("a*bc", "abcd"));
        assert!(!matches_pattern("*", "a/b"));
        assert!(!matches_pattern("a", "a:"));
        assert!(!matches_pattern("a:", "a/"));
        assert!(matches_pattern("a/*", "a/"));
    }

    #[test]
    fn a_principal_is_one_of_an_account_and_a_type() {
        for pattern in [
            "arn:aws:iam::111122223333:role/housing-*",
            "arn:aws-us-gov:iam::111122223333:user/team/sam",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:federated-user/sam",
        ] {
            assert_eq!(find_push_fault(&principals(&[pattern])), None, "{pattern}");
        }
        for pattern in [
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
            let push = principals(&["arn:aws:iam::111122223333:role/fine", pattern]);
            let (word, _) = find_push_fault(&push).unwrap();
            assert_eq!(word, pattern);
        }
    }

    #[test]
    fn claims_name_an_issuer_and_a_caller() {
        let fine = claims(&[ISSUER, ("client_id", "housing-*"), ("aud", "lake")]);
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
            vec![ISSUER, ("client_id", "*/*")],
            vec![ISSUER, ("client_id", "")],
            vec![ISSUER, ("client_id", "housing"), ("aud", "*")],
            vec![ISSUER, ("scope", "events/*")],
        ] {
            assert!(find_push_fault(&claims(&pairs)).is_some(), "{pairs:?}");
        }
        assert!(find_push_fault(&principals(&[])).is_some());
    }

    proptest! {
        #[test]
        fn a_star_never_matches_a_delimiter(
            before in "[a-c]{0,3}", within in "[a-c:/]{0,6}", after in "[a-c]{0,3}"
        ) {
            let text = format!("{before}{within}{after}");
            let matches = matches_pattern(&format!("{before}*{after}"), &text);
            prop_assert_eq!(matches, !within.contains([':', '/']));
        }

        #[test]
        fn a_text_matches_itself(text in "[a-c:/]{0,9}") {
            prop_assert!(matches_pattern(&text, &text));
        }
    }
}
