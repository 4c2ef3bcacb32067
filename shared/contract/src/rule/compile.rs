//! From a rule as it is written to one that can be run: names are resolved, and what cannot be enforced is refused.

use std::collections::BTreeSet;

use pole::ConformanceCheck;
use regex::Regex;
use serde_json::Value;

use super::document::{CheckDocument, Implementation, TolerateDocument};
use super::library::compile_library_rule;
use super::operand::{OPTION_OPERATORS, compile_comparison, operator_sign, parse_literal};
use super::{Expectation, ReferenceTarget, Rule, Severity, Tolerance};
use crate::list::ReferenceLists;
use crate::odcs::{Property, Quality};
use crate::problem::{explain_serde_error, nearest_name_hint};
use crate::table::{ColumnType, TableContract};

const QUALITY_DIMENSIONS: [&str; 7] = [
    "accuracy",
    "completeness",
    "conformity",
    "consistency",
    "coverage",
    "timeliness",
    "uniqueness",
];

/// What rules may name.
#[derive(Clone, Copy)]
pub(crate) struct RuleContext<'s> {
    pub(crate) table: &'s TableContract,
    pub(crate) tables: &'s [String],
    pub(crate) lists: &'s ReferenceLists,
}

/// (the name that stands where the rule is at fault, what is wrong)
type RuleFinding = (String, String);

/// Every rule of a table: those it writes out, and those that `required`, `enum` and the limits of texts imply.
pub(crate) fn compile_rules(around: RuleContext<'_>) -> Result<Vec<Rule>, Vec<RuleFinding>> {
    let table = around.table;
    let (mut rules, mut faults) = (vec![unique_key_rule(table)], Vec::new());
    let mut take = |found: Result<Rule, RuleFinding>| match found {
        Ok(rule) => rules.push(rule),
        Err(fault) => faults.push(fault),
    };
    for property in &table.properties {
        let at = |why: String| {
            (
                property.name.clone(),
                format!("column `{}`: {why}", property.name),
            )
        };
        implied_rules(property, table)
            .into_iter()
            .for_each(|found| take(found.map_err(at)));
        for quality in &property.quality {
            take(compile_declared_rule(quality, Some(&property.name), around));
        }
    }
    for quality in &table.quality {
        take(compile_declared_rule(quality, None, around));
    }
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        faults.push((
            twice[0].to_owned(),
            format!("two rules have the id `{}`", twice[0]),
        ));
    }
    if faults.is_empty() {
        Ok(rules)
    } else {
        Err(faults)
    }
}

fn unique_key_rule(table: &TableContract) -> Rule {
    Rule {
        id: format!("{}-key-unique", table.name),
        description: "no two rows have the same pole_id and source".into(),
        dimension: "uniqueness".into(),
        column: None,
        severity: Severity::Block,
        tolerance: Tolerance::Rows(0.0),
        expectation: Expectation::UniqueKey,
    }
}

/// The rules that a column's own words imply.
fn implied_rules(property: &Property, table: &TableContract) -> Vec<Result<Rule, String>> {
    let own = table
        .own_columns()
        .iter()
        .any(|column| column.name == property.name);
    let rule = |what: &str, description: String, dimension: &str, demand| Rule {
        id: format!("{}-{}-{what}", table.name, property.name),
        description,
        dimension: dimension.into(),
        column: Some(property.name.clone()),
        severity: Severity::Warn,
        tolerance: Tolerance::Rows(0.0),
        expectation: demand,
    };
    let mut rules = Vec::new();
    if property.required && own {
        let filled = Expectation::Filled(vec![property.name.clone()]);
        rules.push(Ok(rule(
            "required",
            format!("{} is filled", property.name),
            "completeness",
            filled,
        )));
    }
    if property.unique {
        let words = format!("no two rows have the same {}", property.name);
        rules.push(Ok(rule(
            "unique",
            words,
            "uniqueness",
            Expectation::Unique(vec![property.name.clone()]),
        )));
    }
    if !property.properties.is_empty() || property.items.is_some() {
        rules.push(Err(
            "tables are flat: `properties` and `items` of a column are read by nobody".into(),
        ));
    }
    let kind = table
        .columns
        .iter()
        .find(|column| column.name == property.name)
        .map(|column| column.kind);
    let text = kind == Some(ColumnType::Text);
    if !text && !property.enum_values.is_empty() {
        rules.push(Err("`enum` is enforced on texts only".into()));
        return rules;
    }
    if !property.enum_values.is_empty() {
        let values = property
            .enum_values
            .iter()
            .map(|listed| plain_text(&listed.value))
            .collect();
        let demand = Expectation::OneOf(property.name.clone(), values);
        rules.push(Ok(rule(
            "listed",
            format!("{} is one of its enum", property.name),
            "conformity",
            demand,
        )));
    }
    match &property.logical_type_options {
        Some(options) if text => rules.extend(text_option_rules(property, options, rule)),
        Some(options) => rules.extend(limit_rules(property, kind, options, rule)),
        None => {}
    }
    rules
}

/// `minimum`, `maximum` and their like on numbers, dates and instants.
fn limit_rules(
    property: &Property,
    kind: Option<ColumnType>,
    options: &Value,
    rule: impl Fn(&str, String, &str, Expectation) -> Rule,
) -> Vec<Result<Rule, String>> {
    let name = &property.name;
    let of = |(key, value): (&String, &Value)| {
        let known = OPTION_OPERATORS.iter().find(|(known, _)| known == key);
        let Some((_, operator)) = known else {
            let near = nearest_name_hint(key, OPTION_OPERATORS.iter().map(|(known, _)| *known));
            return Err(format!(
                "`logicalTypeOptions.{key}` is enforced by nothing{near}"
            ));
        };
        let operand = parse_literal(name, kind, value)
            .map_err(|why| format!("`logicalTypeOptions.{key}`: {why}"))?;
        let words = format!(
            "{name} is {} {}",
            operator_sign(*operator),
            plain_text(value)
        );
        Ok(rule(
            &key.to_ascii_lowercase(),
            words,
            "conformity",
            Expectation::Compare(name.clone(), *operator, operand),
        ))
    };
    options.as_object().into_iter().flatten().map(of).collect()
}

fn text_option_rules(
    property: &Property,
    options: &Value,
    rule: impl Fn(&str, String, &str, Expectation) -> Rule,
) -> Vec<Result<Rule, String>> {
    let name = &property.name;
    let known = ["minLength", "maxLength", "pattern"];
    let mut rules = Vec::new();
    let strangers = options
        .as_object()
        .into_iter()
        .flat_map(|options| options.keys());
    for stranger in strangers.filter(|key| !known.contains(&key.as_str())) {
        let near = nearest_name_hint(stranger, known.into_iter());
        rules.push(Err(format!(
            "`logicalTypeOptions.{stranger}` is enforced by nothing{near}"
        )));
    }
    let number = |key: &str| {
        options[key]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
    };
    let wrong = |key: &&str| !options[*key].is_null() && number(key).is_none();
    if let Some(key) = ["minLength", "maxLength"].iter().find(|key| wrong(key)) {
        rules.push(Err(format!(
            "`logicalTypeOptions.{key}` is not a whole number"
        )));
    }
    if !options["pattern"].is_null() && !options["pattern"].is_string() {
        rules.push(Err("`logicalTypeOptions.pattern` is not a text".into()));
    }
    if number("minLength").or(number("maxLength")).is_some() {
        let (least, most) = (
            number("minLength").unwrap_or(0),
            number("maxLength").unwrap_or(usize::MAX),
        );
        let words = match number("maxLength") {
            Some(most) => format!("{name} has {least} to {most} characters"),
            None => format!("{name} has at least {least} characters"),
        };
        rules.push(Ok(rule(
            "length",
            words,
            "conformity",
            Expectation::Length(name.clone(), least, most),
        )));
    }
    if let Some(pattern) = options["pattern"].as_str() {
        let demand =
            compile_anchored(pattern).map(|regex| Expectation::Pattern(name.clone(), regex));
        let words = format!("{name} fits its pattern");
        rules.push(demand.map(|demand| rule("pattern", words, "conformity", demand)));
    }
    rules
}

/// A rule that the contract writes out.
fn compile_declared_rule(
    quality: &Quality,
    column: Option<&str>,
    around: RuleContext<'_>,
) -> Result<Rule, RuleFinding> {
    let place = column.unwrap_or(&around.table.name);
    let needle = quality.id.clone().unwrap_or_else(|| place.to_owned());
    let at = |why: String| (needle.clone(), format!("rule `{needle}`: {why}"));
    let id = quality
        .id
        .clone()
        .ok_or_else(|| at("it needs a stable `id`".into()))?;
    let severity = match quality.severity.as_deref() {
        Some("block") => Severity::Block,
        None | Some("warn") => Severity::Warn,
        Some(other) => return Err(at(format!("the severity `{other}` is not warn or block"))),
    };
    let dimension = quality
        .dimension
        .clone()
        .unwrap_or_else(|| "conformity".into());
    if !QUALITY_DIMENSIONS.contains(&dimension.as_str()) {
        return Err(at(format!(
            "the dimension `{dimension}` is not one of {}",
            QUALITY_DIMENSIONS.join(", ")
        )));
    }
    let (demand, tolerance) = match quality.kind.as_deref() {
        None | Some("library") => compile_library_rule(quality, column, around),
        Some("custom") => compile_custom_rule(quality, column, around),
        Some(other) => Err(format!(
            "a rule of type `{other}` is enforced by nothing; write it as `library`, or as `custom` with `engine: polelake`"
        )),
    }
    .map_err(at)?;
    let rule = Rule {
        description: quality.description.clone().unwrap_or_else(|| id.clone()),
        column: column.map(str::to_owned),
        id,
        dimension,
        severity,
        tolerance,
        expectation: demand,
    };
    if rule.expectation.is_cross_table_check() && rule.severity == Severity::Block {
        return Err(at(
            "it is looked at after the tables are published, and can only `warn`".into(),
        ));
    }
    Ok(rule)
}

fn compile_custom_rule(
    quality: &Quality,
    column: Option<&str>,
    around: RuleContext<'_>,
) -> Result<(Expectation, Tolerance), String> {
    if quality.engine.as_deref() != Some("polelake") {
        return Err(
            "a custom rule of another engine is enforced by nothing; `engine: polelake` is ours"
                .into(),
        );
    }
    let given = quality.implementation.clone().unwrap_or_default();
    let document: Implementation = serde_json::from_value(given).map_err(|error| {
        format!(
            "`implementation`: {}",
            explain_serde_error(&error.to_string())
        )
    })?;
    let tolerance = match document.tolerate {
        None => Tolerance::Rows(0.0),
        Some(TolerateDocument {
            rows: Some(rows),
            percent: None,
        }) => Tolerance::Rows(rows),
        Some(TolerateDocument {
            rows: None,
            percent: Some(percent),
        }) => Tolerance::Percent(percent),
        Some(_) => return Err("`tolerate` is `{rows: n}` or `{percent: p}`".into()),
    };
    Ok((compile_expectation(&document, column, around)?, tolerance))
}

/// What an implementation demands: all that it gives.
fn compile_expectation(
    document: &Implementation,
    column: Option<&str>,
    around: RuleContext<'_>,
) -> Result<Expectation, String> {
    let mut all = match column {
        Some(column) => column_expectations(document, column, around)?,
        None => table_expectations(document, around)?,
    };
    let alone = |demand: &Expectation| {
        matches!(
            demand,
            Expectation::Unique(_) | Expectation::Fresh(_) | Expectation::Agrees(_)
        )
    };
    if all.len() > 1 && all.iter().any(alone) {
        return Err(
            "`unique`, `agrees` and `fresh_within_hours` stand in a rule of their own".into(),
        );
    }
    match all.len() {
        0 => Err(match column {
            Some(_) => "`implementation` demands nothing that a column can give".into(),
            None => "`implementation` demands nothing that a table can give".into(),
        }),
        1 => Ok(all.remove(0)),
        _ => Ok(Expectation::All(all)),
    }
}

fn column_expectations(
    document: &Implementation,
    column: &str,
    around: RuleContext<'_>,
) -> Result<Vec<Expectation>, String> {
    let mut all = Vec::new();
    let column = column.to_owned();
    match &document.check {
        Some(CheckDocument::Name(name)) => {
            all.push(Expectation::Check(
                text_column(&column, around)?,
                find_check(name)?,
            ));
        }
        Some(CheckDocument::On { .. }) => {
            return Err("on a column, `check` is the name of a check".into());
        }
        None => {}
    }
    if let Some(list) = &document.list {
        let codes = around
            .lists
            .get(list)?
            .codes
            .iter()
            .map(|(code, _)| code.clone())
            .collect();
        all.push(Expectation::OneOf(text_column(&column, around)?, codes));
    }
    if let Some(comparison) = &document.compare {
        all.push(compile_comparison(comparison, Some(&column), around)?);
    }
    if document.agrees == Some(true) {
        all.push(Expectation::Agrees(known_column(&column, around)?));
    }
    if document.not_future == Some(true) {
        all.push(Expectation::NotFuture(date_column(&column, around)?));
    }
    if let Some(other) = &document.not_before {
        all.push(Expectation::NotBefore(
            date_column(&column, around)?,
            date_column(other, around)?,
        ));
    }
    if let Some(years) = document.max_age_years {
        all.push(Expectation::AgeAtMost(date_column(&column, around)?, years));
    }
    if let Some(references) = &document.references {
        let target = match (&references.table, &references.table_in) {
            (Some(table), None) => ReferenceTarget::Table(known_table(table, around)?),
            (None, Some(other)) => ReferenceTarget::InColumn(known_column(other, around)?),
            _ => return Err("`references` is `{table: name}` or `{table_in: column}`".into()),
        };
        all.push(Expectation::References(
            text_column(&column, around)?,
            target,
        ));
    }
    let table_only = document.filled.is_some()
        || document.at_least.is_some()
        || document.exactly_one.is_some()
        || document.unique.is_some()
        || document.fresh_within_hours.is_some();
    let conditional = document.condition.is_some() || document.then.is_some();
    if table_only || document.one_of.is_some() || conditional || document.linked.is_some() {
        return Err(
            "it demands what only a whole row can give; put it into the table's own `quality`"
                .into(),
        );
    }
    Ok(all)
}

fn table_expectations(
    document: &Implementation,
    around: RuleContext<'_>,
) -> Result<Vec<Expectation>, String> {
    let names = |columns: &[String]| -> Result<Vec<String>, String> {
        columns
            .iter()
            .map(|name| known_column(name, around))
            .collect()
    };
    let mut all = Vec::new();
    if let Some(columns) = &document.filled {
        all.push(Expectation::Filled(names(columns)?));
    }
    if let Some(least) = &document.at_least {
        let of = names(&least.of)?;
        if least.count == 0 || least.count > of.len() {
            return Err(format!(
                "`at_least` asks for {} of {} columns",
                least.count,
                of.len()
            ));
        }
        all.push(Expectation::AtLeast(least.count, of));
    }
    if let Some(columns) = &document.exactly_one {
        all.push(Expectation::ExactlyOne(names(columns)?));
    }
    if let Some(one_of) = &document.one_of {
        let values = one_of.values.iter().cloned().collect();
        all.push(Expectation::OneOf(
            text_column(&one_of.column, around)?,
            values,
        ));
    }
    match &document.check {
        Some(CheckDocument::On {
            column,
            check: name,
        }) => {
            all.push(Expectation::Check(
                text_column(column, around)?,
                find_check(name)?,
            ));
        }
        Some(CheckDocument::Name(_)) => return Err("on a table, `check` is `{column, as}`".into()),
        None => {}
    }
    if let Some(comparison) = &document.compare {
        all.push(compile_comparison(comparison, None, around)?);
    }
    if let Some(columns) = &document.unique {
        all.push(Expectation::Unique(names(columns)?));
    }
    if let Some(hours) = document.fresh_within_hours {
        if hours.is_nan() || hours <= 0.0 {
            return Err("`fresh_within_hours` is a number above 0".into());
        }
        all.push(Expectation::Fresh(hours));
    }
    if let Some(linked) = &document.linked {
        let to = linked
            .to
            .iter()
            .map(|table| known_table(table, around))
            .collect::<Result<_, _>>()?;
        all.push(Expectation::Linked(to));
    }
    all.extend(conditional_expectation(document, around)?);
    let column_only =
        document.list.is_some() || document.not_before.is_some() || document.references.is_some();
    let column_only = column_only || document.agrees.is_some();
    if column_only || document.not_future.is_some() || document.max_age_years.is_some() {
        return Err(
            "it demands what is said of one column; put it into that column's `quality`".into(),
        );
    }
    Ok(all)
}

/// A demand on the rows of which another holds.
fn conditional_expectation(
    document: &Implementation,
    around: RuleContext<'_>,
) -> Result<Option<Expectation>, String> {
    let (condition, then) = match (&document.condition, &document.then) {
        (Some(condition), Some(then)) => (condition, then),
        (None, None) => return Ok(None),
        _ => return Err("`if` and `then` go together".into()),
    };
    if then.tolerate.is_some() {
        return Err("`tolerate` stands beside `if`, not within `then`".into());
    }
    let column = match &condition.is {
        Some(_) => text_column(&condition.column, around)?,
        None => known_column(&condition.column, around)?,
    };
    let is = condition
        .is
        .as_ref()
        .map(|values| values.iter().cloned().collect::<BTreeSet<_>>());
    if is.is_none() && condition.filled != Some(true) {
        return Err("`if` needs `is: [values]` or `filled: true`".into());
    }
    match compile_expectation(then, None, around)? {
        Expectation::Unique(_) | Expectation::Fresh(_) => {
            Err("`then` is about the row, not about the whole table".into())
        }
        then => Ok(Some(Expectation::If(column, is, Box::new(then)))),
    }
}

fn find_check(name: &str) -> Result<ConformanceCheck, String> {
    let known = || ConformanceCheck::ALL.iter().map(|(name, _)| *name);
    ConformanceCheck::from_name(name).ok_or_else(|| {
        format!(
            "there is no check `{name}`{}",
            nearest_name_hint(name, known())
        )
    })
}

pub(crate) fn known_column(name: &str, around: RuleContext<'_>) -> Result<String, String> {
    match around.table.column_index(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(format!(
            "`{}` has no column `{name}`{}",
            around.table.name,
            around.table.nearest_column_hint(name)
        )),
    }
}

fn column_of_type(
    name: &str,
    around: RuleContext<'_>,
    fits: &[ColumnType],
    what: &str,
) -> Result<String, String> {
    let column = known_column(name, around)?;
    let kind = around
        .table
        .columns
        .iter()
        .find(|known| known.name == column)
        .map(|column| column.kind);
    let fits = kind.is_some_and(|kind| fits.contains(&kind));
    if fits {
        Ok(column)
    } else {
        Err(format!("the column `{name}` is no {what}"))
    }
}

pub(crate) fn text_column(name: &str, around: RuleContext<'_>) -> Result<String, String> {
    column_of_type(name, around, &[ColumnType::Text], "text")
}

fn date_column(name: &str, around: RuleContext<'_>) -> Result<String, String> {
    column_of_type(
        name,
        around,
        &[ColumnType::Date, ColumnType::Timestamp],
        "date or timestamp",
    )
}

fn known_table(name: &str, around: RuleContext<'_>) -> Result<String, String> {
    if around.tables.iter().any(|table| table == name) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "there is no table `{name}`{}",
        nearest_name_hint(name, around.tables.iter().map(String::as_str))
    ))
}

/// A pattern describes the whole value. Look-around and back-references, which ECMA-262 knows, do not compile.
pub(crate) fn compile_anchored(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        let why = error.to_string();
        let why = why
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        format!("the pattern `{pattern}` does not compile: {why}")
    })
}

pub(crate) fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
