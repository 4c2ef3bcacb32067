//! Each source's records go out by its own transport.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use contract::{Catalogue, Transport};
use futures_util::future::join;
use host::{Failure, FailureKind};

use crate::delivery::{EventSink, OutgoingRecord, SendError};

/// The transports that a deployment has, and the one of each topic.
pub struct TransportSink {
    kafka: Option<Box<dyn EventSink>>,
    queue: Option<Box<dyn EventSink>>,
    transports: BTreeMap<String, Transport>,
}

/// Records with their places among all of a call.
type PlacedRecords = Vec<(usize, OutgoingRecord)>;

impl TransportSink {
    /// The sink of a deployment: `default` carries the sources whose contracts name no transport.
    ///
    /// # Errors
    /// When a source's transport is not configured; its name, and the setting that is missing.
    pub fn new(
        kafka: Option<Box<dyn EventSink>>,
        queue: Option<Box<dyn EventSink>>,
        catalogue: &Catalogue,
        default: Transport,
    ) -> Result<Self, Failure> {
        let mut transports = BTreeMap::new();
        for mapping in &catalogue.mappings {
            let contract = &mapping.contract;
            let transport = contract.transport.unwrap_or(default);
            let missing_setting = match transport {
                Transport::Kafka if kafka.is_none() => Some("KAFKA_BOOTSTRAP"),
                Transport::Queue if queue.is_none() => Some("EVENTS_QUEUE_URL"),
                Transport::Kafka | Transport::Queue => None,
            };
            if let Some(setting) = missing_setting {
                let message = format!(
                    "the transport of `{}` is `{}`, and {setting} is not set",
                    contract.name,
                    transport.name()
                );
                return Err(Failure::new(FailureKind::Configuration, message));
            }
            transports.insert(contract.topic.clone(), transport);
        }

        Ok(Self {
            kafka,
            queue,
            transports,
        })
    }

    /// The records for Kafka, and those for the queue.
    fn split_by_transport(&self, records: Vec<OutgoingRecord>) -> (PlacedRecords, PlacedRecords) {
        let placed = records.into_iter().enumerate();
        placed
            .partition(|(_, record)| self.transports.get(&record.topic) != Some(&Transport::Queue))
    }
}

#[async_trait]
impl EventSink for TransportSink {
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let count = records.len();
        let (to_kafka, to_queue) = self.split_by_transport(records);
        let (by_kafka, by_queue) = join(
            send_placed(self.kafka.as_deref(), to_kafka, within),
            send_placed(self.queue.as_deref(), to_queue, within),
        )
        .await;

        let mut outcomes = vec![Err(no_transport()); count];
        for (place, outcome) in by_kafka.into_iter().chain(by_queue) {
            outcomes[place] = outcome;
        }
        outcomes
    }
}

/// Sends records by one transport; each outcome has the place of its record.
async fn send_placed(
    sink: Option<&dyn EventSink>,
    records: PlacedRecords,
    within: Duration,
) -> Vec<(usize, Result<(), SendError>)> {
    let Some(sink) = sink.filter(|_| !records.is_empty()) else {
        return Vec::new();
    };
    let (places, records): (Vec<_>, Vec<_>) = records.into_iter().unzip();
    let outcomes = sink.send_records(records, within).await;
    places.into_iter().zip(outcomes).collect()
}

fn no_transport() -> SendError {
    SendError::Unavailable("no transport carries the topic".to_owned())
}
