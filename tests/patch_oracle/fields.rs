//! The record that generated contracts declare: its fields, values for them, and their types.

use serde_json::{Map, Value, json};

use super::dice::SeededDice;

/// What a field is declared to hold.
pub(super) enum FieldKind {
    /// One of these texts.
    Text(&'static [&'static str]),
    Whole,
    Truth,
    Object(&'static [DeclaredMember]),
    /// A list of objects whose ids differ, mostly.
    Objects(&'static [DeclaredMember]),
    Texts(&'static [&'static str]),
}

pub(super) type DeclaredMember = (&'static str, FieldKind);

use FieldKind::{Object, Objects, Text, Texts, Truth, Whole};

const WORDS: &[&str] = &["ada", "bob", " eve ", "", "Zoë"];
const CODES: &[&str] = &["x", "y", "7"];
const KINDS: &[&str] = &["k", "l", "m"];
const DATES: &[&str] = &[
    "2001-02-03",
    "1999-12-31",
    "1900-01-01",
    "",
    "1977-05-06",
    "1977-05-06",
    "2001-02-03",
    "soon",
];
const BRITISH: &[&str] = &[
    "03/02/2001",
    "31/12/1999",
    "",
    "01/01/1970",
    "03/02/2001",
    "31/12/1999",
    "01/01/1970",
    "soon",
];
const NUMBERS: &[&str] = &["12", "199900001234", "ab 12", "x1"];
const IDS: &[&str] = &["1", "2", "3", "4"];
const OWNERS: &[&str] = &["p1", "p2", "p3"];

pub(super) const RECORD: &[DeclaredMember] = &[
    ("name", Text(WORDS)),
    ("nick", Text(WORDS)),
    ("alias", Text(WORDS)),
    ("town", Text(WORDS)),
    ("code", Text(CODES)),
    ("plate", Text(NUMBERS)),
    ("born", Text(DATES)),
    ("joined", Text(BRITISH)),
    ("number", Whole),
    ("active", Truth),
    ("home", Object(HOME)),
    ("partner", Object(PARTNER)),
    ("tags", Texts(WORDS)),
    ("refs", Objects(REFS)),
    ("items", Objects(ITEM)),
    ("orders", Objects(ORDER)),
];

const HOME: &[DeclaredMember] = &[
    ("street", Text(WORDS)),
    ("post", Text(CODES)),
    ("inner", Object(INNER)),
];
const INNER: &[DeclaredMember] = &[("flat", Text(CODES)), ("floor", Whole)];
const PARTNER: &[DeclaredMember] = &[("id", Text(OWNERS)), ("name", Text(WORDS))];
const REFS: &[DeclaredMember] = &[("name", Text(CODES)), ("value", Text(WORDS))];
const ITEM: &[DeclaredMember] = &[
    ("id", Text(IDS)),
    ("kind", Text(KINDS)),
    ("label", Text(WORDS)),
    ("plate", Text(NUMBERS)),
    ("person", Text(OWNERS)),
    ("number", Whole),
];
const ORDER: &[DeclaredMember] = &[
    ("id", Text(IDS)),
    ("kind", Text(KINDS)),
    ("lines", Objects(LINE)),
];
const LINE: &[DeclaredMember] = &[("id", Text(IDS)), ("label", Text(WORDS)), ("number", Whole)];

/// The declaration of fields, as a contract writes it.
pub(super) fn declaration(members: &[DeclaredMember]) -> Vec<Value> {
    members
        .iter()
        .map(|(name, kind)| {
            let mut field = kind_declaration(kind);
            field["name"] = json!(name);
            field
        })
        .collect()
}

fn kind_declaration(kind: &FieldKind) -> Value {
    match kind {
        Text(_) => json!({"logicalType": "string"}),
        Whole => json!({"logicalType": "integer"}),
        Truth => json!({"logicalType": "boolean"}),
        Object(members) => json!({"logicalType": "object", "properties": declaration(members)}),
        Texts(_) => json!({"logicalType": "array", "items": {"logicalType": "string"}}),
        Objects(members) => json!({
            "logicalType": "array",
            "items": {"logicalType": "object", "properties": declaration(members)},
        }),
    }
}

/// The declaration of a field of the record.
pub(super) fn field_kind(name: &str) -> &'static FieldKind {
    let field = RECORD.iter().find(|(known, _)| *known == name);
    field.map(|(_, kind)| kind).unwrap()
}

/// A value of a field; null now and then.
pub(super) fn draw_value(kind: &FieldKind, dice: &mut SeededDice) -> Value {
    if dice.chance(12) {
        return Value::Null;
    }
    match kind {
        Text(texts) => json!(dice.pick(texts)),
        Whole => json!(dice.below(3)),
        Truth => json!(dice.chance(50)),
        Object(members) => draw_object(members, 70, dice),
        Texts(texts) => {
            let count = dice.below(3);
            (0..count).map(|_| json!(dice.pick(texts))).collect()
        }
        Objects(members) => draw_list(members, dice),
    }
}

/// An object in which each member is with this chance.
pub(super) fn draw_object(
    members: &[DeclaredMember],
    percent: usize,
    dice: &mut SeededDice,
) -> Value {
    let mut object = Map::new();
    for (name, kind) in members {
        if dice.chance(percent) {
            object.insert((*name).to_owned(), draw_value(kind, dice));
        }
    }
    Value::Object(object)
}

/// A list of objects, each with an id of its own; now and then one without, or with another's.
fn draw_list(members: &[DeclaredMember], dice: &mut SeededDice) -> Value {
    let ids = dice.some(IDS, 0, 3);
    let mut items = Vec::new();
    for id in ids {
        let mut item = draw_object(members, 80, dice);
        if members.iter().any(|(name, _)| *name == "id") {
            item["id"] = match dice.below(100) {
                0 => Value::Null,
                1 => json!("1"),
                _ => json!(id),
            };
        }
        items.push(item);
    }
    Value::Array(items)
}

/// Whether a value has the type that its field declares; null has every one, but not in a list.
pub(super) fn fits_kind(kind: &FieldKind, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Null) => true,
        (Text(_), value) => value.is_string(),
        (Whole, value) => value.is_i64() || value.is_u64(),
        (Truth, value) => value.is_boolean(),
        (Object(members), value) => fits_members(members, value),
        (Texts(_), value) => value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_string)),
        (Objects(members), value) => value.as_array().is_some_and(|items| {
            items
                .iter()
                .all(|item| !item.is_null() && fits_members(members, item))
        }),
    }
}

/// Whether a value is an object of such members.
pub(super) fn fits_members(members: &[DeclaredMember], value: &Value) -> bool {
    let Some(object) = value.as_object() else {
        return false;
    };
    members
        .iter()
        .filter_map(|(name, kind)| Some((kind, object.get(*name)?)))
        .all(|(kind, value)| fits_kind(kind, value))
}

/// A value of a type that the field does not declare.
pub(super) fn draw_misfit(kind: &FieldKind, dice: &mut SeededDice) -> Value {
    let misfits = [
        json!("text"),
        json!(7),
        json!(1.5),
        json!(true),
        json!({"id": "1"}),
        json!([null]),
        json!([7]),
    ];
    loop {
        let misfit = dice.pick(&misfits);
        if !fits_kind(kind, misfit) {
            return misfit.clone();
        }
    }
}
