//! Classifies one record: it is about a subject, it only mentions one, or neither.

use bytes::Bytes;
use contract::{CompiledMapping, EvaluatedEvent, Event, PoleRow};
use pole::IdentityKey;
use serde_json::Value;

use super::redact::Redaction;
use super::request::MentionPolicy;
use super::row_ids;
use super::search_terms::{SearchTerms, is_distinctive_key};
use super::subjects::Subjects;

/// A record as the raw zone or the quarantine holds it.
#[derive(Clone, Copy)]
pub(super) struct CandidateRecord<'r> {
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    pub(super) headers: Option<&'r str>,
    /// When it came, in microseconds since 1970: its dates of the past go by it.
    pub(super) arrived: i64,
}

/// What an erasure does with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordClassification {
    /// It does not mention a subject.
    Unrelated,
    /// An earlier erasure removed it.
    AlreadyErased,
    /// It is about a subject, and is erased as a full record.
    AboutSubject {
        /// Whether its type is one that the contract declares as one to ignore.
        ignored: bool,
    },
    /// It mentions a subject; this is the value without the mention.
    MentionsSubject(Bytes),
    /// It mentions a subject, and only a person can redact it.
    NeedsManualRedaction,
}

impl RecordClassification {
    /// Whether nothing of the record remains.
    pub(super) fn is_erased(&self) -> bool {
        matches!(self, Self::AboutSubject { .. } | Self::AlreadyErased)
    }
}

/// Classifies the records of one topic.
pub(super) struct RecordClassifier<'j> {
    pub(super) subjects: &'j Subjects,
    pub(super) search_terms: &'j SearchTerms,
    /// The topic's compiled mapping; a topic that no contract declares has none.
    pub(super) mapping: Option<&'j CompiledMapping>,
    pub(super) identity_key: &'j IdentityKey,
    /// What becomes of records that only mention a subject.
    pub(super) mentions: MentionPolicy,
}

impl RecordClassifier<'_> {
    /// Classifies a record. `located` says that rows which the record made name a subject.
    pub(super) fn classify_record(
        &self,
        record: CandidateRecord<'_>,
        located: bool,
    ) -> RecordClassification {
        if lake::has_erased_header(record.headers) {
            return RecordClassification::AlreadyErased;
        }
        let may_mention = located
            || self.search_terms.may_occur_in(record.value)
            || self.search_terms.may_occur_in(record.key);
        if !may_mention {
            return RecordClassification::Unrelated;
        }

        match self.mapping {
            Some(mapping) => self.classify_declared(mapping, record),
            None => self.classify_unreadable(record, false),
        }
    }

    /// Whether the record's key in Kafka is a subject's.
    fn has_subject_key(&self, record: CandidateRecord<'_>) -> bool {
        let Some(key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) else {
            return false;
        };

        let source = self
            .mapping
            .map_or("", |mapping| mapping.contract.name.as_str());
        self.subjects.is_about(source, key)
            || (is_distinctive_key(key) && self.subjects.has_key(key))
    }

    /// What an erasure does with a record that mentions a subject and cannot be redacted.
    fn classify_unredactable(&self, ignored: bool) -> RecordClassification {
        if self.mentions == MentionPolicy::EraseRecord {
            RecordClassification::AboutSubject { ignored }
        } else {
            RecordClassification::NeedsManualRedaction
        }
    }

    fn classify_declared(
        &self,
        mapping: &CompiledMapping,
        record: CandidateRecord<'_>,
    ) -> RecordClassification {
        let contract = &mapping.contract;
        let header_id = lake::find_header_text(record.headers, lake::EVENT_ID_HEADER)
            .filter(|_| !contract.has_event_ids());
        let value = record.value.unwrap_or_default();

        match Event::parse(contract, value, header_id.as_deref()) {
            Ok(mut event) => {
                event.arrived = Some(record.arrived);
                self.classify_event(mapping, &event, record)
            }
            Err(_) => {
                let own_topic = self.subjects.has_source(&contract.name);
                self.classify_unreadable(record, own_topic)
            }
        }
    }

    fn classify_event(
        &self,
        mapping: &CompiledMapping,
        event: &Event,
        record: CandidateRecord<'_>,
    ) -> RecordClassification {
        let outcome = mapping.evaluate(event, self.identity_key);
        let ignored = matches!(outcome, Ok(EvaluatedEvent::Ignored));
        let about = RecordClassification::AboutSubject { ignored };
        let source = &mapping.contract.name;
        if self.has_subject_key(record) || self.subjects.is_about(source, &event.key) {
            return about;
        }

        let rows = match &outcome {
            Ok(EvaluatedEvent::Rows(rows)) => rows.as_slice(),
            _ => &[],
        };
        let naming = rows.iter().filter(|row| self.names_subject(row)).count();
        if naming > 0 && naming == rows.len() {
            return about;
        }
        // With the same key in another source, the record is about the same person.
        let is_companion =
            self.subjects.has_key(&event.key) && (naming > 0 || is_distinctive_key(&event.key));
        if is_companion {
            return about;
        }

        let value = record.value.unwrap_or_default();
        if naming == 0 && !self.search_terms.occur_in(value) {
            return RecordClassification::Unrelated;
        }
        let had_rows = matches!(outcome, Ok(EvaluatedEvent::Rows(_)));
        self.redact_event(mapping, event, had_rows)
            .unwrap_or_else(|| self.classify_unredactable(ignored))
    }

    fn names_subject(&self, row: &PoleRow<'_>) -> bool {
        row_ids::mapped_row_ids(row).any(|id| self.subjects.ids.contains(&id))
    }

    fn redact_mentions(&self, value: &mut Value) -> Redaction {
        self.search_terms.redact_value(value, self.mentions.grain())
    }

    /// The event without the mention, when it is still a valid event and its rows name no subject.
    fn redact_event(
        &self,
        mapping: &CompiledMapping,
        event: &Event,
        had_rows: bool,
    ) -> Option<RecordClassification> {
        let mut value = event.value.clone();
        if self.redact_mentions(&mut value) != Redaction::Done {
            return None;
        }

        let bytes = contract::render_json(&value).into_bytes();
        let mut redacted = Event::parse(&mapping.contract, &bytes, Some(&event.id)).ok()?;
        redacted.arrived = event.arrived;
        let is_sound = match mapping.evaluate(&redacted, self.identity_key) {
            Ok(EvaluatedEvent::Rows(rows)) => !rows.iter().any(|row| self.names_subject(row)),
            _ => !had_rows,
        };
        if !is_sound || self.search_terms.occur_in(&bytes) {
            return None;
        }
        Some(RecordClassification::MentionsSubject(bytes.into()))
    }

    /// Classifies a record that no contract can read. On a subject's own topic the record counts as
    /// the subject's when the mention cannot be redacted.
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

        match self.redact_json(value) {
            Some(bytes) if !self.search_terms.occur_in(&bytes) => {
                RecordClassification::MentionsSubject(bytes.into())
            }
            _ if own_topic => RecordClassification::AboutSubject { ignored: false },
            _ => self.classify_unredactable(false),
        }
    }

    /// A JSON document without the mentions; none when it is no JSON or the mentions cannot be
    /// redacted.
    fn redact_json(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut value: Value = contract::read_json(value).ok()?;
        if self.redact_mentions(&mut value) != Redaction::Done {
            return None;
        }

        Some(contract::render_json(&value).into_bytes())
    }
}
