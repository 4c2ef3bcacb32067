//! The published matrix, row by row.

use super::*;

const TABLE: &str = "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n    properties:\n      - {name: a, logicalType: string, physicalType: string, classification: internal, logicalTypeOptions: {maxLength: 10}}\n      - {name: b, logicalType: integer, physicalType: bigint, classification: personal, required: true}\ncustomProperties:\n  - property: polelake\n    value: {family: object}\n";

fn verdict(change: impl Fn(&str) -> String) -> Option<Verdict> {
    let file = |text: String| File::new("pole/t.odcs.yaml", text);
    let changes = compare(Some(&file(TABLE.into())), Some(&file(change(TABLE)))).unwrap();
    changes.into_iter().map(|change| change.verdict).max()
}

#[test]
fn the_matrix_of_tables() {
    let with = |from: &'static str, to: &'static str| move |text: &str| text.replace(from, to);
    let optional =
        "      - {name: c, logicalType: string, classification: internal}\ncustomProperties:";
    let required = "      - {name: c, logicalType: string, classification: internal, required: true}\ncustomProperties:";
    for (name, verdict, expected) in [
        ("nothing", verdict(str::to_owned), None),
        (
            "add optional",
            verdict(|t| {
                t.replace("customProperties:", optional)
                    .replace("1.0.0", "1.1.0")
            }),
            Some(Verdict::Fine),
        ),
        (
            "add, version stands still",
            verdict(with("customProperties:", optional)),
            Some(Verdict::Notice),
        ),
        (
            "add required",
            verdict(with("customProperties:", required)),
            Some(Verdict::Breaking),
        ),
        (
            "drop",
            verdict(with("name: a,", "name: z,")),
            Some(Verdict::Breaking),
        ),
        (
            "type",
            verdict(with("bigint", "double")),
            Some(Verdict::Breaking),
        ),
        (
            "require",
            verdict(with(
                "physicalType: string,",
                "physicalType: string, required: true,",
            )),
            Some(Verdict::Breaking),
        ),
        (
            "relax",
            verdict(|t| t.replace(", required: true", "").replace("1.0.0", "1.1.0")),
            Some(Verdict::Notice),
        ),
        (
            "narrow",
            verdict(with("maxLength: 10", "maxLength: 9")),
            Some(Verdict::Breaking),
        ),
        (
            "widen",
            verdict(|t| {
                t.replace("maxLength: 10", "maxLength: 11")
                    .replace("1.0.0", "1.0.1")
            }),
            Some(Verdict::Fine),
        ),
        (
            "expose",
            verdict(with("classification: personal", "classification: internal")),
            Some(Verdict::Breaking),
        ),
        (
            "family",
            verdict(with("family: object", "family: event")),
            Some(Verdict::Breaking),
        ),
    ] {
        assert_eq!(verdict, expected, "{name}");
    }
}

#[test]
fn codes_do_not_go_away() {
    let file = |text: &str| File::new("lists/l.yaml", text);
    let old = file(
        "version: 1.0.0\ndescription: d\ncodes:\n  - {code: A, synonyms: [a]}\n  - {code: B}\n",
    );
    let new = file(
        "version: 2.0.0\ndescription: d\ncodes:\n  - {code: A}\n  - {code: B, synonyms: [b]}\n",
    );
    let changes = compare(Some(&old), Some(&new)).unwrap();
    let told: Vec<(&str, Verdict)> = changes
        .iter()
        .map(|c| (c.place.as_str(), c.verdict))
        .collect();
    assert_eq!(told, [("a", Verdict::Breaking), ("b", Verdict::Fine)]);
}
