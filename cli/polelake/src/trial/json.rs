//! A trial as JSON, for programs and for the page of `polelake up`.

use contract::EventFault;
use serde_json::{Map, Value, json};

use super::{SourceTrial, TrialOutcome, TriedEvent};
use crate::sampled_event::SampledRow;
use crate::samples::shown_columns;

/// The trial as JSON.
pub(crate) fn trial_json(trial: &SourceTrial) -> Value {
    let events: Vec<Value> = trial.events.iter().map(event_json).collect();
    json!({
        "source": trial.source,
        "events": events,
        "accepted": trial.count("accepted"),
        "ignored": trial.count("ignored"),
        "not_sent": trial.count("not-sent"),
        "refused": trial.count("refused"),
        "quarantined": trial.count("quarantined"),
        "is_cut": trial.is_cut,
    })
}

fn event_json(event: &TriedEvent) -> Value {
    let findings: Vec<Value> = event
        .findings
        .iter()
        .map(|(title, what)| json!({"finding": title, "path": what}))
        .collect();
    let state = event.state.as_ref().map(|state| {
        let withheld: Vec<Value> = state.withheld.iter().map(fault_json).collect();
        json!({
            "tables": tables_json(&state.rows),
            "restates_rows": event.is_restated_by(state),
            "withheld": withheld,
        })
    });
    json!({
        "name": event.name,
        "type": event.kind,
        "key": event.key,
        "outcome": event.outcome.label(),
        "problem": problem_json(&event.outcome),
        "findings": findings,
        "tables": tables_json(&event.rows),
        "state": state,
    })
}

/// Why an event becomes no rows; null where nothing is wrong.
fn problem_json(outcome: &TrialOutcome) -> Value {
    match outcome {
        TrialOutcome::Accepted | TrialOutcome::Ignored => Value::Null,
        TrialOutcome::Unsent(why) => json!({"reason": why}),
        TrialOutcome::Refused(refusal) => json!({
            "status": refusal.status, "rule": refusal.rule, "reason": refusal.detail,
        }),
        TrialOutcome::Quarantined(fault) => fault_json(fault),
    }
}

fn fault_json(fault: &EventFault) -> Value {
    json!({"rule": fault.rule, "path": fault.path, "reason": fault.reason})
}

/// The rows by table.
fn tables_json(rows: &[SampledRow]) -> Value {
    let mut tables: Map<String, Value> = Map::new();
    for (table, row) in rows {
        let row: Map<String, Value> = shown_columns(row)
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let rows = tables.entry(table.as_str()).or_insert_with(|| json!([]));
        if let Some(rows) = rows.as_array_mut() {
            rows.push(row.into());
        }
    }
    tables.into()
}
