//! From a rule as it is written to one that can be run: names are resolved, and what cannot be
//! enforced is refused.

use std::collections::BTreeSet;

use super::context::RuleContext;
use super::implied::implied_rules;
use super::kinds::{Expectation, Implementation, compile_expectation};
use super::library::compile_library_rule;
use super::tolerance::Tolerance;
use super::{Rule, Severity};
use crate::odcs::{Property, Quality};
use crate::parser_message::explain_misfit;
use crate::place::DocumentPlace;
use crate::yaml::describe_path;

/// The standard's dimensions.
const QUALITY_DIMENSIONS: [&str; 7] = [
    "accuracy",
    "completeness",
    "conformity",
    "consistency",
    "coverage",
    "timeliness",
    "uniqueness",
];

/// A place in the table's object of the contract, and what is wrong with the rule there.
type RuleFinding = (DocumentPlace, String);

/// Every rule of a table: those that its columns' declarations imply, and those that it writes out.
pub(crate) fn compile_rules(
    properties: &[Property],
    quality: &[Quality],
    context: RuleContext<'_>,
) -> Result<Vec<Rule>, Vec<RuleFinding>> {
    let mut placed = vec![(DocumentPlace::root(), Ok(unique_key_rule(context.table)))];
    for (index, property) in properties.iter().enumerate() {
        let place = DocumentPlace::root().name("properties").item(index);
        for rule in implied_rules(property, context) {
            let rule = rule.map_err(|why| format!("column `{}`: {why}", property.name));
            placed.push((place.clone(), rule));
        }
        for (index, rule) in property.quality.iter().enumerate() {
            let place = place.clone().name("quality").item(index);
            let rule = compile_declared_rule(rule, Some(&property.name), context);
            placed.push((place, rule));
        }
    }
    for (index, rule) in quality.iter().enumerate() {
        let place = DocumentPlace::root().name("quality").item(index);
        placed.push((place, compile_declared_rule(rule, None, context)));
    }

    let mut rules = Vec::new();
    let mut findings = find_repeated_ids(&placed);
    for (place, result) in placed {
        match result {
            Ok(rule) => rules.push(rule),
            Err(why) => {
                // The first name that it quotes is that of the rule or column itself.
                let cause = why
                    .split_once(": ")
                    .map_or(why.as_str(), |(_, cause)| cause);
                findings.push((place.quoted_in(cause), why));
            }
        }
    }

    if findings.is_empty() {
        Ok(rules)
    } else {
        Err(findings)
    }
}

/// The rule that every table has.
fn unique_key_rule(table: &str) -> Rule {
    Rule {
        id: format!("{table}-key-unique"),
        description: "no two rows have the same pole_id and source".into(),
        dimension: "uniqueness".into(),
        column: None,
        severity: Severity::Block,
        tolerance: Tolerance::NONE,
        expectation: Expectation::UniqueKey,
    }
}

/// Every rule whose id an earlier one has.
fn find_repeated_ids(placed: &[(DocumentPlace, Result<Rule, String>)]) -> Vec<RuleFinding> {
    let mut seen = BTreeSet::new();
    let rules = placed
        .iter()
        .filter_map(|(place, rule)| Some((place, rule.as_ref().ok()?)));
    let repeated = rules.filter(|(_, rule)| !seen.insert(rule.id.as_str()));
    repeated
        .map(|(place, rule)| {
            let message = format!("two rules have the id `{}`", rule.id);
            (place.clone().name("id"), message)
        })
        .collect()
}

/// A rule that the contract writes out, on a column or on the table.
fn compile_declared_rule(
    quality: &Quality,
    column: Option<&str>,
    context: RuleContext<'_>,
) -> Result<Rule, String> {
    let name = quality
        .id
        .as_deref()
        .unwrap_or(column.unwrap_or(context.table));
    compile_quality(quality, column, context).map_err(|why| format!("rule `{name}`: {why}"))
}

fn compile_quality(
    quality: &Quality,
    column: Option<&str>,
    context: RuleContext<'_>,
) -> Result<Rule, String> {
    let id = quality.id.clone().ok_or("it needs a stable `id`")?;
    let severity = parse_severity(quality.severity.as_deref())?;
    let dimension = parse_dimension(quality.dimension.as_deref())?;

    let (expectation, tolerance) = match quality.kind.as_deref() {
        None | Some("library") => compile_library_rule(quality, column, context),
        Some("custom") => compile_custom_rule(quality, column, context),
        Some(other) => Err(format!(
            "a rule of type `{other}` is enforced by nothing; \
             write it as `library`, or as `custom` with `engine: polelake`"
        )),
    }?;
    if expectation.is_cross_table_check() && severity == Severity::Block {
        return Err("it is looked at after the tables are published, and can only `warn`".into());
    }

    Ok(Rule {
        description: quality.description.clone().unwrap_or_else(|| id.clone()),
        column: column.map(str::to_owned),
        id,
        dimension,
        severity,
        tolerance,
        expectation,
    })
}

fn parse_severity(word: Option<&str>) -> Result<Severity, String> {
    match word {
        Some("block") => Ok(Severity::Block),
        None | Some("warn") => Ok(Severity::Warn),
        Some(other) => Err(format!("the severity `{other}` is not warn or block")),
    }
}

fn parse_dimension(word: Option<&str>) -> Result<String, String> {
    let dimension = word.unwrap_or("conformity");
    if QUALITY_DIMENSIONS.contains(&dimension) {
        return Ok(dimension.to_owned());
    }
    Err(format!(
        "the dimension `{dimension}` is not one of {}",
        QUALITY_DIMENSIONS.join(", ")
    ))
}

/// A rule of ours: `type: custom` with `engine: polelake`.
fn compile_custom_rule(
    quality: &Quality,
    column: Option<&str>,
    context: RuleContext<'_>,
) -> Result<(Expectation, Tolerance), String> {
    if quality.engine.as_deref() != Some("polelake") {
        return Err(
            "a custom rule of another engine is enforced by nothing; `engine: polelake` is ours"
                .into(),
        );
    }

    let written = quality.implementation.clone().unwrap_or_default();
    let read: Result<Implementation, _> = serde_path_to_error::deserialize(&written);
    let fields = read.map_err(|error| {
        let (_, path, found) = describe_path(error.path(), Some(&written));
        let why = explain_misfit(&error.inner().to_string(), &path, found);
        format!("`implementation`: {why}")
    })?;

    let tolerance = Tolerance::compile(fields.tolerate.as_ref())?;
    let expectation = compile_expectation(&fields, column, context)?;
    Ok((expectation, tolerance))
}
