//! Guesses at what samples mean: the envelope, the key, the event types.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::deletions::{DELETED_TYPE, DeletionClues, DeletionGuess, RECORD_TYPE};
use super::envelope::{EventMembers, GuessedEnvelope, member_path};
use super::fields::{
    SampleField, SampleFieldKind, TextNumbers, append_step, fields_of, to_snake_case,
};
use super::key_guess::{KeyClues, KeyGuess, guess_event_key, guess_record_key};
use super::keys::KeyMeasure;
use super::operations::contains_any;
use super::profile::RecordProfile;
use super::sample_place::{SamplePlace, SampledFiles};

/// Samples that are looked at to see how events wrap their records.
const HEAD_SAMPLES: usize = 200;

/// Event types that are written down: a field with more is none.
const EVENT_TYPES_MAX: usize = 200;

/// What a draft is made of: all samples, counted one after the other.
#[derive(Debug, Default)]
pub struct SourceSamples {
    /// Whether they are rows of a table of texts, and how numbers are written there.
    numbers: TextNumbers,
    /// The order in which the columns of a table stand.
    columns: Vec<String>,
    files: SampledFiles,
    head: Vec<Value>,
    /// Where the first ones stand.
    head_places: Vec<SamplePlace>,
    envelope: Option<GuessedEnvelope>,
    event: RecordProfile,
    record: RecordProfile,
    keys: KeyMeasure,
    event_types: BTreeSet<String>,
    count: u64,
    has_deleted_records: bool,
}

impl SourceSamples {
    /// Samples that are events or records.
    #[must_use]
    pub fn of_events() -> Self {
        Self::default()
    }

    /// Samples that are rows of a table of texts, such as a CSV file, whose numbers have a comma as
    /// their point or not.
    #[must_use]
    pub fn of_rows(has_decimal_comma: bool) -> Self {
        Self {
            numbers: match has_decimal_comma {
                true => TextNumbers::Comma,
                false => TextNumbers::Point,
            },
            ..Self::default()
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first ones.
    #[must_use]
    pub fn head(&self) -> &[Value] {
        &self.head
    }

    /// Notes the order in which the columns of a table stand: objects have their members by name.
    pub fn set_columns(&mut self, columns: Vec<String>) {
        self.columns = columns;
    }

    /// Notes that a file says of a record that it was deleted. What is left of it may be its key
    /// alone, so nothing of it is counted.
    pub fn note_deletion(&mut self) {
        self.has_deleted_records = true;
    }

    /// Notes that the samples of this file follow.
    pub fn begin_file(&mut self, name: &str) {
        self.files.begin(name);
    }

    /// Counts a sample, which stands in this row of its file.
    ///
    /// # Errors
    /// When it is no object.
    pub fn add(&mut self, sample: &Value, row: u64) -> Result<(), String> {
        let Value::Object(object) = sample else {
            return Err("a draft needs samples that are JSON objects, one for each event".into());
        };
        self.count += 1;
        let place = self.files.place_of(row);
        self.event.add(object, place);
        if self.head.len() < HEAD_SAMPLES {
            self.head.push(sample.clone());
            self.head_places.push(place);
            return Ok(());
        }
        if self.envelope.is_none() {
            self.count_head();
        }
        self.count_record(object, place);
        Ok(())
    }

    /// Decides on the envelope, and counts the records of the samples so far.
    fn count_head(&mut self) {
        self.envelope = Some(match self.numbers {
            TextNumbers::None => GuessedEnvelope::from_samples(&self.head),
            _ => GuessedEnvelope::Table,
        });
        let places = std::mem::take(&mut self.head_places);
        for (sample, place) in std::mem::take(&mut self.head).into_iter().zip(places) {
            if let Value::Object(object) = &sample {
                self.count_record(object, place);
            }
            self.head.push(sample);
        }
    }

    fn count_record(&mut self, event: &Map<String, Value>, place: SamplePlace) {
        let Some(envelope) = &self.envelope else {
            return;
        };
        let event_type = envelope.event_type(event);
        if self.event_types.len() < EVENT_TYPES_MAX {
            self.event_types.extend(event_type.map(str::to_owned));
        }
        if let Some(record) = envelope.record_of(event) {
            self.record.add(record, place);
            self.keys.add(record, place);
        }
    }
}

/// What the samples seem to be.
#[derive(Debug)]
pub(super) struct SourceGuess {
    pub(super) envelope: GuessedEnvelope,
    /// The fields of the event.
    pub(super) event: Vec<SampleField>,
    /// The fields of the record.
    pub(super) record: Vec<SampleField>,
    /// The event types that were seen; one made up where events have none.
    pub(super) event_types: Vec<String>,
    /// What tells records apart.
    pub(super) key: KeyGuess,
    /// The path to when the record changed, and the expression that reads it.
    pub(super) time: Option<(String, String)>,
    /// How deletions are sent, where the samples show any.
    pub(super) deletions: Option<DeletionGuess>,
    /// The files of the samples.
    pub(super) files: SampledFiles,
}

impl SourceGuess {
    /// Guesses from samples.
    pub(super) fn from_samples(mut samples: SourceSamples, dataset: &str) -> Self {
        if samples.envelope.is_none() {
            samples.count_head();
        }
        samples.record.sort_fields(&samples.columns);
        let envelope = samples.envelope.unwrap_or(GuessedEnvelope::Plain);
        let is_table = envelope == GuessedEnvelope::Table;
        let record = fields_of(&samples.record, samples.numbers);
        let event = match envelope.holds_record() {
            true => fields_of(&samples.event, TextNumbers::None),
            false => record.clone(),
        };

        let key = match &envelope {
            GuessedEnvelope::Event(members) => guess_event_key(members, (&event, &record), dataset),
            GuessedEnvelope::EntityEvent => KeyGuess::of_event_path("$.entityId"),
            GuessedEnvelope::Cloudevents => KeyGuess::of_event_path("$.subject"),
            GuessedEnvelope::Plain | GuessedEnvelope::Table => {
                let clues = KeyClues {
                    measure: &samples.keys,
                    files: &samples.files,
                    dataset,
                    is_table,
                };
                guess_record_key(&record, &clues)
            }
        };
        let record_time = guess_record_time(&record);
        let time = match &envelope {
            GuessedEnvelope::Event(members) => guess_event_time(members, &event),
            _ => record_time.clone(),
        };
        let mut event_types: Vec<String> = samples.event_types.into_iter().collect();
        if event_types.is_empty() {
            event_types.push(RECORD_TYPE.to_owned());
        }
        let event_time = time.as_ref().filter(|_| !envelope.has_own_time());
        let deletions = DeletionGuess::of_clues(&DeletionClues {
            envelope: &envelope,
            record: &record,
            event_types: &event_types,
            key: &key,
            event_time: event_time.map(|(_, expression)| expression.as_str()),
            record_time: record_time
                .as_ref()
                .map(|(_, expression)| expression.as_str()),
            has_deleted_records: samples.has_deleted_records,
        });
        if deletions
            .as_ref()
            .is_some_and(|guess| guess.added_member.is_some())
        {
            event_types.push(DELETED_TYPE.to_owned());
        }
        Self {
            deletions,
            event_types,
            envelope,
            event,
            record,
            key,
            time,
            files: samples.files,
        }
    }

    /// The member that a backfill adds to the deletions of records.
    pub(super) fn added_member(&self) -> Option<&'static str> {
        self.deletions.as_ref()?.added_member
    }

    /// The key as a mapping writes it.
    pub(super) fn mapping_key(&self) -> String {
        let parts = self.key.paths.iter();
        let parts: Vec<String> = parts
            .map(|path| super::fields::quote_path(&format!("event:{path}")))
            .collect();
        parts.join(", ")
    }
}

/// The path and the expression of an event's own time.
fn guess_event_time(members: &EventMembers, event: &[SampleField]) -> Option<(String, String)> {
    let name = members.time.as_ref()?;
    let path = member_path(name);
    let field = event.iter().find(|field| field.name == *name);
    let expression = field.map(|field| time_expression(field, &path));
    Some((path.clone(), expression.unwrap_or(path)))
}

/// The path and the expression of when a record changed.
fn guess_record_time(record: &[SampleField]) -> Option<(String, String)> {
    let field = record.iter().find(|field| is_change_time(field))?;
    let path = append_step("$", &field.name);
    let expression = time_expression(field, &path);
    Some((path, expression))
}

/// The expression that reads an event's time.
fn time_expression(field: &SampleField, path: &str) -> String {
    let dates = match field.kind {
        SampleFieldKind::Text => field.shapes.dates(),
        _ => None,
    };
    let path = super::fields::quote_path(path);
    match dates {
        None => path,
        Some(dates) => {
            let pivot = if dates.has_short_year {
                ", pivot: 50"
            } else {
                ""
            };
            format!(
                "{{parse: {{from: {path}, as: timestamp, formats: {}{pivot}}}}}",
                dates.yaml()
            )
        }
    }
}

/// Whether a field seems to say when the record changed.
fn is_change_time(field: &SampleField) -> bool {
    let name = to_snake_case(&field.name);
    field.is_dated() && contains_any(&name, &["updated", "modified", "changed", "timestamp"])
}
