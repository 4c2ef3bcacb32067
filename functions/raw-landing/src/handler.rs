//! One invocation: a batch of records, perhaps of several partitions.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use host::{Failure, FailureKind, TimeBudget, emit_metric};
use lake::{Chunk, RawRecord};
use trigger::{KafkaEvent, KafkaFailures, KafkaRecord};

use crate::context::Context;
use store::raw_log::{LandingCounts, RawLogError, land_records};

type RecordsByStream<'e> = BTreeMap<(&'e str, i32), Vec<&'e KafkaRecord<'e>>>;

/// Lands a batch. Partitions fail alone; the answer names the first offset of each that is not landed.
///
/// # Errors
/// When the payload is no Kafka batch: Lambda then sends the whole of it again.
pub async fn handle(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<KafkaFailures, Failure> {
    let event = KafkaEvent::parse(payload).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Failure::new(
            FailureKind::BadRequest,
            format!("the payload is no Kafka batch: {place}"),
        )
    })?;
    let records: Vec<KafkaRecord<'_>> = event
        .records
        .unwrap_or_default()
        .into_values()
        .flatten()
        .collect();
    let mut streams: RecordsByStream<'_> = BTreeMap::new();
    for record in &records {
        streams
            .entry((record.topic.0.as_ref(), record.partition))
            .or_default()
            .push(record);
    }
    // Several partitions at once: each waits for its own PUT.
    let outcomes = join_all(streams.into_iter().map(|(stream, mut records)| async move {
        records.sort_by_key(|record| record.offset);
        records.dedup_by_key(|record| record.offset);
        let first = records.first().map_or(0, |record| record.offset);
        // What does not answer in time is handed back before Lambda takes the whole invocation away.
        let landed =
            tokio::time::timeout(budget.time_left(), land_stream(context, stream, &records)).await;
        (stream, first, landed.unwrap_or(Err(RawLogError::OutOfTime)))
    }))
    .await;
    let mut failures = KafkaFailures::default();
    for ((topic, partition), first, outcome) in outcomes {
        match outcome {
            Ok(landed) => emit_metrics(topic, landed),
            Err(error) => {
                tracing::error!(%error, topic, partition, offset = first, "not landed");
                emit_metric(
                    &[("function", "raw-landing"), ("topic", topic)],
                    &[("landing_failed", 1)],
                );
                failures.add_offset(topic, partition, first);
            }
        }
    }
    Ok(failures)
}

async fn land_stream(
    context: &Context,
    (topic, partition): (&str, i32),
    records: &[&KafkaRecord<'_>],
) -> Result<LandingCounts, RawLogError> {
    let stream = Chunk {
        topic: topic.to_owned(),
        epoch: context.epoch,
        partition,
        offset: 0,
    };
    let records = records
        .iter()
        .map(|record| decode_record(record))
        .collect::<Result<Vec<_>, _>>()?;
    land_records(&*context.raw, &context.log_ends, &stream, &records).await
}

/// The record with its bytes decoded. Base64 is Lambda's own doing: wrong base64 is no record's fault.
fn decode_record<'e>(record: &'e KafkaRecord<'e>) -> Result<RawRecord<'e>, RawLogError> {
    let bytes = |text: &Option<trigger::PayloadText<'_>>| -> Result<Option<Bytes>, RawLogError> {
        let Some(text) = text else { return Ok(None) };
        let decoded = base64_simd::STANDARD
            .decode_to_vec(text.0.as_bytes())
            .map_err(|_| {
                lake::LakeError::Unexpected(format!(
                    "offset {}: key or value is not base64",
                    record.offset
                ))
            })?;
        Ok(Some(Bytes::from(decoded)))
    };
    Ok(RawRecord {
        offset: record.offset,
        timestamp: record.timestamp,
        timestamp_type: record.timestamp_type.as_ref().map(|kind| kind.0.as_ref()),
        key: bytes(&record.key)?,
        value: bytes(&record.value)?,
        headers: record.headers.to_json(),
    })
}

fn emit_metrics(topic: &str, landed: LandingCounts) {
    let values = [
        ("records_landed", landed.records),
        ("records_repeated", landed.repeats),
        ("offset_gaps", landed.offset_gaps),
    ];
    emit_metric(&[("function", "raw-landing"), ("topic", topic)], &values);
}
