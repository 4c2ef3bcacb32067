//! A source contract: who may push what, and where an event holds what the platform must know of
//! it.

mod declared_structures;
mod extension_check;
mod field_place;

pub use self::extension_check::is_source_name;

use std::collections::{BTreeMap, HashMap};

use pole::KeyCase;
use serde_json::Value;

use self::declared_structures::DeclaredStructures;
use self::extension_check::{check_extension, compile_fetch};
use self::field_place::field_place;
use crate::backfill::{BackfillKeyPart, CompiledBackfill};
use crate::calendar::Calendar;
use crate::caller::token_matches;
use crate::dialect::FileDialect;
use crate::event_paths::EventPaths;
use crate::event_time::{ClockMembers, EventClock, TimeSkew};
use crate::extension::{
    BadRecords, EnvelopeDefaults, EventOp, SourceExtension, TokenClaims, Transport,
};
use crate::fetch::Fetch;
use crate::file::DeclaredFile;
use crate::foreign_contract::{ContractRole, refuse_foreign_contract};
use crate::info::ContractInfo;
use crate::json::JsonDocument;
use crate::locator::{ProblemLocator, extension_place};
use crate::odcs::{ContractDocument, SchemaObject};
use crate::path::EventPath;
use crate::place::DocumentPlace;
use crate::problem::{Problem, nearest_name_hint};
use crate::structure::DeclaredStructure;
use crate::yaml;

/// The caller, as the gateway's authoriser identified it.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'c> {
    /// A signed request of this IAM principal.
    Principal(&'c str),
    /// A verified token with these claims.
    Token(&'c HashMap<String, String>),
}

/// A compiled source contract.
#[derive(Debug)]
pub struct SourceContract {
    /// The source's name: the contract's id.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// What the source holds, in a sentence.
    pub purpose: String,
    /// The team that answers for it.
    pub owner: String,
    /// The department that it belongs to.
    pub domain: String,
    /// The contract's version.
    pub version: String,
    /// Whether the case of letters tells the keys of its records apart.
    pub key_case: KeyCase,
    /// The topic: the name of the raw log, and of Kafka's topic where Kafka is the transport.
    pub topic: String,
    /// What carries the events, where the contract says it.
    pub transport: Option<Transport>,
    /// What each event type does. An event of any other type is quarantined.
    pub events: BTreeMap<String, EventOp>,
    /// The IAM ARNs that may push, each in full.
    pub principals: Vec<String>,
    /// The tokens that may push: all claims of one entry must match. `scope` and `aud` match one
    /// word of several.
    pub claims: Vec<TokenClaims>,
    /// Where the relay requests a record's full state, for sources whose events lack it.
    pub fetch: Option<Fetch>,
    /// How records of a file become events, if they can.
    pub backfill: Option<CompiledBackfill>,
    /// How files of the source are written, where the contract says it.
    pub(crate) files: Option<FileDialect>,
    /// The described objects, as they were written.
    pub schema: Vec<SchemaObject>,
    /// What the contract says to those who use the data.
    pub about: ContractInfo,
    /// Where an event holds its id, type, time, version, key and record.
    pub(crate) paths: EventPaths,
    /// When an event happened.
    pub(crate) clock: EventClock,
    /// How far that may be after its arrival.
    pub(crate) skew: TimeSkew,
    /// What an event is declared to be.
    pub(crate) event_structure: DeclaredStructure,
    /// What the record within it is declared to be, where the contract describes it as an object of
    /// its own.
    pub(crate) record_structure: Option<DeclaredStructure>,
    /// The index in `schema` of the object that describes the record; that of the event where no
    /// other does.
    record_object: usize,
    /// Whether any field is read with a declared leniency, before its type is checked.
    is_lenient: bool,
}

impl SourceContract {
    /// Compiles the contract that `file` holds.
    pub(crate) fn parse(file: &DeclaredFile) -> Result<Self, Problem> {
        refuse_foreign_contract(file, ContractRole::Source)?;
        let document = ContractDocument::read(file)?;
        let extension: SourceExtension = yaml::read_value(
            file,
            ("polelake", &extension_place(file)),
            &document.polelake_extension(),
        )?;
        check_extension(file, &document, &extension)?;
        // The only policy. The pattern makes a second one fail to compile here, where it would need
        // code.
        let BadRecords::Quarantine = extension.bad_records;

        let locator = ProblemLocator { file };
        let paths = EventPaths::compile(&extension, &locator)?;
        let fetch = compile_fetch(&extension, &document.id, &locator)?;
        let clock = compile_clock(&extension, &locator)?;
        let skew = TimeSkew::parse(extension.event_time_skew.as_deref())
            .map_err(|why| locator.problem_at("event_time_skew", why))?;
        let backfill = extension
            .backfill
            .as_ref()
            .map(|backfill| CompiledBackfill::compile(backfill, &locator))
            .transpose()?;

        let structures = DeclaredStructures::of(&document.schema, &extension);
        let contract = Self {
            about: ContractInfo::from_document(&document, file),
            title: document.name.clone().unwrap_or_else(|| document.id.clone()),
            purpose: document.description.purpose.clone().unwrap_or_default(),
            owner: document.owner(),
            is_lenient: structures.are_lenient(),
            record_object: record_object(&document.schema, extension.record.as_deref()),
            event_structure: structures.event,
            record_structure: structures.record,
            name: document.id,
            domain: document.domain.unwrap_or_else(|| "shared".to_owned()),
            version: document.version,
            schema: document.schema,
            // Where `namespaces.yaml` lists the source, the catalogue sets what it says.
            key_case: KeyCase::default(),
            topic: extension.topic,
            transport: extension.transport,
            events: extension.events,
            principals: extension.push.principals,
            claims: extension.push.claims,
            fetch,
            backfill,
            files: extension.files,
            paths,
            clock,
            skew,
        };

        contract.check_declared_paths(&locator)?;
        Ok(contract)
    }

    /// Reads the times of events and of a backfill's records by the mapping's calendar.
    pub(crate) fn use_calendar(&mut self, calendar: &Calendar) {
        self.clock.use_calendar(calendar);
        if let Some(backfill) = &mut self.backfill {
            backfill.clock.use_calendar(calendar);
        }
    }

    /// Checks that every path of the contract leads to a field that the contract declares.
    fn check_declared_paths(&self, locator: &ProblemLocator<'_>) -> Result<(), Problem> {
        for path in self.paths.iter().chain(self.clock.paths()) {
            self.event_structure
                .structure_at(path)
                .map_err(|why| locator.problem_at(path.text(), why))?;
        }

        self.clock
            .check_declared_types("event_time", &self.event_structure)
            .map_err(|why| {
                let place = DocumentPlace::root().name("event_time").quoted_in(&why);
                locator.problem_below(place, why)
            })?;
        if let Some(backfill) = &self.backfill {
            self.check_backfill(backfill).map_err(|why| {
                let place = DocumentPlace::root().name("backfill").quoted_in(&why);
                locator.problem_below(place, why)
            })?;
        }
        self.check_files(locator)
    }

    /// Checks that the files can be written so, and that the fields which they name are declared.
    fn check_files(&self, locator: &ProblemLocator<'_>) -> Result<(), Problem> {
        let Some(dialect) = &self.files else {
            return Ok(());
        };
        dialect.check(locator)?;

        for name in dialect.named_fields() {
            self.declared_record()
                .check_field_name(name)
                .map_err(|why| locator.problem_in("files", name, why))?;
        }
        Ok(())
    }

    /// Checks that the backfill fits the contract around it.
    fn check_backfill(&self, backfill: &CompiledBackfill) -> Result<(), String> {
        self.check_backfill_event_type(&backfill.event_type)?;
        self.check_delete_event_type(backfill.delete_event_type.as_deref())?;
        self.clock.write_target()?;

        let key_parts = self.paths.key.len();
        if backfill.key.len() != key_parts {
            return Err(format!(
                "`backfill.key` needs {key_parts} parts, as `key` has"
            ));
        }

        if let Some(path) = self
            .backfill_targets()
            .find(|path| path.plain_names().is_none())
        {
            return Err(format!(
                "a backfill cannot write to `{}`: it is not made of names alone",
                path.text()
            ));
        }

        let key_paths = backfill.key.iter().filter_map(BackfillKeyPart::path);
        let paths = key_paths.chain(&backfill.version);
        for path in paths.chain(backfill.clock.paths()) {
            self.declared_record().structure_at(path)?;
        }
        backfill
            .clock
            .check_declared_types("time", self.declared_record())
    }

    /// A record of a file is a full record, so its event must state one: an upsert, or a patch that
    /// carries the state.
    fn check_backfill_event_type(&self, event_type: &str) -> Result<(), String> {
        match self.event_op(event_type) {
            Ok(EventOp::Upsert) => Ok(()),
            Ok(op) if op.is_partial() && self.paths.state.is_some() => Ok(()),
            Ok(_) => Err("`backfill.event_type` must be one that states the full record".into()),
            Err(why) => Err(format!("`backfill.event_type`: {why}")),
        }
    }

    fn check_delete_event_type(&self, event_type: Option<&str>) -> Result<(), String> {
        match event_type.map(|event_type| self.event_op(event_type)) {
            None | Some(Ok(EventOp::Delete)) => Ok(()),
            Some(Ok(_)) => Err("`backfill.delete_event_type` must be one that deletes".into()),
            Some(Err(why)) => Err(format!("`backfill.delete_event_type`: {why}")),
        }
    }

    /// The paths of an event that a backfill writes to.
    fn backfill_targets(&self) -> impl Iterator<Item = &EventPath> {
        let paths = &self.paths;
        let optional = [&paths.id, &paths.event_type, &paths.version];
        let members = paths.key.iter().chain(optional.into_iter().flatten());
        let members = members.chain(self.clock.paths());
        members.chain(self.record_target_path())
    }

    /// Where the event holds a record of a file: in the state, unless the relay fetches the state
    /// itself.
    pub(crate) fn record_target_path(&self) -> Option<&EventPath> {
        let state = self.paths.state.as_ref().filter(|_| self.fetch.is_none());
        state.or(self.paths.body.first())
    }

    /// Whether a record of a file is an event already.
    pub(crate) fn records_are_events(&self) -> bool {
        self.record_target_path()
            .and_then(EventPath::plain_names)
            .is_none_or(|names| names.is_empty())
    }

    /// What the record is declared to be.
    pub(crate) fn declared_record(&self) -> &DeclaredStructure {
        self.record_structure
            .as_ref()
            .or_else(|| {
                let body = self.paths.body.first()?;
                self.event_structure.structure_at(body).ok()
            })
            .unwrap_or(&DeclaredStructure::Opaque)
    }

    /// The path in an event that leads to this record.
    pub(crate) fn record_path(&self, record: &Value, event: &Value) -> &str {
        self.paths
            .records()
            .find(|path| {
                path.first_value(event)
                    .is_some_and(|found| std::ptr::eq(found, record))
            })
            .map_or("$", EventPath::text)
    }

    /// Reads the fields whose leniency the contract declares: in the event, then in its records.
    pub(crate) fn decode_lenient_fields(&self, document: &mut JsonDocument) {
        if !self.is_lenient {
            return;
        }
        let mut value = document.value.take();
        self.event_structure
            .decode_fields(&mut value, "$", document);
        if let Some(structure) = &self.record_structure {
            for path in self.paths.records() {
                if let Some(record) = path.plain_value_mut(&mut value) {
                    structure.decode_fields(record, path.text(), document);
                }
            }
        }
        document.value = value;
    }

    /// Paths to objects whose fields the contract does not declare: the checks skip everything in
    /// them.
    #[must_use]
    pub fn opaque_paths(&self) -> Vec<String> {
        let structure = self
            .record_structure
            .as_ref()
            .unwrap_or(&self.event_structure);
        let mut paths = Vec::new();
        structure.collect_opaque_paths("$", &mut paths);
        paths
    }

    /// Where the contract describes a field of the record, by its path as
    /// [`Self::opaque_paths`] gives it.
    pub(crate) fn record_field_place(&self, path: &str) -> DocumentPlace {
        let place = DocumentPlace::root()
            .name("schema")
            .item(self.record_object);
        let object = self.schema.get(self.record_object);
        let properties = object.map_or(&[][..], |object| &object.properties);
        place.join(field_place(properties, path.trim_start_matches('$')))
    }

    /// Whether `caller` may push to this source.
    #[must_use]
    pub fn admits_caller(&self, caller: Caller<'_>) -> bool {
        match caller {
            Caller::Principal(arn) => self.principals.iter().any(|principal| principal == arn),
            Caller::Token(token) => self
                .claims
                .iter()
                .any(|claims| token_matches(claims, token)),
        }
    }

    /// Whether the source's events have ids of their own.
    #[must_use]
    pub fn has_event_ids(&self) -> bool {
        self.paths.id.is_some()
    }

    /// The paths of the parts of a record's key.
    #[must_use]
    pub fn key_paths(&self) -> Vec<&str> {
        self.paths.key.iter().map(EventPath::text).collect()
    }

    /// The event's member that a fetched state is put into.
    #[must_use]
    pub fn state_member(&self) -> Option<&str> {
        self.paths.state.as_ref()?.text().strip_prefix("$.")
    }

    /// What `event_type` does.
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

/// The index of the object that describes the record, or else the event.
fn record_object(schema: &[SchemaObject], record: Option<&str>) -> usize {
    let described = record.and_then(|name| schema.iter().position(|object| object.name == name));
    described.unwrap_or_default()
}

/// Where events hold their time; the envelope says it where the contract does not.
fn compile_clock(
    extension: &SourceExtension,
    locator: &ProblemLocator<'_>,
) -> Result<EventClock, Problem> {
    let envelope = EnvelopeDefaults::for_envelope(extension.envelope).time_expression();
    EventClock::compile(
        extension.event_time.as_ref().or(envelope.as_ref()),
        extension.event_time_default.as_deref(),
        &ClockMembers::EVENT,
        locator,
    )
}
