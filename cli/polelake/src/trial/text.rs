//! A trial as people read it in a terminal.

use std::fmt::Write;

use event_relay::EVENTS_MAX;

use super::{SourceTrial, TrialOutcome, TriedEvent};
use crate::sampled_event::{LoneState, SampledRow};
use crate::samples::write_row;

/// The trial as text: each event with its outcome and its rows.
pub(crate) fn trial_text(trial: &SourceTrial) -> String {
    let mut text = String::new();
    for event in &trial.events {
        write_event(event, &mut text);
        text.push('\n');
    }
    text
}

/// What became of all events, in a line.
pub(crate) fn trial_summary(trial: &SourceTrial) -> String {
    let labels = ["accepted", "ignored", "not-sent", "refused", "quarantined"];
    let counts: Vec<String> = labels
        .iter()
        .map(|label| (trial.count(label), label.replace('-', " ")))
        .filter(|(count, _)| *count > 0)
        .map(|(count, label)| format!("{count} {label}"))
        .collect();
    let count = match trial.events.len() {
        1 => "1 event".to_owned(),
        count => format!("{count} events"),
    };
    let tried = format!("{count} tried: {}", counts.join(", "));
    match trial.is_cut {
        true => format!("{tried}. There are more: a trial ends after {EVENTS_MAX}"),
        false => tried,
    }
}

fn write_event(event: &TriedEvent, out: &mut String) {
    let _ = write!(out, "{}", event.name);
    if let Some(kind) = &event.kind {
        let _ = write!(out, ", {kind}");
    }
    if let Some(key) = &event.key {
        let _ = write!(out, ", record {key}");
    }
    let _ = writeln!(out, ": {}", outcome_text(event));
    for (title, what) in &event.findings {
        let _ = writeln!(out, "  {title}: {what}");
    }
    write_tables(&event.rows, out);
    if let Some(state) = &event.state {
        write_state(event, state, out);
    }
}

fn outcome_text(event: &TriedEvent) -> String {
    match &event.outcome {
        TrialOutcome::Accepted => match event.rows.len() {
            1 => "accepted, 1 row".to_owned(),
            rows => format!("accepted, {rows} rows"),
        },
        TrialOutcome::Ignored => "ignored, as the contract declares its type".to_owned(),
        TrialOutcome::Unsent(why) => format!("NOT SENT: {why}"),
        TrialOutcome::Refused(refusal) => format!(
            "REFUSED by the API ({} {}): {}",
            refusal.status, refusal.rule, refusal.detail
        ),
        TrialOutcome::Quarantined(fault) => format!(
            "QUARANTINED ({}): {}: {}",
            fault.rule, fault.path, fault.reason
        ),
    }
}

/// Writes the rows below their tables.
fn write_tables(rows: &[SampledRow], out: &mut String) {
    let mut before = None;
    for (table, row) in rows {
        if before == Some(table) {
            out.push('\n');
        } else {
            let _ = writeln!(out, "  {table}");
        }
        write_row(row, "    ", out);
        before = Some(table);
    }
}

/// Writes the rows of the event's record where no other event states it, unless they are those that
/// stand above.
fn write_state(event: &TriedEvent, state: &LoneState, out: &mut String) {
    for fault in &state.withheld {
        let _ = writeln!(
            out,
            "  withheld, until another event makes the record fit ({}): {}: {}",
            fault.rule, fault.path, fault.reason
        );
    }
    let heading = "  state rows, of this event alone:";
    if state.rows.is_empty() {
        let _ = writeln!(out, "{heading} none");
    } else if event.is_restated_by(state) {
        let _ = writeln!(out, "{heading} as above, with the record as owner_id");
    } else {
        let _ = writeln!(out, "{heading}");
        write_tables(&state.rows, out);
    }
}
