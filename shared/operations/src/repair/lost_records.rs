//! Records that no raw object holds any more, as the findings of an audit say. Each loss is named by
//! its first offset, which names the raw object that held it: a raw log has no other gaps.

use std::collections::BTreeMap;

use lake::{Chunk, Receipt};
use store::ObjectError;
use store::raw_log::recorded_next;

use super::outcome::LostRecords;
use crate::audit::{AuditFinding, FindingKind};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Offsets between two raw objects: the first, and the offset behind them.
type OffsetGap = (Chunk, i64);

/// What is lost, by the raw object that held it.
type LossesByChunk = BTreeMap<Chunk, LostRecords>;

/// The lost records that findings name, each raw object once.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn find_lost_records(
    lake: &LakeHandle,
    findings: &[AuditFinding],
) -> Result<Vec<LostRecords>, OperationError> {
    let mut lost = LossesByChunk::new();
    let mut gaps = Vec::new();
    for finding in findings.iter().filter(|finding| !finding.is_added_object()) {
        if finding.kind == FindingKind::RawGap {
            gaps.extend(parse_gap(finding));
        } else if let Some(chunk) = find_lost_chunk(lake, finding).await? {
            let records = describe_raw_object(lake, &chunk).await?;
            lost.insert(chunk, records);
        }
    }

    for gap in &gaps {
        fill_gap(gap, &mut lost);
    }
    Ok(lost.into_values().collect())
}

/// The offsets between two raw objects.
fn parse_gap(finding: &AuditFinding) -> Option<OffsetGap> {
    let behind = Chunk::from_raw_key(&finding.object)?;
    let first = Chunk {
        offset: finding.offset?,
        ..behind.clone()
    };
    Some((first, behind.offset))
}

/// The raw object that a finding says is missing or damaged.
async fn find_lost_chunk(
    lake: &LakeHandle,
    finding: &AuditFinding,
) -> Result<Option<Chunk>, OperationError> {
    let object = finding.object.as_str();
    match finding.kind {
        FindingKind::RawMissing => Ok(Chunk::from_receipt_key(object)),
        FindingKind::RawDamaged => Ok(Chunk::from_raw_key(object)),
        FindingKind::Unreadable => match Chunk::from_receipt_key(object) {
            // A damaged receipt is made again where its raw object is there.
            Some(chunk) if !lake.raw.object_exists(&chunk.raw_key()).await? => Ok(Some(chunk)),
            _ => Ok(Chunk::from_raw_key(object)),
        },
        _ => Ok(None),
    }
}

/// What is recorded of a raw object that is missing or damaged.
async fn describe_raw_object(
    lake: &LakeHandle,
    chunk: &Chunk,
) -> Result<LostRecords, OperationError> {
    let receipt = lake.read_receipt(chunk).await?;
    let Some(receipt) = receipt else {
        return Ok(LostRecords {
            next: find_recorded_end(lake, chunk).await?,
            receipt_damaged: lake.refined.object_exists(&chunk.receipt_key()).await?,
            ..unknown_records(chunk)
        });
    };

    let lost_objects = find_lost_objects(lake, &receipt).await?;
    Ok(LostRecords {
        next: Some(receipt.next),
        records: Some(receipt.landed),
        rows_kept: lost_objects.is_empty() && receipt.lost.is_empty(),
        ..unknown_records(chunk)
    })
}

/// The objects that the receipt of a lost raw object names and that are not what it says. The audit
/// has not looked at them, for a receipt without its raw object proves nothing of it.
///
/// # Errors
/// When the storage does not answer, or does not let one of them be read: then it is not known.
pub(super) async fn find_lost_objects(
    lake: &LakeHandle,
    receipt: &Receipt,
) -> Result<Vec<String>, OperationError> {
    let refined = receipt.tables.values();
    let refined = refined.map(|object| (&object.key, object.digest));
    let quarantine = receipt.quarantine.iter();
    let quarantine = quarantine.map(|object| (&object.key, object.digest));
    let mut lost = Vec::new();
    for (key, digest) in refined.chain(quarantine) {
        let object = lake.refined.get_if_within_limit(key).await?;
        if object.is_none_or(|object| digest.check(&object.body).is_err()) {
            lost.push(key.clone());
        }
    }
    Ok(lost)
}

/// The offset behind a raw object without a receipt: its own metadata record it, or the raw object
/// behind it begins there.
async fn find_recorded_end(
    lake: &LakeHandle,
    chunk: &Chunk,
) -> Result<Option<i64>, OperationError> {
    let key = chunk.raw_key();
    let behind = lake.raw.find_first(&chunk.raw_prefix(), Some(&key)).await?;
    let behind = behind.and_then(|entry| Chunk::from_raw_key(&entry.key));
    let behind = behind.map(|behind| behind.offset);

    let recorded = match lake.raw.head(&key).await {
        Ok(head) => recorded_next(&head.metadata),
        Err(error) if error.unreadable_object().is_some() => None,
        Err(error) => return Err(error.into()),
    };
    let recorded =
        recorded.filter(|next| *next > chunk.offset && behind.is_none_or(|behind| *next <= behind));
    Ok(recorded.or(behind))
}

/// Adds the offsets of a gap of which nothing else is known, and ends what is lost in the gap where
/// the next of it begins.
fn fill_gap((first, end): &OffsetGap, lost: &mut LossesByChunk) {
    let last = Chunk {
        offset: *end,
        ..first.clone()
    };
    let known: Vec<Chunk> = lost
        .range(first.clone()..last.clone())
        .map(|(chunk, _)| chunk.clone())
        .collect();

    let mut position = first.clone();
    for chunk in known.into_iter().chain([last]) {
        if position.offset < chunk.offset {
            let gap = lost
                .entry(position.clone())
                .or_insert_with(|| unknown_records(&position));
            gap.next = gap.next.or(Some(chunk.offset));
        }
        let next = lost.get(&chunk).and_then(|records| records.next);
        position.offset = next.unwrap_or(chunk.offset).max(position.offset);
    }
}

fn unknown_records(chunk: &Chunk) -> LostRecords {
    LostRecords {
        object: chunk.raw_key(),
        first: chunk.offset,
        next: None,
        records: None,
        rows_kept: false,
        receipt_damaged: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk_at(offset: i64) -> Chunk {
        Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset,
        }
    }

    /// The losses of the gap from 10 to 20, of which these are known already.
    fn filled(known: &[(i64, Option<i64>)]) -> Vec<(i64, Option<i64>)> {
        let mut lost = LossesByChunk::new();
        for (first, next) in known {
            let chunk = chunk_at(*first);
            let records = LostRecords {
                next: *next,
                ..unknown_records(&chunk)
            };
            lost.insert(chunk, records);
        }
        fill_gap(&(chunk_at(10), 20), &mut lost);
        let losses = lost.values();
        losses.map(|lost| (lost.first, lost.next)).collect()
    }

    #[test]
    fn every_offset_of_a_gap_is_named_once() {
        assert_eq!(filled(&[]), [(10, Some(20))]);
        assert_eq!(filled(&[(10, Some(20))]), [(10, Some(20))]);
        assert_eq!(
            filled(&[(10, Some(12)), (15, Some(20))]),
            [(10, Some(12)), (12, Some(15)), (15, Some(20))]
        );
        assert_eq!(
            filled(&[(12, Some(15))]),
            [(10, Some(12)), (12, Some(15)), (15, Some(20))]
        );
        // A receipt that cannot be read does not say where its raw object ended.
        assert_eq!(filled(&[(10, None)]), [(10, Some(20))]);
        assert_eq!(filled(&[(12, None)]), [(10, Some(12)), (12, Some(20))]);
        assert_eq!(
            filled(&[(10, None), (14, Some(20))]),
            [(10, Some(14)), (14, Some(20))]
        );
        // Another stream and other offsets.
        assert_eq!(filled(&[(3, Some(5))]), [(3, Some(5)), (10, Some(20))]);
    }
}
