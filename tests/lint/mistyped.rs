//! Values of another type than the one that belongs there, and sources that share a name: in plain
//! words, at the line.

use super::{LINK, MAPPING, PERSON, changed, position, problem_saying};

/// What is changed, into what, the line at which it stands, and what is said of the type.
const MISTYPED: [(&str, &str, &str, &str, &str); 9] = [
    (
        PERSON,
        "      record: person",
        "      files: {skip_rows: one}\n      record: person",
        "skip_rows: one",
        "`files.skip_rows` must be a whole number from 0, not the text `one`",
    ),
    (
        PERSON,
        "      record: person",
        "      files: {skip_rows: -1}\n      record: person",
        "skip_rows: -1",
        "`files.skip_rows` must be a whole number from 0, not the number `-1`",
    ),
    (
        PERSON,
        "      record: person",
        "      files:\n        decimal_comma: ja\n      record: person",
        "decimal_comma: ja",
        "`files.decimal_comma` must be `true` or `false`, not the text `ja`",
    ),
    (
        PERSON,
        "      record: person",
        "      files:\n        trailer: TRL\n      record: person",
        "trailer: TRL",
        "`files.trailer` must be an object, not the text `TRL`",
    ),
    (
        PERSON,
        "      key: [$.entityId]",
        "      key: $.entityId",
        "key: $.entityId",
        "`key` must be a list, not the text `$.entityId`",
    ),
    (
        MAPPING,
        "sentinels: [\"0001-01-01\", \"1900-01-01\"]",
        "sentinels: 3",
        "sentinels: 3",
        "`sentinels` must be a list, not the number `3`",
    ),
    (
        MAPPING,
        "  - name: addresses\n    table: person_address",
        "  - name: addresses\n    table: [person_address]",
        "table: [person_address]",
        "`records[4].table` must be a text, not a list",
    ),
    (
        PERSON,
        "{name: isActive, logicalType: boolean, classification",
        "{name: isActive, logicalType: boolean, required: ja, classification",
        "required: ja",
        ".required` must be `true` or `false`, not the text `ja`",
    ),
    (
        LINK,
        "implementation: {list: link_types,",
        "implementation: {list: [link_types],",
        "implementation: {list: [link_types],",
        "`list` must be a text, not a list",
    ),
];

#[test]
fn l2_a_value_of_another_type_is_told_in_plain_words_at_its_line() {
    for (path, from, to, text, said) in MISTYPED {
        let files = changed(path, from, to);
        let problem = problem_saying(&files, said);
        let line = position(&files, path, text).0;
        assert_eq!((problem.location.line, problem.file.as_str()), (line, path));
        for name in ["u32", "usize", "struct", "expected", "boolean", " at line "] {
            assert!(!problem.message.contains(name), "{name}: {problem}");
        }
    }
}

#[test]
fn l1_two_sources_of_one_id_or_topic_are_told_at_the_line_of_the_second() {
    const TENURE: &str = "sources/housing/tenure/contract.odcs.yaml";
    for (from, to, text, said) in [
        (
            "id: housing-person\n",
            "id: housing-tenure\n",
            "id: housing-tenure",
            "two contracts have the id `housing-tenure`",
        ),
        (
            "      topic: housing-person",
            "      topic: housing-tenure",
            "topic: housing-tenure",
            "two contracts have the topic `housing-tenure`",
        ),
    ] {
        let files = changed(PERSON, from, to);
        let problem = problem_saying(&files, said);
        assert_eq!(problem.file, TENURE);
        let line = position(&files, TENURE, text).0;
        assert_eq!(problem.location.line, line, "{problem}");
        assert!(problem.message.contains(PERSON), "{problem}");
    }
}
