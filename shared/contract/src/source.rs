//! A source contract: who may push what, and where an event says what we must know of it.

use std::collections::BTreeMap;

use crate::backfill::CompiledBackfill;
use crate::extension::{BadRecords, EnvelopeDefaults, EventOp, SourceExtension, TokenClaims};
use crate::fetch::{FETCHED_MEMBER, Fetch};
use crate::file::DeclaredFile;
use crate::info::ContractInfo;
use crate::locator::ProblemLocator;
use crate::odcs::{ContractDocument, Property, SchemaObject};
use crate::path::EventPath;
use crate::problem::{Location, Problem, nearest_name_hint};
use crate::structure::DeclaredStructure;
use crate::yaml;

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
    pub claims: Vec<TokenClaims>,
    /// Where the relay asks for a record's whole state, if it does.
    pub fetch: Option<Fetch>,
    /// How records of a file become events, if they can.
    pub backfill: Option<CompiledBackfill>,
    /// The described objects, as they were written.
    pub schema: Vec<SchemaObject>,
    /// What the contract tells those who use the data.
    pub about: ContractInfo,
    pub(crate) key: Vec<EventPath>,
    pub(crate) event_id: Option<EventPath>,
    pub(crate) event_type: Option<EventPath>,
    pub(crate) event_type_default: Option<String>,
    pub(crate) event_time: Option<EventPath>,
    pub(crate) event_time_default: Option<i64>,
    pub(crate) entity_version: Option<EventPath>,
    pub(crate) body: Vec<EventPath>,
    pub(crate) delete_body: Vec<EventPath>,
    pub(crate) state: Option<EventPath>,
    /// What an event is declared to be.
    pub(crate) event_structure: DeclaredStructure,
    /// What the record within it is declared to be, where the contract describes it apart.
    pub(crate) record_structure: Option<DeclaredStructure>,
}

impl SourceContract {
    /// Compiles the contract that stands in `file`.
    pub(crate) fn parse(file: &DeclaredFile) -> Result<Self, Problem> {
        let document = ContractDocument::read(file)?;
        let extension: SourceExtension =
            yaml::read_value(file, "polelake", document.polelake_extension())?;
        check_extension(file, &document, &extension)?;
        let BadRecords::Quarantine = extension.bad_records;
        let written = ProblemLocator { file };
        let defaults = EnvelopeDefaults::for_envelope(extension.envelope);
        let or = |given: &Option<String>, default: Option<&str>| {
            let text = given.clone().or(default.map(str::to_owned));
            text.map(|text| written.parse_path(&text)).transpose()
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
        let (event_shape, record_shape) = declared_structures(
            &document.schema,
            extension.record.as_deref(),
            extension.fetch.is_some(),
        );
        let contract = Self {
            about: ContractInfo::from_document(&document, file),
            title: document.name.clone().unwrap_or_else(|| document.id.clone()),
            purpose: document.description.purpose.clone().unwrap_or_default(),
            owner: document.owner(),
            domain: document
                .domain
                .clone()
                .unwrap_or_else(|| "shared".to_owned()),
            key: written.parse_paths(&extension.key)?,
            event_id: or(&extension.event_id, defaults.id)?,
            event_type: or(&extension.event_type, defaults.kind)?,
            event_type_default: extension.event_type_default.or(single),
            event_time: or(&extension.event_time, defaults.time)?,
            event_time_default: written.parse_instant(
                "event_time_default",
                extension.event_time_default.as_deref(),
            )?,
            entity_version: or(&extension.version, None)?,
            body: written.parse_paths(&bodies)?,
            delete_body: written.parse_paths(&extension.delete_body)?,
            backfill: extension
                .backfill
                .map(|document| CompiledBackfill::compile(document, &written))
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
            event_structure: event_shape,
            record_structure: record_shape,
        };
        contract.check_declared_paths(&written)?;
        Ok(contract)
    }

    /// Every path that the contract names must lead somewhere in the shape that it declares.
    fn check_declared_paths(&self, written: &ProblemLocator<'_>) -> Result<(), Problem> {
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
            self.event_structure
                .structure_at(path)
                .map_err(|why| written.problem_at(path.text(), why))?;
        }
        if let Some(backfill) = &self.backfill {
            self.check_backfill(backfill)
                .map_err(|why| written.problem_at("backfill", why))?;
        }
        Ok(())
    }

    /// Whether the backfill fits the contract around it.
    fn check_backfill(&self, backfill: &CompiledBackfill) -> Result<(), String> {
        let state = self.state.is_some();
        match self.event_op(&backfill.event_type) {
            Ok(EventOp::Upsert) => {}
            Ok(EventOp::Patch) if state => {}
            Ok(_) => {
                return Err(
                    "`backfill.event_type` must be one that states the whole record".into(),
                );
            }
            Err(why) => return Err(format!("`backfill.event_type`: {why}")),
        }
        if backfill.key.len() != self.key.len() {
            return Err(format!(
                "`backfill.key` needs {} parts, as `key` has",
                self.key.len()
            ));
        }
        let written = [
            &self.event_id,
            &self.event_type,
            &self.event_time,
            &self.entity_version,
        ];
        let mut targets = self
            .key
            .iter()
            .chain(written.into_iter().flatten())
            .chain(self.record_target_path());
        if let Some(path) = targets.find(|path| path.plain_names().is_none()) {
            return Err(format!(
                "a backfill cannot write to `{}`: it is not made of names alone",
                path.text()
            ));
        }
        let mut read = backfill
            .key
            .iter()
            .chain(&backfill.time)
            .chain(&backfill.version);
        read.try_for_each(|path| self.declared_record().structure_at(path).map(drop))
    }

    /// Where a record of a file stands in its event: the state, unless the relay fetches that itself.
    pub(crate) fn record_target_path(&self) -> Option<&EventPath> {
        let state = self.state.as_ref().filter(|_| self.fetch.is_none());
        state.or(self.body.first())
    }

    /// What the record is declared to be.
    pub(crate) fn declared_record(&self) -> &DeclaredStructure {
        let within = || {
            self.body
                .first()
                .and_then(|body| self.event_structure.structure_at(body).ok())
        };
        self.record_structure
            .as_ref()
            .or_else(within)
            .unwrap_or(&DeclaredStructure::Opaque)
    }

    /// Objects of the contract's schema whose fields are not told: nothing in them is looked at.
    #[must_use]
    pub fn opaque_paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        match &self.record_structure {
            Some(shape) => shape.collect_opaque_paths("$", &mut found),
            None => self.event_structure.collect_opaque_paths("$", &mut found),
        }
        found
    }

    /// Whether `caller` may push to this source.
    #[must_use]
    pub fn admits_caller(&self, caller: Caller<'_>) -> bool {
        match caller {
            Caller::Principal(arn) => self
                .principals
                .iter()
                .any(|pattern| matches_pattern(pattern, arn)),
            Caller::Token(token) => self.claims.iter().any(|claims| {
                claims.iter().all(|(name, wanted)| {
                    token
                        .get(name)
                        .is_some_and(|found| claim_matches(name, wanted, found))
                })
            }),
        }
    }

    /// Whether the source's events have ids of their own.
    #[must_use]
    pub fn has_event_ids(&self) -> bool {
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
    pub fn event_op(&self, event_type: &str) -> Result<EventOp, String> {
        self.events.get(event_type).copied().ok_or_else(|| {
            let nearest = nearest_name_hint(event_type, self.events.keys().map(String::as_str));
            format!("the event type is not declared in the contract{nearest}")
        })
    }
}

/// What must hold between the parts of the extension.
fn check_extension(
    file: &DeclaredFile,
    document: &ContractDocument,
    extension: &SourceExtension,
) -> Result<(), Problem> {
    let written = ProblemLocator { file };
    let refuse = |needle: &str, why: &str| Err(written.problem_at(needle, why));
    if let Some(why) = extension
        .fetch
        .as_ref()
        .and_then(|fetch| fetch.declaration_error(extension.state.as_deref()))
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
    let typed = extension.event_type.is_some()
        || EnvelopeDefaults::for_envelope(extension.envelope)
            .kind
            .is_some();
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
        let near = nearest_name_hint(default, extension.events.keys().map(String::as_str));
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
                nearest_name_hint(record, names())
            ),
        );
    }
    refuse_unenforced_rules(file, &document.schema)
}

/// Rules that nobody would run on a source are refused, with the place where they belong.
fn refuse_unenforced_rules(file: &DeclaredFile, schema: &[SchemaObject]) -> Result<(), Problem> {
    let refuse = |name: &str, what: &str| {
        let message = format!(
            "{what} of `{name}` is enforced by nothing on a source; put it on the column of `contracts/pole/` that the mapping fills"
        );
        Err(Problem::error(
            &file.path,
            Location::find_word(file.text(), name, 1),
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
fn declared_structures(
    schema: &[SchemaObject],
    record: Option<&str>,
    fetches: bool,
) -> (DeclaredStructure, Option<DeclaredStructure>) {
    let apart = record.and_then(|name| schema.iter().find(|object| object.name == name));
    let event = schema
        .iter()
        .find(|object| apart.is_none_or(|apart| apart.name != object.name));
    let mut properties = event
        .map(|event| event.properties.clone())
        .unwrap_or_default();
    if fetches {
        // What the relay adds beside a state that it fetched.
        let name = FETCHED_MEMBER.to_owned();
        properties.push(Property {
            name,
            logical_type: Some("object".into()),
            ..Property::default()
        });
    }
    let described = |properties: &[Property]| {
        if properties.is_empty() {
            DeclaredStructure::Opaque
        } else {
            DeclaredStructure::from_properties(properties)
        }
    };
    (
        described(&properties),
        apart.map(|object| described(&object.properties)),
    )
}

fn claim_matches(name: &str, wanted: &str, found: &str) -> bool {
    match name {
        "scope" => found.split(' ').any(|scope| scope == wanted),
        _ => matches_pattern(wanted, found),
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters.
fn matches_pattern(pattern: &str, text: &str) -> bool {
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
        assert!(claim_matches(
            "scope",
            "events/write",
            "events/read events/write"
        ));
        assert!(!claim_matches("scope", "events/write", "events/writes"));
        assert!(claim_matches("client_id", "housing-*", "housing-api"));
    }

    #[test]
    fn callers_fit_patterns() {
        assert!(matches_pattern(
            "arn:aws:iam::*:role/housing-*",
            "arn:aws:iam::1:role/housing-api"
        ));
        assert!(!matches_pattern(
            "arn:aws:iam::*:role/housing-*",
            "arn:aws:iam::1:role/planning"
        ));
        assert!(matches_pattern("exact", "exact"));
        assert!(!matches_pattern("exact", "exactly"));
        assert!(!matches_pattern("a*bc", "abcd"));
    }
}
