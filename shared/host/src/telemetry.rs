//! Logs as JSON lines and metrics in CloudWatch's embedded format, both on standard output.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::Settings;

/// Whether standard output is a function's log: in a tool that borrows a function's code it is not.
static LOGGING_STARTED: AtomicBool = AtomicBool::new(false);

/// The namespace of polelake's own metrics.
const METRIC_NAMESPACE: &str = "polelake";

/// Whether a small deployment is watched: fewer series, because each costs as much as a million
/// requests.
static WATCHES_LITTLE: AtomicBool = AtomicBool::new(false);

/// The name of the deployment: an account may have several, whose metrics must not be one.
static STACK: OnceLock<String> = OnceLock::new();

/// The metrics of a small deployment: those of its alarms, and three by which an operator sees that
/// it works: what landed, what a merge left behind, what is unusual. All other counts are in
/// receipts and reports.
const SMALL_METRICS: [&str; 12] = [
    "records_landed",
    "landing_failed",
    "landing_wait_seconds",
    "messages_missing",
    "offset_gaps",
    "records_quarantined",
    "raw_objects_behind",
    "derived_steps_failed",
    "rules_passed",
    "rules_failed",
    "unusual_metrics",
    "reconciliation_open",
];

/// Reads how much is watched: `WATCHING` is `full`, as without it, or `small`. Small metrics have
/// the dimensions `stack` and `function` alone, and are those for which there is an alarm. `STACK`
/// is the value of the dimension `stack`, which metrics have where it is set.
pub fn choose_metrics(settings: &mut Settings) {
    let watching = settings.choice("WATCHING", &["full", "small"]);
    WATCHES_LITTLE.store(watching == "small", Ordering::Relaxed);
    if let Some(stack) = settings.optional_text("STACK") {
        STACK.get_or_init(|| stack);
    }
}

/// The name of the deployment; none where it has none, as on a developer's machine.
pub fn stack_name() -> Option<&'static str> {
    STACK.get().map(String::as_str)
}

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

    let (mut dimensions, written) = match WATCHES_LITTLE.load(Ordering::Relaxed) {
        true => small_metrics(namespace, dimensions, values),
        false => (dimensions.to_vec(), written_values(dimensions, values)),
    };
    if !written.is_empty() {
        add_stack(namespace, &mut dimensions, stack_name());
        println!("{}", format_emf_line(namespace, &dimensions, &written));
    }
}

/// Names and values, of dimensions or of metrics.
type Named<'v, T> = Vec<(&'v str, T)>;

/// The values without those that are left out when they are 0.
fn written_values<'v>(dimensions: &[(&str, &str)], values: &[(&'v str, u64)]) -> Named<'v, u64> {
    let leaves_out_zero = dimensions
        .iter()
        .any(|(name, _)| ["source", "topic"].contains(name));
    let values = values.iter().copied();
    values
        .filter(|(_, value)| *value > 0 || !leaves_out_zero)
        .collect()
}

/// What a small deployment writes of them: sums of all sources, topics and tables, of the metrics
/// that have an alarm.
fn small_metrics<'v>(
    namespace: &str,
    dimensions: &[(&'v str, &'v str)],
    values: &[(&'v str, u64)],
) -> (Named<'v, &'v str>, Named<'v, u64>) {
    let function = dimensions.iter().copied();
    let function = function.filter(|(name, _)| *name == "function").collect();
    let mut written = written_values(dimensions, values);
    written.retain(|(name, _)| namespace == METRIC_NAMESPACE && SMALL_METRICS.contains(name));
    (function, written)
}

/// Adds the dimension `stack` to those of polelake's own metrics. Other services have dimensions of
/// their own.
fn add_stack<'v>(namespace: &str, dimensions: &mut Named<'v, &'v str>, stack: Option<&'v str>) {
    if let Some(stack) = stack.filter(|_| namespace == METRIC_NAMESPACE) {
        dimensions.insert(0, ("stack", stack));
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

    #[test]
    fn a_small_deployment_writes_sums_that_have_an_alarm() {
        let dimensions = [("function", "raw-landing"), ("topic", "t")];
        let values = [
            ("records_landed", 3),
            ("messages_landed", 2),
            ("offset_gaps", 0),
        ];
        let (dimensions, written) = small_metrics(METRIC_NAMESPACE, &dimensions, &values);
        assert_eq!(dimensions, [("function", "raw-landing")]);
        assert_eq!(written, [("records_landed", 3)]);

        let glue = small_metrics("Glue Data Quality", &[], &[("rules_passed", 1)]);
        assert!(glue.1.is_empty());
    }

    #[test]
    fn own_metrics_name_their_stack_and_those_of_other_services_do_not() {
        let mut own = vec![("function", "raw-landing")];
        add_stack(METRIC_NAMESPACE, &mut own, Some("prod"));
        assert_eq!(own, [("stack", "prod"), ("function", "raw-landing")]);

        let mut unnamed = vec![("function", "raw-landing")];
        add_stack(METRIC_NAMESPACE, &mut unnamed, None);
        assert_eq!(unnamed, [("function", "raw-landing")]);

        let mut of_glue = vec![("EvaluationContext", "person")];
        add_stack("Glue Data Quality", &mut of_glue, Some("prod"));
        assert_eq!(of_glue, [("EvaluationContext", "person")]);
    }

    #[test]
    fn a_zero_of_the_day_is_a_value_and_one_of_a_source_is_none() {
        let values = [("reconciliation_open", 0), ("rules_failed", 1)];
        assert_eq!(written_values(&[("function", "f")], &values), values);
        let of_source = written_values(&[("function", "f"), ("source", "s")], &values);
        assert_eq!(of_source, [("rules_failed", 1)]);
    }
}
