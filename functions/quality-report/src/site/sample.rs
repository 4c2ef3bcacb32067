//! Sample rows made from the contract alone: no value comes from a record.

use contract::{Catalogue, Column, ColumnType, Expectation, TableContract};
use pole::{ConformanceCheck, stable_id};

/// The number of sample rows on a page.
pub(super) const SAMPLE_ROWS: usize = 3;

/// The namespace of synthetic ids. No source uses it.
const SAMPLE_NAMESPACE: &str = "synthetic-sample";

/// The value of a column in a sample row, from the contract's examples, lists, enumerations and
/// checks, and its type.
pub(super) fn sample_value(
    catalogue: &Catalogue,
    table: &TableContract,
    column: &Column,
    row: usize,
) -> String {
    let text = example_value(column, row)
        .or_else(|| code_list_value(catalogue, column, row))
        .or_else(|| expectation_value(table, column, row))
        .unwrap_or_else(|| placeholder_value(column, row));
    match max_length(table, &column.name) {
        Some(most) if text.chars().count() > most => text.chars().take(most).collect(),
        _ => text,
    }
}

fn nth_cyclic<T: Clone>(mut values: impl ExactSizeIterator<Item = T>, row: usize) -> Option<T> {
    let count = values.len();
    (count > 0).then(|| values.nth(row % count)).flatten()
}

fn example_value(column: &Column, row: usize) -> Option<String> {
    nth_cyclic(column.examples.iter(), row).cloned()
}

fn code_list_value(catalogue: &Catalogue, column: &Column, row: usize) -> Option<String> {
    let list = catalogue.reference_list(column.list.as_deref()?)?;
    nth_cyclic(list.codes.iter(), row).map(|(code, _)| code.clone())
}

/// A value that a rule of the column allows: one of its list, or one that passes its check.
fn expectation_value(table: &TableContract, column: &Column, row: usize) -> Option<String> {
    table.rules.iter().find_map(|rule| match &rule.expectation {
        Expectation::OneOf(name, values) if *name == column.name => {
            nth_cyclic(values.iter(), row).cloned()
        }
        Expectation::Check(name, check) if *name == column.name => {
            Some(valid_check_value(*check, row).to_owned())
        }
        _ => None,
    })
}

fn max_length(table: &TableContract, name: &str) -> Option<usize> {
    table.rules.iter().find_map(|rule| match &rule.expectation {
        Expectation::Length(column, _, most) if column == name => Some(*most),
        _ => None,
    })
}

/// A value that passes a check and belongs to no person or thing: telephone numbers that Ofcom
/// reserves for drama, and codes that were never issued.
fn valid_check_value(check: ConformanceCheck, row: usize) -> &'static str {
    let values: [&'static str; SAMPLE_ROWS] = match check {
        ConformanceCheck::PncId => ["2001/0171310W"; SAMPLE_ROWS],
        ConformanceCheck::CroNumber => ["000001/91U"; SAMPLE_ROWS],
        ConformanceCheck::ArrestSummonsNumber => ["1101ZD0100000448754K"; SAMPLE_ROWS],
        ConformanceCheck::Nino => ["AB123456C", "AB123456D", "AB123456A"],
        ConformanceCheck::DrivingLicence => {
            ["SAMPL708153RS9AB", "FOX99661222J99ZZ", "SPECI001011XY9CD"]
        }
        ConformanceCheck::UkPassport => ["123456789", "A123456", "123456A"],
        ConformanceCheck::Postcode => ["ZZ1 1ZZ", "ZZ1 2ZZ", "ZZ1 3ZZ"],
        ConformanceCheck::Vrm => ["RY52APF", "RY52APG", "RY52APH"],
        ConformanceCheck::E164 => ["+442079460000", "+442079460001", "+442079460002"],
        ConformanceCheck::Email => ["a@example.org", "b@example.org", "c@example.org"],
        ConformanceCheck::Uprn => ["000000001234", "000000001235", "000000001236"],
        ConformanceCheck::Country => ["GBR", "IRL", "FRA"],
        ConformanceCheck::Mrz => ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"; SAMPLE_ROWS],
        ConformanceCheck::PersonName => ["Sample", "Specimen", "Example"],
        ConformanceCheck::HoClassification => ["008/01", "008/02", "008/03"],
        ConformanceCheck::OffenceCode => ["TH68001", "TH68002", "TH68003"],
    };
    values[row % SAMPLE_ROWS]
}

fn placeholder_value(column: &Column, row: usize) -> String {
    let (name, number) = (&column.name, row + 1);
    match column.kind {
        ColumnType::Text if name.ends_with("_id") => {
            stable_id(SAMPLE_NAMESPACE, &[name, &number.to_string()]).to_string()
        }
        ColumnType::Text if name.ends_with("_table") => "object".into(),
        ColumnType::Text => format!("{} {number}", name.replace('_', " ")),
        ColumnType::Integer => (number * 7).to_string(),
        ColumnType::Float => format!("{number}.5"),
        ColumnType::Boolean => (row.is_multiple_of(2)).to_string(),
        ColumnType::Date => format!("2001-02-0{number}"),
        ColumnType::Timestamp => format!("2001-02-0{number} 09:30:00"),
        ColumnType::Decimal(_, scale) => {
            format!(
                "{}.{}",
                number * 100,
                "0".repeat(usize::from(scale.unsigned_abs()))
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formed_values_pass_their_checks() {
        for (name, check) in ConformanceCheck::ALL {
            for row in 0..SAMPLE_ROWS {
                assert!(
                    check.accepts_text(valid_check_value(check, row)),
                    "{name}: {}",
                    valid_check_value(check, row)
                );
            }
        }
    }
}
