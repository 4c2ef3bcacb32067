//! The rules hold; and each of them notices what it is there for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

use std::collections::BTreeSet;

use hcl::{Block, Expression, Structure};
use infra_tests::{
    BlockLocation, FUNCTIONS, Infra, find_problems, infra_folder, repository_root, settings_read_by,
};

fn infra() -> Infra {
    Infra::read(&infra_folder()).unwrap()
}

#[test]
fn nothing_is_missing() {
    let found = find_problems(&infra());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn files_are_short() {
    let folder = infra_folder();
    for file in infra().files.keys() {
        let lines = std::fs::read_to_string(folder.join(file))
            .unwrap()
            .lines()
            .count();
        assert!(lines <= 500, "{file} has {lines} lines");
    }
}

#[test]
fn terraform_sets_what_the_functions_read_and_nothing_else() {
    let infra = infra();
    let host = read_rust_files(&repository_root().join("shared/host/src"));
    for function in FUNCTIONS {
        let file = format!("functions/{function}/src/context.rs");
        let context = std::fs::read_to_string(repository_root().join(&file)).unwrap();
        let read = settings_read_by(&context, &host);
        assert!(!read.is_empty(), "{file} reads nothing");
        assert_eq!(
            given(&infra, function),
            read,
            "{function}.tf against {file}"
        );
    }
}

fn given(infra: &Infra, function: &str) -> BTreeSet<String> {
    let file = format!("{function}.tf");
    let calls = infra
        .module_calls("function")
        .filter(|(place, _)| place.file == file);
    let environments = calls.filter_map(|(_, block)| {
        block
            .body()
            .attributes()
            .find(|attribute| attribute.key() == "environment")
            .map(|found| found.expr().clone())
    });
    let names = environments.flat_map(|environment| match environment {
        Expression::Object(object) => object.keys().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{file}: the environment is {other:?}"),
    });
    names.collect()
}

/// What of the raw zone the catalogue's module knows: its policies are those of analysts' roles,
/// and the raw zone holds what was sent, with batches of the events queue.
fn raw_zone_of_analysts(infra: &Infra) -> Vec<String> {
    let own = infra.find_blocks("modules/catalogue/", "resource", "");
    let blocks = infra.module_calls("catalogue").chain(own);
    let named = blocks.filter(|(_, block)| {
        let text = hcl::format::to_string(block.body()).unwrap();
        [
            "bucket_arns.raw",
            "buckets.raw",
            "raw_bucket",
            "this[\"raw\"]",
        ]
        .iter()
        .any(|name| text.contains(name))
    });
    named.map(|(place, _)| format!("{place:?}")).collect()
}

#[test]
fn analysts_policies_name_nothing_of_the_raw_zone() {
    let infra = infra();
    assert_eq!(raw_zone_of_analysts(&infra), Vec::<String>::new());
    let (call, _) = infra.module_calls("catalogue").next().unwrap();
    let given = infra.with_changed_block(&call, |mut block| {
        let more = hcl::parse("raw_bucket_arn = local.bucket_arns.raw").unwrap();
        let own = std::mem::take(&mut block.body).into_inner();
        block.body = own.into_iter().chain(more.into_inner()).collect();
        Some(block)
    });
    assert_eq!(raw_zone_of_analysts(&given).len(), 1);
}

/// The text of every Rust file below a folder.
fn read_rust_files(folder: &std::path::Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &read_rust_files(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn alarms_watch_metrics_that_the_functions_write() {
    let mut sources = String::new();
    for function in FUNCTIONS {
        let folder = repository_root().join(format!("functions/{function}/src"));
        sources += &read_rust_files(&folder);
    }
    let mut watched = 0;
    for (place, block) in infra().find_blocks(
        "modules/observability/",
        "resource",
        "aws_cloudwatch_metric_alarm",
    ) {
        let text = hcl::format::to_string(&hcl::Body::from(vec![Structure::Block(block.clone())]))
            .unwrap();
        if !text.contains("= \"polelake\"") {
            continue;
        }
        let (_, rest) = text.split_once("metric_name = ").unwrap();
        let metric = rest.lines().next().unwrap();
        assert!(
            sources.contains(metric),
            "{}: no function writes {metric}",
            place.name
        );
        watched += 1;
    }
    assert!(
        watched >= 9,
        "{watched} alarms watch the functions' own metrics"
    );
}

/// Metrics of polelake that have an alarm with small watching too, with the alarm's name.
fn metrics_watched_always(infra: &Infra) -> Vec<(String, String)> {
    let alarms = infra.find_blocks(
        "modules/observability/",
        "resource",
        "aws_cloudwatch_metric_alarm",
    );
    let texts = alarms.map(|(place, block)| {
        let body = hcl::Body::from(vec![Structure::Block(block.clone())]);
        (place.name, hcl::format::to_string(&body).unwrap())
    });
    let own = texts.filter(|(_, text)| text.contains("= \"polelake\""));
    let always = own.filter(|(_, text)| {
        !text.contains("count = local.full ?") && !text.contains("if local.full")
    });
    always
        .map(|(name, text)| {
            let (_, rest) = text.split_once("metric_name = ").unwrap();
            (name, rest.lines().next().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn alarms_of_small_watching_watch_metrics_that_small_watching_writes() {
    let telemetry = repository_root().join("shared/host/src/telemetry.rs");
    let telemetry = std::fs::read_to_string(telemetry).unwrap();
    let (_, written) = telemetry.split_once("const SMALL_METRICS").unwrap();
    let (written, _) = written.split_once("];").unwrap();

    let watched = metrics_watched_always(&infra());
    assert_eq!(watched.len(), 9, "{watched:?}");
    for (alarm, metric) in watched {
        assert!(
            written.contains(&metric),
            "{alarm}: {metric} is not written"
        );
    }
}

#[test]
fn how_much_is_watched_is_told_to_every_part() {
    let infra = infra();
    let mut told = 0;
    for module in [
        "function",
        "queue",
        "http_api",
        "function_url",
        "kafka_source",
        "state_machine",
        "observability",
    ] {
        for (place, _) in infra.module_calls(module) {
            let changed = infra
                .with_changed_block(&place, |block| Some(without_attribute(block, "watching")));
            noticed(&infra, &changed, &format!("watching of {}", place.name));
            told += 1;
        }
    }
    assert_eq!(told, 13, "functions, queues, two ways in, Kafka, the day");
}

#[test]
fn an_address_for_everyone_is_noticed() {
    let infra = infra();
    let address = BlockLocation {
        file: "modules/function_url/main.tf".into(),
        name: "resource aws_lambda_function_url this".into(),
    };
    let open = infra.with_changed_block(&address, |block| {
        Some(without_attribute(block, "authorization_type"))
    });
    noticed(&infra, &open, "the signature of a function URL");

    let rights = BlockLocation {
        file: "modules/function_url/outputs.tf".into(),
        name: "output caller_statements".into(),
    };
    let wide = infra.with_changed_block(&rights, |block| Some(without_attribute(block, "value")));
    noticed(&infra, &wide, "the conditions of a caller's rights");
}

#[track_caller]
fn noticed(before: &Infra, after: &Infra, what: &str) {
    assert!(before.files != after.files, "{what} was not taken out");
    assert!(
        find_problems(before).is_empty(),
        "something is missing already"
    );
    assert!(
        !find_problems(after).is_empty(),
        "no rule notices that {what} is gone"
    );
}

fn of_kind(place: &BlockLocation, kinds: &[&str]) -> bool {
    kinds
        .iter()
        .any(|kind| place.name.starts_with(&format!("resource {kind} ")))
}

#[test]
fn an_alarm_that_is_taken_out_is_noticed() {
    let infra = infra();
    let alarms: Vec<BlockLocation> = infra
        .block_locations()
        .into_iter()
        .filter(|place| of_kind(place, &["aws_cloudwatch_metric_alarm"]))
        .collect();
    assert!(alarms.len() >= 23, "{} alarms", alarms.len());
    for place in alarms {
        noticed(&infra, &infra.without_block(&place), &place.name);
        let silent = infra.with_changed_block(&place, |block| {
            Some(without_attribute(block, "alarm_actions"))
        });
        noticed(&infra, &silent, &format!("{} to whom it tells", place.name));
    }
}

#[test]
fn a_trigger_that_is_taken_out_is_noticed() {
    let infra = infra();
    let kinds = [
        "aws_lambda_event_source_mapping",
        "aws_s3_bucket_notification",
    ];
    let mut triggers: Vec<BlockLocation> = infra
        .block_locations()
        .into_iter()
        .filter(|place| of_kind(place, &kinds))
        .collect();
    // Telling of the failures bucket is no trigger: the alarm on its size stays.
    triggers.retain(|place| place.name != "resource aws_s3_bucket_notification failures");
    for module in ["http_api", "function_url", "kafka_source", "schedule"] {
        triggers.extend(infra.module_calls(module).map(|(place, _)| place));
    }
    assert_eq!(triggers.len(), 13, "{triggers:?}");
    for place in triggers {
        noticed(&infra, &infra.without_block(&place), &place.name);
    }
}

#[test]
fn dead_letters_that_are_taken_out_are_noticed() {
    let infra = infra();
    let redrives = infra
        .block_locations()
        .into_iter()
        .filter(|place| of_kind(place, &["aws_sqs_queue_redrive_policy"]));
    let queues: Vec<BlockLocation> = infra
        .module_calls("queue")
        .map(|(place, _)| place)
        .chain(redrives)
        .collect();
    assert_eq!(queues.len(), 4, "{queues:?}");
    for place in queues {
        noticed(&infra, &infra.without_block(&place), &place.name);
    }
    let parts = [
        (
            "modules/kafka_source/main.tf",
            "aws_lambda_event_source_mapping this",
            "destination_config",
        ),
        (
            "modules/schedule/main.tf",
            "aws_scheduler_schedule this",
            "dead_letter_config",
        ),
        (
            "modules/function/main.tf",
            "aws_lambda_function_event_invoke_config this",
            "destination_config",
        ),
    ];
    for (file, name, part) in parts {
        let place = BlockLocation {
            file: file.into(),
            name: format!("resource {name}"),
        };
        let changed = infra.with_changed_block(&place, |block| Some(without_block(block, part)));
        noticed(&infra, &changed, &format!("{part} of {name}"));
    }
    for function in ["snapshot_merge", "quality_report"] {
        let place = BlockLocation {
            file: format!("{}.tf", function.replace('_', "-")),
            name: format!("module {function}"),
        };
        let changed = infra.with_changed_block(&place, |block| {
            Some(without_attribute(block, "failures_queue_arn"))
        });
        noticed(
            &infra,
            &changed,
            &format!("the failures' queue of {function}"),
        );
    }
}

#[test]
fn report_batch_item_failures_that_is_taken_out_is_noticed() {
    let infra = infra();
    let mappings: Vec<BlockLocation> = infra
        .find_blocks("", "resource", "aws_lambda_event_source_mapping")
        .map(|(place, _)| place)
        .collect();
    assert_eq!(mappings.len(), 4);
    for place in mappings {
        let changed = infra.with_changed_block(&place, |block| {
            Some(without_attribute(block, "function_response_types"))
        });
        noticed(
            &infra,
            &changed,
            &format!("ReportBatchItemFailures of {}", place.name),
        );
    }
}

#[test]
fn a_function_a_setting_or_a_guard_that_is_taken_out_is_noticed() {
    let infra = infra();
    for function in FUNCTIONS {
        let place = BlockLocation {
            file: format!("{function}.tf"),
            name: format!("module {}", function.replace('-', "_")),
        };
        noticed(&infra, &infra.without_block(&place), function);
        for setting in ["timeout", "memory", "package", "statements"] {
            let changed =
                infra.with_changed_block(&place, |block| Some(without_attribute(block, setting)));
            noticed(&infra, &changed, &format!("{setting} of {function}"));
        }
    }
    for (place, _) in infra
        .find_blocks("modules/bucket/", "resource", "")
        .filter(|(place, _)| place.name != "resource aws_s3_bucket this")
    {
        noticed(&infra, &infra.without_block(&place), &place.name);
    }
    let raw = BlockLocation {
        file: "buckets.tf".into(),
        name: "module raw_bucket".into(),
    };
    noticed(
        &infra,
        &infra.with_changed_block(&raw, |block| Some(without_attribute(block, "statements"))),
        "raw's guards",
    );
}

fn without_attribute(block: Block, name: &str) -> Block {
    without(
        block,
        |structure| matches!(structure, Structure::Attribute(attribute) if attribute.key() == name),
    )
}

/// A block without the blocks of one kind; a dynamic block is of the kind that its label says.
fn without_block(block: Block, name: &str) -> Block {
    without(block, |structure| {
        matches!(structure, Structure::Block(block) if block.identifier() == name
            || block.identifier() == "dynamic"
                && block.labels().first().is_some_and(|label| label.as_str() == name))
    })
}

/// A block without what is `gone`, at any depth.
fn without(mut block: Block, gone: impl Fn(&Structure) -> bool + Copy) -> Block {
    let kept = block
        .body
        .into_inner()
        .into_iter()
        .filter(|structure| !gone(structure));
    let deeper = kept.map(|structure| match structure {
        Structure::Block(inner) => Structure::Block(without(inner, gone)),
        other => other,
    });
    block.body = deeper.collect();
    block
}
