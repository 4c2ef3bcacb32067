//! Rows of a record beyond its own, in sources with patches: they belong to the record, so that two
//! records must not give one row.

use super::groups::walk_lists;
use super::{CompiledIdentity, CompiledRecord};
use crate::expression::CompiledExpression;
use crate::mapping::RecordKind;
use crate::path_tree::{TreePath, tree_steps};
use crate::source::SourceContract;

/// The further rows, by name, whose keys do not hold the key of the record: two records that both
/// name a thing would give its row twice.
pub(super) fn find_rows_of_two_records<'r>(
    records: &'r [CompiledRecord],
    contract: &SourceContract,
) -> Vec<&'r str> {
    if !contract.events.values().any(|op| op.is_partial()) {
        return Vec::new();
    }
    let entities = records
        .iter()
        .filter(|record| record.kind == RecordKind::Entity);
    let own = entities.clone().find(|record| record.for_each.is_empty());
    let own_key = own.map(key_paths).unwrap_or_default();
    let declared_key: Vec<TreePath> = contract
        .paths
        .key
        .iter()
        .map(|path| TreePath {
            is_of_event: true,
            steps: tree_steps(path),
        })
        .collect();

    let further = entities.filter(|record| own.is_none_or(|own| own.name != record.name));
    further
        .filter(|record| {
            let key = key_paths(record);
            !(holds_all(&key, &own_key) || holds_all(&key, &declared_key))
        })
        .map(|record| record.name.as_str())
        .collect()
}

fn holds_all(key: &[TreePath], wanted: &[TreePath]) -> bool {
    !wanted.is_empty() && wanted.iter().all(|path| key.contains(path))
}

/// The paths that a row's key is made of, from the root of the event or of the body.
fn key_paths(record: &CompiledRecord) -> Vec<TreePath> {
    let CompiledIdentity::Natural { key, .. } = &record.identity else {
        return Vec::new();
    };
    let (_, roots) = walk_lists(record);
    key.iter()
        .flat_map(CompiledExpression::paths)
        .map(|path| path.steps_from_root(&roots))
        .collect()
}
