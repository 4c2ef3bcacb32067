//! One stream: its raw log, and the receipt of each raw object.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Receipt};
use store::StoreError;
use store::raw_log::{LogEnd, RawObject};
use store::streams::{ReceiptReading, list_raw_chunks, read_each_receipt};

use super::finding_kind::FindingKind;
use super::named_objects::NamedObjects;
use super::raw_log_object::RawLogObject;
use super::receipts::check_receipt;
use super::report::{AuditCounts, AuditFinding, StreamAudit};
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Objects that are requested at once.
const READS_AT_ONCE: usize = 16;

/// Audits the stream from `from` on. `is_committed` says that earlier days have committed it up to
/// there.
pub(super) async fn audit_stream(
    lake: &LakeHandle,
    from: &Chunk,
    is_committed: bool,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<StreamAudit, OperationError> {
    // The raw log first: of objects that are landed meanwhile no receipt is expected.
    let chunks = list_raw_chunks(from, &*lake.raw).await?;
    let end = chunks.last().map_or(from.offset, |chunk| chunk.offset + 1);
    let (mut receipts, unreadable) = read_stream_receipts(lake, from).await?;
    let late = check_late_receipts(lake, from, end, &mut receipts, findings).await?;

    let (chunks, mut receipts) = limit_to_scope(chunks, receipts, scope);
    let objects = read_heads(lake, chunks).await?;
    let first = objects
        .first()
        .filter(|_| !is_committed)
        .map_or(from.offset, |object| object.chunk.offset);
    let receipted = receipts.values().map(|receipt| receipt.next).max();
    let mut audit = StreamAudit {
        epoch: from.epoch,
        partition: from.partition,
        first,
        next: first,
        recorded_next: receipted.max(late).unwrap_or(first),
        objects: objects.len() as u64,
        offset_gaps: Vec::new(),
        counts: AuditCounts::default(),
        named: NamedObjects::default(),
    };

    check_end_hint(lake, from, findings).await?;
    for object in &objects {
        check_contiguous(object, &mut audit.next, findings);
        check_raw_offsets(lake, object, scope, &mut audit, findings).await?;
        let offset = object.chunk.offset;
        match receipts.remove(&offset) {
            Some(receipt) => {
                audit.named.add_receipt(&receipt);
                audit_receipt(lake, object, &receipt, scope, &mut audit, findings).await?;
            }
            None if unreadable.contains(&offset) => {}
            None => findings.push(missing_receipt(&object.chunk)),
        }
    }
    for receipt in receipts.values() {
        audit.named.add_receipt(receipt);
        findings.push(orphan_receipt(&chunk_at(from, receipt.offset)));
    }
    Ok(audit)
}

/// Finds a hint of the log's end that the landing did not write. A lost one is written again.
async fn check_end_hint(
    lake: &LakeHandle,
    stream: &Chunk,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let key = stream.log_end_hint_key();
    let object = lake.unreadable.note(lake.raw.get_if_present(&key).await)?;
    if let Some(object) = object.flatten()
        && LogEnd::from_hint(&object.body).is_none()
    {
        let what = "is not what the landing wrote";
        findings.push(AuditFinding::new(FindingKind::HintWrong, key, None, what));
    }
    Ok(())
}

/// The receipts of a stream, and the offsets of those that cannot be read, which are noted.
async fn read_stream_receipts(
    lake: &LakeHandle,
    from: &Chunk,
) -> Result<(Vec<Receipt>, BTreeSet<i64>), OperationError> {
    let mut receipts = Vec::new();
    let mut unreadable = BTreeSet::new();
    for ReceiptReading { offset, receipt } in read_each_receipt(from, &*lake.refined).await? {
        match receipt {
            Ok(receipt) => receipts.push(receipt),
            Err(object) => {
                unreadable.insert(offset);
                lake.unreadable.add(object);
            }
        }
    }
    Ok((receipts, unreadable))
}

/// Takes out the receipts behind the end of the listed raw log. Their raw objects were landed since
/// it was listed, or they were lost. Gives the offset behind the last of them.
async fn check_late_receipts(
    lake: &LakeHandle,
    from: &Chunk,
    end: i64,
    receipts: &mut Vec<Receipt>,
    findings: &mut Vec<AuditFinding>,
) -> Result<Option<i64>, OperationError> {
    let mut last = None;
    for late in receipts.extract_if(.., |receipt| receipt.offset >= end) {
        last = last.max(Some(late.next));
        let chunk = chunk_at(from, late.offset);
        if !lake.raw.object_exists(&chunk.raw_key()).await? {
            findings.push(orphan_receipt(&chunk));
        }
    }
    Ok(last)
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

/// Finds the offset gaps of a raw object, by its records' own offsets where its metadata say that
/// it has any, or where the audit reads every object.
async fn check_raw_offsets(
    lake: &LakeHandle,
    object: &RawLogObject,
    scope: AuditScope,
    audit: &mut StreamAudit,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    if scope.deep || object.has_offset_gaps() {
        let gaps = find_offset_gaps(lake, object, findings).await?;
        audit.offset_gaps.extend(gaps);
    }
    Ok(())
}

/// Audits the receipt of a raw object, and counts what it accounts for.
async fn audit_receipt(
    lake: &LakeHandle,
    object: &RawLogObject,
    receipt: &Receipt,
    scope: AuditScope,
    audit: &mut StreamAudit,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    check_receipt(lake, object, receipt, scope, findings).await?;

    let first_day = receipt.days.first();
    if first_day.is_some_and(|day| scope.contains_date(&day.date)) {
        audit.counts.add_counts(&AuditCounts::from_receipt(receipt));
    }
    Ok(())
}

fn missing_receipt(chunk: &Chunk) -> AuditFinding {
    let what = "is not transformed: it has no receipt";
    AuditFinding::new(
        FindingKind::NotTransformed,
        chunk.raw_key(),
        Some(chunk.offset),
        what,
    )
}

/// The chunk of the same stream at another offset.
fn chunk_at(stream: &Chunk, offset: i64) -> Chunk {
    Chunk {
        offset,
        ..stream.clone()
    }
}

fn orphan_receipt(chunk: &Chunk) -> AuditFinding {
    let what = "describes a raw object that is not there";
    AuditFinding::new(
        FindingKind::RawMissing,
        chunk.receipt_key(),
        Some(chunk.offset),
        what,
    )
}

/// The raw objects and receipts that began no later than the scope's last day. A raw object without
/// a receipt is of the scope unless an object of a later day comes before it.
fn limit_to_scope(
    mut chunks: Vec<Chunk>,
    receipts: Vec<Receipt>,
    scope: AuditScope,
) -> (Vec<Chunk>, BTreeMap<i64, Receipt>) {
    let last_date = scope.to.map(|day| day.to_string());
    let (later, within): (Vec<Receipt>, Vec<Receipt>) = receipts
        .into_iter()
        .partition(|receipt| begins_after(receipt, last_date.as_deref()));
    let receipts: BTreeMap<i64, Receipt> = within
        .into_iter()
        .map(|receipt| (receipt.offset, receipt))
        .collect();

    // An object at `end` or behind it began later, unless it has a receipt of the scope.
    let end = later.iter().map(|receipt| receipt.offset).min();
    let end = end.unwrap_or(i64::MAX);
    chunks.retain(|chunk| chunk.offset < end || receipts.contains_key(&chunk.offset));
    (chunks, receipts)
}

/// Whether a raw object's first record was appended after the date.
fn begins_after(receipt: &Receipt, date: Option<&str>) -> bool {
    let first = receipt.days.first().map(|day| day.date.as_str());
    first.zip(date).is_some_and(|(first, date)| first > date)
}

/// Checks that the object begins where the one before it ended, and moves `expected` to its end.
fn check_contiguous(object: &RawLogObject, expected: &mut i64, findings: &mut Vec<AuditFinding>) {
    let key = object.chunk.raw_key();
    let offset = object.chunk.offset;
    if offset > *expected {
        let last = offset - 1;
        let what =
            format!("begins behind a gap: offsets {expected} to {last} are in no raw object");
        let gap = FindingKind::RawGap;
        findings.push(AuditFinding::new(gap, &key, Some(*expected), what));
    }
    if offset < *expected {
        let what = format!("overlaps the object before it, which ends at {expected}");
        let overlap = FindingKind::RawOverlap;
        findings.push(AuditFinding::new(overlap, &key, Some(offset), what));
    }

    match object.next {
        Some(next) => *expected = next.max(*expected),
        None => {
            let what = "has no `next`: it is not part of the raw log";
            let foreign = FindingKind::RawForeign;
            findings.push(AuditFinding::new(foreign, key, Some(offset), what));
        }
    }
}

/// The offset gaps of a raw object, by its records' own offsets.
async fn find_offset_gaps(
    lake: &LakeHandle,
    object: &RawLogObject,
    findings: &mut Vec<AuditFinding>,
) -> Result<Vec<(i64, i64)>, OperationError> {
    let key = object.chunk.raw_key();
    let Some(stored) = lake.unreadable.note(lake.raw.get(&key).await)? else {
        return Ok(Vec::new());
    };
    let raw = RawObject::check(&stored);
    let decoded = raw.and_then(|raw| lake::decode_raw(raw.body));
    let Some(batches) = lake.unreadable.note_decoded(&key, decoded) else {
        return Ok(Vec::new());
    };

    let mut gaps = Vec::new();
    let mut expected = object.chunk.offset;
    let mut count = 0;
    let offsets = batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(|row| batch.offset(row)));
    for offset in offsets {
        if offset < expected {
            let what = "comes after a later offset, or twice";
            let damaged = FindingKind::RawDamaged;
            findings.push(AuditFinding::new(damaged, &key, Some(offset), what));
        } else if offset > expected {
            gaps.push((expected, offset - 1));
        }
        expected = offset + 1;
        count += 1;
    }

    if count != object.count || object.next != Some(expected) {
        let what = format!(
            "holds {count} records up to {expected}, and its metadata say {} up to {:?}",
            object.count, object.next
        );
        findings.push(AuditFinding::new(FindingKind::RawDamaged, key, None, what));
    }
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use lake::{Day, DayStart, StreamKey};

    use super::*;

    fn receipt(offset: i64, date: &str) -> Receipt {
        Receipt {
            stream: StreamKey {
                topic: "t".into(),
                epoch: 1,
                partition: 0,
            },
            offset,
            next: offset + 1,
            source: "s".into(),
            contract_version: "1".into(),
            mapping_version: "1".into(),
            landed: 1,
            refined: 1,
            days: vec![DayStart {
                date: date.into(),
                offset,
            }],
            ..Receipt::default()
        }
    }

    /// The offsets of the raw objects that are of the scope up to Monday the 2nd.
    fn of_monday(chunks: &[i64], receipts: &[(i64, &str)]) -> Vec<i64> {
        let chunk = |offset: &i64| Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset: *offset,
        };
        let scope = AuditScope {
            to: Day::parse("2026-03-02"),
            ..AuditScope::default()
        };
        let receipts = receipts
            .iter()
            .map(|(offset, date)| receipt(*offset, date))
            .collect();
        let (chunks, _) = limit_to_scope(chunks.iter().map(chunk).collect(), receipts, scope);
        chunks.into_iter().map(|chunk| chunk.offset).collect()
    }

    #[test]
    fn a_day_has_what_began_on_it_and_what_may_have() {
        let (monday, tuesday) = ("2026-03-02", "2026-03-03");
        assert_eq!(
            of_monday(&[0, 1, 2], &[(0, monday), (1, monday), (2, tuesday)]),
            [0, 1]
        );
        // A partition that was quiet on Monday.
        assert_eq!(of_monday(&[5], &[(5, tuesday)]), Vec::<i64>::new());
        // An object that is not transformed is of Monday unless one of Tuesday comes before it.
        assert_eq!(of_monday(&[0, 1, 2], &[(0, monday), (2, tuesday)]), [0, 1]);
        assert_eq!(of_monday(&[0, 1, 2], &[(0, monday), (1, tuesday)]), [0]);
        assert_eq!(of_monday(&[0, 1], &[(0, monday)]), [0, 1]);
        // The log's clock stepped back over midnight.
        assert_eq!(
            of_monday(&[0, 1, 2], &[(0, monday), (1, tuesday), (2, monday)]),
            [0, 2]
        );
    }
}
