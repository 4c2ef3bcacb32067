//! One source: its streams, and what Kafka holds of its topic.

use std::collections::BTreeMap;

use lake::{Chunk, SnapshotManifest};
use store::streams::{find_first_chunks, oldest_committed_chunk, read_base_manifests};

use super::finding_kind::FindingKind;
use super::foreign_objects::find_foreign_objects;
use super::report::{AuditFinding, SourceAudit, StreamAudit};
use super::scope::AuditScope;
use super::streams;
use crate::declared_losses::DeclaredLosses;
use crate::error::OperationError;
use crate::lake_handle::{LakeHandle, TopicOffsets};

/// Audits every stream of a source, and compares their ends with Kafka's when the scope has no last
/// day.
pub(super) async fn audit_source(
    lake: &LakeHandle,
    name: &str,
    topic: &str,
    (losses, scope): (&DeclaredLosses, AuditScope),
    findings: &mut Vec<AuditFinding>,
) -> Result<SourceAudit, OperationError> {
    // Kafka first: records that it accepts meanwhile are then not expected in the raw zone.
    let offsets = match scope.to {
        None => read_kafka_offsets(lake, topic, findings).await?,
        Some(_) => None,
    };

    let bases = read_bases(lake, topic, scope).await?;
    let firsts = find_first_chunks(topic, &*lake.raw).await?;
    let firsts = losses.begin_streams(topic, firsts);
    let mut streams = Vec::new();
    for first in &firsts {
        let from = oldest_committed_chunk(first, &bases);
        let is_committed = from.offset > first.offset;
        let scope = (losses, scope);
        streams.push(streams::audit_stream(lake, &from, is_committed, scope, findings).await?);
    }

    if scope.from.is_none() {
        find_lost_beginnings(lake, topic, &firsts, findings).await?;
        find_foreign_objects(lake, topic, findings).await?;
    }
    let accepted = offsets.map(|offsets| {
        check_log_ends(&offsets, &streams, topic, findings);
        count_accepted(&offsets, &firsts)
    });
    Ok(SourceAudit {
        source: name.to_owned(),
        topic: topic.to_owned(),
        accepted,
        streams,
    })
}

/// Kafka's offsets of a topic; none where Kafka cannot be asked. A topic that Kafka refuses is a
/// finding: nothing that is sent for it arrives.
async fn read_kafka_offsets(
    lake: &LakeHandle,
    topic: &str,
    findings: &mut Vec<AuditFinding>,
) -> Result<Option<BTreeMap<i32, (i64, i64)>>, OperationError> {
    let Some(kafka) = &lake.kafka else {
        return Ok(None);
    };
    match kafka.of_topic(topic).await? {
        TopicOffsets::Partitions(offsets) => Ok(Some(offsets)),
        TopicOffsets::Refused { what, .. } => {
            let refused = FindingKind::TopicRefused;
            findings.push(AuditFinding::new(refused, topic, None, what));
            Ok(None)
        }
    }
}

/// The manifests before the scope's first day; they say which offsets earlier days have committed.
async fn read_bases(
    lake: &LakeHandle,
    topic: &str,
    scope: AuditScope,
) -> Result<Vec<SnapshotManifest>, OperationError> {
    let Some(day) = scope.from else {
        return Ok(Vec::new());
    };

    let tables = lake.catalogue.tables_of_topic(topic);
    let bases = read_base_manifests(&tables, day, &*lake.curated).await;
    // Without a base no record counts as committed: the audit begins at the first offset.
    Ok(lake.unreadable.note(bases)?.unwrap_or_default())
}

/// Finds receipts of raw objects before a stream's first one, or of streams that have none: the
/// beginning was lost.
async fn find_lost_beginnings(
    lake: &LakeHandle,
    topic: &str,
    firsts: &[Chunk],
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let prefix = Chunk::topic_receipt_prefix(topic);
    for entry in lake.refined.list(&prefix, None).await? {
        let Some(chunk) = Chunk::from_receipt_key(&entry.key) else {
            continue;
        };
        let first = firsts
            .iter()
            .find(|first| first.epoch == chunk.epoch && first.partition == chunk.partition);
        if first.is_none_or(|first| chunk.offset < first.offset) {
            let what =
                "describes a raw object that is not there, and its stream has none before it";
            let missing = FindingKind::RawMissing;
            findings.push(AuditFinding::new(
                missing,
                entry.key,
                Some(chunk.offset),
                what,
            ));
        }
    }
    Ok(())
}

/// The records that Kafka acknowledged since the raw log of each partition begins. Kafka itself may
/// have dropped the oldest of them, by its retention or after an erasure.
fn count_accepted(offsets: &BTreeMap<i32, (i64, i64)>, firsts: &[Chunk]) -> i64 {
    let epoch = firsts.iter().map(|first| first.epoch).max();
    let accepted = offsets.iter().map(|(partition, (begin, end))| {
        let first = firsts
            .iter()
            .find(|first| Some(first.epoch) == epoch && first.partition == *partition);
        end - first.map_or(*begin, |first| first.offset.min(*begin))
    });
    accepted.sum()
}

/// Compares the end of each partition in the raw zone with Kafka's; a difference is a finding.
fn check_log_ends(
    offsets: &BTreeMap<i32, (i64, i64)>,
    streams: &[StreamAudit],
    topic: &str,
    findings: &mut Vec<AuditFinding>,
) {
    // Kafka knows the latest epoch of the topic alone.
    let epoch = streams.iter().map(|stream| stream.epoch).max();
    for (partition, (begin, end)) in offsets {
        let landed = streams
            .iter()
            .find(|stream| Some(stream.epoch) == epoch && stream.partition == *partition);
        // What a receipt records has landed: that its raw object is missing is another finding.
        let next = landed.map_or(*begin, |stream| stream.next.max(stream.recorded_next));
        let object = format!("{topic}-{partition}");

        if next < *end {
            let lag = end - next;
            let what =
                format!("Kafka holds {lag} records behind the raw zone's end: not landed yet");
            let kind = FindingKind::NotLanded;
            findings.push(AuditFinding::new(kind, object, Some(next), what));
        } else if next > *end {
            let what =
                format!("the raw zone ends at {next}, behind Kafka's end: the topic was recreated");
            let kind = FindingKind::TopicRecreated;
            findings.push(AuditFinding::new(kind, object, Some(*end), what));
        }
    }
}
