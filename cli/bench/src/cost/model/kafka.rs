//! What Kafka costs: the cluster, and what reads it.

use super::super::assumptions as assumed;
use super::super::prices::{HOURS_PER_MONTH, Priced};
use super::{BillLine, BillPart, PricedMonth};

impl PricedMonth<'_> {
    /// MSK Serverless, brokers of a fixed size instead, and what reading either from Lambda needs.
    pub(super) fn kafka_lines(&self) -> Vec<BillLine> {
        let gigabytes = self.month.events * self.measured.event_bytes / 1e9;
        let partition_hours = self.month.streams() * HOURS_PER_MONTH;
        let serverless =
            |what, priced, quantity| self.line(BillPart::Kafka, what, priced, quantity);
        let brokers = |what, priced, quantity| self.line(BillPart::Brokers, what, priced, quantity);
        let polling = |what, priced, quantity| self.line(BillPart::Polling, what, priced, quantity);
        let hours = HOURS_PER_MONTH;
        let units = assumed::SOURCES * hours;

        vec![
            serverless("MSK Serverless: cluster", Priced::MskServerlessHour, hours),
            serverless(
                "MSK Serverless: partitions",
                Priced::MskPartitionHour,
                partition_hours,
            ),
            serverless("MSK Serverless: written", Priced::MskGbIn, gigabytes),
            serverless("MSK Serverless: read", Priced::MskGbOut, gigabytes),
            brokers("Three kafka.m7g.large", Priced::MskBrokerHour, 3.0 * hours),
            brokers("Their disks, 100 GB each", Priced::MskGbMonth, 300.0),
            polling(
                "Event pollers, a unit for each topic",
                Priced::PollerUnitHour,
                units,
            ),
            polling(
                "Interface endpoints: lambda, sts, in two zones",
                Priced::EndpointHour,
                4.0 * hours,
            ),
        ]
    }
}

/// Ways to have Kafka, from the dearest to the cheapest: what each adds to everything else, in
/// dollars a month.
pub(crate) fn kafka_choices(prices: &super::PriceList) -> [(&'static str, f64); 5] {
    let hours = HOURS_PER_MONTH;
    let serverless = prices.usd(Priced::MskServerlessHour, hours)
        + prices.usd(Priced::MskPartitionHour, assumed::SOURCES * hours);
    let small =
        prices.usd(Priced::MskSmallBrokerHour, 3.0 * hours) + prices.usd(Priced::MskGbMonth, 30.0);
    let unit = prices.usd(Priced::PollerUnitHour, hours);
    let endpoints = prices.usd(Priced::EndpointHour, 4.0 * hours);
    [
        (
            "MSK Serverless, a poller unit for each topic",
            serverless + assumed::SOURCES * unit,
        ),
        ("MSK Serverless, pollers on demand", serverless + endpoints),
        ("Three kafka.t3.small, a shared poller unit", small + unit),
        ("Three kafka.t3.small, pollers on demand", small + endpoints),
        ("A cluster that is there, pollers on demand", endpoints),
    ]
}
