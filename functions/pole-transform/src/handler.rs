//! One invocation: notifications of raw objects, each transformed alone.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind, TimeBudget, emit_metric};
use lake::{Chunk, ErasedSubjects, LakeError, RawBatch, Receipt};
use store::StoredObject;
use store::raw_log::RawObject;
use trigger::{SqsEvent, SqsFailures, SqsMessage, objects_created};

use crate::context::Context;
use crate::landed_object::LandedObject;
use crate::transform::{TransformedChunk, transform_unerased};

/// Refined objects of one raw object that are written at once.
const WRITES_AT_ONCE: usize = 8;

/// Transforms the raw objects that the messages name; the answer has the messages that SQS is to
/// deliver again.
pub async fn handle(event: SqsEvent, context: &Context, budget: TimeBudget) -> SqsFailures {
    let mut failures = SqsFailures::default();
    if event.records.is_empty() {
        return failures;
    }

    let erasures = host::read_erasures(&*context.refined).await;
    for message in event.records {
        let outcome = match &erasures {
            // The remaining messages go back to the queue: an invocation that is over the deadline
            // repeats all of them.
            _ if budget.is_spent() => Err(Failure::new(
                FailureKind::Unavailable,
                "no time is left in this invocation",
            )),
            Ok(erasures) => transform_message(&message, context, erasures).await,
            Err(failure) => Err(failure.clone()),
        };

        if let Err(failure) = outcome {
            let id = message.message_id.unwrap_or_default();
            tracing::error!(%failure, message = id, "not transformed");
            failures.add_message(&id);
        }
    }
    failures
}

async fn transform_message(
    message: &SqsMessage,
    context: &Context,
    erasures: &ErasedSubjects,
) -> Result<(), Failure> {
    let body = message.body.as_deref().unwrap_or_default();
    let objects =
        objects_created(body).map_err(|why| Failure::new(FailureKind::BadRequest, why))?;

    for object in objects {
        // The raw zone has hints of log ends too; they are no raw objects.
        if let Some(chunk) = Chunk::from_raw_key(&object.key) {
            transform_new_chunk(&chunk, context, erasures).await?;
        }
    }
    Ok(())
}

async fn transform_new_chunk(
    chunk: &Chunk,
    context: &Context,
    erasures: &ErasedSubjects,
) -> Result<(), Failure> {
    // A receipt is final: a notification that comes again, perhaps under a fixed mapping, must not
    // change what a merge has committed. Refused records come back by a redrive.
    if context.refined.object_exists(&chunk.receipt_key()).await? {
        return Ok(());
    }

    let transformed = transform_raw_object(chunk, context, erasures).await?;
    write_transformed(&transformed, chunk, context).await?;
    emit_metrics(&transformed);
    Ok(())
}

/// Transforms a raw object that has a receipt already, under the contracts of today: a rebuild
/// merges its days again. Refined objects that the new transform no longer gives are deleted.
///
/// # Errors
/// As a transform fails.
pub async fn retransform_chunk(chunk: &Chunk, context: &Context) -> Result<(), Failure> {
    let erasures = host::read_erasures(&*context.refined).await?;
    let old_objects = find_old_objects(chunk, context).await?;

    let transformed = transform_raw_object(chunk, context, &erasures).await?;
    write_transformed(&transformed, chunk, context).await?;

    let written: BTreeSet<&str> = transformed
        .objects
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    for old_object in old_objects {
        if !written.contains(old_object.as_str()) {
            context.refined.delete(&old_object).await?;
        }
    }
    Ok(())
}

/// The refined objects of the chunk as its receipt names them. A receipt that cannot be read is
/// written again with them: then they are found by their names.
async fn find_old_objects(chunk: &Chunk, context: &Context) -> Result<Vec<String>, Failure> {
    let receipt = context
        .refined
        .get_if_within_limit(&chunk.receipt_key())
        .await?;
    let receipt = receipt.and_then(|object| Receipt::from_json(&object.body).ok());
    if let Some(receipt) = receipt {
        let refined = receipt.tables.into_values().map(|object| object.key);
        let quarantine = receipt.quarantine.into_iter().map(|object| object.key);
        return Ok(refined.chain(quarantine).collect());
    }

    let mut found = Vec::new();
    for table in context.catalogue.stored_tables() {
        let prefix = Chunk::refined_prefix(&table.name);
        let listed = context.refined.list(&prefix, None).await?;
        let keys = listed.into_iter().map(|entry| entry.key);
        found.extend(
            keys.filter(|key| Chunk::from_refined_key(&table.name, key).as_ref() == Some(chunk)),
        );
    }
    Ok(found)
}

/// Transforms one raw object under its topic's mapping, without erased subjects.
async fn transform_raw_object(
    chunk: &Chunk,
    context: &Context,
    erasures: &ErasedSubjects,
) -> Result<TransformedChunk, Failure> {
    let catalogue = &context.catalogue;
    let mapping = catalogue.mapping_of_topic(&chunk.topic).ok_or_else(|| {
        let message = format!(
            "no contract declares the topic `{}`; add one and redrive the queue",
            chunk.topic
        );
        Failure::new(FailureKind::Configuration, message)
    })?;

    let object = context.raw.get(&chunk.raw_key()).await?;
    let (raw, records) = decode_checked(&object)
        .map_err(|error| Failure::damaged_object(&chunk.raw_key(), &error))?;
    let landed = LandedObject {
        chunk,
        next: raw.next,
        digest: raw.digest,
    };
    let transformed = transform_unerased(
        catalogue,
        &context.identity_key,
        mapping,
        landed,
        &records,
        erasures,
    )?;
    Ok(transformed)
}

/// The raw object and its records, when its content is what was landed.
fn decode_checked(object: &StoredObject) -> Result<(RawObject, Vec<RawBatch>), LakeError> {
    let raw = RawObject::check(object)?;
    let records = lake::decode_raw(raw.body.clone())?;
    Ok((raw, records))
}

/// Writes the rows first and the receipt last: where a receipt is stored, every object that it
/// names is stored too.
async fn write_transformed(
    transformed: &TransformedChunk,
    chunk: &Chunk,
    context: &Context,
) -> Result<(), Failure> {
    // Several at once, for they mostly wait: one after the other, the writes took most of an
    // invocation's paid time.
    let writes = transformed.objects.iter().map(async |(key, body)| {
        context
            .refined
            .put(key, body.clone(), lake::file::PARQUET_MEDIA_TYPE)
            .await
    });
    stream::iter(writes)
        .buffer_unordered(WRITES_AT_ONCE)
        .try_collect::<()>()
        .await?;

    let receipt = Bytes::from(transformed.receipt.to_json()?);
    context
        .refined
        .put(&chunk.receipt_key(), receipt, "application/json")
        .await?;
    Ok(())
}

fn emit_metrics(transformed: &TransformedChunk) {
    let receipt = &transformed.receipt;
    let values = [
        ("records_refined", receipt.refined),
        ("records_ignored", receipt.ignored),
        ("records_erased", receipt.erased),
        ("records_quarantined", receipt.quarantined_total()),
        ("fields_undeclared", receipt.undeclared.values().sum()),
        ("values_unlisted", receipt.unlisted.values().sum()),
        ("values_unreadable", receipt.unreadable.values().sum()),
        ("members_duplicate", receipt.duplicates.values().sum()),
    ];
    emit_metric(
        &[("function", "pole-transform"), ("source", &receipt.source)],
        &values,
    );
}
