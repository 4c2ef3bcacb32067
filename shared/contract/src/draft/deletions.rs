//! Deletions: as which events a backfill sends those of a file, where the samples show deletions.

use super::envelope::GuessedEnvelope;
use super::fields::{SampleField, append_step, quote_path, quote_yaml_name, to_snake_case};
use super::key_guess::KeyGuess;
use super::operations::guess_operation;

/// The event types of records that come without one.
pub(super) const RECORD_TYPE: &str = "record";
pub(super) const DELETED_TYPE: &str = "deleted";

/// Names of the member that says of a record without an event type whether it was deleted; the
/// first that no field has.
const CHANGE_MEMBERS: [&str; 3] = ["change_type", "deletion_type", "polelake_type"];

/// How deletions of a source are sent.
#[derive(Clone, Debug)]
pub(super) struct DeletionGuess {
    /// The event type of a whole record.
    upsert: String,
    /// The event type that deletes.
    delete: String,
    /// The paths of the key in the record.
    key: Vec<String>,
    /// The expression of the record's time, where it has one.
    time: Option<String>,
    /// The member that a backfill adds to a deletion; events have a type of their own.
    pub(super) added_member: Option<&'static str>,
}

/// What is known of a source when its deletions are guessed.
pub(super) struct DeletionClues<'c> {
    pub(super) envelope: &'c GuessedEnvelope,
    pub(super) record: &'c [SampleField],
    pub(super) event_types: &'c [String],
    pub(super) key: &'c KeyGuess,
    /// The expression of the event's time.
    pub(super) event_time: Option<&'c str>,
    /// The expression of the record's time.
    pub(super) record_time: Option<&'c str>,
    /// Whether a file of the samples says that records were deleted.
    pub(super) has_deleted_records: bool,
}

impl DeletionGuess {
    /// The guess; none where nothing is deleted, or a backfill could not write the events.
    pub(super) fn of_clues(clues: &DeletionClues<'_>) -> Option<Self> {
        let is_written = |time: &str| !time.starts_with("{parse") || time.contains("iso");
        if !clues.event_time.is_none_or(is_written) {
            return None;
        }
        let time = clues.record_time.map(str::to_owned);
        if !clues.envelope.holds_record() {
            let is_plain = *clues.envelope == GuessedEnvelope::Plain;
            return (is_plain && clues.has_deleted_records).then(|| Self {
                upsert: RECORD_TYPE.to_owned(),
                delete: DELETED_TYPE.to_owned(),
                key: clues.key.paths.clone(),
                time,
                added_member: free_member(clues.record),
            });
        }

        let of_kind = |op: &str| {
            let mut types = clues.event_types.iter();
            types.find(|name| guess_operation(name) == op).cloned()
        };
        Some(Self {
            upsert: of_kind("upsert")?,
            delete: of_kind("delete")?,
            key: record_key(clues)?,
            time,
            added_member: None,
        })
    }

    /// The part of the contract that says it, on a line.
    pub(super) fn yaml(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|path| quote_path(path)).collect();
        let time = match &self.time {
            Some(time) => format!("time: {time}, "),
            None => String::new(),
        };
        format!(
            "{{event_type: {}, delete_event_type: {}, key: [{}], {time}time_default: \
             2000-01-01T00:00:00Z}}",
            quote_yaml_name(&self.upsert),
            quote_yaml_name(&self.delete),
            key.join(", ")
        )
    }
}

/// A name for the added member that no field of the record has.
fn free_member(record: &[SampleField]) -> Option<&'static str> {
    let mut names = CHANGE_MEMBERS.into_iter();
    names.find(|name| record.iter().all(|field| field.name != **name))
}

/// The paths of the event's key in the record: below the member that holds it, or the field that
/// has the same name, or the record's id.
fn record_key(clues: &DeletionClues<'_>) -> Option<Vec<String>> {
    let members = clues.envelope.record_members();
    let in_record = |path: &String| {
        let inner = members.iter().find_map(|member| {
            let below = path.strip_prefix(&append_step("$", member))?;
            Some(format!("${below}"))
        });
        let last = path.rsplit('.').next().unwrap_or_default();
        let field = |name: &str| {
            let mut fields = clues.record.iter();
            let found = fields.find(|field| to_snake_case(&field.name) == to_snake_case(name));
            found.map(|field| append_step("$", &field.name))
        };
        inner.or_else(|| field(last)).or_else(|| field("id"))
    };
    clues.key.paths.iter().map(in_record).collect()
}
