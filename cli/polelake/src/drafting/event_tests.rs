//! Samples that are kept as events: the first rows of a large table, and deletions.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::tests::{confirm, sampled_rows, shipped_tables};
use super::*;
use crate::samples::{SampledSource, run_samples};

/// A draft of a file whose decisions are confirmed, its contract, and what its samples become.
pub(super) struct ConfirmedDraft {
    pub(super) contract: String,
    pub(super) mapping: String,
    samples: Vec<String>,
    pub(super) sampled: SampledSource,
}

pub(super) fn draft_and_confirm(name: &str, file_name: &str, text: &str) -> ConfirmedDraft {
    let contracts = shipped_tables(&format!("events-{}", name.replace('/', "-")));
    let file = contracts.join(file_name);
    std::fs::write(&file, text).unwrap();
    let written = draft_from_files(&contracts, name, &[file]).unwrap();
    confirm(&written);

    let read = |file: &str| std::fs::read_to_string(written.folder.join(file)).unwrap();
    let (contract, mapping) = (read("contract.odcs.yaml"), read("mapping.yaml"));
    let catalogue = host::load_contracts(&contracts.to_string_lossy());
    let catalogue = catalogue.unwrap_or_else(|failure| panic!("{}\n{contract}", failure.message));
    let compiled = catalogue
        .require_mapping_of_source(&written.source)
        .unwrap();
    let sampled = run_samples(&catalogue, compiled, &written.folder);
    let sampled = sampled.unwrap_or_else(|error| panic!("{error}\n{contract}\n{mapping}"));
    let listed = std::fs::read_dir(written.folder.join("samples")).unwrap();
    let samples = listed
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    std::fs::remove_dir_all(contracts).unwrap();
    ConfirmedDraft {
        contract,
        mapping,
        samples,
        sampled,
    }
}

/// The rows of a table that state something.
pub(super) fn rows_of(draft: &ConfirmedDraft, table: &str) -> Vec<BTreeMap<String, String>> {
    let rows = sampled_rows(&draft.sampled.text).into_iter();
    rows.filter(|(name, row)| name == table && row["_op"] == "u")
        .map(|(_, row)| row)
        .collect()
}

#[test]
fn a_large_table_with_a_decimal_comma_keeps_numbers_in_its_samples() {
    let mut text = "Licence Ref;Fee;Received;Open\n".to_owned();
    for number in 0..3_000 {
        let (whole, day) = (number % 900, number % 28 + 1);
        let _ = writeln!(text, "LIC-{number:05};1.{whole:03},50;{day:02}/03/2026;yes");
    }
    assert!(text.len() as u64 > KEPT_FILE_BYTES);
    let draft = draft_and_confirm("licensing/licences", "licences.csv", &text);

    assert!(
        draft.contract.contains("decimal_comma: true"),
        "{}",
        draft.contract
    );
    assert!(
        draft.contract.contains("name: Fee, logicalType: number"),
        "{}",
        draft.contract
    );
    assert_eq!(draft.samples.len(), KEPT_SAMPLES, "{:?}", draft.samples);
    let rows = rows_of(&draft, "object_case");
    assert_eq!(rows.len(), KEPT_SAMPLES, "{}", draft.sampled.text);
    assert_eq!(rows[0]["fee"], "1000.50", "{}", draft.sampled.text);
    assert!(
        !draft.sampled.text.contains("quarantined"),
        "{}",
        draft.sampled.text
    );
}

#[test]
fn an_export_that_says_what_was_deleted_declares_as_which_event_it_is_sent() {
    let change = |id: &str, image: &str| {
        format!(
            "{{\"Metadata\":{{\"WriteTimestampMicros\":{{\"N\":\"1772438400000000\"}}}},\
             \"Keys\":{{\"caseId\":{{\"S\":\"{id}\"}}}}{image}}}\n"
        )
    };
    let image = |id: &str| {
        format!(
            ",\"NewImage\":{{\"caseId\":{{\"S\":\"{id}\"}},\"status\":{{\"S\":\"Open\"}},\
             \"updatedAt\":{{\"S\":\"2026-03-01T10:00:00Z\"}}}}"
        )
    };
    let text = change("C-1", &image("C-1")) + &change("C-2", &image("C-2")) + &change("C-3", "");
    let draft = draft_and_confirm("planning/cases", "export.json", &text);

    for line in [
        "event_type: \"$.change_type\"",
        "event_type_default: record",
        "record: upsert",
        "deleted: delete",
        "delete_event_type: deleted, key: [\"$.caseId\"]",
    ] {
        assert!(draft.contract.contains(line), "{line}\n{}", draft.contract);
    }
    assert_eq!(
        draft.sampled.missing,
        [] as [String; 0],
        "{}",
        draft.sampled.text
    );
    assert_eq!(rows_of(&draft, "object_case").len(), 2);
    let all = sampled_rows(&draft.sampled.text);
    let deleted = |(table, row): &&(String, BTreeMap<String, String>)| {
        table == "object_case" && row["_op"] == "d"
    };
    assert_eq!(
        all.iter().filter(deleted).count(),
        1,
        "{}",
        draft.sampled.text
    );
    assert!(
        !draft.sampled.text.contains("quarantined"),
        "{}",
        draft.sampled.text
    );
}

#[test]
fn columns_of_numbers_and_addresses_become_contacts_of_the_person() {
    let text = "Member No,Surname,Forename,E-mail,Home Tel,Mobile,Email opt-in,Account\n\
                M-1,Sample,Robin,robin@example.org,01632 960001,07700 900001,Y,012345678901\n\
                M-2,Specimen,Jay,jay@example.org,,07700 900002,N,012345678902\n\
                M-3,Fixture,Ali,,01632 960003,,Y,012345678903\n";
    let draft = draft_and_confirm("leisure/members", "members.csv", text);
    let contacts = rows_of(&draft, "object_contact");
    let values: Vec<(&str, Option<&str>, &str)> = contacts
        .iter()
        .map(|row| {
            let subtype = row.get("contact_subtype").map(String::as_str);
            (row["contact_type"].as_str(), subtype, row["value"].as_str())
        })
        .collect();
    assert_eq!(
        values,
        [
            ("email", None, "robin@example.org"),
            ("phone", Some("home"), "+441632960001"),
            ("phone", Some("mobile"), "+447700900001"),
            ("email", None, "jay@example.org"),
            ("phone", Some("mobile"), "+447700900002"),
            ("phone", Some("home"), "+441632960003"),
        ],
        "{}",
        draft.mapping
    );
    let links = rows_of(&draft, "link");
    let reached = links
        .iter()
        .filter(|row| row["link_type"] == "is_reached_by");
    assert_eq!(reached.count(), 6, "{}", draft.sampled.text);
}

#[test]
fn what_is_no_contact_makes_no_row_and_every_link_begins_at_a_person_that_is_there() {
    let text = "Job Ref,Raised On,Customer Name,Customer Email,Customer Phone,Mobile\n\
                J-1,14/03/2026,Robin Sample,robin@example.org,01632 960001,01632 960001\n\
                J-2,15/03/2026,Jay Specimen,not given,01632960002,07700 900002\n\
                J-3,16/03/2026,,kim@example.org,,+44 7700 900003\n\
                J-4,17/03/2026,Ali Fixture,n/a,,\n\
                J-5,18/03/2026,,,,\n";
    let draft = draft_and_confirm("repairs/jobs", "jobs.csv", text);
    let contacts = rows_of(&draft, "object_contact");
    let values: Vec<&str> = contacts.iter().map(|row| row["value"].as_str()).collect();
    assert_eq!(
        values,
        [
            "robin@example.org",
            "+441632960001",
            "+441632960001",
            "+441632960002",
            "+447700900002",
            "kim@example.org",
            "+447700900003",
        ],
        "{}\n{}",
        draft.mapping,
        draft.sampled.text
    );
    assert_eq!(
        contacts[1]["pole_id"], contacts[2]["pole_id"],
        "one number, one contact"
    );

    let ids = |table: &str| -> Vec<String> {
        let rows = rows_of(&draft, table).into_iter();
        rows.map(|row| row["pole_id"].clone()).collect()
    };
    let (people, contacts) = (ids("person"), ids("object_contact"));
    assert_eq!(people.len(), 4, "{}", draft.sampled.text);
    let links = rows_of(&draft, "link");
    assert_eq!(links.len(), 4 + 7, "{}", draft.sampled.text);
    for link in links {
        assert!(people.contains(&link["from_id"]), "{link:?}");
        let is_contact = link["to_table"] == "object_contact";
        assert_eq!(is_contact, contacts.contains(&link["to_id"]), "{link:?}");
    }
}
