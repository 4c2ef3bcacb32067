//! One record: is it about a subject, does it only mention one, or neither?

use bytes::Bytes;
use contract::{Event, Outcome, Plan, Row};
use serde_json::Value;

use super::ids;
use super::needles::{Needles, is_long};
use super::redact::Redaction;
use super::subject::Subjects;

/// A record as it lies in the raw zone or in quarantine.
#[derive(Clone, Copy)]
pub(super) struct Record<'r> {
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    pub(super) headers: Option<&'r str>,
}

/// What is to become of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It says nothing of a subject.
    Clear,
    /// It was erased before.
    Erased,
    /// It is about a subject: all of it goes. `ignored` says that its type makes no rows.
    About {
        /// Whether its type is one to leave alone.
        ignored: bool,
    },
    /// It mentions a subject; this is the value without the mention.
    Mentions(Bytes),
    /// It mentions a subject, and only a person can say what is to become of it.
    ByHand,
}

/// Judges the records of one topic.
pub(super) struct Judge<'j> {
    pub(super) subjects: &'j Subjects,
    pub(super) needles: &'j Needles,
    /// The topic's plan; a topic that no contract declares has none.
    pub(super) plan: Option<&'j Plan>,
    /// Whether records that cannot be mended go entirely.
    pub(super) whole_records: bool,
}

impl Judge<'_> {
    /// `located` says that rows which the record made name a subject.
    pub(super) fn judge(&self, record: Record<'_>, located: bool) -> Judgement {
        if lake::is_erased(record.headers) {
            return Judgement::Erased;
        }
        let candidate =
            located || self.needles.may_be_in(record.value) || self.needles.may_be_in(record.key);
        if !candidate {
            return Judgement::Clear;
        }
        match self.plan {
            Some(plan) => self.declared(plan, record),
            None => self.unread(record, false),
        }
    }

    /// Whether the log's own key says that it is about a subject.
    fn is_keyed(&self, record: Record<'_>) -> bool {
        let Some(key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) else {
            return false;
        };
        let source = self.plan.map_or("", |plan| plan.contract.name.as_str());
        self.subjects.is_about(source, key) || (is_long(key) && self.subjects.has_key(key))
    }

    /// What is to become of a record that mentions a subject and cannot be mended.
    fn stubborn(&self, ignored: bool) -> Judgement {
        if self.whole_records {
            Judgement::About { ignored }
        } else {
            Judgement::ByHand
        }
    }

    fn declared(&self, plan: &Plan, record: Record<'_>) -> Judgement {
        let given = lake::header(record.headers, "event-id").filter(|_| !plan.contract.gives_ids());
        let value = record.value.unwrap_or_default();
        match Event::parse(&plan.contract, value, given.as_deref()) {
            Ok(event) => self.event(plan, &event, record),
            Err(_) => {
                let source = &plan.contract.name;
                self.unread(
                    record,
                    self.subjects
                        .records
                        .iter()
                        .any(|(known, _)| known == source),
                )
            }
        }
    }

    fn event(&self, plan: &Plan, event: &Event, record: Record<'_>) -> Judgement {
        let outcome = plan.evaluate(event);
        let ignored = matches!(outcome, Ok(Outcome::Ignored));
        let about = Judgement::About { ignored };
        if self.is_keyed(record) || self.subjects.is_about(&plan.contract.name, &event.key) {
            return about;
        }
        let rows = match &outcome {
            Ok(Outcome::Rows(rows)) => rows.as_slice(),
            _ => &[],
        };
        let naming = rows.iter().filter(|row| self.names(row)).count();
        let same_key = self.subjects.has_key(&event.key);
        // The same key in another source, and what it says is of the same person.
        let companion = same_key && (naming > 0 || is_long(&event.key));
        if companion || (naming > 0 && naming == rows.len()) {
            return about;
        }
        if naming == 0 && !self.needles.are_in(record.value.unwrap_or_default()) {
            return Judgement::Clear;
        }
        let had_rows = outcome.is_ok_and(|outcome| matches!(outcome, Outcome::Rows(_)));
        self.mended(plan, event, had_rows)
            .unwrap_or_else(|| self.stubborn(ignored))
    }

    fn names(&self, row: &Row<'_>) -> bool {
        ids::of_row(row).any(|id| self.subjects.ids.contains(&id))
    }

    /// The event without the mention, when it still is one and its rows name no subject.
    fn mended(&self, plan: &Plan, event: &Event, had_rows: bool) -> Option<Judgement> {
        let mut value = event.value.clone();
        if self.needles.redact(&mut value) != Redaction::Done {
            return None;
        }
        let bytes = serde_json::to_vec(&value).ok()?;
        let again = Event::parse(&plan.contract, &bytes, Some(&event.id)).ok()?;
        let sound = match plan.evaluate(&again) {
            Ok(Outcome::Rows(rows)) => !rows.iter().any(|row| self.names(row)),
            _ => !had_rows,
        };
        (sound && !self.needles.are_in(&bytes)).then(|| Judgement::Mentions(bytes.into()))
    }

    /// A record that no contract can read. On a subject's own topic it is taken for the subject's when nothing smaller can
    /// be taken out of it.
    fn unread(&self, record: Record<'_>, own_topic: bool) -> Judgement {
        if self.is_keyed(record) {
            return Judgement::About { ignored: false };
        }
        let value = record.value.unwrap_or_default();
        if !self.needles.are_in(value) {
            return Judgement::Clear;
        }
        let mended = serde_json::from_slice::<Value>(value)
            .ok()
            .and_then(|mut value| {
                let done = self.needles.redact(&mut value) == Redaction::Done;
                done.then(|| serde_json::to_vec(&value).ok()).flatten()
            });
        match mended {
            Some(bytes) if !self.needles.are_in(&bytes) => Judgement::Mentions(bytes.into()),
            _ if own_topic => Judgement::About { ignored: false },
            _ => self.stubborn(false),
        }
    }
}
