//! What the samples of a source show to be wrong with its contract: a key that does not tell
//! records apart, and a time that no sample has.

use std::collections::BTreeMap;
use std::path::Path;

use contract::{
    Catalogue, CompiledMapping, EvaluatedEvent, Event, EventFault, Location, Problem, ProblemLevel,
    SourceContract, render_json,
};
use pole::{IdentityKey, RowOperation};

use crate::error::CliError;
use crate::samples::{SampleEvent, contract_folders, read_sample_events};

/// Every problem that the samples below `contracts` show.
///
/// # Errors
/// When the samples cannot be read.
pub fn find_sample_problems(
    catalogue: &Catalogue,
    contracts: &Path,
) -> Result<Vec<Problem>, CliError> {
    let folders = contract_folders(contracts)?;
    let mut problems = Vec::new();
    for mapping in &catalogue.mappings {
        let Some(folder) = folders.get(&mapping.contract.name) else {
            continue;
        };
        let samples = read_sample_events(&mapping.contract, &folder.join("samples"))?;
        let parsed: Vec<(&SampleEvent, Result<Event, EventFault>)> = samples
            .iter()
            .map(|sample| (sample, Event::parse(&mapping.contract, &sample.bytes, None)))
            .collect();
        problems.extend(find_timeless_source(&parsed, contracts));
        problems.extend(find_repeated_keys(mapping, &parsed, contracts));
    }
    Ok(problems)
}

/// A source of which no sample has a time that can be read.
fn find_timeless_source(
    parsed: &[(&SampleEvent, Result<Event, EventFault>)],
    contracts: &Path,
) -> Option<Problem> {
    let mut faults = parsed.iter().map(|(sample, event)| {
        let fault = event
            .as_ref()
            .err()
            .filter(|fault| fault.rule == "event.time");
        fault.map(|fault| (*sample, fault))
    });
    let (sample, fault) = faults.next().flatten()?;
    if !faults.all(|fault| fault.is_some()) {
        return None;
    }
    let message = format!(
        "`event_time` reads no sample's time at {}: {}; declare how the source writes it, with \
         `parse` or `epoch`",
        fault.path, fault.reason
    );
    Some(sample_problem(sample, contracts, message))
}

/// A state of a record in a sample.
struct SampledState<'s> {
    sample: &'s SampleEvent,
    event: &'s Event,
    content: String,
}

/// Two rows of one file with one key, of which only one would be kept.
///
/// Events with ids of their own, and states that a time or version orders, are changes of one
/// record, and so are samples that lie in files of their own.
fn find_repeated_keys(
    mapping: &CompiledMapping,
    parsed: &[(&SampleEvent, Result<Event, EventFault>)],
    contracts: &Path,
) -> Option<Problem> {
    if mapping.contract.has_event_ids() {
        return None;
    }
    let mut states: BTreeMap<(&Path, &str, &str), Vec<SampledState<'_>>> = BTreeMap::new();
    for (sample, event) in parsed {
        let Ok(event) = event else { continue };
        if sample.line == 0 || !states_whole_record(mapping, event) {
            continue;
        }
        let known = states
            .entry((&sample.file, &event.kind, &event.key))
            .or_default();
        let state = SampledState {
            sample,
            event,
            content: render_json(&event.value),
        };
        if let Some(other) = known.iter().find(|other| is_unordered(other, &state)) {
            let message = repeated_key_message(&mapping.contract, other, &state);
            return Some(sample_problem(sample, contracts, message));
        }
        known.push(state);
    }
    None
}

/// Whether the event states its record's row in full.
fn states_whole_record(mapping: &CompiledMapping, event: &Event) -> bool {
    let key = IdentityKey::for_tests();
    let Ok(EvaluatedEvent::Rows(rows)) = mapping.evaluate(event, &key) else {
        return false;
    };
    let mut own = rows.iter().filter(|row| row.owner_set.is_none());
    own.any(|row| row.versioned && row.op == RowOperation::Upsert)
}

/// Whether neither a version nor a time says which of two states is the later one. Equal states of
/// one stated time are one event that came twice.
fn is_unordered(one: &SampledState<'_>, other: &SampledState<'_>) -> bool {
    let moment = |event: &Event| (event.version, event.time, event.time_nanos);
    let is_timed = one.event.is_time_stated && other.event.is_time_stated;
    moment(one.event) == moment(other.event) && !(is_timed && one.content == other.content)
}

fn repeated_key_message(
    contract: &SourceContract,
    one: &SampledState<'_>,
    other: &SampledState<'_>,
) -> String {
    let paths = contract.key_paths().join(", ");
    let (found, copy) = if one.content == other.content {
        let copy = "If one is a copy, delete it from the sample, and count the trailer anew. ";
        ("two equal rows", copy)
    } else {
        ("two different rows", "")
    };
    format!(
        "rows {} and {} of the file are {found} with one key ({paths}) and nothing that says which \
         is later: one of them would be lost. {copy}Add to `key` what tells them apart; for rows \
         without a key, `row-number` in `backfill.key`; if the record changes over time, declare \
         its `event_time` or `version`, or give each state a sample file of its own",
        one.sample.line, other.sample.line
    )
}

fn sample_problem(sample: &SampleEvent, contracts: &Path, message: String) -> Problem {
    let file = sample.file.strip_prefix(contracts).unwrap_or(&sample.file);
    Problem {
        file: file.to_string_lossy().into_owned(),
        location: Location {
            line: sample.line,
            column: usize::from(sample.line > 0),
        },
        message,
        level: ProblemLevel::Error,
    }
}
