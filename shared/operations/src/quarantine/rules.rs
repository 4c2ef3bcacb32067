//! The rules under which records are refused.

use std::collections::BTreeSet;

use contract::{Catalogue, CompiledMapping, nearest_name_hint};

use crate::error::OperationError;

/// The rules that no mapping names: those of events, and those of contracts.
const COMMON_RULES: [&str; 16] = [
    "contract.key",
    "contract.required",
    "contract.type",
    "event.body",
    "event.id",
    "event.json",
    "event.key",
    "event.nesting",
    "event.nul",
    "event.number",
    "event.time",
    "event.time_ahead",
    "event.tombstone",
    "event.type",
    "event.undeclared-type",
    "event.version",
];

/// Refuses a rule that no record of the source, or of any, can break. A rule that records did break
/// is known, whatever the contracts of today say.
pub(super) fn check_rule(
    catalogue: &Catalogue,
    (source, rule): (Option<&str>, &str),
    broken: &BTreeSet<&str>,
) -> Result<(), OperationError> {
    if broken.contains(rule) {
        return Ok(());
    }

    let mappings = catalogue.mappings.iter();
    let mut known: BTreeSet<String> = mappings
        .filter(|mapping| source.is_none_or(|source| mapping.contract.name == source))
        .flat_map(CompiledMapping::rule_names)
        .collect();
    known.extend(COMMON_RULES.map(str::to_owned));
    if known.contains(rule) {
        return Ok(());
    }
    Err(describe_unknown_rule(rule, &known, broken).into())
}

fn describe_unknown_rule(rule: &str, known: &BTreeSet<String>, broken: &BTreeSet<&str>) -> String {
    let names = known
        .iter()
        .map(String::as_str)
        .chain(broken.iter().copied());
    let near = nearest_name_hint(rule, names);
    if broken.is_empty() {
        return format!("there is no rule `{rule}`{near}; no record is in quarantine");
    }
    let broken: Vec<&str> = broken.iter().copied().collect();
    format!(
        "there is no rule `{rule}`{near}; records in quarantine broke {}",
        broken.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_rule_names_the_nearest_and_those_that_were_broken() {
        let known = BTreeSet::from(["mapping.person.date_of_birth".to_owned()]);
        let said = describe_unknown_rule("mapping.person.date_of_brith", &known, &BTreeSet::new());
        assert!(
            said.contains("nearest name is `mapping.person.date_of_birth`"),
            "{said}"
        );
        assert!(said.contains("no record is in quarantine"), "{said}");
        let said = describe_unknown_rule("x", &known, &BTreeSet::from(["event.json"]));
        assert!(said.ends_with("broke event.json"), "{said}");
    }
}
