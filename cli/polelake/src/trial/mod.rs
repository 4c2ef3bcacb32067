//! What the events or rows of a file become, without sending them: each passes the checks of the
//! HTTP API and the transform, and nothing of it is kept.

mod folder_trial;
mod input;
mod json;
mod text;

use contract::{Catalogue, CompiledMapping, Event, EventFault, EventOp, SourceContract};
use event_relay::check::{EventRefusal, add_trial_state, check_event};

pub(crate) use self::folder_trial::FolderTrial;
pub(crate) use self::input::{TrialContent, TrialEvent, read_trial_events};
pub(crate) use self::json::trial_json;
pub(crate) use self::text::{trial_summary, trial_text};
use crate::error::CliError;
use crate::sampled_event::{LoneState, SampledRow, sample_event, sample_state};
use crate::samples::receipt_findings;

/// The name of the request in which events without an id of their own are tried.
const TRIAL_REQUEST: &str = "trial";

/// How a content is tried.
#[derive(Debug)]
pub(crate) struct TrialOptions {
    /// Whether JSON is read as records of a file, and not as events.
    pub(crate) as_records: bool,
    /// The state that the relay would fetch for each event, where a person gives it.
    pub(crate) state: Option<Vec<u8>>,
}

/// What the events of one file or text become.
#[derive(Debug)]
pub(crate) struct SourceTrial {
    pub(crate) source: String,
    pub(crate) events: Vec<TriedEvent>,
    /// Whether there are more events, which were not tried.
    pub(crate) is_cut: bool,
}

/// What one event becomes.
#[derive(Debug)]
pub(crate) struct TriedEvent {
    /// Where it stands.
    pub(crate) name: String,
    /// Its type and the key of its record, where they could be read.
    pub(crate) kind: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) outcome: TrialOutcome,
    /// What costs no record: fields that are not declared, codes that are not listed.
    pub(crate) findings: Vec<(&'static str, String)>,
    /// The rows that it gives alone.
    pub(crate) rows: Vec<SampledRow>,
    /// Of a source with patches, the rows of its record where no other event states it.
    pub(crate) state: Option<LoneState>,
}

/// Whether an event becomes rows, and why not.
#[derive(Debug)]
pub(crate) enum TrialOutcome {
    /// It becomes its rows.
    Accepted,
    /// Its type is declared as `ignore`.
    Ignored,
    /// The record of a file becomes no event.
    Unsent(String),
    /// The API refuses it.
    Refused(EventRefusal),
    /// The API accepts it, and the transform sends it to quarantine.
    Quarantined(EventFault),
}

impl TrialOutcome {
    /// The outcome in one word.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Unsent(_) => "not-sent",
            Self::Refused(_) => "refused",
            Self::Quarantined(_) => "quarantined",
        }
    }

    /// Whether nothing of the event is lost.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self, Self::Accepted | Self::Ignored)
    }
}

impl SourceTrial {
    /// How many events have an outcome.
    pub(crate) fn count(&self, label: &str) -> usize {
        let events = self.events.iter();
        events
            .filter(|event| event.outcome.label() == label)
            .count()
    }

    /// Whether every event is accepted or ignored.
    pub(crate) fn is_good(&self) -> bool {
        self.events.iter().all(|event| event.outcome.is_good())
    }
}

/// Tries the events or records of a file or text as those of a source.
///
/// # Errors
/// When the text as a whole is refused, with the reason.
pub(crate) fn try_content(
    catalogue: &Catalogue,
    source: &str,
    content: TrialContent<'_>,
    options: &TrialOptions,
) -> Result<SourceTrial, CliError> {
    let mapping = catalogue.require_mapping_of_source(source)?;
    let read = read_trial_events(&mapping.contract, content, options.as_records)?;
    let now = host::now_micros() / 1_000;
    let mut events = Vec::with_capacity(read.events.len());
    for (index, event) in read.events.into_iter().enumerate() {
        let state = options.state.as_deref();
        events.push(try_event(catalogue, (mapping, state), event, (index, now))?);
    }
    Ok(SourceTrial {
        source: source.to_owned(),
        events,
        is_cut: read.is_cut,
    })
}

/// Tries one event, with its record's state where that was given, which comes `now`, in milliseconds
/// since 1970.
fn try_event(
    catalogue: &Catalogue,
    (mapping, state): (&CompiledMapping, Option<&[u8]>),
    TrialEvent { name, bytes }: TrialEvent,
    (index, now): (usize, i64),
) -> Result<TriedEvent, CliError> {
    let mut tried = TriedEvent {
        name,
        kind: None,
        key: None,
        outcome: TrialOutcome::Accepted,
        findings: Vec::new(),
        rows: Vec::new(),
        state: None,
    };
    let mut bytes = match bytes {
        Ok(bytes) => bytes,
        Err(why) => {
            tried.outcome = TrialOutcome::Unsent(why);
            return Ok(tried);
        }
    };
    match check_event(&mapping.contract, &bytes, TRIAL_REQUEST, index) {
        Ok(event) => {
            let contract = &mapping.contract;
            match state.filter(|_| fetches_state(contract, &event)) {
                Some(state) => bytes = add_trial_state(contract, &bytes, state)?,
                None => tried.note_unfetched_state(contract, &event),
            }
            tried.note_event(event);
        }
        Err(refusal) => {
            tried.outcome = TrialOutcome::Refused(refusal);
            return Ok(tried);
        }
    }
    tried.transform(catalogue, mapping, (bytes, now))?;
    Ok(tried)
}

/// Whether the relay requests the state of the event's record.
fn fetches_state(contract: &SourceContract, event: &Event) -> bool {
    let op = contract.events.get(&event.kind);
    let changes = op.is_some_and(|op| !matches!(op, EventOp::Ignore | EventOp::Delete));
    changes && contract.fetch.is_some()
}

/// The column with the id of the record that a row belongs to: the merge makes it the record of the
/// event in every row of a source with patches.
const OWNER_COLUMN: &str = "owner_id";

impl TriedEvent {
    /// Whether the state rows say nothing that the event's own rows do not.
    pub(crate) fn is_restated_by(&self, state: &LoneState) -> bool {
        let is_there = |row: &SampledRow| self.rows.iter().any(|own| is_same_row(own, row));
        !state.rows.is_empty() && state.rows.iter().all(is_there)
    }

    /// Notes that the event lacks the state that the relay would add.
    fn note_unfetched_state(&mut self, contract: &SourceContract, event: &Event) {
        if !fetches_state(contract, event) {
            return;
        }
        let member = contract.state_member().unwrap_or_default();
        let what = format!(
            "the record's state, which the relay requests from the source's API and adds as \
             `{member}`: a trial requests nothing, and the rows below are made without it. \
             `--state FILE` of `polelake contract try` tries the events with the state in a file"
        );
        self.findings.push(("not fetched", what));
    }

    /// Notes what the relay reads of the event.
    fn note_event(&mut self, event: Event) {
        self.kind = Some(event.kind).filter(|kind| !kind.is_empty());
        self.key = Some(event.key);
    }

    /// Runs the event through the transform.
    fn transform(
        &mut self,
        catalogue: &Catalogue,
        mapping: &CompiledMapping,
        appended: (Vec<u8>, i64),
    ) -> Result<(), CliError> {
        let sampled = sample_event(catalogue, mapping, appended.clone())?;
        let findings = receipt_findings(&sampled.receipt);
        self.findings
            .extend(findings.map(|(title, path)| (title, path.clone())));
        self.rows = sampled.rows;
        if let Some(fault) = sampled.fault {
            self.outcome = TrialOutcome::Quarantined(fault);
        } else if sampled.receipt.ignored > 0 {
            self.outcome = TrialOutcome::Ignored;
        } else if mapping.is_patched() {
            self.state = Some(sample_state(catalogue, mapping, appended)?);
        }
        Ok(())
    }
}

/// Whether two rows are equal, whatever record owns them.
fn is_same_row((table, row): &SampledRow, (other_table, other): &SampledRow) -> bool {
    let own = |(column, _): &(&String, &String)| *column != OWNER_COLUMN;
    table == other_table && row.iter().filter(own).eq(other.iter().filter(own))
}
