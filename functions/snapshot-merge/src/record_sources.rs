//! The sources with patches that fill a table. Their rows are made from the statements of their
//! records, so a day is never built on days, or from refined objects, that were made otherwise.

use contract::{Catalogue, TableContract};
use host::{Failure, FailureKind};
use lake::SnapshotManifest;

use crate::streams::TableInputs;

/// Refuses a base and refined objects from before a source declared patches, or from after it
/// stopped to declare them.
pub(crate) fn check_sources(
    table: &TableContract,
    base: Option<&SnapshotManifest>,
    consumed: &TableInputs,
    catalogue: &Catalogue,
) -> Result<(), Failure> {
    let declared = record_source_names(table, catalogue);
    let otherwise = consumed.inputs.iter().find(|input| {
        fills_records(&input.source, &declared) != input.has_statements
            && is_of_record(&input.source, table, catalogue)
    });
    if let Some(input) = otherwise {
        let message = format!(
            "{} was made when `{}` was declared otherwise (with patches, or without): run \
             `polelake rebuild --raw` from the first day",
            input.key, input.source
        );
        return Err(Failure::new(FailureKind::Configuration, message));
    }

    let Some(base) = base else { return Ok(()) };
    let changed = catalogue.mappings.iter().find(|mapping| {
        let contract = &mapping.contract;
        let was_declared = base.record_sources.contains(&contract.name);
        was_declared != fills_records(&contract.name, &declared)
            && has_consumed(base, &contract.topic)
            && is_of_record(&contract.name, table, catalogue)
    });
    match changed {
        None => Ok(()),
        Some(mapping) => {
            let message = format!(
                "the snapshot of `{}` of {} was made when `{}` was declared otherwise (with \
                 patches, or without): run `polelake rebuild --raw` from the first day",
                table.name, base.date, mapping.contract.name
            );
            Err(Failure::new(FailureKind::Configuration, message))
        }
    }
}

/// The names of the sources with patches whose records fill a table.
pub(crate) fn record_source_names(table: &TableContract, catalogue: &Catalogue) -> Vec<String> {
    let sources = catalogue.record_sources_of_table(&table.name);
    let mut names: Vec<String> = sources.map(|contract| contract.name.clone()).collect();
    names.sort_unstable();
    names
}

fn fills_records(source: &str, declared: &[String]) -> bool {
    declared.iter().any(|name| name == source)
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
