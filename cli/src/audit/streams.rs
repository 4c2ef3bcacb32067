//! One stream: the chain of raw objects, and the receipt of each.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Receipt};
use store::streams::{raw_chunks, receipts};
use store::{Head, StoreError};

use super::{Counts, Finding, Scope, StreamAudit};
use crate::args::Failed;
use crate::zones::Zones;

/// Objects that are asked for at once.
const READS_AT_ONCE: usize = 16;

/// A raw object with what its metadata say.
struct Link {
    chunk: Chunk,
    next: Option<i64>,
    count: u64,
}

impl Link {
    fn of(chunk: Chunk, head: &Head) -> Self {
        let number = |name: &str| head.metadata.get(name).and_then(|text| text.parse::<i64>().ok());
        Self { next: number("next"), count: number("count").unwrap_or_default().unsigned_abs(), chunk }
    }
}

/// Audits the stream from `from` on.
pub(super) async fn audit(
    zones: &Zones,
    from: &Chunk,
    scope: Scope,
    findings: &mut Vec<Finding>,
) -> Result<StreamAudit, Failed> {
    let mut receipts: BTreeMap<i64, Receipt> =
        receipts(from, &*zones.refined).await?.into_iter().map(|receipt| (receipt.offset, receipt)).collect();
    let mut chunks = raw_chunks(from, &*zones.raw).await?;
    if let Some(to) = scope.to {
        // What began behind the last day is not looked at; what has no receipt may be of any day.
        let later = |receipt: &Receipt| receipt.days.first().is_some_and(|first| first.date > to.to_string());
        receipts.retain(|_, receipt| !later(receipt));
        let last = receipts.keys().next_back().copied().unwrap_or(from.offset);
        chunks.retain(|chunk| chunk.offset <= last);
    }
    let links: Vec<Link> = stream::iter(chunks)
        .map(|chunk| async move {
            let head = zones.raw.head(&chunk.raw_key()).await?;
            Ok::<_, StoreError>(Link::of(chunk, &head))
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let first = links.first().map_or(from.offset, |link| link.chunk.offset);
    let mut audit = StreamAudit {
        epoch: from.epoch,
        partition: from.partition,
        first,
        next: first,
        objects: links.len() as u64,
        holes: Vec::new(),
        counts: Counts::default(),
    };
    for link in &links {
        follow(link, &mut audit.next, findings);
        if scope.deep || link.next.is_some_and(|next| (next - link.chunk.offset).unsigned_abs() > link.count)
        {
            audit.holes.extend(look_inside(zones, link, findings).await?);
        }
        match receipts.remove(&link.chunk.offset) {
            Some(receipt) => done(zones, link, &receipt, scope, &mut audit.counts, findings).await?,
            None => {
                findings.push(Finding::new(
                    link.chunk.raw_key(),
                    Some(link.chunk.offset),
                    "is not transformed: it has no receipt",
                ));
            }
        }
    }
    for receipt in receipts.values() {
        let chunk = Chunk { offset: receipt.offset, ..from.clone() };
        findings.push(Finding::new(
            chunk.receipt_key(),
            Some(receipt.offset),
            "speaks of a raw object that is not there",
        ));
    }
    Ok(audit)
}

/// Whether the object begins where the one before it ended.
fn follow(link: &Link, expected: &mut i64, findings: &mut Vec<Finding>) {
    let (key, offset) = (link.chunk.raw_key(), link.chunk.offset);
    if offset > *expected {
        let what = format!("begins behind a gap: offsets {expected} to {} are in no raw object", offset - 1);
        findings.push(Finding::new(&key, Some(*expected), what));
    }
    if offset < *expected {
        findings.push(Finding::new(
            &key,
            Some(offset),
            format!("overlaps the object before it, which ends at {expected}"),
        ));
    }
    match link.next {
        Some(next) => *expected = next.max(*expected),
        None => findings.push(Finding::new(key, Some(offset), "has no `next`: it is not part of the chain")),
    }
}

/// The holes of a raw object, by its records' own offsets.
async fn look_inside(
    zones: &Zones,
    link: &Link,
    findings: &mut Vec<Finding>,
) -> Result<Vec<(i64, i64)>, Failed> {
    let key = link.chunk.raw_key();
    let batches = match lake::decode_raw(zones.raw.get(&key).await?.body) {
        Ok(batches) => batches,
        Err(error) => {
            findings.push(Finding::new(key, None, format!("is damaged: {error}")));
            return Ok(Vec::new());
        }
    };
    let offsets = batches.iter().flat_map(|batch| (0..batch.len()).map(|row| batch.offset(row)));
    let (mut expected, mut count, mut holes) = (link.chunk.offset, 0, Vec::new());
    for offset in offsets {
        if offset < expected {
            findings.push(Finding::new(&key, Some(offset), "stands behind a later offset, or twice"));
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
        findings.push(Finding::new(key, None, what));
    }
    Ok(holes)
}

/// Whether the receipt accounts for every record, and everything that it names is there.
async fn done(
    zones: &Zones,
    link: &Link,
    receipt: &Receipt,
    scope: Scope,
    counts: &mut Counts,
    findings: &mut Vec<Finding>,
) -> Result<(), Failed> {
    let (key, offset) = (link.chunk.receipt_key(), Some(link.chunk.offset));
    if Some(receipt.next) != link.next || receipt.landed != link.count {
        let what = format!(
            "speaks of {} records up to {}, and the raw object has {} up to {:?}",
            receipt.landed, receipt.next, link.count, link.next
        );
        findings.push(Finding::new(&key, offset, what));
    }
    let accounted = receipt.refined + receipt.ignored + receipt.quarantined_total();
    if receipt.landed != accounted {
        findings.push(Finding::new(
            &key,
            offset,
            format!("accounts for {accounted} of {} records", receipt.landed),
        ));
    }
    for object in receipt.tables.values() {
        refined(zones, object, scope, findings).await?;
    }
    if let Some(day) = receipt
        .days
        .first()
        .and_then(|day| lake::Day::parse(&day.date))
        .filter(|_| receipt.quarantined_total() > 0)
    {
        quarantined(zones, &link.chunk.quarantine_key(day), receipt, findings).await?;
    }
    if receipt.days.first().is_some_and(|day| scope.holds(&day.date)) {
        counts.landed += receipt.landed;
        counts.refined += receipt.refined;
        counts.ignored += receipt.ignored;
        for (rule, count) in &receipt.quarantined {
            *counts.quarantined.entry(rule.clone()).or_default() += count;
        }
    }
    Ok(())
}

async fn refined(
    zones: &Zones,
    object: &lake::RefinedObject,
    scope: Scope,
    findings: &mut Vec<Finding>,
) -> Result<(), Failed> {
    let missing = || Finding::new(&object.key, None, "is named by a receipt and is not there");
    if !scope.deep {
        match zones.refined.head(&object.key).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => findings.push(missing()),
            Err(error) => return Err(error.into()),
        }
        return Ok(());
    }
    match zones.refined.get(&object.key).await {
        Ok(found) => match lake::file::count_rows(found.body) {
            Ok(rows) if rows == object.rows => {}
            Ok(rows) => {
                let what = format!("has {rows} rows, and its receipt says {}", object.rows);
                findings.push(Finding::new(&object.key, None, what));
            }
            Err(error) => findings.push(Finding::new(&object.key, None, format!("is damaged: {error}"))),
        },
        Err(error) if error.is_not_found() => findings.push(missing()),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Whether the refused records lie there, as many of each rule as the receipt says.
async fn quarantined(
    zones: &Zones,
    key: &str,
    receipt: &Receipt,
    findings: &mut Vec<Finding>,
) -> Result<(), Failed> {
    let refused = match zones.refined.get(key).await {
        Ok(object) => lake::decode_quarantine(object.body),
        Err(error) if error.is_not_found() => {
            findings.push(Finding::new(key, None, "is missing: refused records are lost"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    match refused {
        Ok(refused) => {
            let mut found: BTreeMap<String, u64> = BTreeMap::new();
            refused.into_iter().for_each(|record| *found.entry(record.rule).or_default() += 1);
            if found != receipt.quarantined {
                let what = format!("holds {found:?}, and its receipt says {:?}", receipt.quarantined);
                findings.push(Finding::new(key, None, what));
            }
        }
        Err(error) => findings.push(Finding::new(key, None, format!("is damaged: {error}"))),
    }
    Ok(())
}
