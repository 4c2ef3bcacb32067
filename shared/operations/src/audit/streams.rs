//! One stream: its raw log, and the receipt of each raw object.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Chunk, DeclaredLoss, Receipt};
use store::raw_log::{LogEnd, RawObject};
use store::streams::{ReceiptReading, read_each_receipt};

use super::finding_kind::FindingKind;
use super::lost_part::{LossSurroundings, check_declaration, describe_lost_object};
use super::named_objects::NamedObjects;
use super::raw_log_object::RawLogObject;
use super::receipts::check_receipt;
use super::report::{AuditCounts, AuditFinding, StreamAudit};
use super::scope::AuditScope;
use super::stream_limits::limit_to_scope;
use super::stream_parts::{StreamPart, list_parts, read_parts};
use crate::declared_losses::DeclaredLosses;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// A stream whose parts are audited one after the other.
struct StreamRun<'r> {
    lake: &'r LakeHandle,
    scope: AuditScope,
    /// The receipts that no part has met yet.
    receipts: BTreeMap<i64, Receipt>,
    /// The offsets of receipts that cannot be read.
    unreadable: BTreeSet<i64>,
    audit: StreamAudit,
}

/// Audits the stream from `from` on. `is_committed` says that earlier days have committed it up to
/// there.
pub(super) async fn audit_stream(
    lake: &LakeHandle,
    from: &Chunk,
    is_committed: bool,
    (losses, scope): (&DeclaredLosses, AuditScope),
    findings: &mut Vec<AuditFinding>,
) -> Result<StreamAudit, OperationError> {
    // The raw log first: of objects that are landed meanwhile no receipt is expected.
    let chunks = list_parts(lake, from, losses).await?;
    let end = chunks.last().map_or(from.offset, |chunk| chunk.offset + 1);
    let (mut receipts, unreadable) = read_stream_receipts(lake, from).await?;
    let late = check_late_receipts(lake, from, end, &mut receipts, findings).await?;

    let (chunks, receipts) = limit_to_scope(chunks, receipts, scope);
    let parts = read_parts(lake, chunks, losses, &receipts, findings).await?;
    let first = parts
        .first()
        .filter(|_| !is_committed)
        .map_or(from.offset, StreamPart::offset);
    let receipted = receipts.values().map(|receipt| receipt.next).max();
    let audit = StreamAudit {
        epoch: from.epoch,
        partition: from.partition,
        first,
        next: first,
        recorded_next: receipted.max(late).unwrap_or(first),
        objects: 0,
        offset_gaps: Vec::new(),
        counts: AuditCounts::default(),
        named: NamedObjects::default(),
        declared_lost: Vec::new(),
    };

    check_end_hint(lake, from, findings).await?;
    let mut run = StreamRun {
        lake,
        scope,
        receipts,
        unreadable,
        audit,
    };
    for (index, part) in parts.iter().enumerate() {
        let behind = parts.get(index + 1).map(StreamPart::offset);
        match part {
            StreamPart::Object(object) => run.audit_object(object, findings).await?,
            StreamPart::Lost(loss) => run.audit_loss(loss, behind, findings).await?,
        }
    }
    Ok(run.end(from, findings))
}

impl StreamRun<'_> {
    /// Audits a raw object with its receipt.
    async fn audit_object(
        &mut self,
        object: &RawLogObject,
        findings: &mut Vec<AuditFinding>,
    ) -> Result<(), OperationError> {
        self.audit.objects += 1;
        check_contiguous(object, &mut self.audit.next, findings);
        check_raw_offsets(self.lake, object, self.scope, &mut self.audit, findings).await?;

        let offset = object.chunk.offset;
        match self.receipts.remove(&offset) {
            Some(receipt) => {
                findings.extend(find_needless_loss(&object.chunk, &receipt));
                self.audit_receipt(object, &receipt, findings).await?;
            }
            None if self.unreadable.contains(&offset) => {}
            None => findings.push(missing_receipt(&object.chunk)),
        }
        Ok(())
    }

    /// Audits a declared loss: whether it is what is lost, and whether what the records became is
    /// still what its receipt says.
    async fn audit_loss(
        &mut self,
        loss: &DeclaredLoss,
        behind: Option<i64>,
        findings: &mut Vec<AuditFinding>,
    ) -> Result<(), OperationError> {
        let receipt = self.receipts.remove(&loss.first);
        let around = LossSurroundings {
            expected: self.audit.next,
            behind,
            receipt: receipt.as_ref(),
            is_receipt_unreadable: self.unreadable.contains(&loss.first),
        };
        let wrong = check_declaration(loss, &around);
        let object = describe_lost_object(loss, &around);
        if loss.first >= self.audit.next {
            check_contiguous(&object, &mut self.audit.next, findings);
        }
        self.audit.recorded_next = self.audit.recorded_next.max(self.audit.next);

        if let Some(receipt) = &receipt {
            let described = RawLogObject {
                next: Some(receipt.next),
                ..object
            };
            self.audit_receipt(&described, receipt, findings).await?;
        }
        if wrong.is_empty() {
            self.audit.declared_lost.push(loss.clone());
        }
        findings.extend(wrong);
        Ok(())
    }

    /// Audits the receipt of a raw object, and counts what it accounts for.
    async fn audit_receipt(
        &mut self,
        object: &RawLogObject,
        receipt: &Receipt,
        findings: &mut Vec<AuditFinding>,
    ) -> Result<(), OperationError> {
        self.audit.named.add_receipt(receipt);
        check_receipt(self.lake, object, receipt, self.scope, findings).await?;

        let first_day = receipt.days.first();
        if first_day.is_some_and(|day| self.scope.contains_date(&day.date)) {
            let counts = AuditCounts::from_receipt(receipt);
            self.audit.counts.add_counts(&counts);
        }
        Ok(())
    }

    /// Finds the receipts that no part has met.
    fn end(mut self, from: &Chunk, findings: &mut Vec<AuditFinding>) -> StreamAudit {
        for receipt in self.receipts.values() {
            self.audit.named.add_receipt(receipt);
            findings.push(orphan_receipt(&chunk_at(from, receipt.offset)));
        }
        self.audit
    }
}

/// Finds a receipt that names rows as lost although they can be made again.
fn find_needless_loss(chunk: &Chunk, receipt: &Receipt) -> Option<AuditFinding> {
    if receipt.lost.is_empty() {
        return None;
    }
    let what = "names rows as lost, and its raw object is there";
    let kind = FindingKind::ReceiptWrong;
    Some(AuditFinding::new(kind, chunk.receipt_key(), None, what))
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
