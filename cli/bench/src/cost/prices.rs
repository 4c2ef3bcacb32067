//! The prices, from a file: US dollars, each with its unit, its source and the date on which it was
//! taken.

use std::collections::BTreeMap;
use std::path::Path;

use polelake::error::CliError;
use serde::{Deserialize, Serialize};

/// The file of the repository.
const EMBEDDED_FILE: &str = include_str!("../../prices.json");

/// The source of a price that was not looked up.
const FROM_MEMORY: &str = "from memory";

/// Hours of a month of thirty days.
pub(crate) const HOURS_PER_MONTH: f64 = 720.0;

/// What has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Priced {
    /// Lambda on Graviton.
    LambdaGbSecond,
    /// Lambda's invocations.
    LambdaInvocation,
    /// S3 Standard: PUT, COPY, LIST.
    S3Put,
    /// S3 Standard: GET, HEAD.
    S3Get,
    /// S3 Standard, the first 50 TB.
    S3GbMonth,
    /// SQS standard queues, each request of up to 64 KB.
    SqsRequest,
    /// HTTP API, each request of up to 512 KB.
    HttpApiRequest,
    /// Step Functions, standard workflows.
    StateTransition,
    /// Glue's catalogue: requests. Its first million objects are free, and the lake has fewer.
    GlueRequest,
    /// CloudWatch Logs, taken in.
    LogGb,
    /// CloudWatch Logs, stored.
    LogGbMonth,
    /// A series of custom metrics for a month of hours in which something is written.
    Metric,
    /// A standard alarm on one metric.
    Alarm,
    /// A dashboard.
    Dashboard,
    /// X-Ray, traces recorded.
    Trace,
    /// A version of a customer's key in KMS.
    Key,
    /// KMS requests.
    KeyRequest,
    /// A secret.
    Secret,
    /// Athena, scanned.
    AthenaTb,
    /// MSK Serverless.
    MskServerlessHour,
    /// MSK Serverless, each partition.
    MskPartitionHour,
    /// MSK Serverless, written.
    MskGbIn,
    /// MSK Serverless, read.
    MskGbOut,
    /// MSK provisioned, kafka.m7g.large.
    MskBrokerHour,
    /// MSK provisioned, kafka.t3.small.
    MskSmallBrokerHour,
    /// MSK provisioned, the brokers' disks.
    MskGbMonth,
    /// Lambda's event pollers for Kafka in provisioned mode: a unit for each mapping, or for
    /// mappings that share a poller group.
    PollerUnitHour,
    /// An interface endpoint in one zone.
    EndpointHour,
    /// Glue jobs, streaming and batch.
    GlueDpuHour,
    /// MSK Connect.
    ConnectMcuHour,
    /// Firehose with MSK as its source: by the GB, without rounding of records.
    FirehoseGb,
}

impl Priced {
    /// Everything that the model multiplies with.
    const ALL: [Self; 31] = [
        Self::LambdaGbSecond,
        Self::LambdaInvocation,
        Self::S3Put,
        Self::S3Get,
        Self::S3GbMonth,
        Self::SqsRequest,
        Self::HttpApiRequest,
        Self::StateTransition,
        Self::GlueRequest,
        Self::LogGb,
        Self::LogGbMonth,
        Self::Metric,
        Self::Alarm,
        Self::Dashboard,
        Self::Trace,
        Self::Key,
        Self::KeyRequest,
        Self::Secret,
        Self::AthenaTb,
        Self::MskServerlessHour,
        Self::MskPartitionHour,
        Self::MskGbIn,
        Self::MskGbOut,
        Self::MskBrokerHour,
        Self::MskSmallBrokerHour,
        Self::MskGbMonth,
        Self::PollerUnitHour,
        Self::EndpointHour,
        Self::GlueDpuHour,
        Self::ConnectMcuHour,
        Self::FirehoseGb,
    ];
}

/// A price: dollars for a quantity of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    name: Priced,
    /// Dollars.
    usd: f64,
    /// The quantity that the dollars pay for.
    per: f64,
    /// The unit that is counted.
    pub(crate) unit: String,
    /// The region whose price it is: another one where the price of ours was not found.
    region: String,
    /// The address of the price list, or that it is from memory.
    source: String,
    /// When it was taken.
    date: String,
    /// What an account has of it in every month for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    free: Option<f64>,
}

impl Price {
    /// What a quantity costs.
    pub(crate) fn for_quantity(&self, quantity: f64) -> f64 {
        self.usd * quantity / self.per
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    region: String,
    note: String,
    prices: Vec<Price>,
}

/// All prices.
#[derive(Clone, Debug)]
pub(crate) struct PriceList {
    /// The region of the deployment.
    pub(crate) region: String,
    /// What the file says about all of them.
    pub(crate) note: String,
    prices: BTreeMap<Priced, Price>,
}

impl PriceList {
    /// The prices of the file, or those of the repository.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, CliError> {
        let Some(file) = file else {
            return Self::parse(EMBEDDED_FILE);
        };
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", file.display()).into())
    }

    fn parse(text: &str) -> Result<Self, CliError> {
        let file: PriceFile = serde_json::from_str(text)?;
        let named = file.prices.into_iter().map(|price| (price.name, price));
        let prices: BTreeMap<Priced, Price> = named.collect();
        if let Some(missing) = Priced::ALL.iter().find(|name| !prices.contains_key(name)) {
            let name = serde_json::to_string(missing)?;
            return Err(format!("there is no price {name}").into());
        }
        Ok(Self {
            region: file.region,
            note: file.note,
            prices,
        })
    }

    /// One of them: `parse` has seen that each is there.
    pub(crate) fn price(&self, name: Priced) -> &Price {
        &self.prices[&name]
    }

    /// What a quantity costs.
    pub(crate) fn usd(&self, name: Priced, quantity: f64) -> f64 {
        self.price(name).for_quantity(quantity)
    }

    /// All of them, with their sources.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Price> {
        self.prices.values()
    }

    /// The oldest and the newest date.
    pub(crate) fn dates(&self) -> (&str, &str) {
        let dates = || self.iter().map(|price| price.date.as_str());
        (
            dates().min().unwrap_or_default(),
            dates().max().unwrap_or_default(),
        )
    }

    /// How many were not looked up.
    pub(crate) fn count_from_memory(&self) -> usize {
        let from_memory = self.iter().filter(|price| price.source == FROM_MEMORY);
        from_memory.count()
    }

    /// What of a quantity is above what an account has for nothing.
    pub(crate) fn above_free(&self, name: Priced, quantity: f64) -> f64 {
        (quantity - self.price(name).free.unwrap_or_default()).max(0.0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cost) fn embedded() -> PriceList {
        PriceList::read(None).unwrap()
    }

    #[test]
    fn every_price_of_the_repository_says_where_and_when_it_was_taken() {
        let list = embedded();
        assert_eq!(list.iter().count(), Priced::ALL.len());
        for price in list.iter() {
            assert!(price.usd > 0.0 && price.per > 0.0, "{price:?}");
            let is_address = price.source.starts_with("https://");
            assert!(is_address || price.source == FROM_MEMORY, "{price:?}");
            assert_eq!(price.date.len(), "2026-01-31".len(), "{price:?}");
        }
    }

    #[test]
    fn a_list_that_lacks_a_price_is_refused() {
        let lacking = EMBEDDED_FILE
            .lines()
            .filter(|line| !line.contains("\"alarm\""));
        let lacking: Vec<&str> = lacking.collect();
        let error = PriceList::parse(&lacking.join("\n")).unwrap_err();
        assert!(error.to_string().contains("alarm"), "{error}");
    }

    #[test]
    fn what_is_free_is_taken_from_a_quantity_once() {
        let list = embedded();
        assert_eq!(list.above_free(Priced::Alarm, 13.0).to_string(), "3");
        assert_eq!(list.above_free(Priced::Alarm, 4.0).to_string(), "0");
        assert_eq!(list.above_free(Priced::Key, 1.0).to_string(), "1");
    }
}
