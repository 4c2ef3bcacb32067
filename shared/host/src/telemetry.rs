//! Logs as JSON lines and metrics in CloudWatch's embedded format, both on standard output.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

/// Whether standard output is a function's log: in a tool that borrows a function's code it is not.
static LOGGING_STARTED: AtomicBool = AtomicBool::new(false);

/// The namespace of polelake's own metrics.
const METRIC_NAMESPACE: &str = "polelake";

/// Starts the log, at `level` (such as `info`); a second call does nothing.
pub fn init_telemetry(level: Option<&str>) {
    let filter =
        EnvFilter::try_new(level.unwrap_or("info")).unwrap_or_else(|_| EnvFilter::new("info"));
    // CloudWatch adds the time itself.
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .without_time()
        .with_target(false);
    // An error means that a subscriber is set already, as in tests.
    drop(subscriber.with_current_span(false).try_init());
    LOGGING_STARTED.store(true, Ordering::Relaxed);
}

/// Writes metrics of one function in the embedded metric format: CloudWatch reads them from the
/// log.
///
/// `dimensions` are few-valued names such as topic or table; `values` are counts. A count of zero
/// of a source or a topic is left out: CloudWatch charges for each series and hour with a value,
/// and most of these counts are of rare cases. A missing count is 0.
pub fn emit_metric(dimensions: &[(&str, &str)], values: &[(&str, u64)]) {
    emit_metric_in(METRIC_NAMESPACE, dimensions, values);
}

/// The same in another namespace, such as that of a service whose alarms and dashboards also read
/// these metrics.
pub fn emit_metric_in(namespace: &str, dimensions: &[(&str, &str)], values: &[(&str, u64)]) {
    if !LOGGING_STARTED.load(Ordering::Relaxed) {
        return;
    }

    let leaves_out_zero = dimensions
        .iter()
        .any(|(name, _)| ["source", "topic"].contains(name));
    let written: Vec<(&str, u64)> = values
        .iter()
        .copied()
        .filter(|(_, value)| *value > 0 || !leaves_out_zero)
        .collect();
    if !written.is_empty() {
        println!("{}", format_emf_line(namespace, dimensions, &written));
    }
}

fn format_emf_line(namespace: &str, dimensions: &[(&str, &str)], values: &[(&str, u64)]) -> Value {
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();

    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let metrics: Vec<Value> = values
        .iter()
        .map(|(name, _)| json!({"Name": name, "Unit": "Count"}))
        .collect();
    let mut line = json!({"_aws": {
        "Timestamp": u64::try_from(millis).unwrap_or(u64::MAX),
        "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [names], "Metrics": metrics}],
    }});

    for (name, value) in dimensions {
        line[*name] = json!(value);
    }
    for (name, value) in values {
        line[*name] = json!(value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_declared_and_given() {
        let line = format_emf_line(
            METRIC_NAMESPACE,
            &[("topic", "t")],
            &[("records_landed", 3)],
        );
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Namespace"],
            "polelake"
        );
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["topic"]])
        );
        assert_eq!(line["records_landed"], 3);
    }

    #[test]
    fn another_services_namespace_has_its_own_names() {
        let dimensions = [("EvaluationContext", "person")];
        let mut line = format_emf_line(
            "Glue Data Quality",
            &dimensions,
            &[("glue.data.quality.rules.passed", 12)],
        );
        line["_aws"]["Timestamp"] = json!(0);
        let text = "{\"EvaluationContext\":\"person\",\"_aws\":{\"CloudWatchMetrics\":[{\"Dimensions\":[[\"EvaluationContext\"]],\"Metrics\":[{\"Name\":\"glue.data.quality.rules.passed\",\"Unit\":\"Count\"}],\"Namespace\":\"Glue Data Quality\"}],\"Timestamp\":0},\"glue.data.quality.rules.passed\":12}";
        assert_eq!(line.to_string(), text);
    }
}
