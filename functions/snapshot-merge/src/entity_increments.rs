//! What the day's increments state of entities: of each sighting its rank among those of its
//! source, its event and its record. The snapshots of the tables do not say it: they hold only the
//! last change of a row.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use contract::{Catalogue, TableContract};
use host::Failure;
use lake::{Day, SnapshotManifest, schema};
use store::streams::read_manifest;

use crate::context::Context;
use crate::entity_changes::DaySnapshots;
use crate::increments::{TakenRows, sort_increments};
use crate::input_request::InputRequest;
use crate::record_snapshots::read_record_snapshots;
use crate::sorted_runs::{IncrementSorter, Increments, RunTarget};
use crate::streams::{RefinedInput, StreamReceipts};

/// The columns of an increment that say who states what of which entity, and with which rank.
const SIGHTING_COLUMNS: [&str; 14] = [
    "pole_id",
    "source",
    "source_record_id",
    "owner_id",
    "owner_set",
    "source_event_id",
    "entity_version",
    "event_time",
    "ingested_at",
    "topic",
    "partition",
    "offset",
    "event_time_nanos",
    schema::OPERATION_COLUMN,
];

/// The schema of sightings in increments.
pub(crate) fn sighting_schema(entity: &TableContract) -> SchemaRef {
    let refined = schema::refined_schema(entity);
    let fields = refined.fields().iter();
    let read = fields.filter(|field| SIGHTING_COLUMNS.contains(&field.name().as_str()));
    Arc::new(Schema::new(read.cloned().collect::<Vec<_>>()))
}

/// A table that entities are made from, and what the day added to it.
struct TableSpan {
    table: String,
    /// The snapshot behind which the day's increments begin; none for a table without one.
    before: Option<SnapshotManifest>,
    after: SnapshotManifest,
}

/// Sorts the sightings that the tables took in between the day of `base` and `day`.
///
/// # Errors
/// When the storage fails, or an object is damaged.
pub(crate) async fn sort_entity_sightings(
    entity: &TableContract,
    (base, day): (Option<&SnapshotManifest>, Day),
    snapshots: &DaySnapshots,
    target: RunTarget<'_>,
    context: &Context,
) -> Result<Increments, Failure> {
    let spans = find_table_spans(base, snapshots, context).await?;
    let inputs = plan_sighting_inputs(day, &spans, context).await?;
    let sorter = IncrementSorter::new(target, &sighting_schema(entity));
    sort_increments(&*context.refined, (&inputs, TakenRows::Sightings), sorter).await
}

async fn find_table_spans(
    base: Option<&SnapshotManifest>,
    snapshots: &DaySnapshots,
    context: &Context,
) -> Result<Vec<TableSpan>, Failure> {
    let base_day = base.and_then(|base| Day::parse(&base.date));
    let mut spans = Vec::with_capacity(snapshots.len());
    for (table, snapshot) in snapshots {
        let after = snapshot.manifest.clone();
        if after.committed_offsets.is_empty() {
            continue;
        }
        let table_base = after.base.as_deref().and_then(Day::parse);
        let mut before = None;
        // The day of the base; where the table has none of it, the day before this one.
        for known in [base_day, table_base].into_iter().flatten() {
            if before.is_none() {
                before = read_manifest(table, known, &*context.curated).await?;
            }
        }
        if before.is_some() || table_base.is_none() {
            spans.push(TableSpan {
                table: table.clone(),
                before,
                after,
            });
        }
    }
    Ok(spans)
}

/// The refined objects of the spans, each part of one once: tables share those of their records.
async fn plan_sighting_inputs(
    day: Day,
    spans: &[TableSpan],
    context: &Context,
) -> Result<Vec<RefinedInput>, Failure> {
    let streams = read_span_receipts(day, spans, context).await?;
    let mut inputs = Vec::new();
    let mut known = BTreeSet::new();
    for span in spans {
        let catalogue = &context.catalogue;
        let Some(table) = catalogue.table_contract(&span.table) else {
            continue;
        };
        let records = read_record_snapshots(table, day, catalogue, &*context.curated).await?;
        let consumed = streams.plan_inputs(InputRequest {
            table: &span.table,
            topics: &catalogue.topics_of_table(&span.table),
            records: &records,
            base: span.before.as_ref(),
            sealed: Some(&span.after),
        })?;
        for input in consumed.inputs {
            if known.insert((input.key.clone(), input.from, input.to)) {
                inputs.push(input);
            }
        }
    }
    Ok(inputs)
}

async fn read_span_receipts(
    day: Day,
    spans: &[TableSpan],
    context: &Context,
) -> Result<StreamReceipts, Failure> {
    let topics = topics_of_spans(spans, &context.catalogue);
    let bases: Vec<SnapshotManifest> = spans
        .iter()
        .map(|span| span.before.clone().unwrap_or_default())
        .collect();
    let mut streams = StreamReceipts::new(day);
    streams
        .read_receipts(&topics, &bases, &*context.raw, &*context.refined)
        .await?;
    Ok(streams)
}

/// The topics that fill the tables, but for those of which nothing was consumed.
fn topics_of_spans<'c>(spans: &[TableSpan], catalogue: &'c Catalogue) -> Vec<&'c str> {
    let mut topics = BTreeSet::new();
    for span in spans {
        let consumed = &span.after.committed_offsets;
        let consumed: BTreeSet<&str> = consumed
            .iter()
            .map(|committed| committed.stream.topic.as_str())
            .collect();
        let of_table = catalogue.topics_of_table(&span.table);
        topics.extend(
            of_table
                .into_iter()
                .filter(|topic| consumed.contains(topic)),
        );
    }
    topics.into_iter().collect()
}
