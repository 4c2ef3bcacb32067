//! A source contract: who may push what, and where an event says what we must know of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::about::About;
use crate::backfill::Backfill;
use crate::extension::{BadRecords, Defaults, SourceExtension};
use crate::fault::{Problem, Spot, nearest};
use crate::fetch::{FETCHED, Fetch};
use crate::file::File;
use crate::odcs::{Document, Object, Property};
use crate::path::Path;
use crate::shape::Shape;
use crate::yaml;

/// What an event type does to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// Who answers for it.
    pub owner: String,
    /// The department that it belongs to.
    pub domain: String,
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
    /// How records of a file become events, if they can.
    pub backfill: Option<Backfill>,
    /// The described objects, as they were written.
    pub schema: Vec<Object>,
    /// What the contract tells those who use the data.
    pub about: About,
    pub(crate) key: Vec<Path>,
    pub(crate) event_id: Option<Path>,
    pub(crate) event_type: Option<Path>,
    pub(crate) event_type_default: Option<String>,
    pub(crate) event_time: Option<Path>,
    pub(crate) event_time_default: Option<i64>,
    pub(crate) entity_version: Option<Path>,
    pub(crate) body: Vec<Path>,
    pub(crate) delete_body: Vec<Path>,
    pub(crate) state: Option<Path>,
    /// What an event is declared to be.
    pub(crate) event_shape: Shape,
    /// What the record within it is declared to be, where the contract describes it apart.
    pub(crate) record_shape: Option<Shape>,
}

impl SourceContract {
    /// Compiles the contract that stands in `file`.
    pub(crate) fn parse(file: &File) -> Result<Self, Problem> {
        let document = Document::read(file)?;
        let extension: SourceExtension = yaml::read_value(file, "polelake", document.extension())?;
        check(file, &document, &extension)?;
        let BadRecords::Quarantine = extension.bad_records;
        let written = Written { file };
        let defaults = Defaults::of(extension.envelope);
        let or = |given: &Option<String>, default: Option<&str>| {
            let text = given.clone().or(default.map(str::to_owned));
            text.map(|text| written.path(&text)).transpose()
        };
        let bodies = if extension.body.is_empty() {
            vec![defaults.body.to_owned()]
        } else {
            extension.body
        };
        let single = extension
            .events
            .keys()
            .next()
            .filter(|_| extension.events.len() == 1)
            .cloned();
        let state = or(&extension.state, None)?;
        let (event_shape, record_shape) = shapes(
            &document.schema,
            extension.record.as_deref(),
            extension.fetch.is_some(),
        );
        let contract = Self {
            about: About::of(&document, file),
            title: document.name.clone().unwrap_or_else(|| document.id.clone()),
            purpose: document.description.purpose.clone().unwrap_or_default(),
            owner: document.owner(),
            domain: document
                .domain
                .clone()
                .unwrap_or_else(|| "shared".to_owned()),
            key: written.paths(&extension.key)?,
            event_id: or(&extension.event_id, defaults.id)?,
            event_type: or(&extension.event_type, defaults.kind)?,
            event_type_default: extension.event_type_default.or(single),
            event_time: or(&extension.event_time, defaults.time)?,
            event_time_default: written.instant(
                "event_time_default",
                extension.event_time_default.as_deref(),
            )?,
            entity_version: or(&extension.version, None)?,
            body: written.paths(&bodies)?,
            delete_body: written.paths(&extension.delete_body)?,
            backfill: extension
                .backfill
                .map(|document| Backfill::compile(document, &written))
                .transpose()?,
            state,
            name: document.id,
            version: document.version,
            topic: extension.topic,
            events: extension.events,
            principals: extension.push.principals,
            claims: extension.push.claims,
            fetch: extension.fetch,
            schema: document.schema,
            event_shape,
            record_shape,
        };
        contract.fits_its_shape(&written)?;
        Ok(contract)
    }

    /// Every path that the contract names must lead somewhere in the shape that it declares.
    fn fits_its_shape(&self, written: &Written<'_>) -> Result<(), Problem> {
        let optional = [
            &self.event_id,
            &self.event_type,
            &self.event_time,
            &self.entity_version,
            &self.state,
        ];
        let paths = self
            .key
            .iter()
            .chain(&self.body)
            .chain(&self.delete_body)
            .chain(optional.into_iter().flatten());
        for path in paths {
            self.event_shape
                .at(path)
                .map_err(|why| written.problem(path.text(), why))?;
        }
        if let Some(backfill) = &self.backfill {
            backfill
                .fits(self)
                .map_err(|why| written.problem("backfill", why))?;
        }
        Ok(())
    }

    /// What the record is declared to be.
    pub(crate) fn record(&self) -> &Shape {
        let within = || {
            self.body
                .first()
                .and_then(|body| self.event_shape.at(body).ok())
        };
        self.record_shape
            .as_ref()
            .or_else(within)
            .unwrap_or(&Shape::Opaque)
    }

    /// Objects of the contract's schema whose fields are not told: nothing in them is looked at.
    #[must_use]
    pub fn opaque_paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        match &self.record_shape {
            Some(shape) => shape.opaque_paths("$", &mut found),
            None => self.event_shape.opaque_paths("$", &mut found),
        }
        found
    }

    /// Whether `caller` may push to this source.
    #[must_use]
    pub fn admits(&self, caller: Caller<'_>) -> bool {
        match caller {
            Caller::Principal(arn) => self.principals.iter().any(|pattern| matches(pattern, arn)),
            Caller::Token(token) => self.claims.iter().any(|claims| {
                claims.iter().all(|(name, wanted)| {
                    token
                        .get(name)
                        .is_some_and(|found| claim_fits(name, wanted, found))
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
        self.state
            .as_ref()
            .and_then(|path| path.text().strip_prefix("$."))
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

/// A contract's file, for the places of what is wrong in it.
pub(crate) struct Written<'f> {
    file: &'f File,
}

impl Written<'_> {
    pub(crate) fn problem(&self, needle: &str, message: impl Into<String>) -> Problem {
        let begins = Spot::of(self.file.text(), "polelake", 1).line;
        Problem::error(
            &self.file.path,
            Spot::of(self.file.text(), needle, begins),
            message,
        )
    }

    pub(crate) fn path(&self, text: &str) -> Result<Path, Problem> {
        Path::parse(text).map_err(|why| self.problem(text, why))
    }

    pub(crate) fn paths(&self, texts: &[String]) -> Result<Vec<Path>, Problem> {
        texts.iter().map(|text| self.path(text)).collect()
    }

    pub(crate) fn instant(&self, name: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
        let parse = |text: &str| {
            let wrong = || {
                self.problem(
                    name,
                    format!("`{name}` is not a timestamp such as 2020-01-01T00:00:00Z"),
                )
            };
            crate::parse_timestamp(text).ok_or_else(wrong)
        };
        text.map(parse).transpose()
    }
}

/// What must hold between the parts of the extension.
fn check(file: &File, document: &Document, extension: &SourceExtension) -> Result<(), Problem> {
    let written = Written { file };
    let refuse = |needle: &str, why: &str| Err(written.problem(needle, why));
    if let Some(why) = extension
        .fetch
        .as_ref()
        .and_then(|fetch| fetch.fault(extension.state.as_deref()))
    {
        return refuse("fetch", &why);
    }
    if extension.fetch.is_some() && extension.version.is_some() {
        let why = "with `fetch`, the version comes from the state: say `fetch.version: etag` instead of `version`";
        return refuse("version", why);
    }
    if extension.push.principals.is_empty() && extension.push.claims.is_empty() {
        return refuse(
            "push",
            "`push` admits nobody; give `principals` or `claims`",
        );
    }
    if extension
        .push
        .claims
        .iter()
        .any(|claims| !claims.contains_key("iss") || claims.len() < 2)
    {
        let why = "each of `push.claims` needs `iss`, the token's issuer, and one claim that tells the caller";
        return refuse("claims", why);
    }
    if extension.key.is_empty() {
        return refuse(
            "key",
            "`key` needs at least one path: without a key, events of one record have no order",
        );
    }
    if extension.events.is_empty() {
        return refuse(
            "events",
            "`events` declares no event type; every event would be quarantined",
        );
    }
    let typed = extension.event_type.is_some() || Defaults::of(extension.envelope).kind.is_some();
    if !typed && extension.event_type_default.is_none() && extension.events.len() > 1 {
        return refuse(
            "events",
            "`event_type` must say where an event's type stands when there are several",
        );
    }
    if let Some(default) = extension
        .event_type_default
        .as_ref()
        .filter(|name| !extension.events.contains_key(*name))
    {
        let near = nearest(default, extension.events.keys().map(String::as_str));
        return refuse(
            "event_type_default",
            &format!("`events` declares no `{default}`{near}"),
        );
    }
    let names = || document.schema.iter().map(|object| object.name.as_str());
    if let Some(record) = extension
        .record
        .as_ref()
        .filter(|record| !names().any(|name| name == **record))
    {
        return refuse(
            "record",
            &format!(
                "`schema` describes no object `{record}`{}",
                nearest(record, names())
            ),
        );
    }
    unenforced(file, &document.schema)
}

/// Rules that nobody would run on a source are refused, with the place where they belong.
fn unenforced(file: &File, schema: &[Object]) -> Result<(), Problem> {
    let refuse = |name: &str, what: &str| {
        let message = format!(
            "{what} of `{name}` is enforced by nothing on a source; put it on the column of `contracts/pole/` that the mapping fills"
        );
        Err(Problem::error(
            &file.path,
            Spot::of(file.text(), name, 1),
            message,
        ))
    };
    let mut properties: Vec<&Property> = Vec::new();
    for object in schema {
        if !object.quality.is_empty() {
            return refuse(&object.name, "a `quality` rule");
        }
        properties.extend(&object.properties);
    }
    while let Some(property) = properties.pop() {
        if !property.quality.is_empty() {
            return refuse(&property.name, "a `quality` rule");
        }
        if property.logical_type_options.is_some() {
            return refuse(&property.name, "`logicalTypeOptions`");
        }
        if property.unique {
            return refuse(&property.name, "`unique`");
        }
        properties.extend(property.properties.iter().chain(property.items.as_deref()));
    }
    Ok(())
}

/// The shapes of the event and of the record within it.
fn shapes(schema: &[Object], record: Option<&str>, fetches: bool) -> (Shape, Option<Shape>) {
    let apart = record.and_then(|name| schema.iter().find(|object| object.name == name));
    let event = schema
        .iter()
        .find(|object| apart.is_none_or(|apart| apart.name != object.name));
    let mut properties = event
        .map(|event| event.properties.clone())
        .unwrap_or_default();
    if fetches {
        // What the relay adds beside a state that it fetched.
        let name = FETCHED.to_owned();
        properties.push(Property {
            name,
            logical_type: Some("object".into()),
            ..Property::default()
        });
    }
    let described = |properties: &[Property]| {
        if properties.is_empty() {
            Shape::Opaque
        } else {
            Shape::of(properties)
        }
    };
    (
        described(&properties),
        apart.map(|object| described(&object.properties)),
    )
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
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_fit_as_words() {
        assert!(claim_fits(
            "scope",
            "events/write",
            "events/read events/write"
        ));
        assert!(!claim_fits("scope", "events/write", "events/writes"));
        assert!(claim_fits("client_id", "housing-*", "housing-api"));
    }

    #[test]
    fn callers_fit_patterns() {
        assert!(matches(
            "arn:aws:iam::*:role/housing-*",
            "arn:aws:iam::1:role/housing-api"
        ));
        assert!(!matches(
            "arn:aws:iam::*:role/housing-*",
            "arn:aws:iam::1:role/planning"
        ));
        assert!(matches("exact", "exact"));
        assert!(!matches("exact", "exactly"));
        assert!(!matches("a*bc", "abcd"));
    }
}
