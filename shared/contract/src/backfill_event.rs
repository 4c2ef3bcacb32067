//! Turns a record of a file into an event of its source, so that it takes the way of every event.

use serde_json::{Map, Value};

use crate::backfill::CompiledBackfill;
use crate::event::{read_key, text_at_path};
use crate::fault::EventFault;
use crate::path::EventPath;
use crate::source::SourceContract;
use crate::time::{parse_timestamp, timestamp_text};

impl SourceContract {
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
        let moment = timestamp_text(read_record_time(backfill, &record)?);
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

/// When a record of a file last changed.
fn read_record_time(backfill: &CompiledBackfill, record: &Value) -> Result<i64, EventFault> {
    let Some(path) = &backfill.time else {
        return Ok(backfill.time_default);
    };
    match text_at_path(path, record) {
        Some(at) => parse_timestamp(&at).ok_or_else(|| {
            EventFault::new(
                "backfill.time",
                path.text(),
                "an ISO 8601 timestamp was expected",
            )
        }),
        None => Ok(backfill.time_default),
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
