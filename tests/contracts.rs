//! What is declared: schemas that are published, the pack that is complete, changes that are
//! judged, and a linter that neither panics nor lets a broken file through.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use contract::{
    Catalogue, ChangeImpact, ContractFindings, DeclaredFile, Event, compare_files,
    published_schemas,
};
use fastrand::Rng;
use serde_json::Value;

use crate::days_in_memory::contracts;
use crate::lake_under_test::{copy_contracts, repository_root};
use crate::readers::{has, python};

fn shipped() -> Vec<DeclaredFile> {
    host::read_contract_files(&repository_root().join("contracts").to_string_lossy()).unwrap()
}

/// What each value has against its schema.
fn faults(pairs: &[(Value, Value)]) -> Vec<Vec<String>> {
    let script = "
import sys, json, jsonschema
pairs = json.load(open(sys.argv[1]))
faults = lambda schema, value: [f'{e.json_path}: {e.message[:200]}' for e in jsonschema.Draft7Validator(schema).iter_errors(value)]
print(json.dumps([faults(schema, value) for schema, value in pairs]))
";
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::SeqCst);
    let file = std::env::temp_dir().join(format!(
        "polelake-schemas-{}-{number}.json",
        std::process::id()
    ));
    std::fs::write(&file, serde_json::to_vec(pairs).unwrap()).unwrap();
    let found = python(script, &[file.to_string_lossy().into_owned()]);
    std::fs::remove_file(file).unwrap();
    serde_json::from_value(found).unwrap()
}

#[test]
fn the_published_schemas_are_those_of_the_code_and_every_shipped_file_fits() {
    let (mut pairs, mut names) = (Vec::new(), Vec::new());
    for (name, schema) in published_schemas() {
        let file = repository_root().join("contracts/schemas").join(name);
        let published: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(
            published, schema,
            "run `polelake contract schema --out contracts/schemas`"
        );
        for file in shipped()
            .iter()
            .filter(|file| schema_of(&file.path) == name)
        {
            let first = file.text().lines().next().unwrap_or_default();
            let names_it =
                first.starts_with("# yaml-language-server: $schema=") && first.ends_with(name);
            assert!(names_it, "{}: {first}", file.path);
            pairs.push((schema.clone(), yaml(file.text())));
            names.push(file.path.clone());
        }
    }
    assert!(names.len() > 50, "{names:?}");
    if has("jsonschema", "jsonschema") {
        for (name, faults) in names.iter().zip(faults(&pairs)) {
            assert!(faults.is_empty(), "{name}: {faults:?}");
        }
    }
}

fn schema_of(path: &str) -> &'static str {
    match path {
        "incidents.yaml" => "incidents.schema.json",
        "namespaces.yaml" => "namespaces.schema.json",
        path if path.starts_with("lists/") => "list.schema.json",
        path if path.ends_with("mapping.yaml") => "mapping.schema.json",
        _ => "contract.schema.json",
    }
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { strict_booleans: true })
        .unwrap()
}

#[test]
fn the_schema_refuses_what_the_linter_refuses() {
    if !has("jsonschema", "jsonschema") {
        return;
    }
    let schema = published_schemas()
        .into_iter()
        .find(|(name, _)| *name == "mapping.schema.json")
        .unwrap()
        .1;
    let mapping = |column: &str| {
        let record = format!(
            "name: r, table: t, id: {{namespace: n, key: [$.id]}}, columns: {{c: {column}}}"
        );
        yaml(&format!(
            "source: s\nversion: 1.0.0\nrecords:\n  - {{{record}}}\n"
        ))
    };
    let columns = [
        ("$.a", true),
        ("{coalesce: [$.a, {constant: 1}]}", true),
        ("{copi: $.a}", false),
        ("{parse: {from: $.a, formats: [iso], zone: x}}", false),
    ];
    let pairs: Vec<_> = columns
        .iter()
        .map(|(column, _)| (schema.clone(), mapping(column)))
        .collect();
    for ((column, fits), faults) in columns.iter().zip(faults(&pairs)) {
        assert_eq!(faults.is_empty(), *fits, "{column}: {faults:?}");
    }
}

/// Attributes that the standard does not define, or that no column can hold; docs/pole-standard.md
/// says why.
const WITHOUT_A_COLUMN: [&str; 2] = ["DS_001", "DS_102"];

#[test]
fn the_pack_has_every_attribute_of_the_minimum_standards_and_gradings_everywhere() {
    let catalogue = contracts(|_| {});
    let tags: BTreeSet<&str> = catalogue
        .tables
        .iter()
        .flat_map(|table| &table.columns)
        .flat_map(|column| &column.tags)
        .map(String::as_str)
        .collect();
    let page = std::fs::read_to_string(repository_root().join("docs/pole-standard.md")).unwrap();
    // Every attribute that the page lists stands on a column, and none on a column is missing from
    // the page.
    let listed: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.split(' ').next())
        .filter(|word| word.starts_with("DS_") && word.len() == 6)
        .collect();
    assert!(listed.len() >= 80, "{}", listed.len());
    let missing: Vec<&&str> = listed
        .iter()
        .filter(|id| !tags.contains(**id) && !WITHOUT_A_COLUMN.contains(*id))
        .collect();
    assert!(missing.is_empty(), "no column has {missing:?}");
    let untold: Vec<&&str> = tags
        .iter()
        .filter(|id| id.starts_with("DS_") && !listed.contains(**id))
        .collect();
    assert!(untold.is_empty(), "the page does not tell of {untold:?}");
    // What the platform derives from others' rows no source has stated: it has no grading.
    for table in catalogue
        .tables
        .iter()
        .filter(|table| table.name != snapshot_merge::entity::ENTITY)
    {
        for column in [
            "grading_scheme",
            "source_grade",
            "information_grade",
            "handling_code",
            "review_after",
            "retention_basis",
        ] {
            assert!(
                table.column_index(column).is_some(),
                "{} has no {column}",
                table.name
            );
        }
        assert!(
            !table.meaning.is_empty()
                && table
                    .columns
                    .iter()
                    .all(|column| !column.meaning.is_empty()),
            "{}",
            table.name
        );
    }
}

#[test]
fn a_shipped_contract_is_compatible_with_itself_and_a_dropped_event_type_is_not() {
    for file in shipped() {
        assert_eq!(
            compare_files(Some(&file), Some(&file)).unwrap(),
            [],
            "{}",
            file.path
        );
    }
    let file = shipped()
        .into_iter()
        .find(|file| file.path == "sources/housing/tenure/contract.odcs.yaml")
        .unwrap();
    let without: Vec<&str> = file
        .text()
        .lines()
        .filter(|line| line.trim() != "TenureUpdatedEvent: patch")
        .collect();
    let other = DeclaredFile::new(file.path.clone(), without.join("\n"));
    let changes = compare_files(Some(&file), Some(&other)).unwrap();
    assert!(
        changes
            .iter()
            .any(|change| change.impact == ChangeImpact::Breaking
                && change.element == "TenureUpdatedEvent"),
        "{changes:?}"
    );
}

/// What a broken file is made of: lines that go, come twice or are cut, words that change places,
/// odd characters.
fn mutated(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=rng.usize(0..3) {
        let at = rng.usize(0..lines.len());
        match rng.u8(0..9) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[rng.usize(0..lines.len())].clone()),
            2 => {
                let other = rng.usize(0..lines.len());
                lines.swap(at, other);
            }
            3 => lines[at] = lines[at].chars().take(rng.usize(0..40)).collect(),
            4 => lines[at] = lines[at].replacen(['a', 'e', 'o'], "x", 1),
            5 => lines[at].push_str(
                rng.choice([
                    " }",
                    " [",
                    ": :",
                    " &a",
                    " *a",
                    " 'ü",
                    " \u{0}",
                    " 9999999999999999999999",
                ])
                .unwrap(),
            ),
            6 => {
                lines[at] = lines[at].replace(
                    "$.",
                    rng.choice([
                        "$..",
                        "$[",
                        "body:$.",
                        "$.é['",
                        "parent:$.x.",
                        "$[?@.a == 'b'].c.",
                    ])
                    .unwrap(),
                );
            }
            7 => {
                lines[at] = lines[at].replacen(
                    ": ",
                    rng.choice([": [", ": {", ": null #", ": -1 #", ": ''  #"])
                        .unwrap(),
                    1,
                );
            }
            _ => lines[at] = " ".repeat(rng.usize(0..12)) + lines[at].trim_start(),
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.join("\n") + "\n"
}

/// How many files are generated: a share of what `just soak` asks for with `GENERATED_FILES`.
fn count_generated_files() -> u64 {
    std::env::var("GENERATED_FILES").map_or(500, |number| number.parse().unwrap())
}

/// Generated contracts, mappings and lists, valid and broken: the linter never panics, tells a
/// place for each fault, and what it passes takes events without a panic too. Functions start with
/// the same compilation, so that what is refused here reaches none of them.
#[test]
fn generated_files_never_panic_the_linter_and_a_broken_one_reaches_no_function() {
    let files = shipped();
    let sample = std::fs::read(
        repository_root().join("contracts/sources/housing/tenure/samples/tenure-with-state.json"),
    )
    .unwrap();
    let (mut sound, mut broken) = (0, 0);
    let generated = count_generated_files();
    for seed in 0..generated {
        let mut rng = Rng::with_seed(seed);
        let mut changed = files.clone();
        let at = rng.usize(0..changed.len());
        // One in ten is left as it is, under another name of the same meaning.
        if rng.u8(0..10) > 0 {
            changed[at] = DeclaredFile::new(
                changed[at].path.clone(),
                mutated(changed[at].text(), &mut rng),
            );
        }
        let (catalogue, problems) = Catalogue::lint(&changed);
        let refused = problems
            .iter()
            .any(|problem| problem.level == contract::ProblemLevel::Error);
        assert_eq!(catalogue.is_none(), refused, "seed {seed}");
        assert!(
            problems.iter().all(|problem| !problem.message.is_empty()),
            "seed {seed}"
        );
        assert_eq!(
            Catalogue::compile(&changed).is_err(),
            refused,
            "seed {seed}: what a function starts with"
        );
        let Some(catalogue) = catalogue else {
            broken += 1;
            continue;
        };
        sound += 1;
        for plan in &catalogue.mappings {
            if let Ok(event) = Event::parse(&plan.contract, &sample, None) {
                plan.count_findings(&event, &mut ContractFindings::default());
                drop(plan.evaluate(&event, &pole::IdentityKey::for_tests()));
            }
        }
    }
    assert!(
        sound > generated / 5 && broken > generated / 5,
        "{sound} sound, {broken} broken"
    );
}

#[test]
fn a_broken_contract_stops_a_function_at_its_start() {
    let folder = std::env::temp_dir().join(format!("polelake-broken-{}", std::process::id()));
    copy_contracts(&folder);
    let table = folder.join("pole/person.odcs.yaml");
    let text = std::fs::read_to_string(&table)
        .unwrap()
        .replace("{check: country,", "{check: cuontry,");
    std::fs::write(&table, text).unwrap();
    let mut function = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    function
        .args(["function", "pole-transform"])
        .env("CONTRACTS", &folder)
        .env("RAW_BUCKET", "raw")
        .env("REFINED_BUCKET", "refined")
        .env("IDENTITY_KEY_SECRET", "none");
    let output = function.output().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("pole/person.odcs.yaml:") && said.contains("nearest name is `country`"),
        "{said}"
    );
}

#[test]
fn lint_names_file_line_column_and_the_nearest_right_name() {
    for (path, from, to, said) in [
        (
            "sources/housing/person/contract.odcs.yaml",
            "      topic: housing-person",
            "      topik: housing-person",
            "nearest name is `topic`",
        ),
        (
            "sources/housing/person/mapping.yaml",
            "surname: {normalise: {from: $.surname, as: name}}",
            "surnam: $.surname",
            "nearest name is `surname`",
        ),
        (
            "sources/housing/person/mapping.yaml",
            "place_of_birth: $.placeOfBirth",
            "place_of_birth: $.placeOfBrith",
            "nearest name is `placeOfBirth`",
        ),
        (
            "pole/link.odcs.yaml",
            "references: {table_in: from_table}",
            "references: {table_in: form_table}",
            "nearest name is `from_table`",
        ),
        (
            "pole/person.odcs.yaml",
            "    physicalType: table",
            "    phisicalType: table",
            "nearest name is `physicalType`",
        ),
        (
            "pole/link.odcs.yaml",
            "implementation: {list: link_types",
            "implementation: {list: link_tipes",
            "nearest is `link_types`",
        ),
    ] {
        let mut files = shipped();
        crate::days_in_memory::replace(&mut files, path, from, to);
        let problems = Catalogue::compile(&files).unwrap_err();
        let line = files
            .iter()
            .find(|file| file.path == path)
            .unwrap()
            .text()
            .lines()
            .position(|line| line.contains(to.trim()))
            .unwrap()
            + 1;
        let found = problems.iter().find(|problem| {
            problem.file == path
                && problem
                    .message
                    .contains(&said.replace("nearest is", "nearest name is"))
        });
        let found = found.unwrap_or_else(|| panic!("{to}: {problems:?}"));
        assert_eq!(found.location.line, line, "{to}: {found}");
        assert!(found.location.column > 0, "{to}: {found}");
    }
}
