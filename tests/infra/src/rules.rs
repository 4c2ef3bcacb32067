//! What must stand in the Terraform.

use std::collections::BTreeSet;

use hcl::{Block, Expression};

use crate::FUNCTIONS;
use crate::terraform::{
    BlockLocation, Infra, attribute_text, block_labels, find_attribute, nested_blocks,
};
use crate::watching::check_watching;

/// What invokes each function: the small module or resource, and the attribute that names the
/// function.
const TRIGGERS: [(&str, &str, &str); 9] = [
    ("event-relay", "http_api", "function_name"),
    ("event-relay", "function_url", "function_name"),
    (
        "event-relay",
        "aws_lambda_event_source_mapping",
        "function_name",
    ),
    ("raw-landing", "kafka_source", "function_name"),
    (
        "raw-landing",
        "aws_lambda_event_source_mapping",
        "function_name",
    ),
    (
        "pole-transform",
        "aws_lambda_event_source_mapping",
        "function_name",
    ),
    ("raw-landing", "schedule", "target_arn"),
    ("snapshot-merge", "schedule", "target_arn"),
    ("quality-report", "schedule", "target_arn"),
];

/// What tells apart the schedules that start raw-landing: one looks for messages that are missing,
/// one empties the events queue.
const LANDING_SCHEDULES: [&str; 2] = ["Records", "empty_queue"];

/// What Scheduler puts in place of it is the time that an invocation is meant for.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// Everything that is missing or wrong.
#[must_use]
pub fn find_problems(infra: &Infra) -> Vec<String> {
    let mut found = Vec::new();
    for function in FUNCTIONS {
        check_names(infra, function, &mut found);
        check_triggers(infra, function, &mut found);
        check_failure_destinations(infra, function, &mut found);
    }
    check_batch_failure_reports(infra, &mut found);
    check_landing_schedules(infra, &mut found);
    check_watching(infra, &mut found);
    check_callers_are_signed(infra, &mut found);
    check_module_parts(infra, &mut found);
    check_schedules(infra, &mut found);
    check_bucket_guards(infra, &mut found);
    check_descriptions(infra, &mut found);
    found
}

fn snake_case(function: &str) -> String {
    function.replace('-', "_")
}

fn function_call<'i>(infra: &'i Infra, function: &str) -> Option<&'i Block> {
    let (file, label) = (format!("{function}.tf"), snake_case(function));
    let mut calls = infra.module_calls("function");
    let wanted = |place: &BlockLocation, block: &Block| {
        place.file == file && block_labels(block) == [label.clone()]
    };
    calls
        .find(|(place, block)| wanted(place, block))
        .map(|(_, block)| block)
}

/// The five names, and what every function has of its own.
fn check_names(infra: &Infra, function: &str, found: &mut Vec<String>) {
    let Some(block) = function_call(infra, function) else {
        found.push(format!("{function}.tf holds no function {function}"));
        return;
    };
    let ends = [
        ("name", format!("-{function}\"")),
        ("package", format!("/{function}.zip\"")),
    ];
    for (name, end) in ends {
        if !attribute_text(block, name).ends_with(&end) {
            found.push(format!("{function}: `{name}` does not end with {end}"));
        }
    }
    for needed in [
        "timeout",
        "memory",
        "environment",
        "statements",
        "description",
        "alert_topic_arn",
        "kms_key_arn",
        "log_retention_days",
        "architecture",
    ] {
        if find_attribute(block, needed).is_none() {
            found.push(format!("{function} has no `{needed}`"));
        }
    }
    for output in [
        "functions",
        "function_environments",
        "function_policies",
        "function_timeouts",
    ] {
        let said = infra.find_blocks("outputs.tf", "output", output).next();
        if !said.is_some_and(|(_, block)| {
            attribute_text(block, "value").contains(&format!("module.{}.", snake_case(function)))
        }) {
            found.push(format!("the output `{output}` leaves {function} out"));
        }
    }
}

/// The calls or resources that invoke a function.
fn trigger_blocks<'i>(infra: &'i Infra, kind: &'i str) -> Vec<(BlockLocation, &'i Block)> {
    if kind.starts_with("aws_") {
        infra.find_blocks("", "resource", kind).collect()
    } else {
        infra.module_calls(kind).collect()
    }
}

fn check_triggers(infra: &Infra, function: &str, found: &mut Vec<String>) {
    for (_, kind, names) in TRIGGERS.iter().filter(|(of, ..)| *of == function) {
        let own = format!("module.{}.", snake_case(function));
        let found_one = trigger_blocks(infra, kind).iter().any(|(place, block)| {
            let of_a_day =
                *kind != "schedule" || attribute_text(block, "input").contains(SCHEDULED_TIME);
            place.file == format!("{function}.tf")
                && attribute_text(block, names).contains(&own)
                && of_a_day
        });
        if !found_one {
            found.push(format!("{function} has no trigger of the kind {kind}"));
        }
    }
    if function == "pole-transform" {
        let notified = infra
            .find_blocks(
                "pole-transform.tf",
                "resource",
                "aws_s3_bucket_notification",
            )
            .any(|(_, block)| {
                nested_blocks(block, "queue")
                    .iter()
                    .any(|queue| attribute_text(queue, "queue_arn").contains("transform_queue"))
            });
        if !notified {
            found.push("the raw bucket tells no queue of new objects".into());
        }
    }
}

/// Both schedules start raw-landing.
fn check_landing_schedules(infra: &Infra, found: &mut Vec<String>) {
    for payload in LANDING_SCHEDULES {
        let scheduled = infra.module_calls("schedule").any(|(place, block)| {
            place.file == "raw-landing.tf" && attribute_text(block, "input").contains(payload)
        });
        if !scheduled {
            found.push(format!("no schedule gives raw-landing `{payload}`"));
        }
    }
}

/// A function URL is for signed requests alone, and a caller's rights do not reach past it.
fn check_callers_are_signed(infra: &Infra, found: &mut Vec<String>) {
    let folder = "modules/function_url/";
    let mut addresses = infra.find_blocks(folder, "resource", "aws_lambda_function_url");
    if !addresses.any(|(_, block)| attribute_text(block, "authorization_type") == "\"AWS_IAM\"") {
        found.push(format!("{folder}: callers need not sign"));
    }

    let rights = infra
        .find_blocks(folder, "output", "caller_statements")
        .map(|(_, block)| attribute_text(block, "value"))
        .collect::<String>();
    for condition in ["lambda:FunctionUrlAuthType", "lambda:InvokedViaFunctionUrl"] {
        if !rights.contains(condition) {
            found.push(format!("{folder}: a caller's rights lack {condition}"));
        }
    }
}

/// Where goes what failed: dead letters of a queue, a destination of a schedule or of Kafka.
fn check_failure_destinations(infra: &Infra, function: &str, found: &mut Vec<String>) {
    let Some(block) = function_call(infra, function) else {
        return;
    };
    match function {
        "event-relay" | "pole-transform" => {
            check_queue(infra, function, found);
        }
        "raw-landing" => {
            check_queue(infra, function, found);
            let mut sources = infra.module_calls("kafka_source");
            if !sources.any(|(_, block)| {
                attribute_text(block, "failures_bucket_arn").contains("failures_bucket")
            }) {
                found.push("raw-landing gives its failures bucket to no source".into());
            }
            if attribute_text(block, "behind_kafka") != "true" {
                found.push(
                    "raw-landing is behind Kafka and does not say so: nothing would hold it to 14 \
                     min"
                    .into(),
                );
            }
        }
        _ => {
            let kept = attribute_text(block, "asynchronous") == "true"
                && attribute_text(block, "failures_queue_arn").contains("failed_invocations");
            if !kept {
                found.push(format!(
                    "{function} is invoked by a schedule and keeps nothing of what failed"
                ));
            }
        }
    }
}

/// The function has a queue with dead letters.
fn check_queue(infra: &Infra, function: &str, found: &mut Vec<String>) {
    let file = format!("{function}.tf");
    let mut queues = infra
        .module_calls("queue")
        .filter(|(place, _)| place.file == file);
    if queues.next().is_none() {
        found.push(format!("{function} has no queue with dead letters"));
    }
}

/// Every event source mapping asks which items failed.
fn check_batch_failure_reports(infra: &Infra, found: &mut Vec<String>) {
    for (place, block) in infra.find_blocks("", "resource", "aws_lambda_event_source_mapping") {
        if !attribute_text(block, "function_response_types").contains("\"ReportBatchItemFailures\"")
        {
            found.push(format!(
                "{}: {} does not ask for ReportBatchItemFailures",
                place.file, place.name
            ));
        }
    }
}

/// What the small modules need within them: (module, resource, block or attribute within it).
const MODULE_PARTS: [(&str, &str, &str); 12] = [
    ("queue", "aws_sqs_queue_redrive_policy", "redrive_policy"),
    (
        "queue",
        "aws_sqs_queue_redrive_allow_policy",
        "redrive_allow_policy",
    ),
    ("queue", "aws_sqs_queue_policy", "policy"),
    (
        "kafka_source",
        "aws_lambda_event_source_mapping",
        "destination_config",
    ),
    (
        "kafka_source",
        "aws_lambda_event_source_mapping",
        "provisioned_poller_config",
    ),
    ("schedule", "aws_scheduler_schedule", "dead_letter_config"),
    ("schedule", "aws_scheduler_schedule", "retry_policy"),
    (
        "function",
        "aws_lambda_function_event_invoke_config",
        "destination_config",
    ),
    ("function", "aws_lambda_function", "tracing_config"),
    ("function", "aws_lambda_function", "logging_config"),
    ("function", "aws_cloudwatch_log_group", "retention_in_days"),
    ("http_api", "aws_apigatewayv2_stage", "access_log_settings"),
];

fn check_module_parts(infra: &Infra, found: &mut Vec<String>) {
    for (module, resource, part) in MODULE_PARTS {
        let folder = format!("modules/{module}/");
        let has = infra
            .find_blocks(&folder, "resource", resource)
            .any(|(_, block)| {
                find_attribute(block, part).is_some() || !nested_blocks(block, part).is_empty()
            });
        if !has {
            found.push(format!("{folder}: no {resource} with `{part}`"));
        }
    }
    let mut queues =
        infra.find_blocks("modules/queue/", "resource", "aws_sqs_queue_redrive_policy");
    if !queues.any(|(_, block)| {
        attribute_text(block, "redrive_policy").contains("aws_sqs_queue.dead_letters.arn")
    }) {
        found.push("modules/queue/: its queue has no dead letters".into());
    }
}

/// A day comes from the time that a schedule is meant for, never from when it runs.
fn check_schedules(infra: &Infra, found: &mut Vec<String>) {
    let mut sweeps = 0;
    for (place, block) in infra.module_calls("schedule") {
        let input = attribute_text(block, "input");
        sweeps += usize::from(input.contains("\"sweep\""));
        if !input.contains("\"sweep\"") && !input.contains(SCHEDULED_TIME) {
            found.push(format!(
                "{}: {} does not pass the scheduled time",
                place.file, place.name
            ));
        }
    }
    if sweeps != 1 {
        found.push("retention is not scheduled once".into());
    }
}

/// What a bucket is never without, and what raw is never without.
fn check_bucket_guards(infra: &Infra, found: &mut Vec<String>) {
    for resource in [
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_lifecycle_configuration",
    ] {
        if infra
            .find_blocks("modules/bucket/", "resource", resource)
            .next()
            .is_none()
        {
            found.push(format!("modules/bucket/: no {resource}"));
        }
    }
    let bucket = |label: &str| {
        infra
            .module_calls("bucket")
            .find(|(_, block)| block_labels(block) == [label])
            .map(|(_, block)| block)
    };
    let raw = bucket("raw_bucket")
        .map(|block| attribute_text(block, "statements"))
        .unwrap_or_default();
    for guard in [
        "s3:DeleteObject\"",
        "s3:DeleteObjectVersion\"",
        "s3:if-none-match",
        "aws:PrincipalArn",
        "\"Deny\"",
    ] {
        if !raw.contains(guard) {
            found.push(format!("the raw bucket's policy does not speak of {guard}"));
        }
    }
    // docs/adr/0021: days share files.
    let expire = bucket("curated_bucket").and_then(|block| find_attribute(block, "expire"));
    let prefixes: BTreeSet<String> = match expire {
        Some(Expression::Object(object)) => object.keys().map(ToString::to_string).collect(),
        _ => BTreeSet::new(),
    };
    if prefixes != BTreeSet::from(["curated/_work/", "(local.map_results)"].map(str::to_owned)) {
        found.push(format!(
            "of curated only the work and the results of merges go by their age, not {prefixes:?}"
        ));
    }
}

fn check_descriptions(infra: &Infra, found: &mut Vec<String>) {
    for kind in ["variable", "output"] {
        for (place, block) in infra.find_blocks("", kind, "") {
            if attribute_text(block, "description").len() < 8 {
                found.push(format!("{}: {} has no description", place.file, place.name));
            }
        }
    }
}
