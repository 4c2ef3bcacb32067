//! Each alarm over two days of metrics: it is silent where all is well, and rings for its fault.
//!
//! The series are those that the functions and the services write, with their dimensions: an alarm
//! on a series that no part writes never rings, and its test fails.

use std::collections::BTreeMap;

use infra_tests::{MetricAlarm, MetricSeries, SeriesName, StackState};

use crate::stack_under_test::stack;

/// The two days that are looked at, in minutes.
const DAYS: u32 = 2 * 24 * 60;

/// When a fault begins: after a day on which all is well.
const FAULT_BEGINS: u32 = 24 * 60;

/// How a metric looks: how often it is written, what is written where all is well (nothing, where a
/// zero is left out), and what is written under its fault.
struct MetricShape {
    metric: &'static str,
    every_minutes: u32,
    well: Option<f64>,
    fault: f64,
}

const fn shape(
    metric: &'static str,
    every_minutes: u32,
    well: Option<f64>,
    fault: f64,
) -> MetricShape {
    MetricShape {
        metric,
        every_minutes,
        well,
        fault,
    }
}

/// What polelake's own functions write. Those of a day are written once a day.
const OWN: [MetricShape; 13] = [
    shape("records_landed", 10, Some(20.0), 0.0),
    shape("landing_failed", 1, None, 1.0),
    shape("landing_wait_seconds", 5, Some(30.0), 7_200.0),
    shape("messages_missing", 60, None, 1.0),
    shape("offset_gaps", 5, None, 1.0),
    shape("records_quarantined", 10, Some(2.0), 50.0),
    shape("raw_objects_behind", 1_440, Some(0.0), 50.0),
    shape("tables_merged", 1_440, Some(40.0), 0.0),
    shape("derived_steps_failed", 1_440, Some(0.0), 1.0),
    shape("rows", 1_440, Some(1_000.0), 0.0),
    shape("rules_passed", 1_440, Some(90.0), 0.0),
    shape("rules_failed", 1_440, Some(0.0), 1.0),
    shape("reconciliation_open", 1_440, Some(0.0), 1.0),
];

/// Another of them, and what AWS's services write.
const OF_SERVICES: [MetricShape; 19] = [
    shape("unusual_metrics", 1_440, Some(0.0), 1.0),
    shape("Errors", 1, Some(0.0), 1.0),
    shape("Throttles", 1, Some(0.0), 1.0),
    // 95 % of the time that an invocation has.
    shape("Duration", 1, Some(2_000.0), 0.95),
    shape("ApproximateNumberOfMessagesVisible", 1, Some(0.0), 1.0),
    shape("ApproximateAgeOfOldestMessage", 1, Some(20.0), 900_000.0),
    shape("NumberOfObjects", 1_440, Some(0.0), 1.0),
    shape("ExecutionsFailed", 5, Some(0.0), 1.0),
    shape("ExecutionsTimedOut", 5, Some(0.0), 1.0),
    shape("ExecutionsAborted", 5, Some(0.0), 1.0),
    shape("TargetErrorCount", 1, Some(0.0), 1.0),
    shape("5xx", 1, Some(0.0), 1.0),
    shape("Url5xxCount", 1, Some(0.0), 1.0),
    shape("OffsetLag", 1, Some(500.0), 1_000_000.0),
    shape("OnFailureDestinationDeliveredEventCount", 5, Some(0.0), 1.0),
    shape("DestinationDeliveryFailures", 5, Some(0.0), 1.0),
    // Per cent of a broker's disk.
    shape("KafkaDataLogsDiskUsed", 1, Some(40.0), 90.0),
    shape("UnderReplicatedPartitions", 1, Some(0.0), 1.0),
    shape("OfflinePartitionsCount", 1, Some(0.0), 1.0),
];

fn shape_of(metric: &str) -> &'static MetricShape {
    let mut shapes = OWN.iter().chain(&OF_SERVICES);
    shapes
        .find(|shape| shape.metric == metric)
        .unwrap_or_else(|| panic!("no function and no service is known to write {metric}"))
}

/// The series that a stack's functions and the services write.
struct WrittenSeries<'s> {
    stack: &'s StackState,
    names: Vec<SeriesName>,
}

impl<'s> WrittenSeries<'s> {
    fn of(stack: &'s StackState) -> Self {
        let mut written = Self {
            stack,
            names: Vec::new(),
        };
        written.add_own();
        written.add_lambda();
        written.add_of_kind(
            "aws_sqs_queue",
            "AWS/SQS",
            "QueueName",
            "name",
            &[
                "ApproximateNumberOfMessagesVisible",
                "ApproximateAgeOfOldestMessage",
            ],
        );
        written.add_of_kind(
            "aws_apigatewayv2_api",
            "AWS/ApiGateway",
            "ApiId",
            "id",
            &["5xx"],
        );
        written.add_of_kind(
            "aws_scheduler_schedule_group",
            "AWS/Scheduler",
            "ScheduleGroup",
            "name",
            &["TargetErrorCount"],
        );
        written.add_of_kind(
            "aws_lambda_event_source_mapping",
            "AWS/Lambda",
            "EventSourceMappingUUID",
            "uuid",
            &["OnFailureDestinationDeliveredEventCount"],
        );
        written.add_states_and_buckets();
        written.add_brokers();
        written
    }

    fn add(&mut self, namespace: &str, metric: &str, dimensions: &[(&str, &str)]) {
        let dimensions = dimensions.iter();
        self.names.push(SeriesName {
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
            dimensions: dimensions
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        });
    }

    /// What the functions write: with full watching by topic, source and table, with small watching
    /// as sums.
    fn add_own(&mut self) {
        let environments = &self.stack.outputs["function_environments"];
        let is_small = environments["raw-landing"]["WATCHING"] == "small";
        let stack = environments["raw-landing"]["STACK"]
            .as_str()
            .unwrap()
            .to_owned();
        let sources = ["housing-person", "parking-permit"];
        let divided: [(&str, &str, &[&str]); 2] = [
            (
                "raw-landing",
                "topic",
                &[
                    "records_landed",
                    "landing_failed",
                    "landing_wait_seconds",
                    "messages_missing",
                    "offset_gaps",
                ],
            ),
            ("pole-transform", "source", &["records_quarantined"]),
        ];
        for (function, dimension, metrics) in divided {
            for metric in metrics {
                let of_all = [("stack", stack.as_str()), ("function", function)];
                if is_small {
                    self.add("polelake", metric, &of_all);
                    continue;
                }
                for source in sources {
                    let one = [of_all[0], of_all[1], (dimension, source)];
                    self.add("polelake", metric, &one);
                }
            }
        }
        let of_days: [(&str, &[&str]); 2] = [
            (
                "snapshot-merge",
                &[
                    "raw_objects_behind",
                    "derived_steps_failed",
                    "tables_merged",
                ],
            ),
            (
                "quality-report",
                &[
                    "rules_passed",
                    "rules_failed",
                    "reconciliation_open",
                    "unusual_metrics",
                ],
            ),
        ];
        for (function, metrics) in of_days {
            for metric in metrics {
                self.add(
                    "polelake",
                    metric,
                    &[("stack", &stack), ("function", function)],
                );
            }
        }
    }

    fn add_lambda(&mut self) {
        let functions: Vec<String> = self
            .stack
            .of_kind("aws_lambda_function")
            .map(|function| function.text("function_name").to_owned())
            .collect();
        for function in functions {
            let dimensions = [("FunctionName", function.as_str())];
            for metric in [
                "Errors",
                "Throttles",
                "Duration",
                "Url5xxCount",
                "OffsetLag",
                "DestinationDeliveryFailures",
            ] {
                self.add("AWS/Lambda", metric, &dimensions);
            }
        }
        self.add("AWS/Lambda", "Errors", &[]);
    }

    fn add_of_kind(
        &mut self,
        kind: &str,
        namespace: &str,
        dimension: &str,
        argument: &str,
        metrics: &[&str],
    ) {
        let stack = self.stack;
        for resource in stack.resources.iter().filter(|one| one.kind == kind) {
            for metric in metrics {
                self.add(namespace, metric, &[(dimension, resource.text(argument))]);
            }
        }
    }

    fn add_states_and_buckets(&mut self) {
        let stack = self.stack;
        for machine in stack.of_kind("aws_sfn_state_machine") {
            let arn = format!(
                "arn:aws:states:eu-west-2:123456789012:stateMachine:{}",
                machine.text("name")
            );
            for metric in [
                "ExecutionsFailed",
                "ExecutionsTimedOut",
                "ExecutionsAborted",
            ] {
                self.add("AWS/States", metric, &[("StateMachineArn", &arn)]);
            }
        }
        for bucket in stack.of_kind("aws_s3_bucket") {
            let name = bucket.text("bucket");
            let dimensions = [("BucketName", name), ("StorageType", "AllStorageTypes")];
            self.add("AWS/S3", "NumberOfObjects", &dimensions);
        }
    }

    fn add_brokers(&mut self) {
        let stack = self.stack;
        for cluster in stack.of_kind("aws_msk_cluster") {
            let name = ("Cluster Name", cluster.text("cluster_name"));
            self.add("AWS/Kafka", "OfflinePartitionsCount", &[name]);
            let brokers = cluster.values["number_of_broker_nodes"].as_u64().unwrap();
            for broker in 1..=brokers {
                let broker = broker.to_string();
                for metric in ["KafkaDataLogsDiskUsed", "UnderReplicatedPartitions"] {
                    self.add("AWS/Kafka", metric, &[name, ("Broker ID", &broker)]);
                }
            }
        }
    }

    /// Two days on which all is well.
    fn well(&self) -> MetricSeries {
        let mut series = MetricSeries::default();
        for name in &self.names {
            let shape = shape_of(&name.metric);
            if let Some(value) = shape.well {
                add_values(&mut series, name, (0, DAYS), shape.every_minutes, value);
            }
        }
        series
    }
}

/// Adds values of a series. Those of a day come at half past midnight.
fn add_values(
    series: &mut MetricSeries,
    name: &SeriesName,
    (from, until): (u32, u32),
    every: u32,
    value: f64,
) {
    let first = if every == 1_440 { 30 } else { 0 };
    let mut minute = from + first;
    while minute < until {
        series.add(name, minute, value);
        minute += every;
    }
}

/// The two days with the fault of an alarm on the second: its series says so, or falls silent.
fn with_fault(well: &MetricSeries, alarm: &MetricAlarm, limit_millis: Option<f64>) -> MetricSeries {
    let shape = shape_of(&alarm.series.metric);
    let first_day = (0, FAULT_BEGINS);
    let mut series = well.without(&alarm.series);
    if let Some(value) = shape.well {
        add_values(
            &mut series,
            &alarm.series,
            first_day,
            shape.every_minutes,
            value,
        );
    }
    if alarm.rings_in_silence() {
        return series;
    }
    let value = match alarm.series.metric.as_str() {
        "Duration" => shape.fault * limit_millis.unwrap(),
        _ => shape.fault,
    };
    let second_day = (FAULT_BEGINS, DAYS);
    add_values(
        &mut series,
        &alarm.series,
        second_day,
        shape.every_minutes,
        value,
    );
    series
}

/// The time of a function's invocations, in milliseconds.
fn limit_millis(stack: &StackState, alarm: &MetricAlarm) -> Option<f64> {
    let name = alarm.series.dimensions.get("FunctionName")?;
    let mut functions = stack.of_kind("aws_lambda_function");
    let function = functions.find(|function| function.text("function_name") == name)?;
    Some(function.values["timeout"].as_f64()? * 1_000.0)
}

fn alarms(stack: &StackState) -> Vec<MetricAlarm> {
    let resources = stack.of_kind("aws_cloudwatch_metric_alarm");
    resources
        .map(|resource| {
            MetricAlarm::from_resource(resource)
                .unwrap_or_else(|| panic!("{} is not on one series", resource.address))
        })
        .collect()
}

/// What is wrong with a stack's alarms.
fn find_wrong_alarms(stack: &StackState) -> Vec<String> {
    let written = WrittenSeries::of(stack);
    let well = written.well();
    let mut found = Vec::new();
    for alarm in alarms(stack) {
        let name = &alarm.name;
        if !written.names.contains(&alarm.series) {
            found.push(format!("{name}: no part writes {:?}", alarm.series));
            continue;
        }
        let queue = alarm.series.dimensions.get("QueueName");
        let is_of_dead_letters = queue.is_some_and(|queue| queue.contains("dead-letters"));
        if name.contains("dead-letters") != is_of_dead_letters {
            found.push(format!("{name} watches {queue:?}"));
        }
        let early = alarm.rings_at(&well, DAYS);
        // In the first hours an alarm on silence has not seen a day yet.
        if early.iter().any(|minute| *minute > FAULT_BEGINS) {
            found.push(format!("{name} rings though all is well, at {early:?}"));
        }
        let faulty = with_fault(&well, &alarm, limit_millis(stack, &alarm));
        let rings = alarm.rings_at(&faulty, DAYS + FAULT_BEGINS);
        if !rings.iter().any(|minute| *minute > FAULT_BEGINS) {
            found.push(format!("{name} does not ring for its fault"));
        }
        if alarm.actions.is_empty() {
            found.push(format!("{name} has no action"));
        }
    }
    found
}

#[test]
fn every_alarm_rings_for_its_fault_and_is_silent_where_all_is_well() {
    for run in ["kafka", "queue", "small"] {
        let Some(stack) = stack(run) else { return };
        let found = find_wrong_alarms(stack);
        assert!(found.is_empty(), "{run}: {}", found.join("\n"));
    }
}

/// The faults for which some alarm must ring in each deployment, by the metric that tells of them.
#[test]
fn every_fault_has_an_alarm() {
    let always = [
        "records_quarantined",
        "derived_steps_failed",
        "rules_failed",
        "reconciliation_open",
        "rules_passed",
    ];
    let of_run: BTreeMap<&str, &[&str]> = BTreeMap::from([
        (
            "kafka",
            &[
                "landing_failed",
                "offset_gaps",
                "OffsetLag",
                "ExecutionsFailed",
                "5xx",
            ][..],
        ),
        (
            "queue",
            &["messages_missing", "ApproximateAgeOfOldestMessage", "5xx"][..],
        ),
        (
            "small",
            &[
                "messages_missing",
                "ApproximateNumberOfMessagesVisible",
                "Errors",
            ][..],
        ),
    ]);
    for (run, metrics) in of_run {
        let Some(stack) = stack(run) else { return };
        let alarms = alarms(stack);
        for metric in always.iter().chain(metrics) {
            let mut watched = alarms.iter().map(|alarm| alarm.series.metric.as_str());
            assert!(
                watched.any(|one| one == *metric),
                "{run}: no alarm on {metric}"
            );
        }
    }
}

/// A fault that goes on for an hour is told within the hour behind it, where it is told by a number.
#[test]
fn faults_are_told_within_the_hour() {
    for run in ["kafka", "queue", "small"] {
        let Some(stack) = stack(run) else { return };
        let well = WrittenSeries::of(stack).well();
        for alarm in alarms(stack) {
            let shape = shape_of(&alarm.series.metric);
            if alarm.rings_in_silence() || shape.every_minutes > 60 {
                continue;
            }
            let faulty = with_fault(&well, &alarm, limit_millis(stack, &alarm));
            let rings = alarm.rings_at(&faulty, DAYS);
            let first = rings.iter().find(|minute| **minute > FAULT_BEGINS);
            assert!(
                first.is_some_and(|minute| *minute <= FAULT_BEGINS + 120),
                "{run}: {} rings at {first:?}",
                alarm.name
            );
        }
    }
}
