//! AWS's list prices in US dollars, without free tiers, discounts and tax.
//!
//! No price list was at hand when these were written down: they are what we know of eu-west-2, or
//! of us-east-1 where the comment names it. Check them before you rely on a sum.

/// The region of the prices.
pub(crate) const REGION: &str = "eu-west-2";

/// When they were written down.
pub(crate) const PRICE_DATE: &str = "2026-11-27";

/// Where they come from.
pub(crate) const PRICE_SOURCE: &str = "list prices from memory, not looked up: check";

/// A price: dollars for a quantity of a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price {
    /// Dollars.
    pub(crate) usd: f64,
    /// The quantity that the dollars pay for.
    pub(crate) per: f64,
    /// The unit that is counted.
    pub(crate) unit: &'static str,
}

impl Price {
    const fn of(usd: f64, per: f64, unit: &'static str) -> Self {
        Self { usd, per, unit }
    }

    /// What a quantity costs.
    pub(crate) fn for_quantity(self, quantity: f64) -> f64 {
        self.usd * quantity / self.per
    }
}

/// Hours of a month of thirty days.
pub(crate) const HOURS_PER_MONTH: f64 = 720.0;

/// Lambda on Graviton.
pub(crate) const LAMBDA_GB_SECOND: Price = Price::of(0.000_013_333_4, 1.0, "GB-s");
/// Lambda's invocations.
pub(crate) const LAMBDA_REQUEST: Price = Price::of(0.20, 1e6, "invocations");

/// S3 Standard: PUT, COPY, LIST.
pub(crate) const S3_PUT: Price = Price::of(0.0053, 1e3, "PUT and LIST");
/// S3 Standard: GET, HEAD.
pub(crate) const S3_GET: Price = Price::of(0.000_42, 1e3, "GET and HEAD");
/// S3 Standard, the first 50 TB.
pub(crate) const S3_GB_MONTH: Price = Price::of(0.024, 1.0, "GB-months");

/// SQS standard queues, each request of up to 64 KB.
pub(crate) const SQS_REQUEST: Price = Price::of(0.40, 1e6, "requests");
/// HTTP API, each request of up to 512 KB.
pub(crate) const HTTP_API: Price = Price::of(1.16, 1e6, "requests");
/// Step Functions, standard workflows.
pub(crate) const STATE_TRANSITION: Price = Price::of(0.025, 1e3, "transitions");
/// Glue's catalogue: requests. Its first million objects are free, and the lake has fewer.
pub(crate) const GLUE_REQUEST: Price = Price::of(1.0, 1e6, "requests");

/// CloudWatch Logs, ingested.
pub(crate) const LOG_GB: Price = Price::of(0.5985, 1.0, "GB");
/// CloudWatch Logs, stored.
pub(crate) const LOG_GB_MONTH: Price = Price::of(0.0315, 1.0, "GB-months");
/// A series of custom metrics for a month of hours in which something is written.
pub(crate) const METRIC: Price = Price::of(0.30, 1.0, "series");
/// A standard alarm.
pub(crate) const ALARM: Price = Price::of(0.10, 1.0, "alarms");
/// A dashboard.
pub(crate) const DASHBOARD: Price = Price::of(3.00, 1.0, "dashboards");
/// X-Ray, traces recorded.
pub(crate) const TRACE: Price = Price::of(5.00, 1e6, "traces");

/// A customer's key in KMS.
pub(crate) const KEY: Price = Price::of(1.00, 1.0, "keys");
/// KMS requests.
pub(crate) const KEY_REQUEST: Price = Price::of(0.03, 1e4, "requests");

/// Athena, scanned.
pub(crate) const ATHENA_TB: Price = Price::of(5.00, 1.0, "TB");

/// MSK Serverless; the price of us-east-1.
pub(crate) const MSK_SERVERLESS_HOUR: Price = Price::of(0.75, 1.0, "hours");
/// MSK Serverless, each partition; us-east-1.
pub(crate) const MSK_PARTITION_HOUR: Price = Price::of(0.0015, 1.0, "partition-hours");
/// MSK Serverless, written; us-east-1.
pub(crate) const MSK_GB_IN: Price = Price::of(0.10, 1.0, "GB");
/// MSK Serverless, read; us-east-1.
pub(crate) const MSK_GB_OUT: Price = Price::of(0.05, 1.0, "GB");
/// MSK provisioned, kafka.m7g.large; us-east-1.
pub(crate) const MSK_BROKER_HOUR: Price = Price::of(0.204, 1.0, "broker-hours");
/// MSK provisioned, the brokers' disks.
pub(crate) const MSK_GB_MONTH: Price = Price::of(0.116, 1.0, "GB-months");
/// Lambda's event pollers for Kafka in provisioned mode: a unit for each mapping, or for mappings
/// that share a poller group; us-east-1.
pub(crate) const POLLER_UNIT_HOUR: Price = Price::of(0.185, 1.0, "unit-hours");
/// An interface endpoint in one zone.
pub(crate) const ENDPOINT_HOUR: Price = Price::of(0.011, 1.0, "endpoint-hours");

/// Glue jobs, streaming and batch.
pub(crate) const GLUE_DPU_HOUR: Price = Price::of(0.44, 1.0, "DPU-hours");
/// MSK Connect; us-east-1.
pub(crate) const MCU_HOUR: Price = Price::of(0.11, 1.0, "MCU-hours");
/// Firehose with MSK as its source: by the GB, without rounding of records; us-east-1.
pub(crate) const FIREHOSE_GB: Price = Price::of(0.055, 1.0, "GB");
