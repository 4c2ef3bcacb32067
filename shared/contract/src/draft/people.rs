//! The columns of a person among the fields of a row, and as what the person is there.

use super::name_words::{strip_one_word, strip_word};
use super::tables::column_of_name;

/// Words before the columns of a person, which say as what the person is in the row:
/// `tenant_surname`.
const PERSON_WORDS: &[&str] = &[
    "tenant",
    "borrower",
    "pupil",
    "student",
    "child",
    "applicant",
    "elector",
    "customer",
    "resident",
    "member",
    "reader",
    "claimant",
    "keeper",
    "owner",
    "patient",
    "occupier",
    "person",
    "client",
    "account_holder",
    "liable_person",
    "registered_keeper",
    "driver",
    "passenger",
    "hirer",
    "licensee",
    "licence_holder",
    "permit_holder",
    "card_holder",
    "cardholder",
    "leaseholder",
    "householder",
    "landlord",
    "complainant",
    "employee",
    "visitor",
    "learner",
    "suspect",
    "offender",
    "victim",
    "witness",
];

/// Columns that make a person of a row's fields.
const NAMES_OF_PEOPLE: &[&str] = &["surname", "given_name", "full_name"];

/// The column of the table `person` that a field of a row fills, as the row's name for it says.
pub(super) fn person_column(name: &str) -> Option<&str> {
    if name_of_whom(name).is_some() {
        return Some("full_name");
    }
    let (stripped, is_of_person) = strip_word(name, PERSON_WORDS);
    let column = match stripped {
        "" | "name" if is_of_person => "full_name",
        other => column_of_name("person", other),
    };
    let known = [
        "title",
        "given_name",
        "middle_names",
        "surname",
        "full_name",
        "date_of_birth",
        "gender",
        "age",
        "nationality",
    ];
    let is_column =
        known.contains(&column) && (is_of_person || !["title", "age"].contains(&column));
    is_column.then_some(column)
}

/// As what the person of a field is in the row, where its name says it: `driver` of `driver_name`.
pub(super) fn person_role(name: &str) -> Option<&'static str> {
    let mut words = PERSON_WORDS.iter();
    let of_word = words.find(|word| strip_one_word(name, word).is_some());
    name_of_whom(name).or(of_word.copied())
}

/// The person whose name a field is by its own name: `name_of_driver`.
fn name_of_whom(name: &str) -> Option<&'static str> {
    let whom = name.strip_prefix("name_of_")?;
    let whom = whom.strip_prefix("the_").unwrap_or(whom);
    PERSON_WORDS.iter().find(|word| **word == whom).copied()
}

/// Whether a field is the number of a person of its own, such as that of a library card.
pub(super) fn is_person_key(name: &str) -> bool {
    let (stripped, is_of_person) = strip_word(name, PERSON_WORDS);
    let is_number = [
        "id",
        "ref",
        "reference",
        "no",
        "number",
        "card",
        "card_number",
        "card_no",
        "licence_no",
        "licence_number",
    ];
    is_of_person && is_number.contains(&stripped)
}

/// Whether columns are enough to make a person.
pub(super) fn makes_person(column: &str) -> bool {
    NAMES_OF_PEOPLE.contains(&column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_person_is_known_in_every_role() {
        for (name, role) in [
            ("driver_name", "driver"),
            ("driver_s_name", "driver"),
            ("driver", "driver"),
            ("name_of_driver", "driver"),
            ("name_of_the_keeper", "keeper"),
            ("registered_keeper_name", "registered_keeper"),
            ("tenant_name", "tenant"),
            ("applicant_full_name", "applicant"),
            ("licence_holder_name", "licence_holder"),
        ] {
            assert_eq!(person_column(name), Some("full_name"), "{name}");
            assert_eq!(person_role(name), Some(role), "{name}");
        }
        assert_eq!(person_column("driver_surname"), Some("surname"));
        assert_eq!(person_column("drivers"), None);
        assert_eq!(person_column("name"), None);
        assert_eq!(person_role("surname"), None);
    }
}
