//! From measurements to a month's bill.

use serde::Serialize;

use super::assumptions as assumed;
use super::measure::{CostMeasurements, FunctionCpu};
use super::prices::{self, HOURS_PER_MONTH, Price};

/// A month: how many events come, and how they are batched.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct MonthlyWorkload {
    /// Events.
    pub(crate) events: f64,
    /// Partitions of all topics together.
    pub(crate) streams: f64,
    /// Rows of all snapshots together.
    pub(crate) rows: f64,
    /// Seconds for which Lambda gathers a batch.
    pub(crate) window: f64,
    /// Events of one request.
    pub(crate) per_request: f64,
}

/// What a part of the bill is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BillPart {
    /// Lambda's time and invocations.
    Compute,
    /// S3, SQS, the HTTP API, Glue, Step Functions.
    Requests,
    /// Bytes stored in S3.
    Storage,
    /// Logs, metrics, alarms, traces, keys.
    Watching,
    /// An example of queries.
    Readers,
    /// MSK Serverless.
    Kafka,
    /// MSK with brokers of a fixed size, instead of Serverless.
    Brokers,
    /// What reading Kafka from Lambda needs.
    Polling,
}

/// A line of the bill.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BillLine {
    pub(crate) part: BillPart,
    pub(crate) what: &'static str,
    pub(crate) quantity: f64,
    pub(crate) unit: &'static str,
    pub(crate) usd: f64,
}

/// A month's bill.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bill {
    pub(crate) month: MonthlyWorkload,
    /// Raw objects.
    pub(crate) objects: f64,
    pub(crate) lines: Vec<BillLine>,
}

impl MonthlyWorkload {
    /// A month of so many events, with partitions and rows as one of that size has them.
    pub(crate) fn of(events: f64, window: f64, per_request: f64) -> Self {
        let (partitions, rows) = match events {
            events if events <= 1e6 => (1.0, 1e6),
            events if events <= 7e7 => (2.0, 1e7),
            _ => (6.0, 5e7),
        };
        Self {
            events,
            streams: assumed::SOURCES * partitions,
            rows,
            window,
            per_request,
        }
    }

    /// Raw objects: one for each partition and window in which something came, more where one
    /// payload cannot hold it.
    pub(crate) fn raw_objects(&self, event_bytes: f64) -> f64 {
        let windows = self.streams * assumed::DAYS_PER_MONTH * 86_400.0 / self.window;
        let events_per_window = self.events / windows;
        let not_empty = 1.0 - (-events_per_window).exp();
        let payloads = (events_per_window * event_bytes / assumed::BATCH_BYTES).ceil();
        windows * not_empty * payloads.max(1.0)
    }
}

impl Bill {
    /// Dollars of the parts.
    pub(crate) fn sum_parts(&self, parts: &[BillPart]) -> f64 {
        self.lines
            .iter()
            .filter(|line| parts.contains(&line.part))
            .map(|line| line.usd)
            .sum()
    }

    /// Dollars of Lambda.
    pub(crate) fn compute_usd(&self) -> f64 {
        self.sum_parts(&[BillPart::Compute])
    }

    /// Dollars of everything but Kafka and readers.
    pub(crate) fn without_kafka_usd(&self) -> f64 {
        self.sum_parts(&[
            BillPart::Compute,
            BillPart::Requests,
            BillPart::Storage,
            BillPart::Watching,
        ])
    }
}

/// GB-seconds of a function that works `cpu` seconds on one processor and waits `wait` seconds.
pub(crate) fn gigabyte_seconds(cpu: f64, wait: f64, megabytes: f64) -> f64 {
    let share = (megabytes / assumed::MEGABYTES_PER_PROCESSOR).min(1.0);
    (cpu * assumed::GRAVITON_SLOWDOWN / share + wait) * megabytes / 1_024.0
}

/// The whole bill.
pub(crate) fn monthly_bill(month: &MonthlyWorkload, measured: &CostMeasurements) -> Bill {
    let objects = month.raw_objects(measured.event_bytes);
    let mut lines = compute_lines(month, measured, objects);
    lines.extend(request_lines(month, measured, objects));
    lines.extend(storage_lines(month, measured));
    lines.extend(monitoring_lines(month, measured, objects));
    lines.extend(reader_and_kafka_lines(month, measured));
    lines.extend(broker_and_poller_lines());
    Bill {
        month: *month,
        objects,
        lines,
    }
}

fn bill_line(part: BillPart, what: &'static str, price: Price, quantity: f64) -> BillLine {
    BillLine {
        part,
        what,
        quantity,
        unit: price.unit,
        usd: price.for_quantity(quantity),
    }
}

/// Lambda: relay, landing, transform, merge with report, and the invocations of all.
fn compute_lines(
    month: &MonthlyWorkload,
    measured: &CostMeasurements,
    objects: f64,
) -> Vec<BillLine> {
    let [relay_mb, landing_mb, transform_mb, merge_mb] = assumed::MEMORY_MEGABYTES;
    let requests = month.events / month.per_request;

    let relay = gigabyte_seconds(
        invocation_cpu(&measured.relay, month, requests),
        requests * assumed::KAFKA_WAIT,
        relay_mb,
    );
    let landing = gigabyte_seconds(
        invocation_cpu(&measured.landing, month, objects),
        objects * assumed::PUT_WAIT,
        landing_mb,
    );
    let transform = gigabyte_seconds(
        invocation_cpu(&measured.transform, month, objects),
        objects * transform_wait(measured),
        transform_mb,
    );
    let merge = gigabyte_seconds(
        merge_cpu(month, measured),
        assumed::DAYS_PER_MONTH * assumed::DAY_WAIT,
        merge_mb,
    );

    let duration_line =
        |what, quantity| bill_line(BillPart::Compute, what, prices::LAMBDA_GB_SECOND, quantity);
    vec![
        duration_line("Lambda event-relay", relay),
        duration_line("Lambda raw-landing", landing),
        duration_line("Lambda pole-transform", transform),
        duration_line("Lambda snapshot-merge, quality-report", merge),
        bill_line(
            BillPart::Compute,
            "Lambda invocations",
            prices::LAMBDA_REQUEST,
            requests + 2.0 * objects + 2.0 * assumed::DAYS_PER_MONTH,
        ),
    ]
}

/// CPU-seconds of a function for the month's events in so many invocations.
fn invocation_cpu(function: &FunctionCpu, month: &MonthlyWorkload, invocations: f64) -> f64 {
    function.per_million * month.events / 1e6 + function.per_invocation * invocations
}

/// Seconds that the transform waits for S3 in an invocation: its reads, its tables in rounds of
/// PUTs, and its receipt.
fn transform_wait(measured: &CostMeasurements) -> f64 {
    let table_rounds = (measured.tables_of_an_object / assumed::PUTS_AT_ONCE).ceil();
    assumed::TRANSFORM_GETS * assumed::GET_WAIT + (table_rounds + 1.0) * assumed::PUT_WAIT
}

/// CPU-seconds of a month's merges and reports.
fn merge_cpu(month: &MonthlyWorkload, measured: &CostMeasurements) -> f64 {
    let increment_millions = month.events / 1e6 * measured.rows_per_event;
    let day = month.rows / 1e6 * measured.merge_per_million_rows + measured.day;
    increment_millions * measured.merge_per_million_increments + assumed::DAYS_PER_MONTH * day
}

/// How many PUTs and GETs the small files and the days cost.
fn s3_request_counts(
    month: &MonthlyWorkload,
    measured: &CostMeasurements,
    objects: f64,
) -> (f64, f64) {
    let table_days = assumed::TABLES * assumed::DAYS_PER_MONTH;
    // The raw object, its tables' objects, its receipt; a hint for each partition and hour.
    let puts = objects * (measured.tables_of_an_object + 2.0) + month.streams * HOURS_PER_MONTH;
    let lists =
        assumed::DAYS_PER_MONTH * 2.0 * objects * assumed::MONTHS_RETAINED / assumed::KEYS_PER_LIST;
    let gets =
        objects * (assumed::TRANSFORM_GETS + measured.tables_of_an_object + assumed::RECEIPT_GETS);
    (
        puts + lists + table_days * assumed::TABLE_PUTS,
        gets + table_days * assumed::TABLE_GETS,
    )
}

fn request_lines(
    month: &MonthlyWorkload,
    measured: &CostMeasurements,
    objects: f64,
) -> Vec<BillLine> {
    let (puts, gets) = s3_request_counts(month, measured, objects);
    let requests = |what, price, quantity| bill_line(BillPart::Requests, what, price, quantity);
    vec![
        requests(
            "HTTP API",
            prices::HTTP_API,
            month.events / month.per_request,
        ),
        requests("S3 PUT and LIST: small files", prices::S3_PUT, puts),
        requests("S3 GET and HEAD", prices::S3_GET, gets),
        requests(
            "SQS: raw objects, idle polls",
            prices::SQS_REQUEST,
            objects * assumed::MESSAGE_REQUESTS + assumed::IDLE_POLLS,
        ),
        requests(
            "Glue catalogue",
            prices::GLUE_REQUEST,
            assumed::TABLES * assumed::DAYS_PER_MONTH * assumed::TABLE_GLUE,
        ),
        requests(
            "Step Functions",
            prices::STATE_TRANSITION,
            assumed::DAYS_PER_MONTH * assumed::DAY_TRANSITIONS,
        ),
    ]
}

fn storage_lines(month: &MonthlyWorkload, measured: &CostMeasurements) -> Vec<BillLine> {
    let events = month.events * (measured.raw_bytes + measured.refined_bytes) / 1e9;
    let snapshots = month.rows * assumed::ROW_BYTES * assumed::DAYS_RETAINED / 1e9;

    let stored = |what, quantity| bill_line(BillPart::Storage, what, prices::S3_GB_MONTH, quantity);
    vec![
        stored(
            "S3 raw and refined, twelve months kept",
            events * assumed::MONTHS_RETAINED,
        ),
        stored("S3 snapshots, 55 days kept", snapshots),
    ]
}

fn monitoring_lines(
    month: &MonthlyWorkload,
    measured: &CostMeasurements,
    objects: f64,
) -> Vec<BillLine> {
    let invocations = month.events / month.per_request + 2.0 * objects;
    let logs = invocations * assumed::LOG_BYTES / 1e9;
    let series =
        assumed::SOURCES * assumed::HOURLY_SERIES + assumed::TABLES * assumed::DAILY_SERIES / 24.0;
    let (puts, gets) = s3_request_counts(month, measured, objects);
    let watch = |what, price, quantity| bill_line(BillPart::Watching, what, price, quantity);
    vec![
        watch("Logs, taken in", prices::LOG_GB, logs),
        watch(
            "Logs, twelve months kept",
            prices::LOG_GB_MONTH,
            logs * assumed::MONTHS_RETAINED,
        ),
        watch("Metrics", prices::METRIC, series),
        watch("Alarms", prices::ALARM, assumed::ALARMS),
        watch("Dashboard", prices::DASHBOARD, 1.0),
        watch("X-Ray", prices::TRACE, invocations * assumed::TRACED_SHARE),
        watch("KMS keys", prices::KEY, assumed::KEYS),
        watch(
            "KMS requests",
            prices::KEY_REQUEST,
            (puts + gets) / assumed::REQUESTS_PER_KEY_CALL,
        ),
    ]
}

/// An example of readers, and MSK Serverless.
fn reader_and_kafka_lines(month: &MonthlyWorkload, measured: &CostMeasurements) -> Vec<BillLine> {
    let gigabytes = month.events * measured.event_bytes / 1e9;
    let (queries, megabytes) = assumed::MONTHLY_QUERIES;

    vec![
        bill_line(
            BillPart::Readers,
            "Athena: 1,000 queries of 100 MB",
            prices::ATHENA_TB,
            queries * megabytes / 1e6,
        ),
        bill_line(
            BillPart::Kafka,
            "MSK Serverless: cluster",
            prices::MSK_SERVERLESS_HOUR,
            HOURS_PER_MONTH,
        ),
        bill_line(
            BillPart::Kafka,
            "MSK Serverless: partitions",
            prices::MSK_PARTITION_HOUR,
            month.streams * HOURS_PER_MONTH,
        ),
        bill_line(
            BillPart::Kafka,
            "MSK Serverless: written",
            prices::MSK_GB_IN,
            gigabytes,
        ),
        bill_line(
            BillPart::Kafka,
            "MSK Serverless: read",
            prices::MSK_GB_OUT,
            gigabytes,
        ),
    ]
}

/// MSK with brokers of a fixed size, and what reading Kafka from Lambda needs.
fn broker_and_poller_lines() -> Vec<BillLine> {
    vec![
        bill_line(
            BillPart::Brokers,
            "Three kafka.m7g.large",
            prices::MSK_BROKER_HOUR,
            3.0 * HOURS_PER_MONTH,
        ),
        bill_line(
            BillPart::Brokers,
            "Their disks, 100 GB each",
            prices::MSK_GB_MONTH,
            300.0,
        ),
        bill_line(
            BillPart::Polling,
            "Event pollers, a unit for each topic",
            prices::POLLER_UNIT_HOUR,
            assumed::SOURCES * HOURS_PER_MONTH,
        ),
        bill_line(
            BillPart::Polling,
            "Interface endpoints: lambda, sts, in two zones",
            prices::ENDPOINT_HOUR,
            4.0 * HOURS_PER_MONTH,
        ),
    ]
}

#[cfg(test)]
mod tests;
