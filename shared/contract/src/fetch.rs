//! Fetching a record's whole state: what the contract says of the API that knows it.

use schemars::JsonSchema;
use serde::Deserialize;

/// The member that the relay adds beside the state: how the fetch went.
pub const FETCHED_MEMBER: &str = "fetched";

/// How the relay asks for a record's state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// The address; `{key}` stands for the record's key, percent-encoded.
    pub url: String,
    /// The Secrets Manager secret whose text authorises the request.
    #[serde(default)]
    pub secret: Option<String>,
    /// The header that the secret goes into.
    #[serde(default = "default_header")]
    pub header: String,
    /// What counts the record's versions. Without it, records are ordered by the events' times.
    #[serde(default)]
    pub version: Option<FetchVersion>,
    /// Milliseconds that one request may take.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// Where a fetched state's version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FetchVersion {
    /// In the answer's `ETag`, a whole number, perhaps weak and in quotes.
    Etag,
}

fn default_header() -> String {
    "authorization".to_owned()
}

fn default_timeout_ms() -> u64 {
    5_000
}

/// Whether a key can stand in an address: `.` and `..` would name another place, encoded or not.
#[must_use]
pub fn key_is_safe(key: &str) -> bool {
    !key.split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
}

/// A text as it stands in an address: everything but letters, digits, `-`, `_`, `.` and `~` is percent-encoded.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

impl Fetch {
    /// The address for a key: everything but letters, digits, `-`, `_`, `.` and `~` is percent-encoded.
    ///
    /// ```
    /// let fetch: contract::Fetch = serde_json::from_str(r#"{"url": "https://api/x/{key}"}"#).unwrap();
    /// assert_eq!(fetch.address("a/b c"), "https://api/x/a%2Fb%20c");
    /// ```
    #[must_use]
    pub fn url_for_key(&self, key: &str) -> String {
        self.url.replace("{key}", &percent_encode(key))
    }

    /// What is wrong with the declaration, if anything.
    pub(crate) fn declaration_error(&self, state: Option<&str>) -> Option<String> {
        let local =
            self.url.starts_with("http://127.0.0.1:") || self.url.starts_with("http://localhost:");
        if !self.url.starts_with("https://") && !local {
            return Some("`fetch.url` must begin with https://".into());
        }
        let path = self
            .url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map(|(_, path)| path);
        if !path.is_some_and(|path| path.contains("{key}")) || self.url.matches("{key}").count() > 1
        {
            return Some(
                "`fetch.url` has `{key}` once, in its path: it tells the record, never the host"
                    .into(),
            );
        }
        if self.header.is_empty()
            || !self
                .header
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Some("`fetch.header` is no header's name".into());
        }
        if !(1..=25_000).contains(&self.timeout_ms) {
            return Some("`fetch.timeout_ms` is not between 1 and 25000".into());
        }
        let member = state.and_then(|path| path.strip_prefix("$."));
        let plain = |name: &str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match member {
            Some(name) if plain(name) && name != FETCHED_MEMBER => None,
            _ => Some(
                "`fetch` needs `state`, one member of the event such as `$.entity`, to put the state in"
                    .into(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(url: &str) -> Fetch {
        serde_json::from_value(serde_json::json!({ "url": url })).unwrap()
    }

    #[test]
    fn declarations_are_checked() {
        assert_eq!(
            fetch("https://a/{key}").declaration_error(Some("$.entity")),
            None
        );
        assert!(
            fetch("https://a{key}/x")
                .declaration_error(Some("$.entity"))
                .is_some()
        );
        assert!(
            fetch("https://a/")
                .declaration_error(Some("$.entity"))
                .is_some()
        );
        assert!(
            fetch("http://a/{key}")
                .declaration_error(Some("$.entity"))
                .is_some()
        );
        assert!(fetch("https://a/{key}").declaration_error(None).is_some());
        assert!(
            fetch("https://a/{key}")
                .declaration_error(Some("$.a.b"))
                .is_some()
        );
    }

    #[test]
    fn keys_that_walk_are_refused() {
        assert!(key_is_safe("a/b..c"));
        assert!(!key_is_safe("../secrets"));
        assert!(!key_is_safe("a//b"));
    }
}
