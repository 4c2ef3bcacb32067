//! What is kept and for how long, how schedules run, what is encrypted, what is open to whom.

use infra_tests::StackState;
use serde_json::{Value, json};

use crate::stack_under_test::{resource, stack};

/// Days that SQS keeps a message, at most.
const FORTNIGHT_SECONDS: i64 = 14 * 24 * 3_600;

/// The rules of a bucket's lifecycle: the prefix, and the days after which objects and old versions
/// end.
fn lifecycle(stack: &StackState, zone: &str) -> Vec<(String, Option<i64>, Option<i64>)> {
    let address = format!("module.{zone}_bucket.aws_s3_bucket_lifecycle_configuration.this");
    let rules = resource(stack, &address).values["rule"].as_array().unwrap();
    rules
        .iter()
        .map(|rule| {
            let is_of_all = rule["id"] == "old-versions";
            let prefix = match is_of_all {
                true => "",
                false => rule["filter"][0]["prefix"].as_str().unwrap_or_default(),
            };
            let old = rule["noncurrent_version_expiration"][0]["noncurrent_days"].as_i64();
            // The rule that drops marks of deletions has no days, which Terraform gives as 0.
            let days = rule["expiration"][0]["days"].as_i64();
            (prefix.to_owned(), days.filter(|days| *days > 0), old)
        })
        .collect()
}

#[test]
fn old_versions_stay_long_enough_to_be_restored() {
    let Some(stack) = stack("queue") else { return };
    for (zone, days) in [
        ("raw", 7),
        ("refined", 30),
        ("curated", 30),
        ("failures", 1),
    ] {
        let rules = lifecycle(stack, zone);
        let old = rules.iter().find_map(|(_, _, old)| *old);
        assert!(old.is_some_and(|old| old >= days), "{zone}: {rules:?}");
        let versioning = format!("module.{zone}_bucket.aws_s3_bucket_versioning.this");
        let status = &resource(stack, &versioning).values["versioning_configuration"][0]["status"];
        assert_eq!(status, "Enabled", "{zone}");
    }
}

/// Without a setting nothing of the lake ends: only work, results, and batches that have landed.
#[test]
fn nothing_of_the_lake_ends_by_itself() {
    let Some(stack) = stack("queue") else { return };
    let mut ends = Vec::new();
    for zone in ["raw", "refined", "curated", "site", "failures"] {
        let rules = lifecycle(stack, zone).into_iter();
        ends.extend(rules.filter_map(|(prefix, days, _)| Some((zone, prefix, days?))));
    }
    for (zone, prefix, days) in ends {
        let what = format!("{zone}: {prefix} ends after {days} days");
        match prefix.as_str() {
            "raw/_queue/" => assert!(days * 86_400 > FORTNIGHT_SECONDS, "{what}"),
            prefix if prefix.starts_with("curated/_") => assert!(days >= 3, "{what}"),
            _ => panic!("{what}"),
        }
    }
}

#[test]
fn messages_wait_for_a_fortnight() {
    for run in ["kafka", "queue"] {
        let Some(stack) = stack(run) else { return };
        for queue in stack.of_kind("aws_sqs_queue") {
            let kept = queue.values["message_retention_seconds"].as_i64();
            assert_eq!(kept, Some(FORTNIGHT_SECONDS), "{}", queue.address);
        }
    }
}

/// A message is hidden for as long as the function may take six times, and not for much longer: what
/// fails is tried again on the same day.
#[test]
fn messages_are_tried_again_within_the_hour() {
    for run in ["kafka", "queue"] {
        let Some(stack) = stack(run) else { return };
        for queue in stack.of_kind("aws_sqs_queue") {
            let hidden = queue.values["visibility_timeout_seconds"]
                .as_i64()
                .unwrap_or(30);
            assert!(hidden <= 3_600, "{}: {hidden} s", queue.address);
        }
        for policy in stack.of_kind("aws_sqs_queue_redrive_policy") {
            let text: Value = serde_json::from_str(policy.text("redrive_policy")).unwrap();
            let tries = text["maxReceiveCount"].as_i64().unwrap();
            assert!((5..=100).contains(&tries), "{}: {tries}", policy.address);
        }
    }
}

/// When each schedule runs, in UTC; what it starts is told its time.
#[test]
fn schedules_run_when_the_documents_say() {
    let Some(stack) = stack("queue") else { return };
    let expected = [
        ("merge_schedule", "cron(30 0 * * ? *)"),
        ("report_schedule", "cron(0 2 * * ? *)"),
        ("sweep_schedule", "cron(0 4 ? * SUN *)"),
        ("missing_messages_schedule[0]", "rate(1 hour)"),
        ("empty_queue_schedule[0]", "rate(5 minutes)"),
    ];
    for (module, expression) in expected {
        let address = format!("module.{module}.aws_scheduler_schedule.this");
        let schedule = resource(stack, &address);
        assert_eq!(schedule.text("schedule_expression"), expression, "{module}");
        assert_eq!(
            schedule.text("schedule_expression_timezone"),
            "UTC",
            "{module}"
        );
        let target = &schedule.values["target"][0];
        let tries = target["retry_policy"][0]["maximum_retry_attempts"].as_i64();
        assert!(tries.is_some_and(|tries| tries >= 5), "{module}: {tries:?}");
        let input = target["input"].as_str().unwrap();
        let is_told = input.contains("<aws.scheduler.scheduled-time>");
        assert!(is_told || module == "sweep_schedule", "{module}: {input}");
    }
}

#[test]
fn keys_rotate_and_can_be_called_back_for_a_month() {
    let Some(stack) = stack("kafka") else { return };
    let keys: Vec<_> = stack.of_kind("aws_kms_key").collect();
    assert!(keys.len() >= 5, "{}", keys.len());
    for key in keys {
        assert_eq!(key.values["enable_key_rotation"], true, "{}", key.address);
        assert_eq!(key.values["deletion_window_in_days"], 30, "{}", key.address);
    }
    let secret = resource(stack, "aws_secretsmanager_secret.identity_key");
    assert_eq!(secret.values["recovery_window_in_days"], 30);
}

/// Each zone is encrypted with its own key, and public access is blocked in all four ways.
#[test]
fn buckets_are_closed_and_have_the_keys_of_their_zones() {
    let Some(stack) = stack("kafka") else { return };
    for (zone, key) in [
        ("raw", "raw"),
        ("failures", "raw"),
        ("refined", "refined"),
        ("curated", "curated"),
        ("results", "curated"),
        ("site", "site"),
    ] {
        let of_zone = |kind: &str| format!("module.{zone}_bucket.{kind}.this");
        let address = of_zone("aws_s3_bucket_server_side_encryption_configuration");
        let rule = &resource(stack, &address).values["rule"][0];
        let used = &rule["apply_server_side_encryption_by_default"][0]["kms_master_key_id"];
        let expected = format!("arn:aws:kms:eu-west-2:123456789012:key/{key}");
        assert_eq!(used, &json!(expected), "{zone}");

        let block = resource(stack, &of_zone("aws_s3_bucket_public_access_block"));
        for way in [
            "block_public_acls",
            "block_public_policy",
            "ignore_public_acls",
            "restrict_public_buckets",
        ] {
            assert_eq!(block.values[way], true, "{zone}: {way}");
        }
    }
}

/// Kafka keeps a record until a second broker has it, dates it, and takes no plain connection.
#[test]
fn kafka_keeps_what_it_acknowledges() {
    let Some(stack) = stack("kafka") else { return };
    let properties = resource(stack, "aws_msk_configuration.this[0]").text("server_properties");
    for property in [
        "auto.create.topics.enable=false",
        "default.replication.factor=3",
        "min.insync.replicas=2",
        "log.message.timestamp.type=LogAppendTime",
    ] {
        assert!(
            properties.lines().any(|line| line.trim() == property),
            "{property}"
        );
    }
    let cluster = &resource(stack, "aws_msk_cluster.this[0]").values;
    let transit = &cluster["encryption_info"][0]["encryption_in_transit"][0];
    assert_eq!(
        transit,
        &json!({"client_broker": "TLS", "in_cluster": true})
    );
    assert_eq!(
        cluster["client_authentication"][0]["unauthenticated"],
        json!(null)
    );

    for mapping in stack.of_kind("aws_lambda_event_source_mapping") {
        if mapping.values["topics"]
            .as_array()
            .is_none_or(Vec::is_empty)
        {
            continue;
        }
        assert_eq!(mapping.text("starting_position"), "TRIM_HORIZON");
        assert_eq!(mapping.values["maximum_record_age_in_seconds"], -1);
    }
}

/// The relay takes signed requests alone, and only its own API may invoke it.
#[test]
fn the_relay_is_reached_by_signed_requests_alone() {
    let Some(api) = stack("queue") else { return };
    let routes: Vec<_> = api.of_kind("aws_apigatewayv2_route").collect();
    assert_eq!(routes.len(), 2);
    for route in routes {
        assert_eq!(
            route.text("authorization_type"),
            "AWS_IAM",
            "{}",
            route.address
        );
    }
    for permission in api.of_kind("aws_lambda_permission") {
        let from = permission.text("source_arn");
        assert!(
            from.starts_with("arn:aws:execute-api:"),
            "{}: {from}",
            permission.address
        );
        assert!(
            from.contains("/$default/"),
            "{}: {from}",
            permission.address
        );
    }
    let Some(small) = stack("small") else { return };
    let address = resource(small, "module.function_url[0].aws_lambda_function_url.this");
    assert_eq!(address.text("authorization_type"), "AWS_IAM");
    assert_eq!(small.of_kind("aws_lambda_permission").count(), 0);
}

/// A caller's own policy names one source, in full.
#[test]
fn a_caller_may_call_its_own_source_alone() {
    let Some(stack) = stack("queue") else { return };
    let policies = stack.outputs["caller_policies"].as_object().unwrap();
    assert!(!policies.is_empty());
    for (source, policy) in policies {
        let policy: Value = serde_json::from_str(policy.as_str().unwrap()).unwrap();
        let resources = policy["Statement"][0]["Resource"].as_array().unwrap();
        for resource in resources {
            let resource = resource.as_str().unwrap();
            let is_own = resource.contains(&format!("/v1/{source}/"));
            assert!(is_own && !resource.contains('*'), "{source}: {resource}");
        }
    }
}

/// The transform starts with raw objects and not with the hints of log ends, and a failure keeps its
/// message.
#[test]
fn only_raw_objects_start_a_transform() {
    let Some(stack) = stack("queue") else { return };
    let queue = &resource(stack, "aws_s3_bucket_notification.raw").values["queue"][0];
    assert_eq!(queue["filter_prefix"], "raw/");
    assert_eq!(queue["filter_suffix"], ".parquet");
    let mapping = resource(stack, "aws_lambda_event_source_mapping.transform");
    let answers = &mapping.values["function_response_types"];
    assert_eq!(answers, &json!(["ReportBatchItemFailures"]));
}

#[test]
fn pages_are_sent_encrypted() {
    let Some(stack) = stack("kafka") else { return };
    let site = resource(stack, "aws_cloudfront_distribution.site[0]");
    let behaviour = &site.values["default_cache_behavior"][0];
    assert_eq!(behaviour["viewer_protocol_policy"], "redirect-to-https");
    assert_eq!(behaviour["allowed_methods"], json!(["GET", "HEAD"]));
}
