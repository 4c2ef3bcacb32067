//! Whether a patch states a set of rows.

use crate::compile::CompiledRecord;
use crate::expression::{CompiledExpression, ValueRoots, ValueRules};

/// Whether a patch states all that the set's rows are made from. A set that the patch does not
/// mention stays as it is, and so does a set of which the patch states too little to build its
/// rows.
pub(super) fn set_is_stated(
    record: &CompiledRecord,
    scope: &ValueRoots<'_>,
    rules: &ValueRules<'_>,
) -> bool {
    let in_list = !record.for_each.is_empty();
    let names_are_known = record
        .columns
        .iter()
        .filter(|column| column.names_another_record())
        .all(|column| {
            !column.expression.depends_on_body(in_list) || column.expression.is_stated(scope, rules)
        });
    if !names_are_known {
        return false;
    }

    match record.for_each.first() {
        Some(list) => list.is_stated(scope),
        None => key_and_condition_are_stated(record, scope, rules),
    }
}

/// Whether a patch states the key and the condition of a set of at most one row, which is built
/// from the body. A key of constants depends on no body: then the condition alone decides.
fn key_and_condition_are_stated(
    record: &CompiledRecord,
    scope: &ValueRoots<'_>,
    rules: &ValueRules<'_>,
) -> bool {
    let condition = record
        .when
        .as_ref()
        .map(|when| &when.value)
        .filter(|value| value.depends_on_body(false));
    if condition.is_some_and(|value| !value.is_stated(scope, rules)) {
        return false;
    }

    let mut body_keys: Vec<&CompiledExpression> = record.identity.end_keys();
    body_keys.retain(|key| key.depends_on_body(false));
    if body_keys.is_empty() {
        condition.is_some()
    } else {
        body_keys.iter().any(|key| key.is_stated(scope, rules))
    }
}
