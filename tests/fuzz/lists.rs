//! Lists whose items give rows: items with parts, and tags that may be a single item.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::values::{Meaning, Number, json_text, one_of, optional_text, word};

/// The rows of a set, each as the texts of its columns `item`, `label` and `price`.
pub(super) type SetRows = Vec<[Option<String>; 3]>;

/// A list as JSON, with the rows of each set that it states.
pub(super) struct ListSample {
    pub(super) json: String,
    pub(super) sets: Vec<(&'static str, SetRows)>,
}

/// A key as JSON, and its one form.
fn item_key(rng: &mut Rng) -> (String, String) {
    let number = Number::whole(rng.i32(..).into());
    match rng.u8(..3) {
        0 => {
            let text = word(rng);
            (json_text(rng, &text), text)
        }
        1 => (number.spelled(rng), number.canonical()),
        // A text stays as it is.
        _ => {
            let text = number.spelled(rng);
            (json_text(rng, &text), text)
        }
    }
}

pub(super) fn right_items(rng: &mut Rng) -> ListSample {
    if rng.u8(..10) == 0 {
        let json = one_of(rng, &["null", "[]"]);
        return ListSample {
            json: json.into(),
            sets: vec![("items", Vec::new()), ("parts", Vec::new())],
        };
    }
    let mut keys = BTreeSet::new();
    let (mut items, mut rows, mut parts) = (Vec::new(), SetRows::new(), SetRows::new());
    for _ in 0..rng.usize(1..5) {
        let (json, key) = item_key(rng);
        if !keys.insert(key.clone()) {
            continue;
        }
        let label = optional_text(rng, "label");
        let Meaning::Cells(cells) = label.meaning else {
            continue;
        };
        let price = Number::random(rng, 10, 2);
        rows.push([Some(key.clone()), cells[0].1.clone(), price.at_scale(12, 2)]);
        let mut numbers: Vec<i64> = (0..rng.i64(0..4)).collect();
        rng.shuffle(&mut numbers);
        let written: Vec<String> = numbers
            .iter()
            .map(|number| {
                format!(
                    "{{\"no\": {}}}",
                    Number::whole((*number).into()).spelled(rng)
                )
            })
            .collect();
        parts.extend(
            numbers
                .iter()
                .map(|no| [Some(key.clone()), Some(no.to_string()), None]),
        );
        items.push(format!(
            "{{\"id\": {json}, \"price\": {}, \"label\": {}, \"parts\": [{}]}}",
            price.spelled(rng),
            label.json,
            written.join(", ")
        ));
    }
    ListSample {
        json: format!("[{}]", items.join(",")),
        sets: vec![("items", rows), ("parts", parts)],
    }
}

/// Lists for which an event is refused: JSON, rule and path.
pub(super) const WRONG_ITEMS: [(&str, &str, &str); 17] = [
    ("{\"id\": \"a\"}", "contract.type", "$.items"),
    ("\"\"", "contract.type", "$.items"),
    ("7", "contract.type", "$.items"),
    ("[null]", "contract.type", "$.items[*]"),
    ("[\"a\"]", "contract.type", "$.items[*]"),
    ("[[{\"id\": \"a\"}]]", "contract.type", "$.items[*]"),
    ("[{\"id\": \"a\"}, null]", "contract.type", "$.items[*]"),
    ("[{\"id\": [\"a\"]}]", "contract.type", "$.items[*].id"),
    ("[{}]", "contract.key", "$.items[*].id"),
    ("[{\"id\": null}]", "contract.key", "$.items[*].id"),
    ("[{\"id\": \" \"}]", "contract.key", "$.items[*].id"),
    (
        "[{\"id\": \"a\"}, {\"id\": \" a\"}]",
        "contract.key",
        "$.items[*].id",
    ),
    (
        "[{\"id\": 7}, {\"id\": \"7\"}]",
        "contract.key",
        "$.items[*].id",
    ),
    (
        "[{\"id\": 7.0}, {\"id\": 70e-1}]",
        "contract.key",
        "$.items[*].id",
    ),
    (
        "[{\"id\": \"a\", \"parts\": [{\"no\": 1}, {\"no\": 1.0}]}]",
        "contract.key",
        "$.items[*].parts[*].no",
    ),
    (
        "[{\"id\": \"a\", \"parts\": [{}]}]",
        "contract.key",
        "$.items[*].parts[*].no",
    ),
    (
        "[{\"id\": \"a\", \"parts\": {\"no\": 1}}]",
        "contract.type",
        "$.items[*].parts",
    ),
];

pub(super) fn right_tags(rng: &mut Rng) -> ListSample {
    let mut words = BTreeSet::new();
    for _ in 0..rng.usize(..4) {
        words.insert(word(rng));
    }
    let mut texts: Vec<String> = words.iter().map(|text| json_text(rng, text)).collect();
    let json = match texts.len() {
        0 => one_of(rng, &["null", "[]"]).to_owned(),
        1 if rng.bool() => texts.remove(0),
        _ => format!("[{}]", texts.join(", ")),
    };
    let rows = words
        .into_iter()
        .map(|text| [Some(text), None, None])
        .collect();
    ListSample {
        json,
        sets: vec![("tags", rows)],
    }
}

pub(super) const WRONG_TAGS: [(&str, &str, &str); 8] = [
    ("[null]", "contract.type", "$.tags[*]"),
    ("[7]", "contract.type", "$.tags[*]"),
    ("7", "contract.type", "$.tags[*]"),
    ("{\"a\": \"b\"}", "contract.type", "$.tags[*]"),
    ("[[\"a\"]]", "contract.type", "$.tags[*]"),
    ("[\"a\", \"a\"]", "contract.key", "$.tags[*]"),
    ("[\"a\", \" a \"]", "contract.key", "$.tags[*]"),
    ("[\"a\", \" \"]", "contract.key", "$.tags[*]"),
];
