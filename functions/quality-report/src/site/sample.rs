//! Sample rows made from the contract alone: no value comes from a record.

use contract::{Catalogue, Column, ColumnType, Demand, TableContract};
use pole::{Check, pole_id};

/// Sample rows that are shown.
pub(super) const ROWS: usize = 3;

/// The namespace of invented ids: no source has it.
const NAMESPACE: &str = "synthetic-sample";

/// The value of a column in a sample row, from the contract's examples, lists, enumerations and checks, and its type.
pub(super) fn value(
    catalogue: &Catalogue,
    table: &TableContract,
    column: &Column,
    row: usize,
) -> String {
    let text = exemplary(column, row)
        .or_else(|| listed(catalogue, column, row))
        .or_else(|| demanded(table, column, row))
        .unwrap_or_else(|| plain(column, row));
    match longest(table, &column.name) {
        Some(most) if text.chars().count() > most => text.chars().take(most).collect(),
        _ => text,
    }
}

fn nth<T: Clone>(mut of: impl ExactSizeIterator<Item = T>, row: usize) -> Option<T> {
    let count = of.len();
    (count > 0).then(|| of.nth(row % count)).flatten()
}

fn exemplary(column: &Column, row: usize) -> Option<String> {
    nth(column.examples.iter(), row).cloned()
}

fn listed(catalogue: &Catalogue, column: &Column, row: usize) -> Option<String> {
    let list = catalogue.list(column.list.as_deref()?)?;
    nth(list.codes.iter(), row).map(|(code, _)| code.clone())
}

fn demanded(table: &TableContract, column: &Column, row: usize) -> Option<String> {
    let of = |demand: &Demand| match demand {
        Demand::OneOf(name, values) if *name == column.name => nth(values.iter(), row).cloned(),
        Demand::Check(name, check) if *name == column.name => Some(formed(*check, row).to_owned()),
        _ => None,
    };
    table.rules.iter().find_map(|rule| of(&rule.demand))
}

fn longest(table: &TableContract, name: &str) -> Option<usize> {
    table.rules.iter().find_map(|rule| match &rule.demand {
        Demand::Length(column, _, most) if column == name => Some(*most),
        _ => None,
    })
}

/// A value that passes a check and belongs to nobody: numbers for drama, codes that were never given out.
fn formed(check: Check, row: usize) -> &'static str {
    let of: [&'static str; ROWS] = match check {
        Check::PncId => ["2001/0171310W"; ROWS],
        Check::CroNumber => ["000001/91U"; ROWS],
        Check::ArrestSummonsNumber => ["1101ZD0100000448754K"; ROWS],
        Check::Nino => ["AB123456C", "AB123456D", "AB123456A"],
        Check::DrivingLicence => ["SAMPL708153RS9AB", "FOX99661222J99ZZ", "SPECI001011XY9CD"],
        Check::UkPassport => ["123456789", "A123456", "123456A"],
        Check::Postcode => ["ZZ1 1ZZ", "ZZ1 2ZZ", "ZZ1 3ZZ"],
        Check::Vrm => ["RY52APF", "RY52APG", "RY52APH"],
        Check::E164 => ["+442079460000", "+442079460001", "+442079460002"],
        Check::Email => ["a@example.org", "b@example.org", "c@example.org"],
        Check::Uprn => ["000000001234", "000000001235", "000000001236"],
        Check::Country => ["GBR", "IRL", "FRA"],
        Check::Mrz => ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"; ROWS],
        Check::PersonName => ["Sample", "Specimen", "Example"],
        Check::HoClassification => ["008/01", "008/02", "008/03"],
        Check::OffenceCode => ["TH68001", "TH68002", "TH68003"],
    };
    of[row % ROWS]
}

fn plain(column: &Column, row: usize) -> String {
    let (name, number) = (&column.name, row + 1);
    match column.kind {
        ColumnType::Text if name.ends_with("_id") => {
            pole_id(NAMESPACE, &[name, &number.to_string()]).to_string()
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
        for (name, check) in Check::ALL {
            for row in 0..ROWS {
                assert!(
                    check.passes(formed(check, row)),
                    "{name}: {}",
                    formed(check, row)
                );
            }
        }
    }
}
