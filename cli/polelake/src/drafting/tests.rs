//! Ten files of the kind that councils and police forces publish or exchange, written for this
//! project with invented values: each comes to its rows with no edit but confirmed decisions.

use std::collections::BTreeMap;

use super::*;
use crate::samples::run_samples;

/// A file, the source that is drafted of it, and what its rows must become.
struct DraftedFile {
    name: &'static str,
    file: &'static str,
    /// The table of the record's own row.
    table: &'static str,
    /// What each row of the file must have become, in any table: columns with their values.
    rows: &'static [&'static [(&'static str, &'static str)]],
    /// The rows that all tables have.
    tables: &'static [(&'static str, usize)],
}

const DRAFTED_FILES: [DraftedFile; 10] = [
    DraftedFile {
        name: "council/spend",
        file: "spend.csv",
        table: "event",
        rows: &[
            &[
                ("reference", "T0010441"),
                ("occurred_on", "2026-03-03"),
                ("description", "Specimen & Sons, Ltd"),
            ],
            &[("reference", "T0010442"), ("occurred_on", "2026-03-05")],
            &[
                ("reference", "T0010443"),
                ("occurred_on", "2026-03-17"),
                ("description", "Café Lumière"),
            ],
            &[("reference", "T0010444"), ("occurred_on", "2026-03-31")],
        ],
        tables: &[("event", 4)],
    },
    DraftedFile {
        name: "school/roll",
        file: "roll.csv",
        table: "person",
        rows: &[
            &[
                ("reference", "Z819900026001"),
                ("surname", "Sample"),
                ("given_name", "Robin"),
                ("date_of_birth", "2014-09-14"),
            ],
            &[
                ("reference", "Z819900026002"),
                ("surname", "Sample"),
                ("given_name", "Jay"),
                ("date_of_birth", "2016-11-02"),
            ],
            &[
                ("reference", "Z819900026003"),
                ("given_name", "Zoë"),
                ("gender", "F"),
            ],
            &[
                ("reference", "Z819900026004"),
                ("surname", "O'Fixture"),
                ("date_of_birth", "2015-06-05"),
            ],
        ],
        tables: &[
            ("person", 4),
            ("location", 4),
            ("object_contact", 3),
            ("link", 7),
        ],
    },
    DraftedFile {
        name: "police/stop-search",
        file: "stop-search.csv",
        table: "event_stop_search",
        rows: &[
            &[
                ("source_record_id", "stop-search.csv/1"),
                ("nature", "Person search"),
                ("occurred_at", "2026-02-01 00:12:00.000000 +00:00"),
            ],
            &[
                ("source_record_id", "stop-search.csv/2"),
                ("nature", "Person search"),
                ("occurred_at", "2026-02-01 00:12:00.000000 +00:00"),
            ],
            &[
                ("nature", "Vehicle search"),
                ("outcome", "Arrest"),
                ("description", "Offensive weapons"),
            ],
            &[
                ("ethnicity_observed", "Black"),
                ("outcome", "Community resolution"),
            ],
        ],
        tables: &[("event_stop_search", 4), ("location", 3), ("link", 3)],
    },
    DraftedFile {
        name: "housing/tenancies",
        file: "tenancies.xlsx",
        table: "object_tenancy",
        rows: &[
            &[
                ("source_record_id", "00412"),
                ("start_date", "2021-04-01"),
                ("rent", "104.25"),
                ("current_balance", "-12.10"),
            ],
            &[
                ("source_record_id", "00413"),
                ("start_date", "2023-04-01"),
                ("rent", "98.00"),
                ("current_balance", "0.00"),
            ],
            &[
                ("source_record_id", "00414"),
                ("start_date", "2025-04-01"),
                ("current_balance", "230.55"),
            ],
        ],
        tables: &[
            ("object_tenancy", 3),
            ("person", 3),
            ("location", 3),
            ("link", 9),
        ],
    },
    DraftedFile {
        name: "waste/missed-bins",
        file: "missed-bins.csv",
        table: "event",
        rows: &[
            &[("reference", "MB-0001"), ("occurred_on", "2026-03-02")],
            &[("reference", "MB-0002"), ("occurred_on", "2026-03-02")],
            &[("reference", "MB-0003"), ("occurred_on", "2026-03-03")],
            &[("reference", "MB-0004"), ("occurred_on", "2026-03-09")],
        ],
        tables: &[
            ("event", 4),
            ("location", 4),
            ("object_contact", 3),
            ("link", 7),
        ],
    },
    DraftedFile {
        name: "planning/applications",
        file: "applications.tsv",
        table: "object_case",
        rows: &[
            &[
                ("reference", "26/00012/FUL"),
                ("received_date", "2026-01-05"),
                ("decision", "Granted"),
                ("decided_date", "2026-03-02"),
            ],
            &[
                ("reference", "26/00013/TPO"),
                ("received_date", "2026-01-06"),
                ("status", "Pending"),
            ],
            &[
                ("reference", "26/00014/FUL"),
                ("decision", "Refused"),
                ("decided_date", "2026-02-27"),
            ],
        ],
        tables: &[
            ("object_case", 3),
            ("person", 3),
            ("location", 3),
            ("link", 6),
        ],
    },
    DraftedFile {
        name: "parking/pcns",
        file: "pcns.csv",
        table: "object_case",
        rows: &[
            &[
                ("reference", "ZZ0012345678"),
                ("received_date", "2026-03-02"),
                ("fee", "70.00"),
                ("case_type", "01"),
            ],
            &[
                ("reference", "ZZ0012345681"),
                ("fee", "35.00"),
                ("case_type", "12"),
                ("status", "Paid"),
            ],
            &[
                ("reference", "ZZ0012345694"),
                ("received_date", "2026-03-03"),
                ("status", "Cancelled"),
            ],
        ],
        tables: &[
            ("object_case", 3),
            ("object_vehicle", 3),
            ("location", 3),
            ("link", 6),
        ],
    },
    DraftedFile {
        name: "revenue/council-tax",
        file: "council-tax.txt",
        table: "object",
        rows: &[
            &[("reference", "00012345"), ("object_type", "Council tax")],
            &[("reference", "00012346")],
            &[("reference", "00012347")],
        ],
        tables: &[("object", 3), ("person", 3), ("location", 3), ("link", 9)],
    },
    DraftedFile {
        name: "library/loans",
        file: "loans.json",
        table: "object",
        rows: &[
            &[
                ("source_record_id", "L-1001"),
                ("description", "Placeholder Tales"),
            ],
            &[
                ("source_record_id", "L-1002"),
                ("description", "Fixture and Fitting"),
            ],
            &[
                ("source_record_id", "L-1003"),
                ("description", "A Stub History"),
            ],
        ],
        tables: &[("object", 3), ("person", 3), ("link", 3)],
    },
    DraftedFile {
        name: "elections/electoral-roll",
        file: "electoral-roll.csv",
        table: "person",
        rows: &[
            &[
                ("source_record_id", "AA1/1"),
                ("surname", "Sample"),
                ("given_name", "Robin"),
            ],
            &[
                ("source_record_id", "AA1/2"),
                ("surname", "Sample"),
                ("given_name", "Jay"),
            ],
            &[("source_record_id", "AA1/3"), ("surname", "O'Fixture")],
            &[("source_record_id", "AB1/1"), ("given_name", "Zoë")],
            &[("source_record_id", "AB1/2"), ("given_name", "Max")],
        ],
        tables: &[("person", 5), ("location", 5), ("link", 5)],
    },
];

/// A folder with the tables and lists that ship.
pub(super) fn shipped_tables(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let folder = std::env::temp_dir().join(format!("polelake-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    for part in ["pole", "lists"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        for entry in std::fs::read_dir(root.join(part)).unwrap().flatten() {
            std::fs::copy(entry.path(), folder.join(part).join(entry.file_name())).unwrap();
        }
    }
    std::fs::copy(root.join("namespaces.yaml"), folder.join("namespaces.yaml")).unwrap();
    folder
}

fn sample_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/drafts")
        .join(name)
}

/// A draft as a person leaves it who confirms every decision.
pub(super) fn confirm(draft: &WrittenDraft) {
    for file in ["contract.odcs.yaml", "mapping.yaml"] {
        let file = draft.folder.join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, contract::confirm_draft(&text)).unwrap();
    }
}

/// The rows of the samples' text, each with its table.
pub(super) fn sampled_rows(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut rows: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix("    ") {
            None => rows.push((line.to_owned(), BTreeMap::new())),
            Some(column) => {
                let (name, value) = column.split_once(' ').unwrap();
                let (_, row) = rows.last_mut().unwrap();
                row.insert(name.to_owned(), value.trim().to_owned());
            }
        }
    }
    rows
}

/// How many of the file's rows have become what they must; the decisions that were asked.
fn check_file(drafted: &DraftedFile) -> (usize, usize, String) {
    let contracts = shipped_tables(&drafted.name.replace('/', "-"));
    let written = draft_from_files(&contracts, drafted.name, &[sample_file(drafted.file)]).unwrap();
    confirm(&written);
    let text = |file: &str| std::fs::read_to_string(written.folder.join(file)).unwrap();
    let shown = format!("{}\n{}", text("contract.odcs.yaml"), text("mapping.yaml"));

    let catalogue = host::load_contracts(&contracts.to_string_lossy());
    let catalogue = catalogue.unwrap_or_else(|failure| panic!("{}\n{shown}", failure.message));
    let mapping = catalogue
        .require_mapping_of_source(&written.source)
        .unwrap();
    let sampled = run_samples(&catalogue, mapping, &written.folder);
    let sampled = sampled.unwrap_or_else(|error| panic!("{error}\n{shown}"));
    let rows = sampled_rows(&sampled.text);

    let is_right = |expected: &&&[(&str, &str)]| {
        rows.iter().any(|(table, row)| {
            let has = |(column, value): &(&str, &str)| {
                row.get(*column).map(String::as_str) == Some(*value)
            };
            table == drafted.table && expected.iter().all(has)
        })
    };
    let right = drafted.rows.iter().filter(is_right).count();
    let counts = drafted.tables.iter().filter(|(name, count)| {
        rows.iter()
            .filter(|(table, row)| table == name && row["_op"] == "u")
            .count()
            != *count
    });
    let wrong: Vec<String> = counts
        .map(|(table, count)| format!("not {count} of {table}"))
        .collect();
    assert_eq!(sampled.events, drafted.rows.len(), "{shown}");
    std::fs::remove_dir_all(contracts).unwrap();
    let complaint = match wrong.is_empty() && right == drafted.rows.len() {
        true => String::new(),
        false => format!("{}: {wrong:?}\n{}\n{shown}", drafted.name, sampled.text),
    };
    (right, written.decisions, complaint)
}

#[test]
fn ten_files_come_to_their_rows_with_confirmed_decisions_alone() {
    let mut complaints = String::new();
    println!(
        "{:26} {:>7} {:>10} {:>9}",
        "file", "rows in", "rows right", "decisions"
    );
    for drafted in &DRAFTED_FILES {
        let (right, decisions, complaint) = check_file(drafted);
        println!(
            "{:26} {:7} {right:10} {decisions:9}",
            drafted.name,
            drafted.rows.len()
        );
        complaints += &complaint;
    }
    assert!(complaints.is_empty(), "{complaints}");
}
