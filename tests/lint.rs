//! What lint says of contracts that cannot work, and exactly where: by the parser's own spans, not
//! by the first line that holds a word.

mod mistyped;

use contract::{Catalogue, DeclaredFile, Problem, ProblemLevel};

use crate::lake_under_test::repository_root;

const PERSON: &str = "sources/housing/person/contract.odcs.yaml";
const MAPPING: &str = "sources/housing/person/mapping.yaml";
const LINK: &str = "pole/link.odcs.yaml";

fn shipped() -> Vec<DeclaredFile> {
    host::read_contract_files(&repository_root().join("contracts").to_string_lossy()).unwrap()
}

/// The shipped files with one place of one of them changed.
fn changed(path: &str, from: &str, to: &str) -> Vec<DeclaredFile> {
    let mut files = shipped();
    let file = files.iter_mut().find(|file| file.path == path).unwrap();
    assert_eq!(
        file.text().matches(from).count(),
        1,
        "{from} is one place of {path}"
    );
    *file = DeclaredFile::new(path, file.text().replace(from, to));
    files
}

/// Line and column of the one place of a file that holds a text.
fn position(files: &[DeclaredFile], path: &str, text: &str) -> (usize, usize) {
    let file = files.iter().find(|file| file.path == path).unwrap();
    let mut lines = file.text().lines().enumerate();
    lines
        .find_map(|(index, line)| {
            let offset = line.find(text)?;
            Some((index + 1, line[..offset].chars().count() + 1))
        })
        .unwrap()
}

/// The problem that says this; the other ones follow from it.
fn problem_saying(files: &[DeclaredFile], said: &str) -> Problem {
    let (_, problems) = Catalogue::lint(files);
    let found = problems
        .iter()
        .find(|problem| problem.message.contains(said));
    assert!(found.is_some(), "{said}: {problems:#?}");
    found.unwrap().clone()
}

/// What is changed, into what, at which text the problem stands, and what it says.
const FAULTS: [(&str, &str, &str, &str, &str); 22] = [
    // In the second of several records that have the same column.
    (
        MAPPING,
        "given_name: {normalise: {from: $.preferredFirstName, as: name}}",
        "given_name: {normalise: {from: $.preferredFirstNamex, as: name}}",
        "$.preferredFirstNamex",
        "nearest name is `preferredFirstName`",
    ),
    (
        MAPPING,
        "surname: {normalise: {from: $.preferredSurname, as: name}}",
        "surnam: {normalise: {from: $.preferredSurname, as: name}}",
        "surnam:",
        "nearest name is `surname`",
    ),
    (
        MAPPING,
        "    for_each: $.tenures[*]\n    id: {key: [$.id]}\n    columns:\n      person_id",
        "    for_each: $.tenurs[*]\n    id: {key: [$.id]}\n    columns:\n      person_id",
        "$.tenurs[*]",
        "nearest name is `tenures`",
    ),
    (
        MAPPING,
        "    kind: set\n    for_each: $.tenures[*]\n    id: {key: [$.id]}",
        "    kind: sett\n    for_each: $.tenures[*]\n    id: {key: [$.id]}",
        "sett",
        "nearest name is `set`",
    ),
    (
        MAPPING,
        "when: {value: {coalesce: [$.preferredFirstName, $.preferredMiddleName,",
        "when: {value: {coalesce: [$.preferredFirstName, $.preferredMiddleNamex,",
        "$.preferredMiddleNamex",
        "nearest name is `preferredMiddleName`",
    ),
    (
        MAPPING,
        "  - name: addresses\n    table: person_address",
        "  - name: addresses\n    table: person_addressx",
        "person_addressx",
        "nearest name is `person_address`",
    ),
    (
        MAPPING,
        "  - name: housing_reference",
        "  - name: preferred_name # again",
        "preferred_name # again",
        "two records are called `preferred_name`",
    ),
    (
        MAPPING,
        "sentinels: [\"0001-01-01\", \"1900-01-01\"]",
        "sentinels: [\"0001-01-01\", \"1900-13-01\"]",
        "\"1900-13-01\"",
        "is not a date",
    ),
    // In the extension, where the same name stands in the schema too.
    (
        PERSON,
        "      key: [$.entityId]",
        "      key: [$.entityIdd]",
        "$.entityIdd",
        "nearest name is `entityId`",
    ),
    (
        PERSON,
        "      body: [$.eventData.newData]",
        "      body: [$.eventData.newDat]",
        "$.eventData.newDat]",
        "nearest name is `newData`",
    ),
    (
        PERSON,
        "        PersonUpdatedEvent: patch",
        "        PersonUpdatedEvent: ptach",
        "ptach",
        "nearest name is `patch`",
    ),
    (
        PERSON,
        "      topic: housing-person",
        "      topik: housing-person",
        "topik",
        "nearest name is `topic`",
    ),
    (
        PERSON,
        "time_default: 2000-01-01T00:00:00Z",
        "time_default: yesterday",
        "time_default: yesterday",
        "is not a timestamp",
    ),
    (
        PERSON,
        "time: $.lastModified",
        "time: $.lastModifiedx",
        "$.lastModifiedx",
        "nearest name is `lastModified`",
    ),
    (
        PERSON,
        "      record: person",
        "      record: persn",
        "persn",
        "nearest name is `person`",
    ),
    // In a field far down, whose members' names stand in every other field.
    (
        PERSON,
        "{name: isActive, logicalType: boolean, classification",
        "{name: isActive, logicalType: boolean, classificationx",
        "classificationx",
        "nearest name is `classification`",
    ),
    (
        PERSON,
        "{name: lastModified, logicalType: timestamp,",
        "{name: lastModified, logicalType: datetime,",
        "logicalType: datetime",
        "the standard calls it `timestamp`",
    ),
    (
        PERSON,
        "{name: uprn, logicalType: string, classification: personal,",
        "{name: uprn, unique: true, logicalType: string, classification: personal,",
        "unique: true",
        "is enforced by nothing",
    ),
    // In the second of two rules that are alike.
    (
        LINK,
        "implementation: {references: {table_in: to_table}, tolerate",
        "implementation: {references: {table_in: to_tablex}, tolerate",
        "to_tablex",
        "nearest name is `to_table`",
    ),
    (
        LINK,
        "          - id: link-to-exists",
        "          - id: link-from-exists # twice",
        "id: link-from-exists # twice",
        "two rules have the id `link-from-exists`",
    ),
    (
        LINK,
        "implementation: {list: link_types,",
        "implementation: {list: link_tipes,",
        "link_tipes",
        "nearest name is `link_types`",
    ),
    (
        LINK,
        "{name: is_responsible, logicalType: boolean, physicalType: boolean, classification: internal,",
        "{name: is_responsible, logicalType: boolean, physicalType: bool, classification: internal,",
        "bool, ",
        "physicalType `bool`",
    ),
];

#[test]
fn every_problem_stands_where_the_parser_saw_it() {
    for (path, from, to, place, said) in FAULTS {
        let files = changed(path, from, to);
        let problem = problem_saying(&files, said);
        let found = (problem.location.line, problem.location.column);
        assert_eq!(problem.file, path, "{problem}");
        assert_eq!(found, position(&files, path, place), "{place}: {problem}");
    }
}

#[test]
fn l1_names_that_the_platform_gives_itself_are_refused() {
    for (from, to, place, said) in [
        (
            "      - {name: is_responsible,",
            "      - {name: shard,",
            "shard",
            "partitions tables",
        ),
        (
            "      - {name: is_responsible,",
            "      - {name: snapshot_date,",
            "snapshot_date",
            "partitions tables",
        ),
        (
            "      - {name: is_responsible,",
            "      - {name: in_topic,",
            "in_topic",
            "`source_in_topic`",
        ),
        (
            "schema:\n  - name: link\n",
            "schema:\n  - name: link_history\n",
            "name: link_history",
            "ends with `_history`",
        ),
        (
            "schema:\n  - name: link\n",
            "schema:\n  - name: link_iceberg\n",
            "name: link_iceberg",
            "ends with `_iceberg`",
        ),
    ] {
        let files = changed(LINK, from, to);
        let problem = problem_saying(&files, said);
        assert_eq!(problem.level, ProblemLevel::Error);
        let line = position(&files, LINK, place).0;
        assert_eq!(problem.location.line, line, "{problem}");
    }
}

#[test]
fn l1_topics_that_are_one_in_the_catalogue_are_refused() {
    // `-`, `.` and `_` are one character there, and letters have no case.
    for topic in ["housing_tenure", "Housing-Tenure"] {
        let to = format!("      topic: {topic}");
        let files = changed(PERSON, "      topic: housing-person", &to);
        let problem = problem_saying(&files, "one name in the catalogue");
        assert!(problem.message.contains(topic), "{problem}");
        assert!(problem.location.line > 1, "{problem}");
    }
    // Kafka itself refuses these.
    let files = changed(
        PERSON,
        "      topic: housing-person",
        "      topic: housing-tenure",
    );
    problem_saying(&files, "two contracts have the topic");
}

#[test]
fn l1_an_event_time_that_is_a_number_is_refused_with_the_verb_that_reads_it() {
    let files = changed(
        PERSON,
        "      envelope: entity-event",
        "      envelope: entity-event\n      event_time: $.sentAt",
    );
    let path = files.iter().position(|file| file.path == PERSON).unwrap();
    let text = files[path].text().replace(
        "{name: dateTime, logicalType: timestamp,",
        "{name: sentAt, logicalType: integer, classification: internal, description: x}\n      - {name: dateTime, logicalType: timestamp,",
    );
    let mut files = files;
    files[path] = DeclaredFile::new(PERSON, text);
    let problem = problem_saying(&files, "is no time as it stands");
    assert!(
        problem
            .message
            .contains("epoch: {from: $.sentAt, unit: millis}"),
        "{problem}"
    );
    assert_eq!(
        problem.location.line,
        position(&files, PERSON, "event_time: $.sentAt").0
    );
}

/// Contracts of other systems, written for this test after the forms of public examples.
fn foreign(text: &str, path: &str) -> Problem {
    let mut files = shipped();
    files.push(DeclaredFile::new(path, text));
    let (_, problems) = Catalogue::lint(&files);
    let mut own = problems.into_iter().filter(|problem| problem.file == path);
    own.find(|problem| problem.level == ProblemLevel::Error)
        .unwrap()
}

const ORDERS: &str = "\
version: 1.0.0
kind: DataContract
id: 7c0f1e2d-6b0a-4a39-9c7b-0d9a6f1e2b3c
apiVersion: v3.1.0
name: Parking Permits
schema:
  - name: permits
    logicalType: object
    physicalType: table
    properties:
      - {name: permit_no, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: zone, logicalType: string}
";

#[test]
fn a_public_contract_is_told_what_it_lacks_with_the_block_to_paste() {
    let path = "sources/parking/permits/contract.odcs.yaml";
    let said = foreign(ORDERS, path).message;
    let block = "customProperties: [{property: polelake, value: {topic: parking-permits, \
                 envelope: plain, key: [$.permit_no], events: {record: upsert}, push: {principals: \
                 ['arn:aws:iam::000000000000:role/NAME']}}}]";
    for part in [
        "no custom property `polelake`",
        block,
        "`polelake contract new",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // With the block, only the mapping is missing.
    let pasted = format!("{ORDERS}{block}\n");
    let said = foreign(&pasted, path).message;
    assert!(
        said.contains("there is no mapping.yaml beside the contract"),
        "{said}"
    );

    for (from, to, part) in [
        (
            "apiVersion: v3.1.0",
            "apiVersion: v3.0.0",
            "apiVersion `v3.0.0`, of which v3.0.2",
        ),
        ("apiVersion: v3.1.0\n", "", "no `apiVersion`"),
        ("kind: DataContract\n", "", "no `kind`"),
        (
            "apiVersion: v3.1.0",
            "apiVersion: v2.2.2\ndatasetName: x",
            "version 2 of the standard",
        ),
        (
            "kind: DataContract",
            "dataContractSpecification: 1.1.0",
            "datacontract export --format odcs",
        ),
        (
            "kind: DataContract",
            "kind: DataContract\ncustomProperties:\n  - {property: x, value: y}",
            "Add to `customProperties`: - {property: polelake",
        ),
        (
            "name: Parking Permits",
            "customProperties: [{property: polelake, value: null}]",
            "topic: permits, ",
        ),
        (
            ", primaryKey: true, primaryKeyPosition: 1",
            "",
            "key: [$.KEY]",
        ),
    ] {
        let said = foreign(&ORDERS.replace(from, to), path).message;
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = foreign(
        "version: 1.0.0\nkind: DataContract\nid: x\napiVersion: v3.1.0\n",
        path,
    )
    .message;
    assert!(said.contains("no `schema`"), "{said}");
}

#[test]
fn a_public_contract_of_a_table_is_told_its_family_and_first_columns() {
    let path = "pole/permits.odcs.yaml";
    let said = foreign(ORDERS, path).message;
    for part in [
        "which family of POLE the table belongs to",
        "customProperties: [{property: polelake, value: {family: object}}",
        "copy them from contracts/pole/object.odcs.yaml",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
