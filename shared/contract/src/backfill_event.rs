//! Turns a record of a file into an event of its source, so that it is processed like every other
//! event.

use serde_json::{Map, Value};

use crate::backfill::{BackfillKeyPart, CompiledBackfill, FilePlace};
use crate::event::read_key;
use crate::fault::EventFault;
use crate::file_record::FileRecord;
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

    /// A record of texts, such as a row of a CSV file, with the numbers and booleans that the
    /// contract declares. A text that is none stays a text, which the transform refuses by path.
    ///
    /// # Errors
    /// The field that holds no number with a comma, where the contract says that numbers have one.
    pub fn type_texts(&self, mut record: FileRecord) -> Result<FileRecord, String> {
        let declared = self.declared_record();
        if self.files.as_ref().is_some_and(|files| files.decimal_comma) {
            declared.point_commas(&mut record.value).map_err(|field| {
                format!(
                    "`{field}` is no number such as 1.234,56, which `files.decimal_comma` of the \
                     contract says"
                )
            })?;
        }
        declared.type_texts(&mut record.value);
        Ok(record)
    }

    /// The event of a record of a file, or of an API where `place` is none. The same record at the
    /// same place always gives the same event, with the same id: sending it again changes nothing.
    /// Its time is the record's own, so that it never overwrites what is newer.
    ///
    /// # Errors
    /// A fault that names the rule and the path, and never holds a value.
    pub fn backfill_event(
        &self,
        record: FileRecord,
        place: Option<&FilePlace<'_>>,
    ) -> Result<Vec<u8>, EventFault> {
        let declared = self.backfill.as_ref();
        let event = match declared.filter(|_| !self.records_are_events()) {
            _ if record.is_deletion => self.build_deletion(declared, record, place)?,
            Some(backfill) => self.build_event(backfill, record.value, place)?,
            None => record.value,
        };
        Ok(render_json(&event).into_bytes())
    }

    /// The event of a record that the file says to be deleted. It happened when the file says so:
    /// what is left of the record is older.
    fn build_deletion(
        &self,
        backfill: Option<&CompiledBackfill>,
        record: FileRecord,
        place: Option<&FilePlace<'_>>,
    ) -> Result<Value, EventFault> {
        let declared =
            backfill.and_then(|backfill| Some((backfill, backfill.delete_event_type.as_ref()?)));
        let (backfill, event_type) = declared.ok_or_else(|| {
            let reason = "the file says that the record was deleted: declare in \
                          `backfill.delete_event_type` which event type deletes";
            EventFault::new("backfill.delete_event_type", "$", reason)
        })?;

        let paths = &self.paths;
        let id = self.backfill_event_id(&record.value, place);
        let time = match record.changed_micros {
            Some(micros) => ExactInstant::from_nanos(i128::from(micros) * 1_000),
            None => Some(
                backfill
                    .clock
                    .read_time("backfill.time", &record.value)?
                    .instant,
            ),
        };
        let mut event = Value::Object(Map::new());
        if self.records_are_events() {
            event = record.value;
        } else {
            for (event_path, key_part) in paths.key.iter().zip(&backfill.key) {
                let part = self.backfill_key_part(key_part, &record.value, place)?;
                set_at_path(&mut event, Some(event_path), part.into());
            }
            set_at_path(&mut event, paths.delete_body.first(), record.value);
        }
        set_at_path(&mut event, paths.id.as_ref(), id.into());
        set_at_path(
            &mut event,
            paths.event_type.as_ref(),
            event_type.as_str().into(),
        );
        self.set_event_time(&mut event, time.unwrap_or_default())?;
        Ok(event)
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

    /// The id of a record's event. Two equal rows of a file are two events; the same file again,
    /// under whatever name, gives the same ids.
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

#[cfg(test)]
mod tests;
