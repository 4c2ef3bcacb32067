//! One record: is it about a subject, does it only mention one, or neither?

use bytes::Bytes;
use contract::{CompiledMapping, EvaluatedEvent, Event, PoleRow};
use serde_json::Value;

use super::redact::Redaction;
use super::row_ids;
use super::search_terms::{SearchTerms, is_distinctive_key};
use super::subjects::Subjects;

/// A record as it lies in the raw zone or in quarantine.
#[derive(Clone, Copy)]
pub(super) struct CandidateRecord<'r> {
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    pub(super) headers: Option<&'r str>,
}

/// What is to become of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordClassification {
    /// It says nothing of a subject.
    Unrelated,
    /// It was erased before.
    AlreadyErased,
    /// It is about a subject: all of it goes. `ignored` says that its type makes no rows.
    AboutSubject {
        /// Whether its type is one to leave alone.
        ignored: bool,
    },
    /// It mentions a subject; this is the value without the mention.
    MentionsSubject(Bytes),
    /// It mentions a subject, and only a person can say what is to become of it.
    NeedsManualRedaction,
}

/// Judges the records of one topic.
pub(super) struct RecordClassifier<'j> {
    pub(super) subjects: &'j Subjects,
    pub(super) search_terms: &'j SearchTerms,
    /// The topic's plan; a topic that no contract declares has none.
    pub(super) mapping: Option<&'j CompiledMapping>,
    /// Whether records that cannot be mended go entirely.
    pub(super) full_records: bool,
}

impl RecordClassifier<'_> {
    /// `located` says that rows which the record made name a subject.
    pub(super) fn classify_record(
        &self,
        record: CandidateRecord<'_>,
        located: bool,
    ) -> RecordClassification {
        if lake::has_erased_header(record.headers) {
            return RecordClassification::AlreadyErased;
        }
        let candidate = located
            || self.search_terms.may_occur_in(record.value)
            || self.search_terms.may_occur_in(record.key);
        if !candidate {
            return RecordClassification::Unrelated;
        }
        match self.mapping {
            Some(plan) => self.classify_declared(plan, record),
            None => self.classify_unreadable(record, false),
        }
    }

    /// Whether the log's own key says that it is about a subject.
    fn has_subject_key(&self, record: CandidateRecord<'_>) -> bool {
        let Some(key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) else {
            return false;
        };
        let source = self.mapping.map_or("", |plan| plan.contract.name.as_str());
        self.subjects.is_about(source, key)
            || (is_distinctive_key(key) && self.subjects.has_key(key))
    }

    /// What is to become of a record that mentions a subject and cannot be mended.
    fn classify_unredactable(&self, ignored: bool) -> RecordClassification {
        if self.full_records {
            RecordClassification::AboutSubject { ignored }
        } else {
            RecordClassification::NeedsManualRedaction
        }
    }

    fn classify_declared(
        &self,
        plan: &CompiledMapping,
        record: CandidateRecord<'_>,
    ) -> RecordClassification {
        let given = lake::find_header_text(record.headers, "event-id")
            .filter(|_| !plan.contract.has_event_ids());
        let value = record.value.unwrap_or_default();
        match Event::parse(&plan.contract, value, given.as_deref()) {
            Ok(event) => self.classify_event(plan, &event, record),
            Err(_) => {
                let own_topic = self.subjects.has_source(&plan.contract.name);
                self.classify_unreadable(record, own_topic)
            }
        }
    }

    fn classify_event(
        &self,
        plan: &CompiledMapping,
        event: &Event,
        record: CandidateRecord<'_>,
    ) -> RecordClassification {
        let outcome = plan.evaluate(event);
        let ignored = matches!(outcome, Ok(EvaluatedEvent::Ignored));
        let about = RecordClassification::AboutSubject { ignored };
        if self.has_subject_key(record) || self.subjects.is_about(&plan.contract.name, &event.key) {
            return about;
        }
        let rows = match &outcome {
            Ok(EvaluatedEvent::Rows(rows)) => rows.as_slice(),
            _ => &[],
        };
        let naming = rows.iter().filter(|row| self.names_subject(row)).count();
        let same_key = self.subjects.has_key(&event.key);
        // The same key in another source, and what it says is of the same person.
        let companion = same_key && (naming > 0 || is_distinctive_key(&event.key));
        if companion || (naming > 0 && naming == rows.len()) {
            return about;
        }
        if naming == 0 && !self.search_terms.occur_in(record.value.unwrap_or_default()) {
            return RecordClassification::Unrelated;
        }
        let had_rows = outcome.is_ok_and(|outcome| matches!(outcome, EvaluatedEvent::Rows(_)));
        self.redact_event(plan, event, had_rows)
            .unwrap_or_else(|| self.classify_unredactable(ignored))
    }

    fn names_subject(&self, row: &PoleRow<'_>) -> bool {
        row_ids::mapped_row_ids(row).any(|id| self.subjects.ids.contains(&id))
    }

    /// The event without the mention, when it still is one and its rows name no subject.
    fn redact_event(
        &self,
        plan: &CompiledMapping,
        event: &Event,
        had_rows: bool,
    ) -> Option<RecordClassification> {
        let mut value = event.value.clone();
        if self.search_terms.redact_value(&mut value) != Redaction::Done {
            return None;
        }
        let bytes = serde_json::to_vec(&value).ok()?;
        let again = Event::parse(&plan.contract, &bytes, Some(&event.id)).ok()?;
        let sound = match plan.evaluate(&again) {
            Ok(EvaluatedEvent::Rows(rows)) => !rows.iter().any(|row| self.names_subject(row)),
            _ => !had_rows,
        };
        (sound && !self.search_terms.occur_in(&bytes))
            .then(|| RecordClassification::MentionsSubject(bytes.into()))
    }

    /// A record that no contract can read. On a subject's own topic it is taken for the subject's when nothing smaller can
    /// be taken out of it.
    fn classify_unreadable(
        &self,
        record: CandidateRecord<'_>,
        own_topic: bool,
    ) -> RecordClassification {
        if self.has_subject_key(record) {
            return RecordClassification::AboutSubject { ignored: false };
        }
        let value = record.value.unwrap_or_default();
        if !self.search_terms.occur_in(value) {
            return RecordClassification::Unrelated;
        }
        let mended = serde_json::from_slice::<Value>(value)
            .ok()
            .and_then(|mut value| {
                let done = self.search_terms.redact_value(&mut value) == Redaction::Done;
                done.then(|| serde_json::to_vec(&value).ok()).flatten()
            });
        match mended {
            Some(bytes) if !self.search_terms.occur_in(&bytes) => {
                RecordClassification::MentionsSubject(bytes.into())
            }
            _ if own_topic => RecordClassification::AboutSubject { ignored: false },
            _ => self.classify_unredactable(false),
        }
    }
}
