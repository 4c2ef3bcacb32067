//! How tables relate to sources and to each other, by the contracts and mappings.

use std::collections::BTreeSet;

use contract::{Catalogue, CompiledMapping, Expectation, ReferenceTarget, TableContract};

/// The sources whose events can fill a table.
pub(super) fn sources_filling<'c>(
    catalogue: &'c Catalogue,
    table: &str,
) -> Vec<&'c CompiledMapping> {
    catalogue
        .mappings
        .iter()
        .filter(|mapping| {
            let indices = mapping.table_indices();
            indices
                .iter()
                .any(|index| catalogue.tables[*index].name == table)
        })
        .collect()
}

/// `source: path` of every mapping that fills the column.
pub(super) fn column_lineage(table: &str, column: &str, catalogue: &Catalogue) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for plan in &catalogue.mappings {
        for (index, name, paths) in plan.column_lineage() {
            if catalogue.tables[index].name == table && name == column {
                lines.extend(
                    paths
                        .iter()
                        .map(|path| format!("{}: {path}", plan.contract.name)),
                );
            }
        }
    }
    lines.into_iter().collect()
}

/// How the contracts' rules relate a table to others, as (relation, other table).
pub(super) fn related_tables(catalogue: &Catalogue, name: &str) -> Vec<(String, String)> {
    let mut related = BTreeSet::new();
    for table in &catalogue.tables {
        for (relation, other) in table_relations(table) {
            if table.name == name && other != name {
                related.insert((other, relation));
            } else if other == name && table.name != name {
                let relation = format!("In {}: {}", table.name, relation.to_lowercase());
                related.insert((table.name.clone(), relation));
            }
        }
    }

    related
        .into_iter()
        .filter(|(other, _)| catalogue.table_contract(other).is_some())
        .map(|(other, relation)| (relation, other))
        .collect()
}

/// The relations that the rules of one table declare, as (relation, other table).
fn table_relations(table: &TableContract) -> Vec<(String, String)> {
    let mut relations = Vec::new();
    for rule in &table.rules {
        collect_relations(&rule.expectation, &mut relations);
    }
    relations
}

fn collect_relations(expectation: &Expectation, relations: &mut Vec<(String, String)>) {
    match expectation {
        Expectation::References(column, ReferenceTarget::Table(table)) => {
            let relation = format!("{column} is the pole_id of a row of {table}");
            relations.push((relation, table.clone()));
        }
        Expectation::Linked(tables) => relations.extend(
            tables
                .iter()
                .map(|table| (format!("Rows are linked to rows of {table}"), table.clone())),
        ),
        Expectation::If(_, _, then) => collect_relations(then, relations),
        Expectation::All(all) => {
            for expectation in all {
                collect_relations(expectation, relations);
            }
        }
        _ => {}
    }
}
