//! `polelake contract lint`: every problem with its place, and for every rule what enforces it.

use std::path::Path;

use contract::{Catalogue, Level, Plan, Problem, Severity, TableContract};
use serde_json::{Value, json};

use super::files;
use crate::error::Failed;
use crate::samples::becomes;

pub(crate) fn run(contracts: &Path, as_json: bool) -> Result<bool, Failed> {
    let (catalogue, problems) = Catalogue::lint(&files(contracts)?);
    if as_json {
        println!("{:#}", to_json(catalogue.as_ref(), &problems));
        return Ok(catalogue.is_some());
    }
    for problem in &problems {
        let level = if problem.level == Level::Error {
            "error"
        } else {
            "advice"
        };
        println!("{}/{problem} [{level}]", contracts.display());
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.level == Level::Error)
        .count();
    let Some(catalogue) = catalogue else {
        println!("\n{errors} errors: no function would start with these contracts");
        return Ok(false);
    };
    println!("\nWhat is enforced, and by whom\n\nevery source");
    for (what, by) in SOURCES {
        println!("  {what:44} {by}");
    }
    catalogue
        .plans
        .iter()
        .for_each(|plan| source(&catalogue, plan));
    catalogue
        .tables
        .iter()
        .for_each(|table| rules(&catalogue, table));
    let rules: usize = catalogue.tables.iter().map(|table| table.rules.len()).sum();
    println!(
        "\n{} sources, {} tables, {rules} rules and {} reference lists compile; {} advices",
        catalogue.plans.len(),
        catalogue.tables.len(),
        catalogue.lists.iter().count(),
        problems.len() - errors
    );
    Ok(true)
}

fn source(catalogue: &Catalogue, plan: &Plan) {
    let contract = &plan.contract;
    println!(
        "\nsource {} {} (mapping {})",
        contract.name, contract.version, plan.version
    );
    for (event, op) in &contract.events {
        println!("  {event:44} {}", becomes(*op));
    }
    let tables: Vec<&str> = plan
        .tables()
        .into_iter()
        .map(|place| catalogue.tables[place].name.as_str())
        .collect();
    println!("  fills {}", tables.join(", "));
}

/// What every source contract has enforced.
const SOURCES: [(&str, &str); 5] = [
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

fn rules(catalogue: &Catalogue, table: &TableContract) {
    println!("\ntable {} {}", table.name, table.version);
    if catalogue.topics_of(&table.name).is_empty() {
        println!("  no source fills it; its rules wait for one");
    }
    for rule in &table.rules {
        println!(
            "  {:44} {:5} {:16} {}",
            rule.id,
            severity(rule.severity),
            rule.target(),
            rule.enforced_by()
        );
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warn => "warn",
        Severity::Block => "block",
    }
}

fn to_json(catalogue: Option<&Catalogue>, problems: &[Problem]) -> Value {
    let problem = |problem: &Problem| {
        json!({
            "file": problem.file, "line": problem.place.line, "column": problem.place.column,
            "message": problem.message, "error": problem.level == Level::Error,
        })
    };
    let rule = |rule: &contract::Rule| {
        json!({
            "id": rule.id, "column": rule.column, "dimension": rule.dimension, "severity": severity(rule.severity),
            "target": rule.target(), "enforced_by": rule.enforced_by(),
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
