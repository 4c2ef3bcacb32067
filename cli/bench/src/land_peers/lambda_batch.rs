//! Records of a batch on their way into Lambda's JSON.

use std::collections::BTreeMap;

use bytes::Bytes;
use local_platform::lambda::PAYLOAD_BYTES_MAX;

/// Room for the JSON around the records.
const AROUND_RECORDS: usize = 64 * 1024;

/// Records of a batch at most: the largest batch size that a mapping may have.
const BATCH_RECORDS_MAX: usize = 10_000;

/// A batch that is being filled, within Lambda's limits.
pub(super) struct LambdaBatch {
    topic: String,
    /// The records of each partition as JSON, with commas between them.
    partitions: BTreeMap<i32, String>,
    bytes: usize,
    records: usize,
}

impl LambdaBatch {
    pub(super) fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions: BTreeMap::new(),
            bytes: 0,
            records: 0,
        }
    }

    /// How many records it has.
    pub(super) fn record_count(&self) -> usize {
        self.records
    }

    /// Whether another record of this size fits; an empty batch takes any.
    pub(super) fn has_room_for(&self, record: &str) -> bool {
        let bytes = self.bytes + record.len() + 1;
        let fits = bytes <= PAYLOAD_BYTES_MAX - AROUND_RECORDS && self.records < BATCH_RECORDS_MAX;
        fits || self.records == 0
    }

    /// Adds a record.
    pub(super) fn push(&mut self, partition: i32, record: &str) {
        let records = self.partitions.entry(partition).or_default();
        if !records.is_empty() {
            records.push(',');
        }
        records.push_str(record);
        self.bytes += record.len() + 1;
        self.records += 1;
    }

    /// The payload, and an empty batch in its place.
    pub(super) fn take_payload(&mut self) -> Bytes {
        let full = std::mem::replace(self, Self::new(&self.topic));
        let mut payload = String::with_capacity(full.bytes + AROUND_RECORDS);
        payload.push_str(r#"{"eventSource":"SelfManagedKafka","records":{"#);

        for (place, (partition, records)) in full.partitions.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            payload.push_str(&format!("{comma}\"{}-{partition}\":[", full.topic));
            payload.push_str(records);
            payload.push(']');
        }
        payload.push_str("}}");
        Bytes::from(payload)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn records_lie_in_their_partitions_in_their_order() {
        let mut batch = LambdaBatch::new("t");
        for (partition, record) in [(1, "1"), (0, "2"), (1, "3")] {
            batch.push(partition, record);
        }
        assert_eq!(batch.record_count(), 3);

        let payload: Value = serde_json::from_slice(&batch.take_payload()).unwrap();
        let records = serde_json::json!({"t-0": [2], "t-1": [1, 3]});
        assert_eq!(payload["records"], records);
        assert_eq!(batch.record_count(), 0);
    }

    #[test]
    fn a_batch_is_within_lambdas_limits() {
        let mut batch = LambdaBatch::new("t");
        let record = format!("\"{}\"", "x".repeat(1_000_000));
        while batch.has_room_for(&record) {
            batch.push(0, &record);
        }
        assert_eq!(batch.record_count(), 6);
        assert!(batch.take_payload().len() <= PAYLOAD_BYTES_MAX);

        // A record that is too large alone is for the function to refuse.
        let huge = "x".repeat(PAYLOAD_BYTES_MAX);
        assert!(batch.has_room_for(&huge));
        batch.push(0, "1");
        assert!(!batch.has_room_for(&huge));
    }

    #[test]
    fn a_batch_has_no_more_records_than_a_mapping_may_ask_for() {
        let mut batch = LambdaBatch::new("t");
        while batch.has_room_for("1") {
            batch.push(0, "1");
        }
        assert_eq!(batch.record_count(), BATCH_RECORDS_MAX);
    }
}
