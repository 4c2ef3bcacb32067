//! Backfill: how a record of a file becomes an event of its source, so that it takes the way of every event.

use serde_json::{Map, Value};

use crate::evaluate::Fault;
use crate::event::{key_of, text};
use crate::extension::BackfillDocument;
use crate::fault::Problem;
use crate::path::Path;
use crate::source::{EventOp, SourceContract, Written};
use crate::time::timestamp_text;

/// Where a record says what its event must say.
#[derive(Debug)]
pub struct Backfill {
    event_type: String,
    key: Vec<Path>,
    time: Option<Path>,
    time_default: i64,
    version: Option<Path>,
}

impl Backfill {
    pub(crate) fn compile(
        document: BackfillDocument,
        written: &Written<'_>,
    ) -> Result<Self, Problem> {
        let path =
            |text: &Option<String>| text.as_deref().map(|text| written.path(text)).transpose();
        Ok(Self {
            key: written.paths(&document.key)?,
            time: path(&document.time)?,
            time_default: written
                .instant("time_default", Some(&document.time_default))?
                .unwrap_or_default(),
            version: path(&document.version)?,
            event_type: document.event_type,
        })
    }

    /// What does not fit the contract around it, if anything.
    pub(crate) fn fits(&self, contract: &SourceContract) -> Result<(), String> {
        let state = contract.state.is_some();
        match contract.op(&self.event_type) {
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
            .chain(contract.target());
        if let Some(path) = targets.find(|path| path.names().is_none()) {
            return Err(format!(
                "a backfill cannot write to `{}`: it is not made of names alone",
                path.text()
            ));
        }
        let mut read = self.key.iter().chain(&self.time).chain(&self.version);
        read.try_for_each(|path| contract.record().at(path).map(drop))
    }

    fn moment(&self, record: &Value) -> Result<i64, Fault> {
        let Some(path) = &self.time else {
            return Ok(self.time_default);
        };
        match text(path, record) {
            Some(at) => crate::parse_timestamp(&at).ok_or_else(|| {
                Fault::new(
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
    fn target(&self) -> Option<&Path> {
        let state = self.state.as_ref().filter(|_| self.fetch.is_none());
        state.or(self.body.first())
    }

    /// Whether records of a file can become events: they are events, or the contract says how.
    #[must_use]
    pub fn takes_records(&self) -> bool {
        self.backfill.is_some() || self.is_its_own_event()
    }

    fn is_its_own_event(&self) -> bool {
        self.target()
            .and_then(Path::names)
            .is_none_or(|names| names.is_empty())
    }

    /// The event of a record of a file. The same record always gives the same event, with the same id: sending it again
    /// changes nothing. Its time is the record's own, so that it never overwrites what is newer.
    ///
    /// # Errors
    /// A fault that names the rule and the place, and never holds a value.
    pub fn event_of(&self, record: Value) -> Result<Vec<u8>, Fault> {
        let Some(backfill) = self.backfill.as_ref().filter(|_| !self.is_its_own_event()) else {
            return Ok(record.to_string().into_bytes());
        };
        let mut event = Value::Object(Map::new());
        let id = pole::event_id_of(&self.name, record.to_string().as_bytes()).to_string();
        let moment = timestamp_text(backfill.moment(&record)?);
        let mut put = |path: Option<&Path>, value: Value| {
            if let Some(names) = path.and_then(Path::names) {
                set(&mut event, &names, value);
            }
        };
        put(self.event_id.as_ref(), id.into());
        put(self.event_type.as_ref(), backfill.event_type.clone().into());
        put(self.event_time.as_ref(), moment.into());
        for (to, from) in self.key.iter().zip(&backfill.key) {
            let part = key_of(std::slice::from_ref(from), &record)?;
            put(Some(to), part.into());
        }
        let version = backfill
            .version
            .as_ref()
            .and_then(|path| path.first(&record))
            .cloned();
        put(self.entity_version.as_ref(), version.unwrap_or(Value::Null));
        put(self.target(), record);
        Ok(event.to_string().into_bytes())
    }
}

/// Sets a member of a member, and makes the objects on the way.
fn set(event: &mut Value, names: &[&str], value: Value) {
    let mut place = event;
    for name in names {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[*name];
    }
    *place = value;
}
