//! One stream: the chain of raw objects, and the receipt of each.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Receipt};
use store::streams::{StreamError, list_raw_chunks, read_receipts};
use store::{ObjectHead, StoreError};

use super::{AuditCounts, AuditFinding, AuditScope, StreamAudit};
use crate::LakeHandle;
use crate::OperationError;

/// Objects that are asked for at once.
const READS_AT_ONCE: usize = 16;

/// A raw object with what its metadata say.
struct RawLogObject {
    chunk: Chunk,
    next: Option<i64>,
    count: u64,
}

impl RawLogObject {
    fn from_head(chunk: Chunk, head: &ObjectHead) -> Self {
        let number = |name: &str| {
            head.metadata
                .get(name)
                .and_then(|text| text.parse::<i64>().ok())
        };
        Self {
            next: number("next"),
            count: number("count").unwrap_or_default().unsigned_abs(),
            chunk,
        }
    }
}

/// Audits the stream from `from` on. `taken` says that days before took it up to there.
pub(super) async fn audit_stream(
    zones: &LakeHandle,
    from: &Chunk,
    taken: bool,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<StreamAudit, OperationError> {
    // The chain first: what is landed meanwhile is not looked for among the receipts.
    let chunks = list_raw_chunks(from, &*zones.raw).await?;
    let end = chunks.last().map_or(from.offset, |chunk| chunk.offset + 1);
    let mut receipts = match read_receipts(from, &*zones.refined).await {
        Ok(receipts) => receipts,
        Err(StreamError::Damaged(key, error)) => {
            findings.push(AuditFinding::new(key, None, format!("is damaged: {error}")));
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    for late in receipts.extract_if(.., |receipt| receipt.offset >= end) {
        let chunk = Chunk {
            offset: late.offset,
            ..from.clone()
        };
        // Landed since the chain was listed, or lost from its end.
        if !zones.raw.object_exists(&chunk.raw_key()).await? {
            findings.push(orphan_receipt(&chunk));
        }
    }
    let (chunks, mut receipts) = limit_to_scope(chunks, receipts, scope);
    let links: Vec<RawLogObject> = stream::iter(chunks)
        .map(|chunk| async move {
            let head = zones.raw.head(&chunk.raw_key()).await?;
            Ok::<_, StoreError>(RawLogObject::from_head(chunk, &head))
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let first = links
        .first()
        .filter(|_| !taken)
        .map_or(from.offset, |link| link.chunk.offset);
    let mut audit = StreamAudit {
        epoch: from.epoch,
        partition: from.partition,
        first,
        next: first,
        objects: links.len() as u64,
        offset_gaps: Vec::new(),
        counts: AuditCounts::default(),
    };
    for link in &links {
        check_contiguous(link, &mut audit.next, findings);
        let holes = link
            .next
            .is_some_and(|next| (next - link.chunk.offset).unsigned_abs() > link.count);
        if scope.deep || holes {
            audit
                .offset_gaps
                .extend(find_offset_gaps(zones, link, findings).await?);
        }
        match receipts.remove(&link.chunk.offset) {
            Some(receipt) => {
                check_receipt(zones, link, &receipt, scope, &mut audit.counts, findings).await?
            }
            None => {
                let what = "is not transformed: it has no receipt";
                findings.push(AuditFinding::new(
                    link.chunk.raw_key(),
                    Some(link.chunk.offset),
                    what,
                ));
            }
        }
    }
    for receipt in receipts.values() {
        findings.push(orphan_receipt(&Chunk {
            offset: receipt.offset,
            ..from.clone()
        }));
    }
    Ok(audit)
}

fn orphan_receipt(chunk: &Chunk) -> AuditFinding {
    AuditFinding::new(
        chunk.receipt_key(),
        Some(chunk.offset),
        "speaks of a raw object that is not there",
    )
}

/// The raw objects and receipts that began no later than the scope's last day. A raw object without a receipt is of
/// the scope unless something of a later day lies before it.
fn limit_to_scope(
    mut chunks: Vec<Chunk>,
    receipts: Vec<Receipt>,
    scope: AuditScope,
) -> (Vec<Chunk>, BTreeMap<i64, Receipt>) {
    let to = scope.to.map(|day| day.to_string());
    let is_later = |receipt: &Receipt| {
        let first = receipt.days.first();
        first
            .zip(to.as_ref())
            .is_some_and(|(first, to)| first.date > *to)
    };
    let by_offset = receipts
        .into_iter()
        .map(|receipt| (receipt.offset, receipt));
    let (later, receipts): (BTreeMap<_, _>, BTreeMap<_, _>) =
        by_offset.partition(|(_, receipt)| is_later(receipt));
    let end = later.keys().next().copied().unwrap_or(i64::MAX);
    // What began later has its receipt at `end` or behind it: only a receipt of the scope keeps a chunk there.
    chunks.retain(|chunk| chunk.offset < end || receipts.contains_key(&chunk.offset));
    (chunks, receipts)
}

/// Whether the object begins where the one before it ended.
fn check_contiguous(link: &RawLogObject, expected: &mut i64, findings: &mut Vec<AuditFinding>) {
    let (key, offset) = (link.chunk.raw_key(), link.chunk.offset);
    if offset > *expected {
        let what = format!(
            "begins behind a gap: offsets {expected} to {} are in no raw object",
            offset - 1
        );
        findings.push(AuditFinding::new(&key, Some(*expected), what));
    }
    if offset < *expected {
        findings.push(AuditFinding::new(
            &key,
            Some(offset),
            format!("overlaps the object before it, which ends at {expected}"),
        ));
    }
    match link.next {
        Some(next) => *expected = next.max(*expected),
        None => findings.push(AuditFinding::new(
            key,
            Some(offset),
            "has no `next`: it is not part of the chain",
        )),
    }
}

/// The holes of a raw object, by its records' own offsets.
async fn find_offset_gaps(
    zones: &LakeHandle,
    link: &RawLogObject,
    findings: &mut Vec<AuditFinding>,
) -> Result<Vec<(i64, i64)>, OperationError> {
    let key = link.chunk.raw_key();
    let batches = match lake::decode_raw(zones.raw.get(&key).await?.body) {
        Ok(batches) => batches,
        Err(error) => {
            findings.push(AuditFinding::new(key, None, format!("is damaged: {error}")));
            return Ok(Vec::new());
        }
    };
    let offsets = batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(|row| batch.offset(row)));
    let (mut expected, mut count, mut holes) = (link.chunk.offset, 0, Vec::new());
    for offset in offsets {
        if offset < expected {
            findings.push(AuditFinding::new(
                &key,
                Some(offset),
                "stands behind a later offset, or twice",
            ));
        } else if offset > expected {
            holes.push((expected, offset - 1));
        }
        (expected, count) = (offset + 1, count + 1);
    }
    if count != link.count || link.next != Some(expected) {
        let what = format!(
            "holds {count} records up to {expected}, and its metadata say {} up to {:?}",
            link.count, link.next
        );
        findings.push(AuditFinding::new(key, None, what));
    }
    Ok(holes)
}

/// Whether the receipt accounts for every record, and everything that it names is there.
async fn check_receipt(
    zones: &LakeHandle,
    link: &RawLogObject,
    receipt: &Receipt,
    scope: AuditScope,
    counts: &mut AuditCounts,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let (key, offset) = (link.chunk.receipt_key(), Some(link.chunk.offset));
    if Some(receipt.next) != link.next || receipt.landed != link.count {
        let what = format!(
            "speaks of {} records up to {}, and the raw object has {} up to {:?}",
            receipt.landed, receipt.next, link.count, link.next
        );
        findings.push(AuditFinding::new(&key, offset, what));
    }
    let accounted = receipt.refined + receipt.ignored + receipt.quarantined_total();
    if receipt.landed != accounted {
        findings.push(AuditFinding::new(
            &key,
            offset,
            format!("accounts for {accounted} of {} records", receipt.landed),
        ));
    }
    for object in receipt.tables.values() {
        check_refined_object(zones, object, scope, findings).await?;
    }
    if let Some(day) = receipt
        .days
        .first()
        .and_then(|day| lake::Day::parse(&day.date))
        .filter(|_| receipt.quarantined_total() > 0)
    {
        check_quarantine(zones, &link.chunk.quarantine_key(day), receipt, findings).await?;
    }
    if receipt
        .days
        .first()
        .is_some_and(|day| scope.contains_date(&day.date))
    {
        counts.add_counts(&AuditCounts::from_receipt(receipt));
    }
    Ok(())
}

async fn check_refined_object(
    zones: &LakeHandle,
    object: &lake::RefinedObject,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let missing = || AuditFinding::new(&object.key, None, "is named by a receipt and is not there");
    if !scope.deep {
        if !zones.refined.object_exists(&object.key).await? {
            findings.push(missing());
        }
        return Ok(());
    }
    match zones.refined.get(&object.key).await {
        Ok(found) => match lake::file::count_rows(found.body) {
            Ok(rows) if rows == object.rows => {}
            Ok(rows) => {
                let what = format!("has {rows} rows, and its receipt says {}", object.rows);
                findings.push(AuditFinding::new(&object.key, None, what));
            }
            Err(error) => findings.push(AuditFinding::new(
                &object.key,
                None,
                format!("is damaged: {error}"),
            )),
        },
        Err(error) if error.is_not_found() => findings.push(missing()),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Whether the refused records lie there, as many of each rule as the receipt says.
async fn check_quarantine(
    zones: &LakeHandle,
    key: &str,
    receipt: &Receipt,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let refused = match zones.refined.get(key).await {
        Ok(object) => lake::decode_quarantine(object.body),
        Err(error) if error.is_not_found() => {
            findings.push(AuditFinding::new(
                key,
                None,
                "is missing: refused records are lost",
            ));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    match refused {
        Ok(refused) => {
            let mut found: BTreeMap<String, u64> = BTreeMap::new();
            refused
                .into_iter()
                .for_each(|record| *found.entry(record.rule).or_default() += 1);
            if found != receipt.quarantined {
                let what = format!(
                    "holds {found:?}, and its receipt says {:?}",
                    receipt.quarantined
                );
                findings.push(AuditFinding::new(key, None, what));
            }
        }
        Err(error) => findings.push(AuditFinding::new(key, None, format!("is damaged: {error}"))),
    }
    Ok(())
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
            ignored: 0,
            erased: 0,
            quarantined: BTreeMap::new(),
            undeclared: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            minutes: BTreeMap::new(),
            lag: BTreeMap::new(),
            days: vec![DayStart {
                date: date.into(),
                offset,
            }],
            tables: BTreeMap::new(),
            redriven: Vec::new(),
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
        // What is not transformed is of Monday unless Tuesday lies before it.
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
