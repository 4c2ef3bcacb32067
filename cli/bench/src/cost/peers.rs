//! What other services cost for the same work, from the topic to the day's tables; without storage,
//! and without Kafka.

use serde::Serialize;

use super::assumptions as assumed;
use super::measure::CostMeasurements;
use super::prices::{HOURS_PER_MONTH, PriceList, Priced};
use super::workload::MonthlyWorkload;

/// DPUs of a Glue streaming job at least: two workers of a quarter.
const STREAMING_DPUS: f64 = 0.5;
/// DPUs of a Glue job at least: two workers of one.
const JOB_DPUS: f64 = 2.0;
/// Processors of a DPU.
const PROCESSORS_OF_A_DPU: f64 = 4.0;
/// Seconds of a Glue job that are billed at least.
const JOB_SECONDS: f64 = 60.0;
/// Seconds until Spark has started (measured: docs/limits.md).
const SPARK_START_SECONDS: f64 = 9.0;
/// CPU-seconds of Spark for a million rows of a base that is merged: 41.4 for 4 million (measured:
/// docs/limits.md).
const SPARK_PER_MILLION_ROWS: f64 = 10.35;
/// Events that Spark transforms in a second of one processor (measured beside pole-transform).
const SPARK_EVENTS_PER_SECOND: f64 = 11_000.0;
/// MCUs of a connector at least.
const CONNECTOR_MCUS: f64 = 1.0;
/// Events of a busy hour, as a multiple of the mean.
const PEAK_FACTOR: f64 = 5.0;

/// Another way to build the pipeline.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CostAlternative {
    /// Its services.
    pub(crate) what: &'static str,
    /// Dollars a month.
    pub(crate) usd: f64,
}

/// What each alternative costs for a month.
pub(crate) fn alternative_costs(
    month: &MonthlyWorkload,
    measured: &CostMeasurements,
    prices: &PriceList,
) -> Vec<CostAlternative> {
    let streaming = prices.usd(Priced::GlueDpuHour, streaming_dpus(month) * HOURS_PER_MONTH);
    let snapshots = prices.usd(Priced::GlueDpuHour, snapshot_dpu_hours(month));
    let transforms = prices.usd(Priced::GlueDpuHour, transform_dpu_hours(month));
    let connector = prices.usd(Priced::ConnectMcuHour, CONNECTOR_MCUS * HOURS_PER_MONTH);
    let firehose = prices.usd(
        Priced::FirehoseGb,
        month.events * measured.event_bytes / 1e9,
    );
    vec![
        CostAlternative {
            what: "Glue streaming job, Glue jobs for snapshots",
            usd: streaming + snapshots,
        },
        CostAlternative {
            what: "MSK Connect, Glue jobs for increments and snapshots",
            usd: connector + transforms + snapshots,
        },
        CostAlternative {
            what: "Firehose, Glue jobs for increments and snapshots",
            usd: firehose + transforms + snapshots,
        },
        CostAlternative {
            what: "Firehose alone: JSON in S3, no tables",
            usd: firehose,
        },
    ]
}

/// DPUs of a streaming job: it runs all the time, sized for its busy hours.
fn streaming_dpus(month: &MonthlyWorkload) -> f64 {
    let busy = month.events / (assumed::DAYS_PER_MONTH * 86_400.0) * PEAK_FACTOR;
    (busy / SPARK_EVENTS_PER_SECOND / PROCESSORS_OF_A_DPU).max(STREAMING_DPUS)
}

/// DPU-hours of a Glue job for each table and day.
fn snapshot_dpu_hours(month: &MonthlyWorkload) -> f64 {
    let jobs = assumed::TABLES * assumed::DAYS_PER_MONTH;
    let work = month.rows / 1e6 / assumed::TABLES * SPARK_PER_MILLION_ROWS;
    let seconds = (SPARK_START_SECONDS + work / (JOB_DPUS * PROCESSORS_OF_A_DPU)).max(JOB_SECONDS);
    jobs * seconds * JOB_DPUS / 3_600.0
}

/// DPU-hours of a Glue job for each source and day.
fn transform_dpu_hours(month: &MonthlyWorkload) -> f64 {
    let jobs = assumed::SOURCES * assumed::DAYS_PER_MONTH;
    let work = month.events / jobs / SPARK_EVENTS_PER_SECOND;
    let seconds = (SPARK_START_SECONDS + work / (JOB_DPUS * PROCESSORS_OF_A_DPU)).max(JOB_SECONDS);
    jobs * seconds * JOB_DPUS / 3_600.0
}

#[cfg(test)]
mod tests {
    use contract::Transport;

    use super::super::measure::tests::round;
    use super::super::prices::tests::embedded;
    use super::super::workload::Watching;
    use super::*;

    #[test]
    fn what_others_ask_by_hand() {
        let month = MonthlyWorkload::of(7e7, Transport::Kafka, Watching::Full);
        let peers = alternative_costs(&month, &round(), &embedded());
        let usd = |place: usize| (peers[place].usd * 100.0).round() / 100.0;
        // Half a DPU for 720 h: 158.40; 600 jobs of a minute with two DPUs: 20 DPU-h, 8.80.
        assert_eq!(usd(0).to_string(), "167.2");
        // 720 MCU-h: 79.20; 240 jobs of a minute: 8 DPU-h, 3.52; 8.80.
        assert_eq!(usd(1).to_string(), "91.52");
        // 70 GB at 0.055: 3.85.
        assert_eq!(usd(2).to_string(), "16.17");
        assert_eq!(usd(3).to_string(), "3.85");
    }
}
