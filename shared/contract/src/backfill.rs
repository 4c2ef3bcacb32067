//! Backfill: how a record of a file becomes an event of its source, so that it takes the way of every event.

use serde_json::{Map, Value};

use crate::evaluate::EventFault;
use crate::event::{read_key, text_at_path};
use crate::extension::BackfillDocument;
use crate::path::EventPath;
use crate::problem::Problem;
use crate::source::{EventOp, ProblemLocator, SourceContract};
use crate::time::timestamp_text;

/// Where a record says what its event must say.
#[derive(Debug)]
pub struct CompiledBackfill {
    event_type: String,
    key: Vec<EventPath>,
    time: Option<EventPath>,
    time_default: i64,
    version: Option<EventPath>,
}

impl CompiledBackfill {
    pub(crate) fn compile(
        document: BackfillDocument,
        written: &ProblemLocator<'_>,
    ) -> Result<Self, Problem> {
        let path = |text: &Option<String>| {
            text.as_deref()
                .map(|text| written.parse_path(text))
                .transpose()
        };
        Ok(Self {
            key: written.parse_paths(&document.key)?,
            time: path(&document.time)?,
            time_default: written
                .parse_instant("time_default", Some(&document.time_default))?
                .unwrap_or_default(),
            version: path(&document.version)?,
            event_type: document.event_type,
        })
    }

    /// What does not fit the contract around it, if anything.
    pub(crate) fn check_contract(&self, contract: &SourceContract) -> Result<(), String> {
        let state = contract.state.is_some();
        match contract.event_op(&self.event_type) {
            Ok(EventOp::Upsert) => {}
            Ok(EventOp::Patch) if state => {}
            Ok(_) => {
                return Err(
                    "`backfill.event_type` must be one that states the whole record".into(),
                );
            }
            Err(why) => return Err(format!("`backfill.event_type`: {why}")),
        }
        if self.key.len() != contract.key.len() {
            return Err(format!(
                "`backfill.key` needs {} parts, as `key` has",
                contract.key.len()
            ));
        }
        let written = [
            &contract.event_id,
            &contract.event_type,
            &contract.event_time,
            &contract.entity_version,
        ];
        let mut targets = contract
            .key
            .iter()
            .chain(written.into_iter().flatten())
            .chain(contract.record_target_path());
        if let Some(path) = targets.find(|path| path.plain_names().is_none()) {
            return Err(format!(
                "a backfill cannot write to `{}`: it is not made of names alone",
                path.text()
            ));
        }
        let mut read = self.key.iter().chain(&self.time).chain(&self.version);
        read.try_for_each(|path| contract.declared_record().structure_at(path).map(drop))
    }

    fn record_time(&self, record: &Value) -> Result<i64, EventFault> {
        let Some(path) = &self.time else {
            return Ok(self.time_default);
        };
        match text_at_path(path, record) {
            Some(at) => crate::parse_timestamp(&at).ok_or_else(|| {
                EventFault::new(
                    "backfill.time",
                    path.text(),
                    "an ISO 8601 timestamp was expected",
                )
            }),
            None => Ok(self.time_default),
        }
    }
}

impl SourceContract {
    /// Where a record of a file stands in its event: the state, unless the relay fetches that itself.
    fn record_target_path(&self) -> Option<&EventPath> {
        let state = self.state.as_ref().filter(|_| self.fetch.is_none());
        state.or(self.body.first())
    }

    /// Whether records of a file can become events: they are events, or the contract says how.
    #[must_use]
    pub fn accepts_records(&self) -> bool {
        self.backfill.is_some() || self.records_are_events()
    }

    fn records_are_events(&self) -> bool {
        self.record_target_path()
            .and_then(EventPath::plain_names)
            .is_none_or(|names| names.is_empty())
    }

    /// The event of a record of a file. The same record always gives the same event, with the same id: sending it again
    /// changes nothing. Its time is the record's own, so that it never overwrites what is newer.
    ///
    /// # Errors
    /// A fault that names the rule and the place, and never holds a value.
    pub fn backfill_event(&self, record: Value) -> Result<Vec<u8>, EventFault> {
        let Some(backfill) = self
            .backfill
            .as_ref()
            .filter(|_| !self.records_are_events())
        else {
            return Ok(record.to_string().into_bytes());
        };
        let mut event = Value::Object(Map::new());
        let id = pole::derived_event_id(&self.name, record.to_string().as_bytes()).to_string();
        let moment = timestamp_text(backfill.record_time(&record)?);
        let mut put = |path: Option<&EventPath>, value: Value| {
            if let Some(names) = path.and_then(EventPath::plain_names) {
                set_member(&mut event, &names, value);
            }
        };
        put(self.event_id.as_ref(), id.into());
        put(self.event_type.as_ref(), backfill.event_type.clone().into());
        put(self.event_time.as_ref(), moment.into());
        for (to, from) in self.key.iter().zip(&backfill.key) {
            let part = read_key(std::slice::from_ref(from), &record)?;
            put(Some(to), part.into());
        }
        let version = backfill
            .version
            .as_ref()
            .and_then(|path| path.first_value(&record))
            .cloned();
        put(self.entity_version.as_ref(), version.unwrap_or(Value::Null));
        put(self.record_target_path(), record);
        Ok(event.to_string().into_bytes())
    }
}

/// Sets a member of a member, and makes the objects on the way.
fn set_member(event: &mut Value, names: &[&str], value: Value) {
    let mut place = event;
    for name in names {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[*name];
    }
    *place = value;
}
