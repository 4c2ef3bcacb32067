//! What a backfill did, as people and programs are told of it.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{CliError, DetailedError, describe_causes};

/// What a run did.
#[derive(Default)]
pub(super) struct BackfillOutcome {
    pub(super) read: u64,
    pub(super) skipped: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) unreadable: u64,
    pub(super) unchanged_pages: u64,
    pub(super) reasons: BTreeMap<String, ReasonRecords>,
}

/// Places of refused records that are shown of each reason.
const PLACES_SHOWN: usize = 5;

/// The records that the API refused for one reason.
#[derive(Debug, Default, Serialize)]
pub(super) struct ReasonRecords {
    records: u64,
    /// Where the first of them stand: file, and row or record.
    places: Vec<String>,
}

impl ReasonRecords {
    /// Adds records, of which the first stand at these places.
    pub(super) fn add(&mut self, records: u64, places: impl Iterator<Item = String>) {
        self.records += records;
        let missing = PLACES_SHOWN.saturating_sub(self.places.len());
        self.places.extend(places.take(missing));
    }

    fn describe_places(&self) -> String {
        let more = self.records.saturating_sub(self.places.len() as u64);
        let shown = self.places.join(", ");
        match (shown.as_str(), more) {
            ("", _) => String::new(),
            (shown, 0) => format!(" ({shown})"),
            (shown, more) => format!(" ({shown} and {more} more)"),
        }
    }
}

impl BackfillOutcome {
    /// Why the run ended before its time, how far it came, and how it goes on.
    pub(super) fn describe_break(&self, origin: &dyn Display, error: CliError) -> CliError {
        if self.read == 0 {
            return error;
        }
        let message = format!(
            "{}; the backfill of {origin} broke off: {}; the same command continues where it \
             stopped",
            describe_causes(error.as_ref()),
            self.describe_counts()
        );
        Box::new(DetailedError::new(message, self.counts_json()))
    }

    /// What an interruption says while the platform works on what was sent.
    pub(super) fn describe_all_sent(&self) -> String {
        format!(
            "all records are sent: {}; the platform transforms those that wait when it runs",
            self.describe_counts()
        )
    }

    pub(super) fn describe_counts(&self) -> String {
        let earlier = match self.skipped {
            0 => String::new(),
            skipped => format!(" after {skipped} of an earlier run"),
        };
        format!(
            "{} records are read{earlier}, {} accepted, {} refused",
            self.read, self.accepted, self.refused
        )
    }

    /// The counts of a run that has not ended.
    pub(super) fn counts_json(&self) -> Map<String, Value> {
        let counts = [
            ("read", self.read),
            ("accepted", self.accepted),
            ("refused", self.refused),
        ];
        let named = counts.map(|(name, count)| (name.to_owned(), json!(count)));
        named.into_iter().collect()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "read": self.read,
            "skipped": self.skipped,
            "accepted": self.accepted,
            "refused": self.refused,
            "not_sent": self.unreadable,
            "unchanged_pages": self.unchanged_pages,
            "reasons": self.reasons,
        })
    }

    pub(super) fn print(&self) {
        println!(
            "{} records read, {} accepted, {} refused, {} could not be sent",
            self.read, self.accepted, self.refused, self.unreadable
        );
        if self.skipped > 0 {
            println!(
                "{} records were sent by an earlier run; --restart sends them again",
                self.skipped
            );
        }
        if self.unchanged_pages > 0 {
            println!("{} pages have not changed", self.unchanged_pages);
        }
        for (reason, refused) in &self.reasons {
            let places = refused.describe_places();
            println!("{:8} refused: {reason}{places}", refused.records);
        }
    }
}
