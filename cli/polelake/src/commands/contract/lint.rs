//! `polelake contract lint`: every problem with its place, and for every rule what enforces it.

use std::path::Path;

use contract::{Catalogue, CompiledMapping, Problem, ProblemLevel, Severity, TableContract};
use serde_json::{Value, json};

use super::read_contract_files;
use crate::error::CliError;
use crate::samples::op_label;

pub(crate) fn run(contracts: &Path, as_json: bool) -> Result<bool, CliError> {
    let (catalogue, problems) = Catalogue::lint(&read_contract_files(contracts)?);
    if as_json {
        println!("{:#}", lint_json(catalogue.as_ref(), &problems));
        return Ok(catalogue.is_some());
    }
    for problem in &problems {
        let level = if problem.level == ProblemLevel::Error {
            "error"
        } else {
            "advice"
        };
        println!("{}/{problem} [{level}]", contracts.display());
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.level == ProblemLevel::Error)
        .count();
    let Some(catalogue) = catalogue else {
        println!("\n{errors} errors: no function would start with these contracts");
        return Ok(false);
    };
    println!("\nWhat is enforced, and by whom\n\nevery source");
    for (what, by) in SOURCE_ENFORCEMENT {
        println!("  {what:44} {by}");
    }
    catalogue
        .mappings
        .iter()
        .for_each(|plan| print_source(&catalogue, plan));
    catalogue
        .tables
        .iter()
        .for_each(|table| print_rules(&catalogue, table));
    let rules: usize = catalogue.tables.iter().map(|table| table.rules.len()).sum();
    println!(
        "\n{} sources, {} tables, {rules} rules and {} reference lists compile; {} advice",
        catalogue.mappings.len(),
        catalogue.tables.len(),
        catalogue.lists.iter().count(),
        problems.len() - errors
    );
    Ok(true)
}

fn print_source(catalogue: &Catalogue, plan: &CompiledMapping) {
    let contract = &plan.contract;
    println!(
        "\nsource {} {} (mapping {})",
        contract.name, contract.version, plan.version
    );
    for (event, op) in &contract.events {
        println!("  {event:44} {}", op_label(*op));
    }
    let tables: Vec<&str> = plan
        .table_indices()
        .into_iter()
        .map(|place| catalogue.tables[place].name.as_str())
        .collect();
    println!("  fills {}", tables.join(", "));
}

/// What every source contract has enforced.
const SOURCE_ENFORCEMENT: [(&str, &str); 5] = [
    ("push", "event-relay: others are answered 403"),
    (
        "event types, id, time, key, version",
        "event-relay at the door, pole-transform again: quarantine",
    ),
    (
        "required",
        "pole-transform: quarantine, rule contract.required",
    ),
    (
        "enum, undeclared fields",
        "pole-transform: counted in receipts, report and metrics",
    ),
    (
        "types, formats, required columns",
        "pole-transform: quarantine, rule mapping.<record>.<column>",
    ),
];

fn print_rules(catalogue: &Catalogue, table: &TableContract) {
    println!("\ntable {} {}", table.name, table.version);
    if catalogue.topics_of_table(&table.name).is_empty() {
        println!("  no source fills it; its rules wait for one");
    }
    for rule in &table.rules {
        println!(
            "  {:44} {:5} {:16} {}",
            rule.id,
            severity_label(rule.severity),
            rule.tolerance_text(),
            rule.enforced_by()
        );
    }
}

fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Warn => "warn",
        Severity::Block => "block",
    }
}

fn lint_json(catalogue: Option<&Catalogue>, problems: &[Problem]) -> Value {
    let problem = |problem: &Problem| {
        json!({
            "file": problem.file, "line": problem.location.line, "column": problem.location.column,
            "message": problem.message, "error": problem.level == ProblemLevel::Error,
        })
    };
    let rule = |rule: &contract::Rule| {
        json!({
            "id": rule.id, "column": rule.column, "dimension": rule.dimension, "severity": severity_label(rule.severity),
            "target": rule.tolerance_text(), "enforced_by": rule.enforced_by(),
        })
    };
    let tables = catalogue
        .into_iter()
        .flat_map(|catalogue| &catalogue.tables);
    let rules: serde_json::Map<String, Value> = tables
        .map(|table| (table.name.clone(), table.rules.iter().map(rule).collect()))
        .collect();
    json!({"problems": problems.iter().map(problem).collect::<Vec<_>>(), "rules": rules})
}
