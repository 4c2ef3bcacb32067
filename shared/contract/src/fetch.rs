//! Fetching a record's full state: what the contract says about the API that returns it.

use schemars::JsonSchema;
use serde::Deserialize;

/// The member that the relay adds beside the state: the status and the version of the fetch.
pub const FETCHED_MEMBER: &str = "fetched";

/// How the relay requests a record's state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// The address; `{key}` is replaced by the record's key, percent-encoded.
    pub url: String,
    /// The Secrets Manager secret whose text authorises the request.
    #[serde(default)]
    pub secret: Option<String>,
    /// The header that the secret goes into.
    #[serde(default = "default_header")]
    pub header: String,
    /// Where the record's version is. Without a version, the events' times order the record's
    /// states.
    #[serde(default)]
    pub version: Option<FetchVersion>,
    /// Milliseconds that one request may take.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// Where the version of a fetched state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FetchVersion {
    /// In the response's `ETag`: a whole number, possibly weak and in quotes.
    Etag,
}

fn default_header() -> String {
    "authorization".to_owned()
}

fn default_timeout_ms() -> u64 {
    5_000
}

/// Whether a key can be a part of an address: `.` and `..` would lead to another path, encoded or
/// not.
#[must_use]
pub fn key_is_safe(key: &str) -> bool {
    !key.split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
}

/// A text as a part of an address: everything but letters, digits, `-`, `_`, `.` and `~` is
/// percent-encoded.
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
    /// The address for a key: everything but letters, digits, `-`, `_`, `.` and `~` is
    /// percent-encoded.
    ///
    /// ```
    /// let settings = r#"{"url": "https://api/x/{key}"}"#;
    /// let fetch: contract::Fetch = serde_json::from_str(settings).unwrap();
    /// assert_eq!(fetch.url_for_key("a/b c"), "https://api/x/a%2Fb%20c");
    /// ```
    #[must_use]
    pub fn url_for_key(&self, key: &str) -> String {
        self.url.replace("{key}", &percent_encode(key))
    }

    /// What is wrong with the declaration, if anything.
    pub(crate) fn declaration_error(&self, state: Option<&str>) -> Option<&'static str> {
        if !self.url.starts_with("https://") && !self.is_local() {
            return Some("`fetch.url` must begin with https://");
        }
        if !self.has_key_in_path() {
            return Some(
                "`fetch.url` has `{key}` once, in its path: the key identifies the record, never \
                 the host",
            );
        }
        if !is_header_name(&self.header) {
            return Some("`fetch.header` is not the name of a header");
        }
        if !(1..=25_000).contains(&self.timeout_ms) {
            return Some("`fetch.timeout_ms` is not between 1 and 25000");
        }
        if !state.is_some_and(is_state_member) {
            return Some(
                "`fetch` needs `state`, one member of the event such as `$.entity`, to put the \
                 state in",
            );
        }
        None
    }

    /// Whether the API is on this machine, as in tests: there, plain HTTP is allowed.
    fn is_local(&self) -> bool {
        ["http://127.0.0.1:", "http://localhost:"]
            .iter()
            .any(|local| self.url.starts_with(local))
    }

    /// Whether the address has `{key}` once, behind its host: in the host, a key could name any
    /// server.
    fn has_key_in_path(&self) -> bool {
        let path = self
            .url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map(|(_, path)| path);
        path.is_some_and(|path| path.contains("{key}")) && self.url.matches("{key}").count() == 1
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a path names one member of the event, and not the one that the relay itself adds.
fn is_state_member(path: &str) -> bool {
    path.strip_prefix("$.").is_some_and(|name| {
        name != FETCHED_MEMBER
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
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
