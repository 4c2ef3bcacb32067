//! From measurements to a month's bill.

mod kafka;
mod watching;

pub(super) use kafka::kafka_choices;

use contract::Transport;
use serde::Serialize;

use super::assumptions as assumed;
use super::measure::{CostMeasurements, FunctionCpu};
use super::prices::{HOURS_PER_MONTH, PriceList, Priced};
use super::workload::{LandedMonth, MonthlyWorkload, queue_requests};

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
    pub(crate) unit: String,
    pub(crate) usd: f64,
    #[serde(skip)]
    priced: Priced,
}

/// A month's bill.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bill {
    pub(crate) month: MonthlyWorkload,
    pub(crate) landed: LandedMonth,
    pub(crate) lines: Vec<BillLine>,
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

    /// Dollars of everything but Kafka and readers: watching included.
    pub(crate) fn everything_usd(&self) -> f64 {
        self.sum_parts(&[
            BillPart::Compute,
            BillPart::Requests,
            BillPart::Storage,
            BillPart::Watching,
        ])
    }

    /// The bill without what an account has for nothing in every month.
    pub(crate) fn without_free(mut self, prices: &PriceList) -> Self {
        let quantities: Vec<(Priced, f64)> = self
            .lines
            .iter()
            .map(|line| (line.priced, line.quantity))
            .collect();
        for line in &mut self.lines {
            let same = quantities
                .iter()
                .filter(|(priced, _)| *priced == line.priced);
            let quantity: f64 = same.map(|(_, quantity)| quantity).sum();
            if quantity > 0.0 {
                line.usd *= prices.above_free(line.priced, quantity) / quantity;
            }
        }
        self
    }
}

/// GB-seconds of a function that works `cpu` seconds on one processor and waits `wait` seconds.
pub(crate) fn gigabyte_seconds(cpu: f64, wait: f64, megabytes: f64) -> f64 {
    let share = (megabytes / assumed::MEGABYTES_PER_PROCESSOR).min(1.0);
    (cpu * assumed::GRAVITON_SLOWDOWN / share + wait) * megabytes / 1_024.0
}

/// A month that is being priced.
struct PricedMonth<'a> {
    month: &'a MonthlyWorkload,
    measured: &'a CostMeasurements,
    prices: &'a PriceList,
    landed: LandedMonth,
}

/// The whole bill. One of Kafka's transport has both kinds of cluster and what reads them.
pub(crate) fn monthly_bill(
    month: &MonthlyWorkload,
    measured: &CostMeasurements,
    prices: &PriceList,
) -> Bill {
    let priced = PricedMonth {
        month,
        measured,
        prices,
        landed: month.landed(measured),
    };
    let mut lines = priced.compute_lines();
    lines.extend(priced.request_lines());
    lines.extend(priced.storage_lines());
    lines.extend(priced.watching_lines());
    lines.push(priced.reader_line());
    if month.transport == Transport::Kafka {
        lines.extend(priced.kafka_lines());
    }
    Bill {
        month: *month,
        landed: priced.landed,
        lines,
    }
}

/// How many requests to S3 a month makes.
struct S3Requests {
    puts: f64,
    gets: f64,
}

impl PricedMonth<'_> {
    fn line(&self, part: BillPart, what: &'static str, priced: Priced, quantity: f64) -> BillLine {
        BillLine {
            part,
            what,
            quantity,
            unit: self.prices.price(priced).unit.clone(),
            usd: self.prices.usd(priced, quantity),
            priced,
        }
    }

    /// Lambda: relay, landing, transform, merge with report, and the invocations of all.
    fn compute_lines(&self) -> Vec<BillLine> {
        let (month, measured) = (self.month, self.measured);
        let LandedMonth {
            invocations,
            objects,
        } = self.landed;
        let [relay_mb, landing_mb, transform_mb, merge_mb] = assumed::MEMORY_MEGABYTES;
        let requests = month.requests();

        let relay = gigabyte_seconds(
            self.function_cpu(&measured.relay, requests),
            requests * assumed::ACKNOWLEDGE_WAIT,
            relay_mb,
        );
        let landing = gigabyte_seconds(
            self.function_cpu(&measured.landing, objects),
            invocations * self.append_puts() * assumed::PUT_WAIT + self.receive_wait(),
            landing_mb,
        );
        let transform = gigabyte_seconds(
            self.function_cpu(&measured.transform, objects),
            objects * self.transform_wait(),
            transform_mb,
        );
        let merge = gigabyte_seconds(
            self.merge_cpu(),
            assumed::DAYS_PER_MONTH * assumed::DAY_WAIT,
            merge_mb,
        );

        let duration =
            |what, quantity| self.line(BillPart::Compute, what, Priced::LambdaGbSecond, quantity);
        vec![
            duration("Lambda event-relay", relay),
            duration("Lambda raw-landing", landing),
            duration("Lambda pole-transform", transform),
            duration("Lambda snapshot-merge, quality-report", merge),
            self.line(
                BillPart::Compute,
                "Lambda invocations",
                Priced::LambdaInvocation,
                requests + invocations + objects + 2.0 * assumed::DAYS_PER_MONTH,
            ),
        ]
    }

    /// CPU-seconds of a function for the month's events in so many invocations.
    fn function_cpu(&self, function: &FunctionCpu, invocations: f64) -> f64 {
        function.per_million * self.month.events / 1e6 + function.per_invocation * invocations
    }

    /// PUTs of a landing, one after the other: topics are appended at the same time, and then the
    /// queue's lane stores its state.
    fn append_puts(&self) -> f64 {
        match self.month.transport {
            Transport::Kafka => 1.0,
            Transport::Queue => 2.0,
        }
    }

    /// Seconds for which a month's scheduled landings wait for SQS: each receives until nothing
    /// comes, and the last receive waits for a message.
    fn receive_wait(&self) -> f64 {
        if !self.month.is_landing_scheduled {
            return 0.0;
        }
        let delivered = 2.0 * self.month.requests() / assumed::MESSAGES_OF_A_REQUEST;
        // What is received is deleted too.
        let waves = 2.0 * delivered / assumed::RECEIVES_AT_ONCE;
        waves * assumed::SQS_WAIT + self.month.windows() * assumed::LAST_RECEIVE_WAIT
    }

    /// Seconds that the transform waits for S3 in an invocation: its reads, its tables in rounds of
    /// PUTs, and its receipt.
    fn transform_wait(&self) -> f64 {
        let tables = self.month.tables_of_an_object(self.measured);
        let table_rounds = (tables / assumed::PUTS_AT_ONCE).ceil();
        assumed::TRANSFORM_GETS * assumed::GET_WAIT + (table_rounds + 1.0) * assumed::PUT_WAIT
    }

    /// CPU-seconds of a month's merges and reports.
    fn merge_cpu(&self) -> f64 {
        let (month, measured) = (self.month, self.measured);
        let increment_millions = month.events / 1e6 * measured.rows_per_event;
        let day = month.rows / 1e6 * measured.merge_per_million_rows + measured.day;
        increment_millions * measured.merge_per_million_increments + assumed::DAYS_PER_MONTH * day
    }

    /// How many requests the small files and the days cost.
    fn s3_requests(&self) -> S3Requests {
        let objects = self.landed.objects;
        let tables = self.month.tables_of_an_object(self.measured);
        let table_days = assumed::TABLES * assumed::DAYS_PER_MONTH;
        // Kafka's landing writes a hint for each partition and hour; the queue's writes the state of
        // its lane for each batch, and reads that of every lane.
        let (hints, states) = match self.month.transport {
            Transport::Kafka => (self.month.streams() * HOURS_PER_MONTH, 0.0),
            Transport::Queue => {
                let invocations = self.landed.invocations;
                (invocations, invocations * assumed::LANES)
            }
        };
        // The raw object, its tables' objects, its receipt.
        let puts = objects * (tables + 2.0) + hints;
        let lists = assumed::DAYS_PER_MONTH * 2.0 * objects * assumed::MONTHS_RETAINED
            / assumed::KEYS_PER_LIST;
        let gets = objects * (assumed::TRANSFORM_GETS + tables + assumed::RECEIPT_GETS) + states;
        S3Requests {
            puts: puts + lists + table_days * assumed::TABLE_PUTS,
            gets: gets + table_days * assumed::TABLE_GETS,
        }
    }

    fn request_lines(&self) -> Vec<BillLine> {
        let month = self.month;
        let S3Requests { puts, gets } = self.s3_requests();
        let line = |what, priced, quantity| self.line(BillPart::Requests, what, priced, quantity);

        let mut lines = Vec::new();
        if month.has_http_api {
            lines.push(line("HTTP API", Priced::HttpApiRequest, month.requests()));
        }
        if month.transport == Transport::Queue {
            let requests = queue_requests(month, self.measured, &self.landed);
            lines.push(line(
                "SQS: events, idle polls",
                Priced::SqsRequest,
                requests,
            ));
        }
        let raw_objects = self.landed.objects * assumed::MESSAGE_REQUESTS + assumed::IDLE_POLLS;
        let table_days = assumed::TABLES * assumed::DAYS_PER_MONTH;
        let transitions = assumed::DAYS_PER_MONTH * assumed::DAY_TRANSITIONS;
        lines.extend([
            line("S3 PUT and LIST: small files", Priced::S3Put, puts),
            line("S3 GET and HEAD", Priced::S3Get, gets),
            line(
                "SQS: raw objects, idle polls",
                Priced::SqsRequest,
                raw_objects,
            ),
            line(
                "Glue catalogue",
                Priced::GlueRequest,
                table_days * assumed::TABLE_GLUE,
            ),
            line("Step Functions", Priced::StateTransition, transitions),
        ]);
        lines
    }

    fn storage_lines(&self) -> Vec<BillLine> {
        let (month, measured) = (self.month, self.measured);
        let raw = month.events * measured.raw_bytes / 1e9;
        let refined = month.events * measured.refined_bytes / 1e9;
        let snapshots = month.rows * assumed::ROW_BYTES * assumed::DAYS_RETAINED / 1e9;

        let stored =
            |what, quantity| self.line(BillPart::Storage, what, Priced::S3GbMonth, quantity);
        vec![
            stored("S3 raw, twelve months kept", raw * assumed::MONTHS_RETAINED),
            stored("S3 refined", refined * month.refined_months),
            stored("S3 snapshots, 55 days kept", snapshots),
        ]
    }

    /// An example of readers.
    fn reader_line(&self) -> BillLine {
        let (queries, megabytes) = assumed::MONTHLY_QUERIES;
        self.line(
            BillPart::Readers,
            "Athena: 1,000 queries of 100 MB",
            Priced::AthenaTb,
            queries * megabytes / 1e6,
        )
    }
}

#[cfg(test)]
mod tests;
