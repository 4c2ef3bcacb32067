//! The records of the sources with patches that fill a table: the day's snapshots of their
//! statements, from which the rows of the table are made. A day is never built on days, or from
//! refined objects, that were made otherwise.

use contract::{Catalogue, TableContract, record_table_name};
use host::{Failure, FailureKind};
use lake::{Day, SnapshotManifest};
use store::ObjectStore;
use store::streams::read_manifest;

use crate::input_request::RecordSnapshot;
use crate::streams::TableInputs;

/// Reads the day's snapshots of the records that a table is made from.
///
/// # Errors
/// When there is none of a source: the merge of its records failed, or never ran.
pub(crate) async fn read_record_snapshots(
    table: &TableContract,
    day: Day,
    catalogue: &Catalogue,
    curated: &dyn ObjectStore,
) -> Result<Vec<RecordSnapshot>, Failure> {
    let mut snapshots = Vec::new();
    for mapping in catalogue.record_mappings_of_table(&table.name) {
        let contract = &mapping.contract;
        let records = record_table_name(&contract.name);
        let manifest = read_manifest(&records, day, curated).await?;
        let Some(manifest) = manifest else {
            let message = format!(
                "`{}` is made from the records of `{}`, which are not merged for {day}; run \
                 `polelake run-day {day}`",
                table.name, contract.name
            );
            return Err(Failure::new(FailureKind::Unavailable, message));
        };
        snapshots.push(RecordSnapshot {
            topic: contract.topic.clone(),
            manifest,
        });
    }
    Ok(snapshots)
}

/// Refuses a base and refined objects from before a source declared patches, or from after it
/// stopped to declare them.
pub(crate) fn check_sources(
    table: &TableContract,
    base: Option<&SnapshotManifest>,
    consumed: &TableInputs,
    catalogue: &Catalogue,
) -> Result<(), Failure> {
    if table.holds_records()
        && let Some((receipt, source)) = &consumed.without_records
    {
        return Err(made_otherwise(receipt, source));
    }
    let patched = patched_source_names(table, catalogue);
    let is_patched = |source: &str| patched.iter().any(|name| name == source);
    let otherwise = consumed.inputs.iter().find(|input| {
        is_patched(&input.source) != input.states_records
            && is_of_record(&input.source, table, catalogue)
    });
    if let Some(input) = otherwise {
        return Err(made_otherwise(&input.key, &input.source));
    }

    let Some(base) = base else { return Ok(()) };
    let changed = catalogue.mappings.iter().find(|mapping| {
        let contract = &mapping.contract;
        base.patched_sources.contains(&contract.name) != is_patched(&contract.name)
            && has_consumed(base, &contract.topic)
            && is_of_record(&contract.name, table, catalogue)
    });
    match changed {
        None => Ok(()),
        Some(mapping) => {
            let snapshot = format!("the snapshot of `{}` of {}", table.name, base.date);
            Err(made_otherwise(&snapshot, &mapping.contract.name))
        }
    }
}

fn made_otherwise(object: &str, source: &str) -> Failure {
    let message = format!(
        "{object} was made when `{source}` was declared otherwise (with patches, or without), or \
         by a polelake that kept patches otherwise: run `polelake rebuild --raw` from the first day"
    );
    Failure::new(FailureKind::Configuration, message)
}

/// The names of the sources with patches whose records fill a table.
pub(crate) fn patched_source_names(table: &TableContract, catalogue: &Catalogue) -> Vec<String> {
    let mappings = catalogue.record_mappings_of_table(&table.name);
    let mut names: Vec<String> = mappings
        .map(|mapping| mapping.contract.name.clone())
        .collect();
    names.sort_unstable();
    names
}

/// Whether the source fills the table with rows of its records, and not only with rows that several
/// records share or that single events give.
fn is_of_record(source: &str, table: &TableContract, catalogue: &Catalogue) -> bool {
    let mut tables = catalogue.tables.iter();
    let position = tables.position(|known| known.name == table.name);
    let mapping = catalogue.mapping_of_source(source);
    position
        .zip(mapping)
        .is_some_and(|(position, mapping)| mapping.fills_with_records(position))
}

fn has_consumed(base: &SnapshotManifest, topic: &str) -> bool {
    let mut offsets = base.committed_offsets.iter();
    offsets.any(|committed| committed.stream.topic == topic && committed.next > 0)
}
