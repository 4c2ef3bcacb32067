//! The rules that a column's own declarations imply: `required`, `unique`, `enum`,
//! `logicalTypeOptions`.

use pole::PROVENANCE;
use serde_json::Value;

use super::context::RuleContext;
use super::kinds::{Expectation, Operator, compile_anchored, parse_literal, plain_text};
use super::tolerance::Tolerance;
use super::{Rule, Severity};
use crate::column::ColumnType;
use crate::odcs::Property;
use crate::problem::nearest_name_hint;

/// The options of a text that are enforced.
const TEXT_OPTIONS: [&str; 3] = ["minLength", "maxLength", "pattern"];

/// The options of numbers, dates and instants that are enforced, each with its comparison.
const LIMIT_OPTIONS: [(&str, Operator); 4] = [
    ("minimum", Operator::AtLeast),
    ("maximum", Operator::AtMost),
    ("exclusiveMinimum", Operator::Greater),
    ("exclusiveMaximum", Operator::Less),
];

/// The rules that a column's own declarations imply, and what is wrong with those that cannot be
/// enforced.
pub(super) fn implied_rules(
    property: &Property,
    context: RuleContext<'_>,
) -> Vec<Result<Rule, String>> {
    let mut rules = ImpliedRules {
        table: context.table,
        column: &property.name,
        results: Vec::new(),
    };
    rules.add_presence_rules(property, context);

    let kind = context.column_type(&property.name);
    let is_text = kind == Some(ColumnType::Text);
    if !is_text && !property.enum_values.is_empty() {
        rules.refuse("`enum` is enforced on texts only");
        return rules.results;
    }
    rules.add_enum_rule(property);

    match &property.logical_type_options {
        Some(options) if is_text => rules.add_text_rules(options),
        Some(options) => rules.add_limit_rules(options, kind),
        None => {}
    }
    rules.results
}

/// The rules of one column, in the order of its declarations.
struct ImpliedRules<'p> {
    table: &'p str,
    column: &'p str,
    results: Vec<Result<Rule, String>>,
}

impl ImpliedRules<'_> {
    /// Adds a rule that warns and tolerates nothing; `suffix` tells its id from the column's other
    /// rules.
    fn add(
        &mut self,
        suffix: &str,
        dimension: &str,
        description: String,
        expectation: Expectation,
    ) {
        self.results.push(Ok(Rule {
            id: format!("{}-{}-{suffix}", self.table, self.column),
            description,
            dimension: dimension.into(),
            column: Some(self.column.to_owned()),
            severity: Severity::Warn,
            tolerance: Tolerance::NONE,
            expectation,
        }));
    }

    fn refuse(&mut self, why: impl Into<String>) {
        self.results.push(Err(why.into()));
    }

    /// `required` and `unique`. A required column of the provenance needs no rule: the merge fills
    /// it.
    fn add_presence_rules(&mut self, property: &Property, context: RuleContext<'_>) {
        let column = self.column;
        let mut own_columns = context.columns.iter().skip(PROVENANCE.len());

        if property.required && own_columns.any(|own| own.name == column) {
            let filled = Expectation::Filled(vec![column.to_owned()]);
            self.add(
                "required",
                "completeness",
                format!("{column} is filled"),
                filled,
            );
        }
        if property.unique {
            let unique = Expectation::Unique(vec![column.to_owned()]);
            let description = format!("no two rows have the same {column}");
            self.add("unique", "uniqueness", description, unique);
        }
        if !property.properties.is_empty() || property.items.is_some() {
            self.refuse("tables are flat: `properties` and `items` of a column are not read");
        }
    }

    /// `enum`, of a column of texts.
    fn add_enum_rule(&mut self, property: &Property) {
        if property.enum_values.is_empty() {
            return;
        }
        let values = property
            .enum_values
            .iter()
            .map(|listed| plain_text(&listed.value))
            .collect();
        let expectation = Expectation::OneOf(self.column.to_owned(), values);
        let description = format!("{} is one of its enum", self.column);
        self.add("listed", "conformity", description, expectation);
    }

    /// `minLength`, `maxLength` and `pattern` of a column of texts.
    fn add_text_rules(&mut self, options: &Value) {
        self.refuse_faulty_text_options(options);

        let minimum = length_option(options, "minLength");
        let maximum = length_option(options, "maxLength");
        if minimum.or(maximum).is_some() {
            self.add_length_rule(minimum.unwrap_or(0), maximum);
        }

        if let Some(pattern) = options["pattern"].as_str() {
            self.add_pattern_rule(pattern);
        }
    }

    fn refuse_faulty_text_options(&mut self, options: &Value) {
        for key in option_names(options).filter(|key| !TEXT_OPTIONS.contains(&key.as_str())) {
            self.refuse(unenforced_option(key, TEXT_OPTIONS.into_iter()));
        }

        let faulty_length = ["minLength", "maxLength"]
            .into_iter()
            .find(|key| !options[*key].is_null() && length_option(options, key).is_none());
        if let Some(key) = faulty_length {
            self.refuse(format!("`logicalTypeOptions.{key}` is not a whole number"));
        }

        if !options["pattern"].is_null() && !options["pattern"].is_string() {
            self.refuse("`logicalTypeOptions.pattern` is not a text");
        }
    }

    fn add_length_rule(&mut self, minimum: usize, maximum: Option<usize>) {
        let column = self.column;
        let description = match maximum {
            Some(maximum) => format!("{column} has {minimum} to {maximum} characters"),
            None => format!("{column} has at least {minimum} characters"),
        };
        let maximum = maximum.unwrap_or(usize::MAX);
        let expectation = Expectation::Length(column.to_owned(), minimum, maximum);
        self.add("length", "conformity", description, expectation);
    }

    fn add_pattern_rule(&mut self, pattern: &str) {
        let regex = match compile_anchored(pattern) {
            Ok(regex) => regex,
            Err(why) => return self.refuse(why),
        };
        let expectation = Expectation::Pattern(self.column.to_owned(), regex);
        let description = format!("{} fits its pattern", self.column);
        self.add("pattern", "conformity", description, expectation);
    }

    /// `minimum`, `maximum` and their like of a column of numbers, dates or instants.
    fn add_limit_rules(&mut self, options: &Value, kind: Option<ColumnType>) {
        for (key, value) in options.as_object().into_iter().flatten() {
            let known = LIMIT_OPTIONS.iter().find(|(name, _)| name == key);
            let Some((_, operator)) = known else {
                self.refuse(unenforced_option(
                    key,
                    LIMIT_OPTIONS.iter().map(|(name, _)| *name),
                ));
                continue;
            };

            match parse_literal(self.column, kind, value) {
                Ok(operand) => {
                    let limit = plain_text(value);
                    let description = format!("{} is {} {limit}", self.column, operator.sign());
                    let expectation =
                        Expectation::Compare(self.column.to_owned(), *operator, operand);
                    let suffix = key.to_ascii_lowercase();
                    self.add(&suffix, "conformity", description, expectation);
                }
                Err(why) => self.refuse(format!("`logicalTypeOptions.{key}`: {why}")),
            }
        }
    }
}

fn option_names(options: &Value) -> impl Iterator<Item = &String> {
    options
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys())
}

/// A number of characters; none where the option is absent or no whole number.
fn length_option(options: &Value, key: &str) -> Option<usize> {
    options[key]
        .as_u64()
        .and_then(|number| usize::try_from(number).ok())
}

fn unenforced_option(key: &str, known: impl Iterator<Item = &'static str>) -> String {
    let near = nearest_name_hint(key, known);
    format!("`logicalTypeOptions.{key}` is enforced by nothing{near}")
}
