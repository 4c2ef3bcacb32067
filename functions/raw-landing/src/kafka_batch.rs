//! A batch of Kafka records, perhaps of several partitions.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use host::{Failure, TimeBudget, emit_metric};
use lake::{Chunk, LOG_APPEND_TIME, LakeError, RawRecord};
use store::raw_log::{LandingCounts, RawLogError, land_records};
use trigger::{KafkaEvent, KafkaFailures, KafkaRecord, PayloadText};

use crate::context::Context;
use crate::payload::unreadable_payload;

/// A record that waited for longer has its wait told, in seconds: a window gathers records for 300 s
/// at most. Shorter waits are no metric, which would cost a series of each topic.
const TOLD_WAIT_SECONDS: u64 = 900;

/// A topic and a partition.
type StreamName<'e> = (&'e str, i32);

/// What landing a stream's records gave.
struct StreamOutcome<'e> {
    stream: StreamName<'e>,
    first_offset: i64,
    /// How long the oldest record waited, where that is worth telling.
    long_wait: Option<u64>,
    landed: Result<LandingCounts, RawLogError>,
}

/// Lands a batch. Partitions fail alone; the answer names the first offset of each that is not
/// landed.
///
/// # Errors
/// When the payload is no Kafka batch: Lambda then sends all of it again.
pub(crate) async fn land_kafka_batch(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<KafkaFailures, Failure> {
    let event = KafkaEvent::parse(payload).map_err(|error| unreadable_payload(&error))?;
    let records: Vec<KafkaRecord<'_>> = event
        .records
        .unwrap_or_default()
        .into_values()
        .flatten()
        .collect();

    // Several partitions at once: each waits for its own PUT.
    let landings = group_by_stream(&records)
        .into_iter()
        .map(|(stream, records)| land_in_time(context, stream, records, budget));
    let outcomes = join_all(landings).await;

    Ok(report_outcomes(outcomes))
}

fn group_by_stream<'r, 'e>(
    records: &'r [KafkaRecord<'e>],
) -> BTreeMap<StreamName<'r>, Vec<&'r KafkaRecord<'e>>> {
    let mut streams: BTreeMap<StreamName<'_>, Vec<_>> = BTreeMap::new();
    for record in records {
        let stream = (record.topic.0.as_ref(), record.partition);
        streams.entry(stream).or_default().push(record);
    }
    streams
}

/// Lands the records of one stream. What the storage does not take in time is handed back before
/// Lambda ends the invocation.
async fn land_in_time<'e>(
    context: &Context,
    stream: StreamName<'e>,
    mut records: Vec<&KafkaRecord<'_>>,
    budget: TimeBudget,
) -> StreamOutcome<'e> {
    records.sort_by_key(|record| record.offset);
    records.dedup_by_key(|record| record.offset);

    let landing = land_stream(context, stream, &records);
    let landed = tokio::time::timeout(budget.time_left(), landing).await;

    StreamOutcome {
        stream,
        first_offset: records.first().map_or(0, |record| record.offset),
        long_wait: find_long_wait(&records, host::now_micros() / 1_000),
        landed: landed.unwrap_or(Err(RawLogError::OutOfTime)),
    }
}

/// The seconds for which the oldest record has waited, when they are more than
/// [`TOLD_WAIT_SECONDS`]. Producers' own timestamps say nothing of it.
fn find_long_wait(records: &[&KafkaRecord<'_>], now_millis: i64) -> Option<u64> {
    let appended = records.iter().filter(|record| {
        let kind = record.timestamp_type.as_ref();
        kind.is_some_and(|kind| kind.0 == LOG_APPEND_TIME)
    });
    let oldest = appended.map(|record| record.timestamp).min()?;
    let waited = u64::try_from(now_millis.saturating_sub(oldest) / 1_000).ok()?;
    (waited > TOLD_WAIT_SECONDS).then_some(waited)
}

async fn land_stream(
    context: &Context,
    (topic, partition): StreamName<'_>,
    records: &[&KafkaRecord<'_>],
) -> Result<LandingCounts, RawLogError> {
    let stream = Chunk {
        topic: topic.to_owned(),
        epoch: context.epoch,
        partition,
        offset: 0,
    };
    let landed_at = host::now_micros() / 1_000;
    let records = records
        .iter()
        .map(|record| decode_record(record, landed_at))
        .collect::<Result<Vec<_>, _>>()?;

    land_records(&*context.raw, &context.log_ends, &stream, &records).await
}

/// The record with its bytes decoded. Lambda itself encodes base64: wrong base64 is no record's
/// fault.
fn decode_record<'e>(
    record: &'e KafkaRecord<'e>,
    landed_at: i64,
) -> Result<RawRecord<'e>, LakeError> {
    Ok(RawRecord {
        offset: record.offset,
        timestamp: record.timestamp,
        timestamp_type: record.timestamp_type.as_ref().map(|kind| kind.0.as_ref()),
        landed_at: Some(landed_at),
        key: decode_base64(record.key.as_ref(), record.offset)?,
        value: decode_base64(record.value.as_ref(), record.offset)?,
        headers: record.headers.to_json(),
    })
}

fn decode_base64(text: Option<&PayloadText<'_>>, offset: i64) -> Result<Option<Bytes>, LakeError> {
    let Some(text) = text else { return Ok(None) };
    let decoded = base64_simd::STANDARD
        .decode_to_vec(text.0.as_bytes())
        .map_err(|_| {
            LakeError::Unexpected(format!("offset {offset}: key or value is not base64"))
        })?;
    Ok(Some(Bytes::from(decoded)))
}

/// Counts what was written, and names the streams that Lambda has to send again.
fn report_outcomes(outcomes: Vec<StreamOutcome<'_>>) -> KafkaFailures {
    let mut failures = KafkaFailures::default();
    for outcome in outcomes {
        let (topic, partition) = outcome.stream;
        let offset = outcome.first_offset;
        if let Some(seconds) = outcome.long_wait {
            emit_long_wait(topic, seconds);
        }
        match outcome.landed {
            Ok(counts) => emit_landed(topic, counts),
            Err(error) => {
                tracing::error!(%error, topic, partition, offset, "not landed");
                emit_landing_failed(topic);
                failures.add_offset(topic, partition, offset);
            }
        }
    }
    failures
}

fn emit_landed(topic: &str, counts: LandingCounts) {
    if counts.dated_by_landing > 0 {
        tracing::warn!(
            topic,
            records = counts.dated_by_landing,
            "the topic's timestamps are its producers' own: these records count on the day on \
             which they landed; set message.timestamp.type=LogAppendTime on the topic"
        );
    }
    let values = [
        ("records_landed", counts.records),
        ("records_repeated", counts.repeats),
        ("offset_gaps", counts.offset_gaps),
        ("records_dated_by_landing", counts.dated_by_landing),
    ];
    emit_metric(&[("function", "raw-landing"), ("topic", topic)], &values);
}

/// Also of records that do not land: until they do, their wait grows.
fn emit_long_wait(topic: &str, seconds: u64) {
    emit_metric(
        &[("function", "raw-landing"), ("topic", topic)],
        &[("landing_wait_seconds", seconds)],
    );
}

fn emit_landing_failed(topic: &str) {
    emit_metric(
        &[("function", "raw-landing"), ("topic", topic)],
        &[("landing_failed", 1)],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_of(records: &str, now_seconds: i64) -> Option<u64> {
        let payload = format!(r#"{{"records": {{"t-0": [{records}]}}}}"#);
        let event = KafkaEvent::parse(&payload).unwrap();
        let records: Vec<KafkaRecord<'_>> =
            event.records.unwrap().into_values().flatten().collect();
        let records: Vec<&KafkaRecord<'_>> = records.iter().collect();
        find_long_wait(&records, now_seconds * 1_000)
    }

    fn record(seconds: i64, kind: &str) -> String {
        format!(
            r#"{{"topic": "t", "partition": 0, "offset": 1, "timestamp": {}, "timestampType": "{kind}"}}"#,
            seconds * 1_000
        )
    }

    #[test]
    fn the_oldest_record_says_how_long_the_landing_waits() {
        let (old, new) = (record(100, LOG_APPEND_TIME), record(4_000, LOG_APPEND_TIME));
        assert_eq!(wait_of(&format!("{new}, {old}"), 4_100), Some(4_000));
        assert_eq!(wait_of(&new, 4_900), None, "a window and some retries");
        assert_eq!(wait_of(&new, 4_901), Some(901));
        assert_eq!(wait_of(&new, 10), None, "the broker's clock is ahead");
    }

    #[test]
    fn a_producers_own_time_says_nothing_of_the_landing() {
        assert_eq!(wait_of(&record(100, "CREATE_TIME"), 9_000), None);
        let untold = r#"{"topic": "t", "partition": 0, "offset": 1}"#;
        assert_eq!(wait_of(untold, 9_000), None);
    }
}
