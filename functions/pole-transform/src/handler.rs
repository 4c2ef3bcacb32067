//! One invocation: notifications of raw objects, each done alone.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind, TimeBudget, emit_metric};
use lake::{Chunk, ErasedSubjects, Receipt};
use store::StoreError;
use trigger::{SqsEvent, SqsFailures, objects_created};

use crate::context::Context;
use crate::erasures;
use crate::transform::{TransformedChunk, transform_unerased};

/// Refined objects of one raw object that are written at once.
const WRITES_AT_ONCE: usize = 8;

/// Transforms what the messages tell of; the answer names the messages that are to come again.
pub async fn handle(event: SqsEvent, context: &Context, budget: TimeBudget) -> SqsFailures {
    let mut failures = SqsFailures::default();
    if event.records.is_empty() {
        return failures;
    }
    let erasures = erasures::read_erasures(&*context.refined).await;
    for message in event.records {
        let id = message.message_id.unwrap_or_default();
        // The rest goes back to the queue rather than over the deadline.
        let outcome = if budget.is_spent() {
            Err(Failure::new(
                FailureKind::Unavailable,
                "no time is left in this invocation",
            ))
        } else {
            match &erasures {
                Ok(erasures) => {
                    transform_message(
                        message.body.as_deref().unwrap_or_default(),
                        context,
                        erasures,
                    )
                    .await
                }
                Err(failure) => Err(failure.clone()),
            }
        };
        if let Err(failure) = outcome {
            tracing::error!(%failure, message = id, "not transformed");
            failures.add_message(&id);
        }
    }
    failures
}

async fn transform_message(
    body: &str,
    context: &Context,
    erasures: &ErasedSubjects,
) -> Result<(), Failure> {
    let objects =
        objects_created(body).map_err(|why| Failure::new(FailureKind::BadRequest, why))?;
    for object in objects {
        // Hints of chains lie in the raw zone too; they are no raw objects.
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
    // A receipt is the last word: a notification that comes again, perhaps under a mended mapping, must not change what
    // a merge has taken. Refused records come back by a redrive.
    let done = context.refined.object_exists(&chunk.receipt_key()).await;
    if done.map_err(|error| Failure::unavailable(&error))? {
        return Ok(());
    }
    let transformed = transform_raw_object(chunk, context, erasures).await?;
    write_transformed(&transformed, chunk, context).await?;
    emit_metrics(&transformed);
    Ok(())
}

/// Transforms a raw object that has a receipt already, under the contracts of today: a rebuild merges its days again. What
/// it made before and makes no more is deleted.
///
/// # Errors
/// As a transform fails.
pub async fn retransform_chunk(chunk: &Chunk, context: &Context) -> Result<(), Failure> {
    let unavailable = |error: StoreError| Failure::unavailable(&error);
    let erasures = erasures::read_erasures(&*context.refined).await?;
    let before = context
        .refined
        .get(&chunk.receipt_key())
        .await
        .map_err(unavailable)?;
    let before = Receipt::from_json(&before.body).map_err(|error| Failure::corrupt(&error))?;
    let transformed = transform_raw_object(chunk, context, &erasures).await?;
    write_transformed(&transformed, chunk, context).await?;
    let made: BTreeSet<&str> = transformed
        .objects
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    for old in before
        .tables
        .values()
        .filter(|old| !made.contains(old.key.as_str()))
    {
        context
            .refined
            .delete(&old.key)
            .await
            .map_err(unavailable)?;
    }
    Ok(())
}

/// What a raw object becomes.
async fn transform_raw_object(
    chunk: &Chunk,
    context: &Context,
    erasures: &ErasedSubjects,
) -> Result<TransformedChunk, Failure> {
    let plan = context
        .catalogue
        .mapping_of_topic(&chunk.topic)
        .ok_or_else(|| {
            let message = format!(
                "no contract declares the topic `{}`; add one and redrive the queue",
                chunk.topic
            );
            Failure::new(FailureKind::Configuration, message)
        })?;
    let object = context
        .raw
        .get(&chunk.raw_key())
        .await
        .map_err(|error| Failure::unavailable(&error))?;
    let next = object
        .metadata
        .get("next")
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            Failure::new(
                FailureKind::Corrupt,
                format!(
                    "{} has no `next`: it is not part of the chain",
                    chunk.raw_key()
                ),
            )
        })?;
    let records = lake::decode_raw(object.body).map_err(|error| Failure::corrupt(&error))?;
    transform_unerased(&context.catalogue, plan, (chunk, next), &records, erasures)
        .map_err(|error| Failure::corrupt(&error))
}

/// Writes the rows first and the receipt last: where a receipt lies, everything that it names lies too.
async fn write_transformed(
    transformed: &TransformedChunk,
    chunk: &Chunk,
    context: &Context,
) -> Result<(), Failure> {
    // At once, for they mostly wait: one after the other, the writes were most of what an invocation was paid for.
    let objects = transformed.objects.iter().map(async |(key, body)| {
        context
            .refined
            .put(key, body.clone(), lake::file::PARQUET_MEDIA_TYPE)
            .await
    });
    let written = stream::iter(objects)
        .buffer_unordered(WRITES_AT_ONCE)
        .try_collect::<()>()
        .await;
    written.map_err(|error| Failure::unavailable(&error))?;
    let receipt = transformed
        .receipt
        .to_json()
        .map_err(|error| Failure::corrupt(&error))?;
    let written = context
        .refined
        .put(
            &chunk.receipt_key(),
            Bytes::from(receipt),
            "application/json",
        )
        .await;
    written.map_err(|error| Failure::unavailable(&error))
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
    ];
    emit_metric(
        &[("function", "pole-transform"), ("source", &receipt.source)],
        &values,
    );
}
