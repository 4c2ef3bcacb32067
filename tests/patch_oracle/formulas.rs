//! Formulas and conditions by chance.

use serde_json::{Value, json};

use super::dice::SeededDice;
use super::shape::{ColumnShape, Formula, MappedPath, PathHop, PathStart, RowCondition};

/// Where formulas may read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum FormulaPlace {
    Body,
    Item,
    Line,
}

const BODY_TEXTS: [&str; 9] = [
    "name",
    "nick",
    "alias",
    "town",
    "code",
    "plate",
    "home.street",
    "home.post",
    "partner.name",
];

const ITEM_TEXTS: [&str; 3] = ["label", "kind", "plate"];

pub(super) fn body(members: &'static str) -> MappedPath {
    MappedPath::of(PathStart::Body, members)
}

pub(super) fn item(members: &'static str) -> MappedPath {
    MappedPath::of(PathStart::Item, members)
}

pub(super) fn copy(path: MappedPath) -> Formula {
    Formula::Copy(path)
}

pub(super) fn constant(text: &str) -> Formula {
    Formula::Constant(text.to_owned())
}

/// A path of the body, written as either root: outside of a list both are the body.
fn body_path(place: FormulaPlace, members: &'static str, dice: &mut SeededDice) -> MappedPath {
    let start = match place {
        FormulaPlace::Body if dice.chance(70) => PathStart::Item,
        FormulaPlace::Body | FormulaPlace::Item if dice.chance(20) => PathStart::Parent,
        _ => PathStart::Body,
    };
    MappedPath::of(start, members)
}

fn text_path(place: FormulaPlace, dice: &mut SeededDice) -> MappedPath {
    match (place, dice.below(10)) {
        (FormulaPlace::Item, 0..7) => item(ITEM_TEXTS[dice.below(ITEM_TEXTS.len())]),
        (FormulaPlace::Line, 0..5) => item("label"),
        (FormulaPlace::Line, 5..7) => MappedPath::of(PathStart::Parent, "kind"),
        (_, 7) => listed_path(place, dice),
        _ => {
            let members = dice.pick(&BODY_TEXTS);
            body_path(place, members, dice)
        }
    }
}

/// A path to one of a list's items.
fn listed_path(place: FormulaPlace, dice: &mut SeededDice) -> MappedPath {
    let mut path = body_path(place, "tags", dice);
    match dice.below(3) {
        0 => {
            path.hops = vec![
                PathHop::Member("refs"),
                PathHop::Named(if dice.chance(50) { "x" } else { "y" }),
                PathHop::Member("value"),
            ];
        }
        1 => {
            let inner = ["home", "inner", "flat"];
            path.hops = inner.map(PathHop::Member).to_vec();
        }
        _ => path.hops.push(PathHop::Nth(dice.below(2))),
    }
    path
}

fn text_paths(place: FormulaPlace, dice: &mut SeededDice) -> Vec<Formula> {
    let count = dice.between(2, 3);
    (0..count).map(|_| copy(text_path(place, dice))).collect()
}

/// A formula that gives a text.
pub(super) fn text_formula(place: FormulaPlace, dice: &mut SeededDice) -> Formula {
    match dice.below(20) {
        0..8 => copy(text_path(place, dice)),
        8..12 => Formula::Concat(text_paths(place, dice)),
        12..15 => Formula::Coalesce(text_paths(place, dice)),
        15 => Formula::Uprn(Box::new(copy(text_path(place, dice)))),
        16 => Formula::Plate(Box::new(Formula::Concat(text_paths(place, dice)))),
        17 => Formula::BritishDate(Box::new(copy(body_path(place, "joined", dice)))),
        18 => copy(MappedPath::of(PathStart::Event, "eventType")),
        _ => Formula::Coalesce(vec![copy(text_path(place, dice)), constant("none")]),
    }
}

/// A formula that gives a text and is rarely at fault on its own: for required columns.
pub(super) fn required_formula(dice: &mut SeededDice) -> Formula {
    let parts = text_paths(FormulaPlace::Body, dice);
    match dice.chance(50) {
        true => Formula::Coalesce(parts),
        false => Formula::Concat(parts),
    }
}

/// A condition on the record.
pub(super) fn body_condition(dice: &mut SeededDice) -> RowCondition {
    let place = FormulaPlace::Body;
    let present = Some(dice.chance(80));
    let (value, is, present) = match dice.below(8) {
        0 => (
            copy(body_path(place, "active", dice)),
            vec![json!(true)],
            None,
        ),
        1 => {
            let is = dice.some(&[json!("x"), json!("y"), Value::Null], 1, 2);
            (copy(body_path(place, "code", dice)), is, None)
        }
        2 => {
            let number = Box::new(copy(body_path(place, "number", dice)));
            (Formula::Amount(number), Vec::new(), Some(true))
        }
        3 => {
            let is = dice.some(&[json!(0), json!(1), Value::Null], 1, 2);
            (copy(body_path(place, "number", dice)), is, None)
        }
        4 => (copy(body_path(place, "home", dice)), Vec::new(), present),
        5 => (
            Formula::Concat(text_paths(place, dice)),
            Vec::new(),
            present,
        ),
        6 => {
            let is = vec![json!("x"), Value::Null];
            (copy(body_path(place, "home.post", dice)), is, Some(true))
        }
        _ => (
            Formula::Coalesce(text_paths(place, dice)),
            Vec::new(),
            present,
        ),
    };
    RowCondition { value, is, present }
}

/// A condition on an item of a list.
pub(super) fn item_condition(place: FormulaPlace, dice: &mut SeededDice) -> RowCondition {
    let own = match place {
        FormulaPlace::Line => MappedPath::of(PathStart::Parent, "kind"),
        _ => item("kind"),
    };
    match dice.below(3) {
        0 => RowCondition {
            value: copy(own),
            is: dice.some(&[json!("k"), json!("l"), Value::Null], 1, 2),
            present: None,
        },
        1 => RowCondition {
            value: copy(item("id")),
            is: Vec::new(),
            present: Some(true),
        },
        _ => RowCondition {
            value: copy(body("active")),
            is: vec![json!(true), Value::Null],
            present: None,
        },
    }
}

pub(super) fn column(column: &'static str, formula: Formula) -> ColumnShape {
    ColumnShape {
        column,
        formula,
        keep_raw: None,
    }
}

/// The columns of a row of `thing`.
pub(super) fn thing_columns(dice: &mut SeededDice) -> Vec<ColumnShape> {
    let place = FormulaPlace::Body;
    let event = |name| copy(MappedPath::of(PathStart::Event, name));
    let mut columns = vec![
        column("name", text_formula(place, dice)),
        column("label", text_formula(place, dice)),
        column("number", copy(body_path(place, "number", dice))),
        column("active", copy(body_path(place, "active", dice))),
        column("seen_type", event("eventType")),
        column("seen_at", event("dateTime")),
    ];
    let born = copy(body_path(place, "born", dice));
    match dice.below(4) {
        0 => columns.push(column("born", born)),
        1 => {
            columns.push(column("born", born));
            columns.push(column("born_raw", Formula::Placeholder(body("born"))));
        }
        2 => columns.push(ColumnShape {
            keep_raw: Some("born_raw"),
            ..column("born", born)
        }),
        _ => {
            let joined = Formula::BritishDate(Box::new(copy(body("joined"))));
            columns.push(column("born", joined));
        }
    }
    dice.some(&columns, 2, columns.len())
}
