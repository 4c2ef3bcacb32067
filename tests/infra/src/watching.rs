//! Who is told, and of what: alarms, and how much is watched.

use hcl::Block;

use crate::terraform::{Infra, attribute_text, nested_blocks};

/// Alarms of each small module, by the metric that they watch. Two of one metric watch different
/// things.
const ALARMS: [(&str, &[&str]); 7] = [
    ("modules/function/", &["Errors", "Throttles", "Duration"]),
    (
        "modules/queue/",
        &[
            "ApproximateNumberOfMessagesVisible",
            "ApproximateAgeOfOldestMessage",
            "ApproximateAgeOfOldestMessage",
        ],
    ),
    (
        "modules/kafka_source/",
        &[
            "OffsetLag",
            "OnFailureDestinationDeliveredEventCount",
            "DestinationDeliveryFailures",
        ],
    ),
    ("modules/http_api/", &["5xx"]),
    ("modules/function_url/", &["Url5xxCount"]),
    (
        "modules/state_machine/",
        &[
            "ExecutionsFailed",
            "ExecutionsTimedOut",
            "ExecutionsAborted",
        ],
    ),
    (
        "modules/observability/",
        &[
            // Of all functions together, with small watching.
            "Errors",
            "records_landed",
            "landing_failed",
            "landing_wait_seconds",
            "messages_missing",
            "offset_gaps",
            "records_quarantined",
            "NumberOfObjects",
            // No table was merged, and a day was merged without some objects.
            "tables_merged",
            "raw_objects_behind",
            "derived_steps_failed",
            "rows",
            "rules_passed",
            "rules_failed",
            "unusual_metrics",
            "reconciliation_open",
            "TargetErrorCount",
        ],
    ),
];

/// The small modules that watch more or less.
const WATCHING_MODULES: [&str; 7] = [
    "function",
    "queue",
    "http_api",
    "function_url",
    "kafka_source",
    "state_machine",
    "observability",
];

/// What is missing of alarms, or not told how much is watched.
pub(crate) fn check_watching(infra: &Infra, found: &mut Vec<String>) {
    check_alarms(infra, found);
    check_alarm_actions(infra, found);
    check_watching_is_told(infra, found);
}

/// Every part is told how much is watched: the default would be full.
fn check_watching_is_told(infra: &Infra, found: &mut Vec<String>) {
    for module in WATCHING_MODULES {
        for (place, block) in infra.module_calls(module) {
            if !attribute_text(block, "watching").contains("watching") {
                found.push(format!("{}: {} has no `watching`", place.file, place.name));
            }
        }
    }
}

/// The metric that an alarm watches, itself or by a formula.
fn watched_metric(alarm: &Block) -> String {
    let within = nested_blocks(alarm, "metric").into_iter();
    let names = std::iter::once(alarm)
        .chain(within)
        .map(|block| attribute_text(block, "metric_name"));
    let name = names.into_iter().find(|name| !name.is_empty());
    name.unwrap_or_default().trim_matches('"').to_owned()
}

fn alarm_metrics(infra: &Infra, folder: &str) -> Vec<String> {
    let alarms = infra.find_blocks(folder, "resource", "aws_cloudwatch_metric_alarm");
    let mut names: Vec<String> = alarms.map(|(_, block)| watched_metric(block)).collect();
    names.sort_unstable();
    names
}

/// Every alarm that there must be, and that each of them notifies the operators.
fn check_alarms(infra: &Infra, found: &mut Vec<String>) {
    for (folder, needed) in ALARMS {
        let mut there = alarm_metrics(infra, folder);
        for metric in needed {
            match there.iter().position(|name| name == metric) {
                Some(place) => drop(there.remove(place)),
                None => found.push(format!("{folder}: no alarm on {metric}")),
            }
        }
    }
    let brokers = infra.find_blocks(
        "modules/observability/",
        "resource",
        "aws_cloudwatch_metric_alarm",
    );
    if !brokers
        .into_iter()
        .any(|(_, block)| attribute_text(block, "for_each").contains("OfflinePartitionsCount"))
    {
        found.push("modules/observability/: no alarms on brokers".into());
    }
    if !alarm_metrics(infra, "snapshot-merge.tf")
        .contains(&"ApproximateNumberOfMessagesVisible".to_owned())
    {
        found.push("snapshot-merge.tf: no alarm on failed invocations".into());
    }
}

fn check_alarm_actions(infra: &Infra, found: &mut Vec<String>) {
    for (place, block) in infra.find_blocks("", "resource", "aws_cloudwatch_metric_alarm") {
        for needed in [
            "alarm_actions",
            "ok_actions",
            "alarm_description",
            "treat_missing_data",
        ] {
            if matches!(attribute_text(block, needed).as_str(), "" | "[]") {
                found.push(format!("{}: {} has no `{needed}`", place.file, place.name));
            }
        }
    }
}
