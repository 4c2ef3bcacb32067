//! `polelake contract lint`: every problem with its location, and for every rule what enforces it.

use std::path::Path;

use contract::{Catalogue, CompiledMapping, Problem, ProblemLevel, Rule, Severity, TableContract};
use serde_json::{Map, Value, json};

use super::read_contract_files;
use crate::error::CliError;
use crate::sample_faults::find_sample_problems;
use crate::samples::op_label;

pub(crate) fn run(contracts: &Path, as_json: bool) -> Result<bool, CliError> {
    let (catalogue, mut problems) = Catalogue::lint(&read_contract_files(contracts)?);
    if let Some(catalogue) = &catalogue {
        problems.extend(find_sample_problems(catalogue, contracts)?);
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.level == ProblemLevel::Error)
        .count();
    if as_json {
        println!("{:#}", lint_json(catalogue.as_ref(), &problems));
        return Ok(errors == 0);
    }

    for problem in &problems {
        let level = level_label(problem.level);
        println!("{}/{problem} [{level}]", contracts.display());
    }
    match &catalogue {
        Some(catalogue) if errors == 0 => print_catalogue(catalogue, problems.len()),
        Some(_) => println!("\n{errors} errors in what the samples show"),
        None => println!("\n{errors} errors: no function would start with these contracts"),
    }
    Ok(errors == 0)
}

fn level_label(level: ProblemLevel) -> &'static str {
    if level == ProblemLevel::Error {
        "error"
    } else {
        "advice"
    }
}

/// Prints what enforces every rule of the catalogue.
fn print_catalogue(catalogue: &Catalogue, advice: usize) {
    println!("\nWhat is enforced, and by what\n\nevery source");
    for (what, enforced_by) in SOURCE_ENFORCEMENT {
        println!("  {what:44} {enforced_by}");
    }
    for mapping in &catalogue.mappings {
        print_source(catalogue, mapping);
    }
    for table in &catalogue.tables {
        print_rules(catalogue, table);
    }

    let rules: usize = catalogue.tables.iter().map(|table| table.rules.len()).sum();
    println!(
        "\n{} sources, {} tables, {rules} rules and {} reference lists compile; \
         {advice} pieces of advice",
        catalogue.mappings.len(),
        catalogue.tables.len(),
        catalogue.lists.iter().count()
    );
}

fn print_source(catalogue: &Catalogue, mapping: &CompiledMapping) {
    let contract = &mapping.contract;
    println!(
        "\nsource {} {} (mapping {})",
        contract.name, contract.version, mapping.version
    );
    for (event, op) in &contract.events {
        println!("  {event:44} {}", op_label(*op));
    }
    let tables: Vec<&str> = mapping
        .table_indices()
        .into_iter()
        .map(|index| catalogue.tables[index].name.as_str())
        .collect();
    println!("  fills {}", tables.join(", "));
}

/// What every source contract has enforced.
const SOURCE_ENFORCEMENT: [(&str, &str); 5] = [
    ("push", "event-relay: answers other callers 403"),
    (
        "event types, id, time, key, version",
        "event-relay answers 400 or 422; pole-transform checks again: quarantine",
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
    let mut rules = Map::new();
    for table in catalogue
        .into_iter()
        .flat_map(|catalogue| &catalogue.tables)
    {
        rules.insert(
            table.name.clone(),
            table.rules.iter().map(rule_json).collect(),
        );
    }

    let problems: Vec<Value> = problems.iter().map(problem_json).collect();
    json!({"problems": problems, "rules": rules})
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "file": problem.file,
        "line": problem.location.line,
        "column": problem.location.column,
        "message": problem.message,
        "error": problem.level == ProblemLevel::Error,
    })
}

fn rule_json(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "column": rule.column,
        "dimension": rule.dimension,
        "severity": severity_label(rule.severity),
        "target": rule.tolerance_text(),
        "enforced_by": rule.enforced_by(),
    })
}
