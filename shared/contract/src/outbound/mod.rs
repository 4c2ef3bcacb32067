//! Addresses of other systems, as contracts and settings declare them: whatever sends a request
//! there parses the address with [`OutboundUrl`].
//!
//! Parsers of URLs repair what they read: they drop tabs, turn `\` into `/`, read `2130706433` as
//! 127.0.0.1. A reviewer of a contract sees another address than the one that is called. So an
//! address must be written exactly as it is read.

mod address;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use url::{Host, Position, Url};

pub use address::{AddressClass, AllowedNetworks, classify_address};

/// The longest name of a host, and the longest part of it between dots, by RFC 1035.
const HOST_NAME_CHARS_MAX: usize = 253;
const HOST_LABEL_CHARS_MAX: usize = 63;

/// The name of the machine itself.
const LOCAL_HOST: &str = "localhost";

/// The address of another system: https, or http on the machine itself; a full host name or an IP
/// address, no user info, no fragment, written exactly as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundUrl(Url);

/// What is wrong with an address: a part of it, and the rule that the part breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlFault {
    /// The part: `scheme`, `user info`, `host`, `port`, `path`, `query` or `fragment`.
    pub part: &'static str,
    /// The rule, and what to write instead.
    pub rule: String,
}

impl UrlFault {
    pub(crate) fn new(part: &'static str, rule: impl Into<String>) -> Self {
        Self {
            part,
            rule: rule.into(),
        }
    }
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.rule)
    }
}

impl std::error::Error for UrlFault {}

impl OutboundUrl {
    /// Parses an address.
    ///
    /// # Errors
    /// The first part that breaks a rule.
    ///
    /// ```
    /// assert!(contract::OutboundUrl::parse("https://api.example.gov.uk/people").is_ok());
    /// let fault = contract::OutboundUrl::parse("https://a.example:80@b.example/").unwrap_err();
    /// assert_eq!(fault.part, "user info");
    /// ```
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        check_characters(text)?;
        let authority = check_authority(text)?;
        let url = Url::parse(text).map_err(explain_parse_error)?;

        check_host(&url)?;
        check_spelling(text, authority, &url)?;
        if url.port() == Some(0) {
            return Err(UrlFault::new("port", "0 is no port"));
        }
        if url.fragment().is_some() {
            let rule = "a fragment is never sent; remove `#` and what follows";
            return Err(UrlFault::new("fragment", rule));
        }

        let parsed = Self(url);
        if parsed.0.scheme() == "http" && !parsed.names_this_machine() {
            let rule = "http is for this machine alone, on the local platform; write https://";
            return Err(UrlFault::new("scheme", rule));
        }
        Ok(parsed)
    }

    /// The address as a URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Why no request may go there, as far as the address itself says: what a name resolves to is
    /// checked when it is resolved.
    #[must_use]
    pub fn refusal(&self, allowed: AllowedNetworks) -> Option<UrlFault> {
        let refused = match self.literal_address() {
            Some(address) => allowed.refusal(address)?,
            None if self.names_this_machine() && !allowed.loopback => {
                "the machine itself, which only the local platform allows"
            }
            None => return None,
        };
        Some(UrlFault::new("host", format!("it is {refused}")))
    }

    /// Whether it is an origin alone: no path, no query.
    #[must_use]
    pub fn is_origin(&self) -> bool {
        self.0.path() == "/" && self.0.query().is_none()
    }

    /// Path and query of this address at another origin.
    ///
    /// # Errors
    /// When the address at that origin breaks a rule.
    pub fn at_origin(&self, origin: &Self) -> Result<Self, UrlFault> {
        let origin = &origin.0[..Position::BeforePath];
        Self::parse(&format!("{origin}{}", &self.0[Position::BeforePath..]))
    }

    /// The IP address, where the host is one.
    fn literal_address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// Whether it is an address of the machine itself.
    pub(crate) fn names_this_machine(&self) -> bool {
        match self.literal_address() {
            Some(address) => classify_address(address) == AddressClass::Loopback,
            None => self.0.host_str() == Some(LOCAL_HOST),
        }
    }
}

/// What parsers drop or replace silently: white space, control characters, `\`, and letters
/// beyond ASCII.
fn check_characters(text: &str) -> Result<(), UrlFault> {
    let Some(odd) = text
        .chars()
        .find(|c| !c.is_ascii_graphic() || "\\\"<>^`{|}".contains(*c))
    else {
        return Ok(());
    };

    let before = text.split(odd).next().unwrap_or_default();
    let part = part_at(text, before.len());
    let rule = format!(
        "`{}` cannot stand there; write names beyond ASCII as xn--…, other characters as %XX",
        odd.escape_default()
    );
    Err(UrlFault::new(part, rule))
}

/// The part of an address in which the byte at `offset` stands.
pub(crate) fn part_at(text: &str, offset: usize) -> &'static str {
    let authority_start = text.find("://").map_or(usize::MAX, |end| end + 3);
    if offset < authority_start {
        return "scheme";
    }

    let before = &text[authority_start..offset];
    let is_behind = |delimiter: char| before.contains(delimiter);
    if is_behind('#') {
        "fragment"
    } else if is_behind('?') {
        "query"
    } else if is_behind('/') {
        "path"
    } else {
        part_of_authority(before)
    }
}

/// The part of host and port that stands behind `before`; the colons of an IPv6 address are no
/// port's.
fn part_of_authority(before: &str) -> &'static str {
    match before.rsplit_once(':') {
        Some((host, _)) if !host.starts_with('[') || host.ends_with(']') => "port",
        _ => "host",
    }
}

/// The text between scheme and path: host and port, without user info.
fn check_authority(text: &str) -> Result<&str, UrlFault> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        let rule = "an address begins with https://";
        return Err(UrlFault::new("scheme", rule));
    };

    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let rule = "a request goes to the host behind the `@`; remove `@` and what is before it";
        return Err(UrlFault::new("user info", rule));
    }
    if authority.is_empty() {
        let rule = "it is missing between `//` and the path";
        return Err(UrlFault::new("host", rule));
    }
    Ok(authority)
}

fn explain_parse_error(error: url::ParseError) -> UrlFault {
    match error {
        url::ParseError::InvalidPort => UrlFault::new("port", "it is not a number up to 65535"),
        error => UrlFault::new("host", format!("it is no name or address: {error}")),
    }
}

/// A host is `localhost`, an IP address, or a full name: a resolver completes a name without a
/// dot, and no reader of the contract sees to what.
fn check_host(url: &Url) -> Result<(), UrlFault> {
    let Some(Host::Domain(name)) = url.host() else {
        return Ok(());
    };
    if name == LOCAL_HOST || is_full_host_name(name) {
        return Ok(());
    }
    let rule = "it is no full name: two or more parts of a–z, 0–9 and `-`, joined by dots, \
        without a dot at the end";
    Err(UrlFault::new("host", rule))
}

fn is_full_host_name(name: &str) -> bool {
    name.len() <= HOST_NAME_CHARS_MAX && name.contains('.') && name.split('.').all(is_host_label)
}

fn is_host_label(label: &str) -> bool {
    (1..=HOST_LABEL_CHARS_MAX).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// An address is written as it is read. The scheme's own port may be written, and the `/` of an
/// origin may be missing.
fn check_spelling(text: &str, authority: &str, url: &Url) -> Result<(), UrlFault> {
    let read_authority = &url[Position::BeforeHost..Position::BeforePath];
    let default_port = if url.scheme() == "https" {
        ":443"
    } else {
        ":80"
    };
    let written = authority.strip_suffix(default_port).unwrap_or(authority);
    if written != read_authority {
        let rule = format!("it is read as `{read_authority}`; write it so");
        return Err(UrlFault::new("host", rule));
    }

    let behind_authority = url.scheme().len() + "://".len() + authority.len();
    let written = &text[behind_authority..];
    let read = &url[Position::BeforePath..];
    if written != read && !(written.is_empty() && read == "/") {
        let rule = format!("it is read as `{read}`; write it so");
        return Err(UrlFault::new("path", rule));
    }
    Ok(())
}
