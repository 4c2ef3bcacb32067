//! What needs attention: each item names its object, what is with it, and the next command.

use lake::Day;
use serde::Serialize;

use super::StatusRequest;
use super::events_queue_status::{EventsQueueAnswer, EventsQueueStatus};
use super::source_status::SourceStatus;
use super::table_status::TableStatus;
use crate::audit::audit_erasures;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// How long records may wait before their hop needs attention, in milliseconds: landing and the
/// transform take seconds, or minutes when much arrives at once.
const WAIT_MAX_MILLIS: i64 = 15 * 60 * 1_000;

/// The object of what is about the events queue.
const EVENTS_QUEUE: &str = "events queue";

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AttentionItem {
    /// The table, the source or the object that it is about.
    pub object: String,
    /// What is with it.
    pub what: String,
    /// What to do about it, with the command.
    pub next: String,
}

/// Collects what needs attention.
pub(super) struct AttentionFinder<'r> {
    request: &'r StatusRequest,
    items: Vec<AttentionItem>,
}

impl<'r> AttentionFinder<'r> {
    pub(super) async fn find(
        lake: &LakeHandle,
        request: &'r StatusRequest,
        tables: &[TableStatus],
        sources: &[SourceStatus],
    ) -> Result<Vec<AttentionItem>, OperationError> {
        let mut finder = Self {
            request,
            items: Vec::new(),
        };
        finder.find_in_tables(tables);
        for source in sources {
            finder.find_in_source(source);
        }
        finder.find_in_events_queue(sources);
        finder.find_dead_letters();

        let mut erasures = Vec::new();
        audit_erasures(lake, &mut erasures).await?;
        for finding in erasures {
            finder.add(finding.object, finding.what, finding.next);
        }
        for object in lake.unreadable.take() {
            let what = format!("cannot be read: {}", object.cause);
            finder.add(object.object, what, object.next);
        }
        Ok(finder.items)
    }

    fn add(&mut self, object: impl Into<String>, what: impl Into<String>, next: impl Into<String>) {
        self.items.push(AttentionItem {
            object: object.into(),
            what: what.into(),
            next: next.into(),
        });
    }

    /// Tables whose newest day is an earlier one than that of others, and days that did not pass.
    fn find_in_tables(&mut self, tables: &[TableStatus]) {
        let merged = tables.iter().filter_map(|table| table.last_merged.as_ref());
        let Some(newest) = merged.max() else {
            return;
        };

        for table in tables {
            let object = format!("table {}", table.table);
            let merged = table.last_merged.as_ref();
            if merged != Some(newest) {
                let last = merged.map_or("has no day", String::as_str);
                let what = match merged {
                    Some(_) => format!("was merged last on {last}, others on {newest}"),
                    None => format!("{last}, others were merged on {newest}"),
                };
                let next = self.describe_run(newest);
                self.add(object.clone(), what, next);
            }
            if let Some(day) = merged.filter(|day| table.last_passing.as_ref() != Some(*day)) {
                self.add_held_back(object, table, day);
            } else if is_changed(table.contract_merged.as_deref(), &table.contract_given) {
                self.add_changed_table(object, table);
            }
        }
    }

    fn add_held_back(&mut self, object: String, table: &TableStatus, day: &str) {
        let Some(newest) = &table.newest else {
            // The manifest cannot be read, which is an item of its own.
            return;
        };
        if newest.passed {
            return;
        }

        let readers = match &table.last_passing {
            Some(passing) => format!("readers keep {passing}"),
            None => "readers see no day".to_owned(),
        };
        let next = format!(
            "{} names the rules that failed",
            self.command(&format!("snapshot show {} {day}", table.table))
        );
        self.add(object, format!("{day} did not pass: {readers}"), next);
    }

    fn add_changed_table(&mut self, object: String, table: &TableStatus) {
        let what = format!(
            "its newest day was merged under contract {}, and the contracts given have {}",
            table.contract_merged.as_deref().unwrap_or("-"),
            table.contract_given
        );
        let day = table.last_merged.as_deref().unwrap_or("DAY");
        let next = format!(
            "the next day is merged under the contracts that are deployed; {} merges this one again",
            self.command(&format!("rebuild --from {day}"))
        );
        self.add(object, what, next);
    }

    fn find_in_source(&mut self, source: &SourceStatus) {
        let object = format!("source {}", source.source);
        self.find_lag(&object, source);
        self.find_unmerged(&object, source);
        for (rule, records) in &source.open_quarantine {
            let what = format!("{records} refused records are open under {rule}");
            let which = format!("--source {} --rule {rule}", source.source);
            let next = format!(
                "{}; correct the contract or the mapping, then {}",
                self.command(&format!("quarantine show {which}")),
                self.command(&format!("quarantine redrive {which}"))
            );
            self.add(object.clone(), what, next);
        }
        self.find_changed_versions(&object, source);
    }

    /// Records that wait for a hop for longer than it takes.
    fn find_lag(&mut self, object: &str, source: &SourceStatus) {
        if let Some(failure) = &source.kafka_failure {
            let next = format!(
                "reach Kafka from here, or unset its variables, then {}",
                self.command("status")
            );
            let what = format!("Kafka does not say what it holds: {failure}");
            self.add(object, what, next);
        }

        if let Some(refusal) = &source.topic_refused {
            let next = format!("{}, then {}", refusal.next, self.command("status"));
            self.add(object, &refusal.what, next);
        }

        let is_idle = source
            .newest_append_age
            .is_none_or(|seconds| seconds * 1_000 > WAIT_MAX_MILLIS);
        if let Some(records) = source.not_landed.filter(|records| *records > 0 && is_idle) {
            let what = format!("Kafka holds {records} records that have not landed");
            let next = if self.request.on_aws {
                format!(
                    "{}; docs/runbook.md, Kafka to raw",
                    self.command("smoke --url URL")
                )
            } else {
                "they land while the platform runs: `polelake up`, then `polelake status`".into()
            };
            self.add(object, what, next);
        }

        let waited = source
            .waits_since
            .is_none_or(|since| self.request.now_millis - since > WAIT_MAX_MILLIS);
        if let Some(first) = source.first_not_transformed.as_ref().filter(|_| waited) {
            let count = source.not_transformed;
            let what = format!("{count} raw objects are not transformed; the first is {first}");
            let next = format!(
                "{} again in a minute; where they stay, send their notifications again \
                 (docs/runbook.md, Redrive dead letters)",
                self.command("status")
            );
            self.add(object, what, next);
        }
    }

    /// A day that has ended, and has records that no snapshot holds.
    fn find_unmerged(&mut self, object: &str, source: &SourceStatus) {
        let today = Day::from_micros(self.request.now_millis * 1_000).to_string();
        let since = source.not_merged_since.as_ref();
        if let Some(since) = since.filter(|since| **since < today) {
            let what = format!("records from {since} on are in no snapshot");
            let next = self.describe_run(since);
            self.add(object, what, next);
        }
    }

    fn find_changed_versions(&mut self, object: &str, source: &SourceStatus) {
        let versions = &source.versions;
        let is_contract = is_changed(
            versions.contract_applied.as_deref(),
            &versions.contract_given,
        );
        let is_mapping = is_changed(versions.mapping_applied.as_deref(), &versions.mapping_given);
        if !is_contract && !is_mapping {
            return;
        }

        let what = format!(
            "its newest records were read under contract {} and mapping {}; the contracts given \
             have {} and {}",
            versions.contract_applied.as_deref().unwrap_or("-"),
            versions.mapping_applied.as_deref().unwrap_or("-"),
            versions.contract_given,
            versions.mapping_given
        );
        let deploy = if self.request.on_aws {
            "deploy the contracts"
        } else {
            "restart `polelake up` with the contracts"
        };
        let next = format!(
            "{deploy}, for the records to come; {} reads earlier ones again",
            self.command("rebuild --raw --from DAY")
        );
        self.add(object, what, next);
    }

    /// Events that were accepted and do not land.
    fn find_in_events_queue(&mut self, sources: &[SourceStatus]) {
        let counts = match &self.request.events_queue {
            Some(EventsQueueAnswer::Counts(counts)) => *counts,
            Some(EventsQueueAnswer::Failure { failure }) => return self.add_unknown_queue(failure),
            None => return,
        };
        if counts.given_up() > 0 {
            self.add_given_up_messages(counts.given_up());
        }
        if counts.unlanded() > 0 && has_waited(&counts, sources) {
            self.add_unlanded_messages(&counts);
        }
    }

    fn add_unknown_queue(&mut self, failure: &str) {
        let what = format!("it does not say what it holds: {failure}");
        let next = match self.request.on_aws {
            true => format!(
                "correct EVENTS_QUEUE_URL, or grant this role `sqs:GetQueueAttributes` on the queue \
                 and on that of its dead letters, then {}",
                self.command("status")
            ),
            false => "end the platform that runs, and start it again with `polelake up`".to_owned(),
        };
        self.add(EVENTS_QUEUE, what, next);
    }

    fn add_given_up_messages(&mut self, count: u64) {
        let what = format!(
            "{count} messages were given up after their tries: their events are not landed"
        );
        let next = match self.request.on_aws {
            true => {
                "raw-landing's log names the message and the cause; correct it, and redrive the \
                     queue within 14 days (docs/runbook.md, Redrive dead letters)"
            }
            false => {
                "`logs/raw-landing.log` in the platform's folder names the message and the \
                      cause; when it is gone, end the platform, move the files of \
                      `queues/events/dead` to `queues/events`, and start it again: `polelake up`"
            }
        };
        self.add(EVENTS_QUEUE, what, next);
    }

    fn add_unlanded_messages(&mut self, counts: &EventsQueueStatus) {
        let since = match counts.oldest_age {
            Some(age) => format!("the oldest for {} minutes", age / 60),
            None => "and nothing of the queue has landed for 15 minutes".to_owned(),
        };
        let what = format!(
            "{} messages wait and {} are in flight, {since}",
            counts.waiting, counts.in_flight
        );
        let next = match self.request.on_aws {
            true => format!(
                "{} again when a landing was due; where they stay: docs/runbook.md, The events \
                 queue to raw",
                self.command("status")
            ),
            false => "they land while the platform runs: `polelake up`, then `polelake status`; \
                      where they stay, `logs/raw-landing.log` in its folder says why"
                .to_owned(),
        };
        self.add(EVENTS_QUEUE, what, next);
    }

    /// Dead letters of the other queues.
    fn find_dead_letters(&mut self) {
        let counts = self.request.events_queue.as_ref();
        let of_events = counts.and_then(EventsQueueAnswer::counts);
        let of_events = of_events.map_or(0, EventsQueueStatus::given_up);
        let others = self
            .request
            .dead_letters
            .map(|all| all.saturating_sub(of_events));
        if let Some(count) = others.filter(|count| *count > 0) {
            let what = format!("{count} messages were given up after their tries");
            let next = "the functions' logs in the platform's folder say why; `polelake audit` \
                        names the raw objects that were not transformed";
            self.add("dead letters", what, next);
        }
    }

    /// A command of this lake, as it is typed.
    fn command(&self, words: &str) -> String {
        let place = if self.request.on_aws { " --aws" } else { "" };
        format!("`polelake {words}{place}`")
    }

    /// How a day is merged and reported.
    fn describe_run(&self, day: &str) -> String {
        if self.request.on_aws {
            return format!(
                "invoke snapshot-merge and quality-report with {{\"date\": \"{day}\"}} \
                 (docs/runbook.md, Run a day again), then `polelake status --aws`"
            );
        }
        format!("`polelake run-day {day}`, and the days behind it in their order")
    }
}

/// Whether messages wait for longer than a landing takes. Where the queue does not tell the age of
/// the oldest, what it brought last is looked at.
fn has_waited(counts: &EventsQueueStatus, sources: &[SourceStatus]) -> bool {
    let is_long = |seconds: i64| seconds * 1_000 > WAIT_MAX_MILLIS;
    if let Some(age) = counts.oldest_age {
        return is_long(age);
    }
    let ages = sources.iter().filter_map(|source| source.newest_queue_age);
    ages.min().is_none_or(is_long)
}

/// Whether a version was applied that is not the one given.
fn is_changed(applied: Option<&str>, given: &str) -> bool {
    applied.is_some_and(|applied| applied != given)
}
