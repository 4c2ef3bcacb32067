//! What watching costs: logs, metrics, alarms, traces, keys, by how much is watched.

use contract::Transport;

use super::super::assumptions as assumed;
use super::super::prices::Priced;
use super::super::workload::Watching;
use super::{BillLine, BillPart, PricedMonth, S3Requests};

/// What is set up to watch a deployment.
pub(crate) struct WatchedThings {
    /// Series of metrics that have a value in every hour.
    pub(crate) hourly_series: f64,
    /// Series that have a value in one hour of a day.
    pub(crate) daily_series: f64,
    /// Alarms, each on one metric.
    pub(crate) alarms: f64,
    /// Dashboards.
    pub(crate) dashboards: f64,
    /// Months for which logs are kept.
    pub(crate) log_months: f64,
}

impl WatchedThings {
    /// As `infra/` sets it up: docs/cost.md names each.
    pub(crate) fn of(watching: Watching, transport: Transport) -> Self {
        match watching {
            // Landed, and one of those that are written only when they are not 0; the day's five of
            // merge and report.
            Watching::Small => Self {
                hourly_series: 2.0,
                daily_series: 5.0,
                alarms: small_alarms(transport),
                dashboards: 0.0,
                log_months: 1.0,
            },
            // Accepted, landed, refined and one of the rare ones of each source; three series of
            // each table, two of its rules, and nine of merge, report and site.
            Watching::Full => Self {
                hourly_series: 4.0 * assumed::SOURCES,
                daily_series: 5.0 * assumed::TABLES + 9.0,
                alarms: full_alarms(transport),
                dashboards: 1.0,
                log_months: 12.0,
            },
        }
    }
}

/// Errors, the dead letters of two queues, the oldest event, missing messages, quarantine, and the
/// day's four; with Kafka, whose pollers are provisioned, gaps, failed and late landings, lag, and
/// two of what was given up, in place of the events queue's three.
fn small_alarms(transport: Transport) -> f64 {
    match transport {
        Transport::Queue => 10.0,
        Transport::Kafka => 13.0,
    }
}

/// Three for each function, three for each queue, one of the API, one of invocations that failed,
/// nine of the day and its schedules; quarantine, failed landings, gaps and freshness of each
/// source; with Kafka also lag, late landings and failed deliveries of each topic, with the queue the
/// events queue.
fn full_alarms(transport: Transport) -> f64 {
    let common = 5.0 * 3.0 + 3.0 + 1.0 + 1.0 + 9.0 + 4.0 * assumed::SOURCES;
    match transport {
        Transport::Kafka => common + 3.0 * assumed::SOURCES,
        Transport::Queue => common + 3.0,
    }
}

impl PricedMonth<'_> {
    pub(super) fn watching_lines(&self) -> Vec<BillLine> {
        let month = self.month;
        let things = WatchedThings::of(month.watching, month.transport);
        let series = things.hourly_series + things.daily_series / 24.0;
        let logs = self.log_bytes() / 1e9;
        let line = |what, priced, quantity| self.line(BillPart::Watching, what, priced, quantity);
        vec![
            line("Logs, taken in", Priced::LogGb, logs),
            line("Logs, kept", Priced::LogGbMonth, logs * things.log_months),
            line("Metrics", Priced::Metric, series),
            line("Alarms", Priced::Alarm, things.alarms),
            line("Dashboard", Priced::Dashboard, things.dashboards),
            line("X-Ray", Priced::Trace, self.traces()),
            line("KMS keys", Priced::Key, month.keys),
            line("KMS requests", Priced::KeyRequest, self.key_requests()),
            line("The identity key's secret", Priced::Secret, 1.0),
        ]
    }

    /// Bytes of logs. Lambda's own lines are not written below the level WARN, and a small
    /// deployment writes metrics of the landing alone.
    fn log_bytes(&self) -> f64 {
        let (requests, landed) = (self.month.requests(), self.landed);
        let [relay, landing, transform] = self.measured.log_bytes;
        let access = match self.month.has_http_api {
            true => requests * (assumed::ACCESS_LOG_BYTES + assumed::LOG_EVENT_BYTES),
            false => 0.0,
        };
        let landing = landed.objects * (landing + assumed::LOG_EVENT_BYTES);
        match self.month.watching {
            Watching::Small => access + landing,
            Watching::Full => {
                let relay = requests * (relay + assumed::LOG_EVENT_BYTES);
                access + landing + relay + landed.objects * (transform + assumed::LOG_EVENT_BYTES)
            }
        }
    }

    /// Traces: one a second, and a share of the others.
    fn traces(&self) -> f64 {
        if self.month.watching == Watching::Small {
            return 0.0;
        }
        let invocations = self.month.requests() + self.landed.invocations + self.landed.objects;
        let seconds = assumed::DAYS_PER_MONTH * 86_400.0;
        let always = invocations.min(seconds * assumed::TRACES_A_SECOND);
        always + (invocations - always) * assumed::TRACED_SHARE
    }

    /// Requests to KMS, with bucket keys; AWS's own keys cost nothing.
    fn key_requests(&self) -> f64 {
        let S3Requests { puts, gets } = self.s3_requests();
        match self.month.keys > 0.0 {
            true => (puts + gets) / assumed::REQUESTS_PER_KEY_CALL,
            false => 0.0,
        }
    }
}
