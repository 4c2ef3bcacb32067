//! The books, proved from the data alone: every offset is landed once, every landed record is accounted for, and
//! every snapshot is yesterday's plus what came and minus what went.

mod streams;
mod tables;

use std::collections::BTreeMap;

use lake::{Chunk, Day, REDRIVE_PARTITION, Receipt};
use serde::Serialize;
use store::streams::{find_first_chunks, oldest_committed_chunk, read_base_manifests};

use crate::LakeHandle;
use crate::OperationError;

/// Which days, and how closely.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditScope {
    /// The first day; from the beginning where there is none.
    pub from: Option<Day>,
    /// The last day; up to the end where there is none.
    pub to: Option<Day>,
    /// Whether every object is read, not only its metadata.
    pub deep: bool,
}

impl AuditScope {
    fn contains_date(&self, date: &str) -> bool {
        let Some(day) = Day::parse(date) else {
            return true;
        };
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AuditFinding {
    /// The object.
    pub object: String,
    /// The offset, where it is about one.
    pub offset: Option<i64>,
    /// What does not fit, and what it means.
    pub what: String,
}

impl AuditFinding {
    fn new(object: impl Into<String>, offset: Option<i64>, what: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            offset,
            what: what.into(),
        }
    }
}

/// What became of records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditCounts {
    /// Records that lie in the raw zone.
    pub landed: u64,
    /// Records that became rows.
    pub refined: u64,
    /// Records of a type that is declared as one to leave alone.
    pub ignored: u64,
    /// Refused records, by rule.
    pub quarantined: BTreeMap<String, u64>,
}

impl AuditCounts {
    fn from_receipt(receipt: &Receipt) -> Self {
        Self {
            landed: receipt.landed,
            refined: receipt.refined,
            ignored: receipt.ignored,
            quarantined: receipt.quarantined.clone(),
        }
    }

    fn add_counts(&mut self, other: &Self) {
        self.landed += other.landed;
        self.refined += other.refined;
        self.ignored += other.ignored;
        for (rule, count) in &other.quarantined {
            *self.quarantined.entry(rule.clone()).or_default() += count;
        }
    }
}

/// One partition of one life of a topic.
#[derive(Clone, Debug, Serialize)]
pub struct StreamAudit {
    /// The topic's life.
    pub epoch: u32,
    /// The partition; -1 holds redriven records.
    pub partition: i32,
    /// The first offset that was looked at.
    pub first: i64,
    /// The offset behind the last one.
    pub next: i64,
    /// Raw objects.
    pub objects: u64,
    /// Ranges of offsets that no record has, each with its last one: markers, compaction, filters.
    pub offset_gaps: Vec<(i64, i64)>,
    /// What became of its records.
    #[serde(flatten)]
    pub counts: AuditCounts,
}

/// A source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceAudit {
    /// Its name.
    pub source: String,
    /// Its topic.
    pub topic: String,
    /// Records that Kafka holds and has acknowledged, where Kafka was asked.
    pub accepted: Option<i64>,
    /// Its streams, those of Kafka and the redrive partition.
    pub streams: Vec<StreamAudit>,
}

impl SourceAudit {
    /// What became of the records that Kafka brought, or of those that were redriven.
    #[must_use]
    pub fn sum_counts(&self, redriven: bool) -> AuditCounts {
        let mut sum = AuditCounts::default();
        for stream in self
            .streams
            .iter()
            .filter(|s| (s.partition == REDRIVE_PARTITION) == redriven)
        {
            sum.add_counts(&stream.counts);
        }
        sum
    }
}

/// A table's snapshot of a day.
#[derive(Clone, Debug, Serialize)]
pub struct TableAudit {
    /// The table.
    pub table: String,
    /// The day.
    pub date: String,
    /// The day that it was built on.
    pub base: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Rows that are new since the base, counted in the files.
    pub inserted: u64,
    /// Rows of the base that are gone, counted in the files.
    pub deleted: u64,
}

/// The whole audit.
#[derive(Clone, Debug, Serialize)]
pub struct LakeAudit {
    /// The sources, by name.
    pub sources: Vec<SourceAudit>,
    /// The snapshots, by table and day.
    pub tables: Vec<TableAudit>,
    /// What does not fit; the books close when there is nothing.
    pub findings: Vec<AuditFinding>,
}

impl LakeAudit {
    /// Whether the books close.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Audits the scope.
///
/// # Errors
/// When the storage does not answer. What is damaged is a finding.
pub async fn audit_lake(
    zones: &LakeHandle,
    scope: AuditScope,
) -> Result<LakeAudit, OperationError> {
    let (mut sources, mut findings) = (Vec::new(), Vec::new());
    for plan in &zones.catalogue.mappings {
        let contract = &plan.contract;
        let (source, found) = audit_source(zones, &contract.name, &contract.topic, scope).await?;
        sources.push(source);
        findings.extend(found);
    }
    let (tables, found) = tables::audit_tables(zones, scope).await?;
    findings.extend(found);
    findings.sort();
    Ok(LakeAudit {
        sources,
        tables,
        findings,
    })
}

async fn audit_source(
    zones: &LakeHandle,
    name: &str,
    topic: &str,
    scope: AuditScope,
) -> Result<(SourceAudit, Vec<AuditFinding>), OperationError> {
    let (mut streams, mut findings) = (Vec::new(), Vec::new());
    // Kafka first: what is accepted meanwhile is not asked for.
    let ends = match &zones.kafka {
        Some(kafka) if scope.to.is_none() => Some(kafka.of_topic(topic).await?),
        _ => None,
    };
    let bases = match scope.from {
        Some(day) => {
            read_base_manifests(
                &zones.catalogue.tables_of_topic(topic),
                day,
                &*zones.curated,
            )
            .await?
        }
        None => Vec::new(),
    };
    let firsts = find_first_chunks(topic, &*zones.raw).await?;
    for first in &firsts {
        let from = oldest_committed_chunk(first, &bases);
        let taken = from.offset > first.offset;
        streams.push(streams::audit_stream(zones, &from, taken, scope, &mut findings).await?);
    }
    if scope.from.is_none() {
        find_lost_beginnings(zones, topic, &firsts, &mut findings).await?;
    }
    let accepted = ends.map(|ends| reconcile_accepted(&ends, &streams, topic, &mut findings));
    Ok((
        SourceAudit {
            source: name.to_owned(),
            topic: topic.to_owned(),
            accepted,
            streams,
        },
        findings,
    ))
}

/// Receipts of raw objects before a stream's first, or of streams that have none: the beginning was lost.
async fn find_lost_beginnings(
    zones: &LakeHandle,
    topic: &str,
    firsts: &[Chunk],
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for entry in zones
        .refined
        .list(&Chunk::topic_receipt_prefix(topic), None)
        .await?
    {
        let Some(chunk) = Chunk::from_receipt_key(&entry.key) else {
            continue;
        };
        let same =
            |first: &&Chunk| first.epoch == chunk.epoch && first.partition == chunk.partition;
        if firsts
            .iter()
            .find(same)
            .is_none_or(|first| chunk.offset < first.offset)
        {
            let what =
                "speaks of a raw object that is not there, and nothing of its stream is before it";
            findings.push(AuditFinding::new(entry.key, Some(chunk.offset), what));
        }
    }
    Ok(())
}

/// The records that Kafka has acknowledged, by its partitions' beginnings and ends; what is not landed is a finding.
fn reconcile_accepted(
    ends: &BTreeMap<i32, (i64, i64)>,
    streams: &[StreamAudit],
    topic: &str,
    findings: &mut Vec<AuditFinding>,
) -> i64 {
    // The latest life of the topic is the one that Kafka knows.
    let life = streams.iter().map(|stream| stream.epoch).max();
    for (partition, (begin, end)) in ends {
        let landed = streams
            .iter()
            .find(|s| Some(s.epoch) == life && s.partition == *partition);
        let next = landed.map_or(*begin, |stream| stream.next);
        let mut find = |offset: i64, what: String| {
            findings.push(AuditFinding::new(
                format!("{topic}-{partition}"),
                Some(offset),
                what,
            ));
        };
        if next < *end {
            find(
                next,
                format!(
                    "Kafka holds {} records behind the raw zone's end: not landed yet",
                    end - next
                ),
            );
        }
        if next > *end {
            find(
                *end,
                format!(
                    "the raw zone ends at {next}, behind Kafka's end: the topic was made anew; raise TOPIC_EPOCH"
                ),
            );
        }
    }
    ends.values().map(|(begin, end)| end - begin).sum()
}
