//! Reconciles a lake from its data alone: every offset is landed once, every landed record is
//! accounted for, and every snapshot is the one before it, plus the rows that were inserted, minus
//! those that were deleted.

mod day_roots;
mod erasures;
mod event_indexes;
mod files;
mod finding_kind;
mod foreign_objects;
mod iceberg_metadata;
mod lost_part;
mod named_objects;
mod queue_messages;
mod raw_log_object;
mod raw_tables;
mod receipts;
mod refined_objects;
mod removed_days;
mod report;
mod row_changes;
mod scope;
mod sources;
mod stream_limits;
mod stream_parts;
mod streams;
mod tables;

use lake::DeclaredLoss;

use self::named_objects::NamedObjects;
use crate::declared_losses::DeclaredLosses;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

pub(crate) use erasures::audit_erasures;
pub use finding_kind::FindingKind;
pub use report::{AuditCounts, AuditFinding, LakeAudit, SourceAudit, StreamAudit, TableAudit};
pub use scope::AuditScope;

/// Audits the scope.
///
/// # Errors
/// When the storage or Kafka does not answer. An object that cannot be read is a finding.
pub async fn audit_lake(lake: &LakeHandle, scope: AuditScope) -> Result<LakeAudit, OperationError> {
    let mut sources = Vec::new();
    let mut findings = Vec::new();
    let mappings = &lake.catalogue.mappings;
    // Before the first request: whoever interrupts it learns what was going on.
    lake.stage.tell("auditing sources", 0, mappings.len());
    let losses = DeclaredLosses::read(lake).await?;
    note_losses(lake, &losses, &mut findings);

    for (done, mapping) in mappings.iter().enumerate() {
        lake.stage.tell("auditing sources", done, mappings.len());
        let contract = &mapping.contract;
        let scope = (&losses, scope);
        let source =
            sources::audit_source(lake, &contract.name, &contract.topic, scope, &mut findings);
        sources.push(source.await?);
    }

    if scope.is_whole() {
        let mut named = NamedObjects::default();
        for stream in sources.iter().flat_map(|source| &source.streams) {
            named.add_all(&stream.named);
        }
        refined_objects::find_added_objects(lake, &named, &mut findings).await?;
        let now = host::now_micros() / 1_000;
        queue_messages::audit_queue_messages(lake, now, &mut findings).await?;
        erasures::audit_erasures(lake, &mut findings).await?;
    }
    let (tables, manifests) = tables::audit_tables(lake, scope, &mut findings).await?;
    let roots = day_roots::audit_day_roots(lake, scope, &manifests, &mut findings).await?;
    event_indexes::audit_event_indexes(lake, scope, &mut findings).await?;
    for mapping in mappings {
        let topic = &mapping.contract.topic;
        raw_tables::audit_raw_table(lake, topic, scope, &mut findings).await?;
    }
    let unreadable = lake.unreadable.take().into_iter();
    findings.extend(unreadable.map(AuditFinding::unreadable));
    findings.sort();
    let streams = sources.iter().flat_map(|source| &source.streams);
    Ok(LakeAudit {
        declared_lost: streams
            .flat_map(|stream| stream.declared_lost.clone())
            .collect(),
        sources,
        tables,
        roots,
        findings,
    })
}

/// Notes the declared losses that cannot be read, and finds those of topics that no contract has:
/// no stream of theirs is audited.
fn note_losses(lake: &LakeHandle, losses: &DeclaredLosses, findings: &mut Vec<AuditFinding>) {
    for object in &losses.unreadable {
        lake.unreadable.add(object.clone());
    }
    for loss in losses.iter() {
        if lake
            .catalogue
            .mapping_of_topic(&loss.stream.topic)
            .is_none()
        {
            let what = "is of a topic that no contract has";
            let key = DeclaredLoss::key_of(&loss.chunk());
            let kind = FindingKind::LossWrong;
            findings.push(AuditFinding::new(kind, key, Some(loss.first), what));
        }
    }
}
