//! What a draft asks where one row of a sample is not like the others, and people in their roles.

use std::sync::atomic::{AtomicU32, Ordering};

use super::event_tests::{draft_and_confirm, rows_of};
use super::tests::shipped_tables;
use super::*;

/// The contract and the mapping of a draft, with their open decisions.
fn draft(name: &str, files: &[(&str, String)]) -> (String, String) {
    static DRAFTS: AtomicU32 = AtomicU32::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::SeqCst);
    let contracts = shipped_tables(&format!("asked-{number}"));
    let mut paths = Vec::new();
    for (file, text) in files {
        let path = contracts.join(file);
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    }
    let written = draft_from_files(&contracts, name, &paths).unwrap();
    let read = |file: &str| std::fs::read_to_string(written.folder.join(file)).unwrap();
    let drafted = (read("contract.odcs.yaml"), read("mapping.yaml"));
    std::fs::remove_dir_all(contracts).unwrap();
    drafted
}

/// A file of 30 licences, of which these lines are replaced: the first row of data is row 2.
fn licences(replaced: &[(usize, &str)]) -> String {
    let mut lines = vec!["Licence No,Issue Date,Status".to_owned()];
    for number in 2..=31 {
        let (day, month) = (number % 27 + 1, number % 12 + 1);
        lines.push(format!("HV{number:03},{day:02}/{month:02}/2023,Active"));
    }
    for (row, line) in replaced {
        (*line).clone_into(&mut lines[row - 1]);
    }
    lines.join("\n") + "\n"
}

fn line_of<'t>(text: &'t str, part: &str) -> &'t str {
    let mut lines = text.lines();
    let found = lines.find(|line| line.contains(part));
    found.unwrap_or_else(|| panic!("{part}\n{text}"))
}

#[test]
fn a_row_that_stands_twice_does_not_spoil_the_key() {
    let first = licences(&[]);
    let row = first.lines().nth(14).unwrap().to_owned();
    let file = ("licences.csv", licences(&[(16, &row)]));
    let (contract, _) = draft("licensing/licences", &[file]);
    let key = line_of(&contract, "key:");
    assert!(
        key.contains("[\"$['Licence No']\"] # ")
            && key.contains(" `Licence No` differs in 29 of 30 rows"),
        "{key}"
    );
    assert!(key.contains("; rows 15 and 16 are equal: "), "{key}");
}

#[test]
fn a_reference_that_two_rows_share_is_proposed_and_the_rows_are_named() {
    let file = (
        "licences.csv",
        licences(&[(16, "HV015,01/02/2023,Expired")]),
    );
    let (contract, _) = draft("licensing/licences", &[file]);
    let key = line_of(&contract, "key:");
    assert!(key.contains("[\"$['Licence No']\"]"), "{key}");
    assert!(
        key.contains("differs in 29 of 30 rows; rows 15 and 16 have one value of it"),
        "{key}"
    );

    // A code that differs in all rows is no better key than a reference.
    let shared = licences(&[(16, "HV015,01/02/2023,Expired")]);
    let numbered = shared.lines().zip(0..).map(|(line, number)| match number {
        0 => format!("{line},Plate"),
        _ => format!("{line},P{number}"),
    });
    let text = numbered.collect::<Vec<_>>().join("\n");
    let (contract, _) = draft("licensing/licences", &[("licences.csv", text)]);
    let key = line_of(&contract, "key:");
    assert!(
        key.contains("[\"$['Licence No']\"]") && key.contains("; `Plate` differs in all"),
        "{key}"
    );

    let blank = ("licences.csv", licences(&[(9, ",01/02/2023,Expired")]));
    let (contract, _) = draft("licensing/licences", &[blank]);
    let key = line_of(&contract, "key:");
    assert!(
        key.contains("differs in 29 of 30 rows; row 9 has none"),
        "{key}"
    );

    // In two files, a row is one of its file.
    let files = [
        ("a.csv", licences(&[])),
        (
            "b.csv",
            "Licence No,Issue Date,Status\nHV002,01/02/2023,Expired\n".to_owned(),
        ),
    ];
    let (contract, _) = draft("licensing/licences", &files);
    let key = line_of(&contract, "key:");
    assert!(key.contains("row 2 of a.csv and row 2 of b.csv"), "{key}");
}

#[test]
fn a_day_that_there_is_not_is_told_with_its_row_and_decides_no_order() {
    for impossible in ["30/02/2024", "31/11/2023"] {
        let row = format!("HV007,{impossible},Active");
        let file = ("licences.csv", licences(&[(7, &row)]));
        let (contract, mapping) = draft("licensing/licences", &[file]);
        assert!(!contract.contains("both orders"), "{contract}");
        let issued = line_of(&mapping, "received_date");
        assert!(issued.contains("formats: [DD/MM/YYYY]}} # "), "{issued}");
        let told = format!("{impossible}, a day that there is not");
        assert!(issued.contains(&told), "{issued}");
    }
    // Of a person, the text is not repeated.
    let born = licences(&[(7, "HV007,30/02/1984,Active")]).replace("Issue Date", "Date of Birth");
    let born = born.replace("Status", "Surname");
    let (_, mapping) = draft("licensing/licences", &[("licences.csv", born)]);
    let line = line_of(&mapping, "['Date of Birth']");
    assert!(
        line.contains("row 7 holds a day that there is not"),
        "{line}"
    );
    assert!(!mapping.contains("30/02/1984"), "{mapping}");
}

#[test]
fn a_record_with_such_a_day_is_quarantined_and_the_others_have_rows() {
    let text = licences(&[(7, "HV007,30/02/2024,Active")]);
    let draft = draft_and_confirm("licensing/street-licences", "licences.csv", &text);
    assert_eq!(
        rows_of(&draft, "object_case").len(),
        29,
        "{}",
        draft.mapping
    );
    assert_eq!(draft.sampled.quarantined.len(), 1);
    assert!(draft.sampled.rowless.is_empty());
}

#[test]
fn people_of_a_row_have_their_roles_and_their_links_to_its_vehicle() {
    let text = "Vehicle Registration,Make,Driver Name,Driver Licence No,Keeper's Name\n\
                AB12 CDE,Ford,Sam Sample,SAMPL1,Kim Keeper\n\
                AB13 CDE,Kia,Jay Fixture,FIXTU2,Kim Keeper\n";
    let draft = draft_and_confirm("transport/vehicles", "vehicles.csv", text);
    let people = rows_of(&draft, "person");
    let names: Vec<&str> = people.iter().map(|row| row["full_name"].as_str()).collect();
    assert_eq!(people.len(), 4, "{names:?}\n{}", draft.mapping);
    assert!(names.contains(&"Sam Sample") && names.contains(&"Kim Keeper"));

    let mut links: Vec<(String, String)> = rows_of(&draft, "link")
        .iter()
        .map(|row| (row["link_type"].clone(), row["role"].clone()))
        .collect();
    links.sort();
    links.dedup();
    let expected = [("driver_of", "driver"), ("ownership_of", "keeper")];
    let expected = expected.map(|(kind, role)| (kind.to_owned(), role.to_owned()));
    assert_eq!(links, expected, "{}", draft.mapping);
    let licence = line_of(&draft.contract, "'Driver Licence No'");
    assert!(licence.contains("classification: personal"), "{licence}");
}

#[test]
fn a_driver_beside_a_vehicle_of_a_case_is_linked_to_both() {
    let text = "PCN,Vehicle Registration,Name of Driver\nZZ1,AB12 CDE,Sam Sample\n\
                ZZ2,AB13 CDE,Jay Fixture\n";
    let draft = draft_and_confirm("parking/pcns", "pcns.csv", text);
    let types: Vec<String> = rows_of(&draft, "link")
        .iter()
        .map(|row| row["link_type"].clone())
        .collect();
    for kind in ["driver_of", "is_party_to", "is_about"] {
        let count = types.iter().filter(|found| *found == kind).count();
        assert_eq!(count, 2, "{kind}: {types:?}\n{}", draft.mapping);
    }
}
