//! A source contract: who may push what, and where an event says what we must know of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::fault::{Problem, line_of, nearest};
use crate::fetch::Fetch;
use crate::odcs::{Document, VERSIONS};
use crate::path::Path;

/// What an event type does to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventOp {
    /// The whole record is stated.
    Upsert,
    /// Some fields of the record are stated.
    Patch,
    /// The record is gone.
    Delete,
    /// The event is kept in the raw zone and goes no further.
    Ignore,
}

/// How an event is wrapped; gives the defaults of where things stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Envelope {
    EntityEvent,
    Cloudevents,
    Plain,
    Csv,
}

/// Our extension as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    topic: String,
    envelope: Envelope,
    key: Vec<String>,
    #[serde(default)]
    event_id: Option<String>,
    #[serde(default)]
    event_type: Option<String>,
    #[serde(default)]
    event_time: Option<String>,
    #[serde(default)]
    event_time_default: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    body: Vec<String>,
    #[serde(default)]
    delete_body: Vec<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    fetch: Option<Fetch>,
    events: BTreeMap<String, EventOp>,
    #[serde(default)]
    bad_records: BadRecords,
    push: Push,
}

/// What becomes of a record that cannot be mapped. Only one answer for now, and it loses nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BadRecords {
    #[default]
    Quarantine,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Push {
    #[serde(default)]
    principals: Vec<String>,
    #[serde(default)]
    claims: Vec<Claims>,
}

/// Claims of a token that admit its bearer, all of them together.
pub type Claims = BTreeMap<String, String>;

/// Who calls, as the gateway's authoriser found it.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'c> {
    /// A signed request of this IAM principal.
    Principal(&'c str),
    /// A verified token with these claims.
    Token(&'c std::collections::HashMap<String, String>),
}

/// A compiled source contract.
#[derive(Debug)]
pub struct SourceContract {
    /// The source's name: the contract's id.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// What it holds, in a sentence.
    pub purpose: String,
    /// The contract's version.
    pub version: String,
    /// The Kafka topic.
    pub topic: String,
    /// What each event type does. A type that is not here is quarantined.
    pub events: BTreeMap<String, EventOp>,
    /// Who may push: IAM ARNs, `*` standing for any run of characters.
    pub principals: Vec<String>,
    /// Which tokens may push: all claims of one of these must fit. `scope` fits as one word of several.
    pub claims: Vec<Claims>,
    /// Where the relay asks for a record's whole state, if it does.
    pub fetch: Option<Fetch>,
    /// The contract's whole text, as teams may read it.
    pub text: String,
    pub(crate) key: Vec<Path>,
    pub(crate) event_id: Option<Path>,
    pub(crate) event_type: Option<Path>,
    pub(crate) event_time: Option<Path>,
    pub(crate) event_time_default: Option<i64>,
    pub(crate) entity_version: Option<Path>,
    pub(crate) body: Vec<Path>,
    pub(crate) delete_body: Vec<Path>,
    pub(crate) state: Option<Path>,
}

impl SourceContract {
    /// Compiles the contract that stands in `file`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        let document = read_document(file, text)?;
        let problem = |needle: &str, message: String| Problem {
            file: file.to_owned(),
            line: line_of(text, needle, 1),
            message,
        };
        let extension: Extension = serde_json::from_value(document.extension())
            .map_err(|error| problem("polelake", format!("the custom property `polelake`: {error}")))?;
        let BadRecords::Quarantine = extension.bad_records;
        if let Some(why) = extension.fetch.as_ref().and_then(|fetch| fetch.fault(extension.state.as_deref()))
        {
            return Err(problem("fetch", why));
        }
        if extension.fetch.is_some() && extension.version.is_some() {
            let why = "with `fetch`, the version comes from the state: say `fetch.version: etag` instead of `version`";
            return Err(problem("version", why.into()));
        }
        if extension.push.principals.is_empty() && extension.push.claims.is_empty() {
            return Err(problem("push", "`push` admits nobody; give `principals` or `claims`".into()));
        }
        if extension.push.claims.iter().any(|claims| !claims.contains_key("iss") || claims.len() < 2) {
            let why =
                "each of `push.claims` needs `iss`, the token's issuer, and one claim that tells the caller";
            return Err(problem("claims", why.into()));
        }
        let path = |text: &String| Path::parse(text).map_err(|why| problem(text, why));
        let or = |given: &Option<String>, default: Option<&str>| {
            given.clone().or(default.map(str::to_owned)).map(|text| path(&text)).transpose()
        };
        let defaults = Defaults::of(extension.envelope);
        let bodies = if extension.body.is_empty() { vec![defaults.body.to_owned()] } else { extension.body };
        let fallback = extension.event_time_default.as_ref().map(|text| {
            crate::parse_timestamp(text)
                .ok_or_else(|| problem("event_time_default", "is not a timestamp".into()))
        });
        Ok(Self {
            title: document.name.clone().unwrap_or_else(|| document.id.clone()),
            purpose: document.description.purpose.clone().unwrap_or_default(),
            name: document.id,
            version: document.version,
            topic: extension.topic,
            events: extension.events,
            principals: extension.push.principals,
            claims: extension.push.claims,
            fetch: extension.fetch,
            key: extension.key.iter().map(path).collect::<Result<_, _>>()?,
            event_id: or(&extension.event_id, defaults.id)?,
            event_type: or(&extension.event_type, defaults.kind)?,
            event_time: or(&extension.event_time, defaults.time)?,
            event_time_default: fallback.transpose()?,
            entity_version: or(&extension.version, None)?,
            body: bodies.iter().map(path).collect::<Result<_, _>>()?,
            delete_body: extension.delete_body.iter().map(path).collect::<Result<_, _>>()?,
            state: or(&extension.state, None)?,
            text: text.to_owned(),
        })
    }

    /// Whether `caller` may push to this source.
    #[must_use]
    pub fn admits(&self, caller: Caller<'_>) -> bool {
        match caller {
            Caller::Principal(arn) => self.principals.iter().any(|pattern| matches(pattern, arn)),
            Caller::Token(token) => self.claims.iter().any(|claims| {
                claims.iter().all(|(name, wanted)| {
                    token.get(name).is_some_and(|found| claim_fits(name, wanted, found))
                })
            }),
        }
    }

    /// Whether the source's events have ids of their own.
    #[must_use]
    pub fn gives_ids(&self) -> bool {
        self.event_id.is_some()
    }

    /// The event's member that a fetched state is put into.
    #[must_use]
    pub fn state_member(&self) -> Option<&str> {
        self.state.as_ref().and_then(|path| path.text().strip_prefix("$."))
    }

    /// What `event_type` does, or the nearest declared type for the message when it is not declared.
    ///
    /// # Errors
    /// A text that names the nearest declared event type.
    pub fn op(&self, event_type: &str) -> Result<EventOp, String> {
        self.events.get(event_type).copied().ok_or_else(|| {
            let nearest = nearest(event_type, self.events.keys().map(String::as_str));
            format!("the event type is not declared in the contract{nearest}")
        })
    }
}

/// Reads an ODCS document and checks the version of the standard.
pub(crate) fn read_document(file: &str, text: &str) -> Result<Document, Problem> {
    let fault = |line, message| Problem { file: file.to_owned(), line, message };
    let document: Document = serde_saphyr::from_str(text).map_err(|error| {
        fault(error.location().map_or(0, |at| at.line() as usize), first_line(&error.to_string()))
    })?;
    if VERSIONS.contains(&document.api_version.as_str()) {
        return Ok(document);
    }
    let message = format!("apiVersion `{}` is not one of {}", document.api_version, VERSIONS.join(", "));
    Err(fault(line_of(text, "apiVersion", 1), message))
}

/// YAML errors come with a drawing of the place; one line is enough beside our own file and line.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

struct Defaults {
    id: Option<&'static str>,
    kind: Option<&'static str>,
    time: Option<&'static str>,
    body: &'static str,
}

impl Defaults {
    fn of(envelope: Envelope) -> Self {
        match envelope {
            Envelope::EntityEvent => Self {
                id: Some("$.id"),
                kind: Some("$.eventType"),
                time: Some("$.dateTime"),
                body: "$.eventData.newData",
            },
            Envelope::Cloudevents => {
                Self { id: Some("$.id"), kind: Some("$.type"), time: Some("$.time"), body: "$.data" }
            }
            Envelope::Plain | Envelope::Csv => Self { id: None, kind: None, time: None, body: "$" },
        }
    }
}

fn claim_fits(name: &str, wanted: &str, found: &str) -> bool {
    match name {
        "scope" => found.split(' ').any(|scope| scope == wanted),
        _ => matches(wanted, found),
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_fit_as_words() {
        assert!(claim_fits("scope", "events/write", "events/read events/write"));
        assert!(!claim_fits("scope", "events/write", "events/writes"));
        assert!(claim_fits("client_id", "housing-*", "housing-api"));
    }

    #[test]
    fn callers_fit_patterns() {
        assert!(matches("arn:aws:iam::*:role/housing-*", "arn:aws:iam::1:role/housing-api"));
        assert!(!matches("arn:aws:iam::*:role/housing-*", "arn:aws:iam::1:role/planning"));
        assert!(matches("exact", "exact"));
        assert!(!matches("exact", "exactly"));
        assert!(!matches("a*bc", "abcd"));
    }
}
