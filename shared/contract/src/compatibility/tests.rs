//! The published matrix, row by row.

use super::*;

const TABLE: &str = "apiVersion: v3.1.0\n\
    kind: DataContract\n\
    id: t\n\
    version: 1.0.0\n\
    status: active\n\
    schema:\n  \
    - name: t\n    \
    properties:\n      \
    - {name: a, logicalType: string, physicalType: string, classification: internal, logicalTypeOptions: {maxLength: 10}}\n      \
    - {name: b, logicalType: integer, physicalType: bigint, classification: personal, required: true}\n\
    customProperties:\n  \
    - property: polelake\n    \
    value: {family: object}\n";

fn verdict(change: impl Fn(&str) -> String) -> Option<ChangeImpact> {
    let file = |text: String| DeclaredFile::new("pole/t.odcs.yaml", text);
    let changes = compare_files(Some(&file(TABLE.into())), Some(&file(change(TABLE)))).unwrap();
    changes.into_iter().map(|change| change.impact).max()
}

/// A change of one text into another.
fn with(from: &'static str, to: &'static str) -> impl Fn(&str) -> String {
    move |text| text.replace(from, to)
}

#[test]
fn the_matrix_of_tables() {
    let optional =
        "      - {name: c, logicalType: string, classification: internal}\ncustomProperties:";
    let required = "      - {name: c, logicalType: string, classification: internal, required: true}\n\
        customProperties:";
    for (name, verdict, expected) in [
        ("nothing", verdict(str::to_owned), None),
        (
            "add optional",
            verdict(|t| {
                t.replace("customProperties:", optional)
                    .replace("1.0.0", "1.1.0")
            }),
            Some(ChangeImpact::Fine),
        ),
        (
            "add, version stands still",
            verdict(with("customProperties:", optional)),
            Some(ChangeImpact::Notice),
        ),
        (
            "add required",
            verdict(with("customProperties:", required)),
            Some(ChangeImpact::Breaking),
        ),
        (
            "drop",
            verdict(with("name: a,", "name: z,")),
            Some(ChangeImpact::Breaking),
        ),
    ] {
        assert_eq!(verdict, expected, "{name}");
    }
}

#[test]
fn the_matrix_of_columns() {
    for (name, verdict, expected) in [
        (
            "type",
            verdict(with("bigint", "double")),
            Some(ChangeImpact::Breaking),
        ),
        (
            "require",
            verdict(with(
                "physicalType: string,",
                "physicalType: string, required: true,",
            )),
            Some(ChangeImpact::Breaking),
        ),
        (
            "relax",
            verdict(|t| t.replace(", required: true", "").replace("1.0.0", "1.1.0")),
            Some(ChangeImpact::Notice),
        ),
        (
            "narrow",
            verdict(with("maxLength: 10", "maxLength: 9")),
            Some(ChangeImpact::Breaking),
        ),
        (
            "widen",
            verdict(|t| {
                t.replace("maxLength: 10", "maxLength: 11")
                    .replace("1.0.0", "1.0.1")
            }),
            Some(ChangeImpact::Fine),
        ),
        (
            "expose",
            verdict(with("classification: personal", "classification: internal")),
            Some(ChangeImpact::Breaking),
        ),
        (
            "family",
            verdict(with("family: object", "family: event")),
            Some(ChangeImpact::Breaking),
        ),
    ] {
        assert_eq!(verdict, expected, "{name}");
    }
}

#[test]
fn what_a_field_accepts_besides_its_type_only_grows() {
    let source = |leniency: &str, version: &str| {
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: s\nversion: {version}\nstatus: active\n\
             schema:\n  - name: e\n    properties:\n      \
             - {{name: a, logicalType: string, customProperties: [{{property: polelake, \
             value: {{{leniency}}}}}]}}\n\
             customProperties:\n  - property: polelake\n    value: {{topic: s, envelope: plain, \
             key: [$.a], events: {{s: upsert}}, push: {{principals: [p]}}}}\n"
        );
        DeclaredFile::new("sources/s/contract.odcs.yaml", text)
    };
    let strict = source("", "1.0.0");
    let lenient = source("accepts: [number]", "1.1.0");
    let other = source("accepts: [boolean]", "1.2.0");
    for (old, new, expected) in [
        (&strict, &lenient, ChangeImpact::Fine),
        (&lenient, &strict, ChangeImpact::Breaking),
        (&lenient, &other, ChangeImpact::Breaking),
    ] {
        let changes = compare_files(Some(old), Some(new)).unwrap();
        let found = changes
            .iter()
            .find(|change| change.element.ends_with('a'))
            .unwrap();
        assert_eq!(found.impact, expected, "{changes:?}");
    }
}

#[test]
fn codes_do_not_go_away() {
    let file = |text: &str| DeclaredFile::new("lists/l.yaml", text);
    let old = file(
        "version: 1.0.0\ndescription: d\ncodes:\n  - {code: A, synonyms: [a]}\n  - {code: B}\n",
    );
    let new = file(
        "version: 2.0.0\ndescription: d\ncodes:\n  - {code: A}\n  - {code: B, synonyms: [b]}\n",
    );
    let changes = compare_files(Some(&old), Some(&new)).unwrap();
    let impacts: Vec<(&str, ChangeImpact)> = changes
        .iter()
        .map(|c| (c.element.as_str(), c.impact))
        .collect();
    assert_eq!(
        impacts,
        [("a", ChangeImpact::Breaking), ("b", ChangeImpact::Fine)]
    );
}

#[test]
fn a_namespace_whose_case_counts_no_longer_breaks_ids() {
    let file = |list: &str| DeclaredFile::new(NAMESPACES_FILE, format!("namespaces: [{list}]\n"));
    let listed = file("{name: mark, case: insensitive, why: DVLA}");
    for (old, new) in [(&file(""), &listed), (&listed, &file(""))] {
        let changes = compare_files(Some(old), Some(new)).unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].impact, ChangeImpact::Breaking);
        assert_eq!(changes[0].element, "mark");
    }
    let explicit = file("{name: mark, case: sensitive, why: DVLA}");
    assert_eq!(compare_files(Some(&file("")), Some(&explicit)), Ok(vec![]));
}
