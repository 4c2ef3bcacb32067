//! What the transport took, and whether the raw zone holds it byte for byte.

use std::collections::BTreeMap;

use lake::find_header_text;
use trigger::{MessageNumber, QUEUE_MESSAGE_HEADER};

use crate::kafka_landing::kafka_of;
use crate::oracle::LoggedRecord;
use crate::queue_landing::queue_of;
use crate::world::{SOURCE, World, WorldTransport};

/// Every record that the transport took, at its place in the log.
pub(crate) fn read_log(world: &World) -> Vec<LoggedRecord> {
    match world.transport {
        WorldTransport::Kafka(_) => read_kafka_log(world),
        WorldTransport::Queue(_) => read_queue_log(world),
    }
}

/// Checks that the raw zone holds what the transport took, byte for byte.
pub(crate) fn check_landed_bytes(world: &World) -> Result<(), String> {
    match world.transport {
        WorldTransport::Kafka(_) => check_kafka_bytes(world),
        WorldTransport::Queue(_) => check_queue_bytes(world),
    }
}

/// Every record of the log.
fn read_kafka_log(world: &World) -> Vec<LoggedRecord> {
    let logs = kafka_of(world).topics.get_or_create_topic(SOURCE).unwrap();
    let partitions = (0..).zip(logs.iter());
    partitions
        .flat_map(|(partition, log)| {
            log.read_records(0, usize::MAX)
                .unwrap()
                .into_iter()
                .map(move |record| LoggedRecord {
                    position: (record.timestamp, partition, record.offset),
                    value: serde_json::from_slice(&record.value.unwrap()).unwrap(),
                })
        })
        .collect()
}

/// Of a queue, the log itself gives the places. That it holds what was sent is checked apart.
fn read_queue_log(world: &World) -> Vec<LoggedRecord> {
    let mut log = Vec::new();
    for (key, bytes) in world.read_objects() {
        let Some(chunk) = key.strip_prefix("raw/").and_then(lake::Chunk::from_raw_key) else {
            continue;
        };
        for batch in lake::decode_raw(bytes.into()).unwrap() {
            log.extend((0..batch.len()).map(|row| LoggedRecord {
                position: (batch.timestamp(row), chunk.partition, batch.offset(row)),
                value: serde_json::from_slice(batch.value(row).unwrap()).unwrap(),
            }));
        }
    }
    log
}

/// A landed record of a message: when it was sent, its key, and its value.
type MessageRecord = (i64, Option<Vec<u8>>, Vec<u8>);

/// Each message that was stored landed with all its records, in their order, under its number; and
/// nothing landed that was not sent. A message that was stored twice lands once; one that two
/// sandboxes had at the same moment, or a killed one, may land again.
fn check_queue_bytes(world: &World) -> Result<(), String> {
    let mut landed: BTreeMap<(String, i32, i64), (String, MessageRecord)> = BTreeMap::new();
    for (key, bytes) in world.read_objects() {
        let Some(chunk) = key.strip_prefix("raw/").and_then(lake::Chunk::from_raw_key) else {
            continue;
        };
        for batch in lake::decode_raw(bytes.into()).unwrap() {
            for row in 0..batch.len() {
                let place = (chunk.topic.clone(), chunk.partition, batch.offset(row));
                let number = find_header_text(batch.headers(row), QUEUE_MESSAGE_HEADER);
                let record = (
                    batch.timestamp(row),
                    batch.key(row).map(<[u8]>::to_vec),
                    batch.value(row).unwrap().to_vec(),
                );
                let number = number.ok_or("a record names no message")?;
                if landed.insert(place, (number, record)).is_some() {
                    return Err("an offset is landed twice".to_owned());
                }
            }
        }
    }

    let mut by_message: BTreeMap<String, Vec<MessageRecord>> = BTreeMap::new();
    for (number, record) in landed.into_values() {
        by_message.entry(number).or_default().push(record);
    }
    check_messages(world, by_message)
}

fn check_messages(
    world: &World,
    mut landed: BTreeMap<String, Vec<MessageRecord>>,
) -> Result<(), String> {
    let mut sent: BTreeMap<MessageNumber, Vec<Vec<MessageRecord>>> = BTreeMap::new();
    for (sent_at, batch) in queue_of(world).stored_batches() {
        let records = batch.records.into_iter().map(|record| {
            let key = record.key.map(String::into_bytes);
            (sent_at, key, record.value)
        });
        let copies = sent.entry(batch.number).or_default();
        copies.push(records.collect());
    }
    for (number, copies) in sent {
        let found = landed.remove(&number.to_string()).unwrap_or_default();
        let length = copies[0].len();
        // Landed once or more often, and each time as one of the copies.
        let is_whole = !found.is_empty()
            && found
                .chunks(length)
                .all(|records| copies.iter().any(|copy| copy == records));
        if !is_whole {
            return Err(format!("message {number} is not landed as it was sent"));
        }
    }
    landed.keys().next().map_or(Ok(()), |number| {
        Err(format!("message {number} is landed and was not sent"))
    })
}

/// A record to the last bit: timestamp, key, value, headers.
type RecordBytes = (i64, Option<Vec<u8>>, Option<Vec<u8>>, String);

/// The raw zone holds the log, each record once, byte for byte.
fn check_kafka_bytes(world: &World) -> Result<(), String> {
    let mut landed: BTreeMap<(i32, i64), RecordBytes> = BTreeMap::new();
    for (key, bytes) in world.read_objects() {
        let Some(chunk) = key.strip_prefix("raw/").and_then(lake::Chunk::from_raw_key) else {
            continue;
        };
        for batch in lake::decode_raw(bytes.into()).unwrap() {
            for row in 0..batch.len() {
                let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                let headers = batch.headers(row).unwrap_or_default().to_owned();
                let record = (
                    batch.timestamp(row),
                    bytes(batch.key(row)),
                    bytes(batch.value(row)),
                    headers,
                );
                if landed
                    .insert((chunk.partition, batch.offset(row)), record)
                    .is_some()
                {
                    return Err(format!(
                        "offset {} of partition {} is landed twice",
                        batch.offset(row),
                        chunk.partition
                    ));
                }
            }
        }
    }
    let logs = kafka_of(world).topics.get_or_create_topic(SOURCE).unwrap();
    for (partition, log) in (0..).zip(logs.iter()) {
        for record in log.read_records(0, usize::MAX).unwrap() {
            let bytes = |bytes: Option<bytes::Bytes>| bytes.map(|bytes| bytes.to_vec());
            let base64 = |bytes: bytes::Bytes| base64_simd::STANDARD.encode_to_string(bytes);
            let headers: Vec<(String, Option<String>)> = record
                .headers
                .into_iter()
                .map(|(name, value)| (name, value.map(base64)))
                .collect();
            let headers = serde_json::to_string(&headers).unwrap();
            let wanted = (
                record.timestamp,
                bytes(record.key),
                bytes(record.value),
                headers,
            );
            if landed.remove(&(partition, record.offset)) != Some(wanted) {
                return Err(format!(
                    "offset {} of partition {partition} is not landed as it was",
                    record.offset
                ));
            }
        }
    }
    landed.keys().next().map_or(Ok(()), |place| {
        Err(format!("{place:?} is landed and not in the log"))
    })
}
