//! Fetching a record's full state: what the contract says about the API that returns it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::outbound::{AllowedNetworks, OutboundUrl, UrlFault, part_at};

/// The member that the relay adds beside the state: the status and the version of the fetch.
pub const FETCHED_MEMBER: &str = "fetched";

/// What the names of all sources' secrets begin with: no contract reaches other secrets of the
/// account.
const SECRETS_PREFIX: &str = "polelake";

/// The longest name that Secrets Manager takes.
const SECRET_NAME_CHARS_MAX: usize = 512;

/// Where `fetch.url` holds the record's key.
const KEY_PLACEHOLDER: &str = "{key}";

/// How the relay requests a record's state, as the contract says it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchDocument {
    /// The address, https; `{key}` in its path is replaced by the record's key, percent-encoded.
    pub(crate) url: String,
    /// The Secrets Manager secret whose text authorises the request: `polelake/<source>/<name>`.
    #[serde(default)]
    pub(crate) secret: Option<String>,
    /// The header that the secret goes into.
    #[serde(default = "default_header")]
    pub(crate) header: String,
    /// Where the record's version is. Without a version, the events' times order the record's
    /// states.
    #[serde(default)]
    pub(crate) version: Option<FetchVersion>,
    /// Milliseconds that one request may take.
    #[serde(default = "default_timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// Whether the API is in a private network, such as a VPC. Without it, a host that resolves to
    /// a private address is refused.
    #[serde(default)]
    pub(crate) private_network: bool,
}

/// How the relay requests a record's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The address of a record's state.
    pub url: FetchUrl,
    /// The Secrets Manager secret whose text authorises the request.
    pub secret: Option<SourceSecret>,
    /// The header that the secret goes into.
    pub header: String,
    /// Where the record's version is.
    pub version: Option<FetchVersion>,
    /// Milliseconds that one request may take.
    pub timeout_ms: u64,
    /// Whether the API may be in a private network.
    pub private_network: bool,
}

/// Where the version of a fetched state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FetchVersion {
    /// In the response's `ETag`: a whole number, possibly weak and in quotes.
    Etag,
}

/// The address of a record's state, with a place for the record's key in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchUrl {
    before_key: String,
    after_key: String,
}

/// The name of a secret that belongs to one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSecret(String);

/// A member of `fetch` that breaks a rule, and the rule.
pub(crate) type FetchFault = (&'static str, String);

fn default_header() -> String {
    "authorization".to_owned()
}

fn default_timeout_ms() -> u64 {
    5_000
}

/// Whether a key can be a part of an address: `.` and `..` would lead to another path, encoded or
/// not.
fn key_is_safe(key: &str) -> bool {
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

impl FetchUrl {
    /// Parses an address that has `{key}` once, in its path: the key identifies the record, never
    /// the host.
    ///
    /// # Errors
    /// The first part that breaks a rule.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let Some((before, after)) = text.split_once(KEY_PLACEHOLDER) else {
            let rule = "`{key}` is missing: the address is that of one record";
            return Err(UrlFault::new("path", rule));
        };
        if after.contains(KEY_PLACEHOLDER) {
            let rule = "`{key}` stands there twice; the address has it once, in its path";
            return Err(UrlFault::new("path", rule));
        }
        let part = part_at(text, before.len());
        if part != "path" {
            let rule = "`{key}` stands there; it belongs into the path";
            return Err(UrlFault::new(part, rule));
        }

        OutboundUrl::parse(&format!("{before}key{after}"))?;
        Ok(Self {
            before_key: before.to_owned(),
            after_key: after.to_owned(),
        })
    }

    /// The address for a key, which stays within its part of the path: everything but letters,
    /// digits, `-`, `_`, `.` and `~` is percent-encoded. None for a key that no encoding keeps
    /// there, such as `..`.
    ///
    /// ```
    /// let url = contract::FetchUrl::parse("https://api.example/x/{key}").unwrap();
    /// let filled = url.for_key("a/b c").unwrap();
    /// assert_eq!(filled.as_url().as_str(), "https://api.example/x/a%2Fb%20c");
    /// assert!(url.for_key("..").is_none());
    /// ```
    #[must_use]
    pub fn for_key(&self, key: &str) -> Option<OutboundUrl> {
        if !key_is_safe(key) {
            return None;
        }
        let key = percent_encode(key);
        OutboundUrl::parse(&format!("{}{key}{}", self.before_key, self.after_key)).ok()
    }

    /// Whether the address is one of the machine itself.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        self.sample()
            .is_some_and(|sample| sample.names_this_machine())
    }

    /// The address of some record.
    fn sample(&self) -> Option<OutboundUrl> {
        self.for_key("key")
    }
}

impl SourceSecret {
    /// The secret `name`, if it belongs to the source: `polelake/<source>/<name>`. A secret that
    /// any contract could name would be sent to any host.
    fn of_source(name: &str, source: &str) -> Option<Self> {
        let own = name
            .strip_prefix(SECRETS_PREFIX)?
            .strip_prefix('/')?
            .strip_prefix(source)?
            .strip_prefix('/')?;
        let is_name = !own.is_empty() && own.bytes().all(is_secret_letter);
        (is_name && name.len() <= SECRET_NAME_CHARS_MAX).then(|| Self(name.to_owned()))
    }

    /// The name in Secrets Manager.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// The letters of Secrets Manager's names; without `/`, so that no two sources share a name.
fn is_secret_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=.@-".contains(&byte)
}

impl FetchDocument {
    /// The declaration of the source `source`, checked; or the member that breaks a rule.
    pub(crate) fn compile(&self, source: &str, state: Option<&str>) -> Result<Fetch, FetchFault> {
        let url = self.compile_url()?;
        let secret = self.compile_secret(source)?;
        if !is_header_name(&self.header) {
            let why = "`fetch.header` is not the name of a header that a secret can go into";
            return Err(("header", why.to_owned()));
        }
        if !(1..=25_000).contains(&self.timeout_ms) {
            let why = "`fetch.timeout_ms` is not between 1 and 25000";
            return Err(("timeout_ms", why.to_owned()));
        }
        if !state.is_some_and(is_state_member) {
            let why = "`fetch` needs `state`, one member of the event such as `$.entity`, to put \
                the state in";
            return Err(("fetch", why.to_owned()));
        }

        Ok(Fetch {
            url,
            secret,
            header: self.header.clone(),
            version: self.version,
            timeout_ms: self.timeout_ms,
            private_network: self.private_network,
        })
    }

    /// Loopback is allowed here: only the local platform lets the relay go there.
    fn compile_url(&self) -> Result<FetchUrl, FetchFault> {
        let allowed = AllowedNetworks {
            private: self.private_network,
            loopback: true,
        };
        let url = FetchUrl::parse(&self.url).map_err(|fault| url_fault(&fault))?;
        match url.sample().and_then(|sample| sample.refusal(allowed)) {
            Some(fault) => Err(url_fault(&fault)),
            None => Ok(url),
        }
    }

    fn compile_secret(&self, source: &str) -> Result<Option<SourceSecret>, FetchFault> {
        let Some(name) = &self.secret else {
            return Ok(None);
        };
        let secret = SourceSecret::of_source(name, source).ok_or_else(|| {
            let why = format!(
                "`fetch.secret` is not a secret of this source; name it \
                 `{SECRETS_PREFIX}/{source}/<name>` in Secrets Manager"
            );
            ("secret", why)
        })?;
        Ok(Some(secret))
    }
}

fn url_fault(fault: &UrlFault) -> FetchFault {
    ("url", format!("`fetch.url`, {fault}"))
}

/// Headers that say where a request goes or where its body ends: a secret in one of them would be
/// a host.
const FRAMING_HEADERS: [&str; 9] = [
    "accept",
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !FRAMING_HEADERS.contains(&name.to_ascii_lowercase().as_str())
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
mod tests;
