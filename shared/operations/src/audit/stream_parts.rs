//! The parts of a stream in the order of their offsets: raw objects, and between them what is
//! declared lost.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, DeclaredLoss, Receipt};
use store::StoreError;
use store::streams::list_raw_chunks;

use super::finding_kind::FindingKind;
use super::raw_log_object::RawLogObject;
use super::report::AuditFinding;
use crate::declared_losses::{DeclaredLosses, is_raw_object_whole};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Objects that are requested at once.
const READS_AT_ONCE: usize = 16;

/// A part of a stream.
pub(super) enum StreamPart {
    /// A raw object.
    Object(RawLogObject),
    /// A raw object that is declared lost, and is.
    Lost(DeclaredLoss),
}

impl StreamPart {
    /// Its first offset.
    pub(super) fn offset(&self) -> i64 {
        match self {
            Self::Object(object) => object.chunk.offset,
            Self::Lost(loss) => loss.first,
        }
    }
}

/// The raw objects of a stream from `from` on, with those that are declared lost, whether they are
/// there or not.
pub(super) async fn list_parts(
    lake: &LakeHandle,
    from: &Chunk,
    losses: &DeclaredLosses,
) -> Result<Vec<Chunk>, OperationError> {
    let mut chunks = list_raw_chunks(from, &*lake.raw).await?;
    chunks.extend(losses.chunks_from(from).cloned());
    chunks.sort();
    chunks.dedup();
    Ok(chunks)
}

/// Reads the parts. One that is declared lost and is whole again is a finding, and is a raw object
/// as any other.
pub(super) async fn read_parts(
    lake: &LakeHandle,
    chunks: Vec<Chunk>,
    losses: &DeclaredLosses,
    receipts: &BTreeMap<i64, Receipt>,
    findings: &mut Vec<AuditFinding>,
) -> Result<Vec<StreamPart>, OperationError> {
    let mut parts = Vec::new();
    let mut present = Vec::new();
    for chunk in chunks {
        let Some(loss) = losses.find(&chunk) else {
            present.push(chunk);
            continue;
        };
        if is_raw_object_whole(lake, &chunk, receipts.get(&chunk.offset)).await? {
            findings.push(returned_object(&chunk));
            present.push(chunk);
        } else {
            parts.push(StreamPart::Lost(loss.clone()));
        }
    }

    let objects = read_heads(lake, present).await?;
    parts.extend(objects.into_iter().map(StreamPart::Object));
    parts.sort_by_key(StreamPart::offset);
    Ok(parts)
}

fn returned_object(chunk: &Chunk) -> AuditFinding {
    let declaration = DeclaredLoss::key_of(chunk);
    let what = format!("is there again, and {declaration} declares it lost");
    let kind = FindingKind::LossReturned;
    AuditFinding::new(kind, chunk.raw_key(), Some(chunk.offset), what)
}

/// The raw objects with their metadata, in their order; those that cannot be asked for are noted.
async fn read_heads(
    lake: &LakeHandle,
    chunks: Vec<Chunk>,
) -> Result<Vec<RawLogObject>, StoreError> {
    let objects: Vec<Option<RawLogObject>> = stream::iter(chunks)
        .map(|chunk| async move {
            let head = lake
                .unreadable
                .note(lake.raw.head(&chunk.raw_key()).await)?;
            Ok(head.map(|head| RawLogObject::from_head(chunk, &head)))
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(objects.into_iter().flatten().collect())
}
