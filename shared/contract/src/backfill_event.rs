//! Turns a record of a file into an event of its source, so that it is processed like every other
//! event.

use serde_json::{Map, Value};

use crate::backfill::{BackfillKeyPart, CompiledBackfill, FilePlace};
use crate::event::read_key;
use crate::fault::EventFault;
use crate::json::render_json;
use crate::path::EventPath;
use crate::source::SourceContract;
use crate::time::{ExactInstant, instant_text};

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

    /// A record of texts, such as a row of a CSV file, with the numbers and booleans that the
    /// contract declares. A text that is none stays a text, which the transform refuses by path.
    #[must_use]
    pub fn type_texts(&self, mut record: Value) -> Value {
        self.declared_record().type_texts(&mut record);
        record
    }

    /// The event of a record of a file, or of an API where `place` is none. The same record at the
    /// same place always gives the same event, with the same id: sending it again changes nothing.
    /// Its time is the record's own, so that it never overwrites what is newer.
    ///
    /// # Errors
    /// A fault that names the rule and the path, and never holds a value.
    pub fn backfill_event(
        &self,
        record: Value,
        place: Option<&FilePlace<'_>>,
    ) -> Result<Vec<u8>, EventFault> {
        let declared = self.backfill.as_ref();
        let event = match declared.filter(|_| !self.records_are_events()) {
            Some(backfill) => self.build_event(backfill, record, place)?,
            None => record,
        };
        Ok(render_json(&event).into_bytes())
    }

    /// An event around a record, with the key, time and version that the record states.
    fn build_event(
        &self,
        backfill: &CompiledBackfill,
        record: Value,
        place: Option<&FilePlace<'_>>,
    ) -> Result<Value, EventFault> {
        let paths = &self.paths;
        let id = self.backfill_event_id(&record, place);
        let time = backfill.clock.read_time("backfill.time", &record)?.instant;
        let event_type = backfill.event_type.clone();
        let version = backfill
            .version
            .as_ref()
            .and_then(|path| path.first_value(&record))
            .cloned();

        let mut event = Value::Object(Map::new());
        set_at_path(&mut event, paths.id.as_ref(), id.into());
        set_at_path(&mut event, paths.event_type.as_ref(), event_type.into());
        self.set_event_time(&mut event, time)?;
        for (event_path, key_part) in paths.key.iter().zip(&backfill.key) {
            let part = self.backfill_key_part(key_part, &record, place)?;
            set_at_path(&mut event, Some(event_path), part.into());
        }
        set_at_path(
            &mut event,
            paths.version.as_ref(),
            version.unwrap_or(Value::Null),
        );
        set_at_path(&mut event, self.record_target_path(), record);
        Ok(event)
    }

    /// The id of a record's event. Two equal rows of a file are two events; the same file again, under
    /// whatever name, gives the same ids.
    fn backfill_event_id(&self, record: &Value, place: Option<&FilePlace<'_>>) -> String {
        let record = render_json(record);
        let origin = match place {
            Some(place) => format!("file\n{}\n{}\n{record}", place.digest, place.row),
            None => record,
        };
        pole::derived_event_id(&self.name, origin.as_bytes()).to_string()
    }

    fn backfill_key_part(
        &self,
        part: &BackfillKeyPart,
        record: &Value,
        place: Option<&FilePlace<'_>>,
    ) -> Result<String, EventFault> {
        let in_file = |name: &str| {
            place.ok_or_else(|| {
                let reason = format!("`{name}` is known of records of files alone");
                EventFault::new("backfill.key", name, &reason)
            })
        };
        match part {
            BackfillKeyPart::Path(path) => {
                read_key(std::slice::from_ref(path), self.key_case, record)
            }
            BackfillKeyPart::RowNumber => Ok(in_file("row-number")?.row.to_string()),
            BackfillKeyPart::FileName => Ok(in_file("file-name")?.name.to_owned()),
        }
    }

    /// Writes the event's time so that `event_time` reads it: as a count or as ISO text.
    fn set_event_time(&self, event: &mut Value, time: ExactInstant) -> Result<(), EventFault> {
        let target = self
            .clock
            .write_target()
            .map_err(|why| EventFault::new("backfill.time", &self.clock.path_text(), &why))?;
        let Some(target) = target else {
            return Ok(());
        };

        let value = match target.unit {
            None => Value::from(instant_text(time)),
            Some(unit) => count_value(&unit.count_text(time)),
        };
        set_at_path(event, Some(target.path), value);
        Ok(())
    }
}

/// A count as a number; as text where it is not whole, because a float would round it.
fn count_value(count: &str) -> Value {
    count
        .parse::<i64>()
        .map_or_else(|_| count.into(), Value::from)
}

/// Sets the value at a path that has only names. A path that the contract does not declare sets
/// nothing.
fn set_at_path(event: &mut Value, path: Option<&EventPath>, value: Value) {
    if let Some(names) = path.and_then(EventPath::plain_names) {
        set_member(event, &names, value);
    }
}

/// Sets a member of nested objects, and creates the objects that are missing.
fn set_member(event: &mut Value, names: &[&str], value: Value) {
    let mut member = event;
    for name in names {
        if !member.is_object() {
            *member = Value::Object(Map::new());
        }
        member = &mut member[*name];
    }
    *member = value;
}
