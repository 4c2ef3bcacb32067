//! Contracts and mappings by chance.

use super::dice::SeededDice;
use super::formulas::{
    FormulaPlace, body, body_condition, column, constant, copy, item, item_condition,
    required_formula, text_formula, thing_columns,
};
use super::shape::{
    ColumnShape, EndShape, Formula, IdentityShape, MappedPath, PathStart, RecordShape,
    RowCondition, RowKind,
};
use super::source::{EventDeed, SourceShape};

/// A source of this name. Without patches, every event states the whole record.
pub(super) fn draw_source(name: &str, has_patches: bool, dice: &mut SeededDice) -> SourceShape {
    let mut source = SourceShape {
        name: name.to_owned(),
        counts_versions: dice.chance(40),
        has_branches: dice.chance(15),
        requires_code: dice.chance(15),
        events: draw_events(has_patches, dice),
        records: Vec::new(),
    };
    if dice.chance(88) {
        let first = first_entity(&source, dice);
        source.records.push(first);
    }
    let count = dice.between(2, 4);
    let mut further = Vec::new();
    for number in 0..count {
        further.push(draw_record(number, &source, dice));
    }
    source.records.extend(further);
    source
}

fn draw_events(has_patches: bool, dice: &mut SeededDice) -> Vec<(&'static str, EventDeed)> {
    let mut events = vec![
        ("Created", EventDeed::Whole),
        ("Removed", EventDeed::Delete),
    ];
    if dice.chance(40) {
        events.push(("Replaced", EventDeed::Whole));
    }
    if dice.chance(20) {
        events.push(("Seen", EventDeed::Ignore));
    }
    if has_patches {
        events.push(("Updated", EventDeed::Patch));
        if dice.chance(40) {
            events.push(("Amended", EventDeed::Patch));
        }
        if dice.chance(50) {
            events.push(("Restored", EventDeed::CreateOrPatch));
        }
    }
    events
}

/// The row of the record itself: it hears every event.
fn first_entity(source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let namespace = match dice.chance(50) {
        true => source.name.clone(),
        false => "oracle-thing".to_owned(),
    };
    RecordShape {
        name: "own".to_owned(),
        table: "thing",
        kind: RowKind::Entity,
        events: Vec::new(),
        lists: Vec::new(),
        when: dice.chance(20).then(|| body_condition(dice)),
        id: IdentityShape::Natural(namespace, source.key_formulas()),
        columns: thing_columns(dice),
    }
}

fn draw_record(number: usize, source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let name = format!("r{number}");
    // Without the record's own row, a mapping has no other row of it.
    let least = if source.records.is_empty() { 7 } else { 0 };
    let mut record = match dice.between(least, 19) {
        0..5 => further_entity(name, source, dice),
        5..7 => fact(name, source, dice),
        7..10 => items_set(name, source, dice),
        10..12 => lines_set(name, source, dice),
        12..15 => one_row_set(name, source, dice),
        15..17 => link_set(name, source, dice),
        17..19 => shared(name, dice),
        _ => log(name),
    };
    if dice.chance(15) {
        let types: Vec<&'static str> = source.events.iter().map(|(name, _)| *name).collect();
        record.events = dice.some(&types, 1, types.len());
    }
    record
}

/// The record's key and a constant.
fn further_key(source: &SourceShape, name: &str) -> Vec<Formula> {
    let mut key = source.key_formulas();
    key.push(constant(name));
    key
}

fn shape(
    name: String,
    table: &'static str,
    kind: RowKind,
    id: IdentityShape,
    columns: Vec<ColumnShape>,
) -> RecordShape {
    RecordShape {
        name,
        table,
        kind,
        events: Vec::new(),
        lists: Vec::new(),
        when: None,
        id,
        columns,
    }
}

fn further_entity(name: String, source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let id = IdentityShape::Natural("oracle-further".to_owned(), further_key(source, &name));
    RecordShape {
        when: dice.chance(75).then(|| body_condition(dice)),
        ..shape(name, "thing", RowKind::Entity, id, thing_columns(dice))
    }
}

/// A row of which one column is required.
fn fact(name: String, source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let columns = vec![
        column("statement", required_formula(dice)),
        column("label", text_formula(FormulaPlace::Body, dice)),
    ];
    let when = dice.chance(60).then(|| body_condition(dice));
    let (kind, id) = match dice.chance(60) {
        true => {
            let key = further_key(source, &name);
            let id = IdentityShape::Natural("oracle-fact".to_owned(), key);
            (RowKind::Entity, id)
        }
        false => {
            let key = vec![copy(body("code"))];
            (RowKind::Set, IdentityShape::Owned(key))
        }
    };
    RecordShape {
        when,
        ..shape(name, "fact", kind, id, columns)
    }
}

/// Some columns of a row of `part`, besides the id of its thing.
fn part_columns(thing: Formula, place: FormulaPlace, dice: &mut SeededDice) -> Vec<ColumnShape> {
    let number = match place {
        FormulaPlace::Body => body("number"),
        _ => item("number"),
    };
    let mut columns = vec![
        column("label", text_formula(place, dice)),
        column("kind", text_formula(place, dice)),
        column("of_name", text_formula(FormulaPlace::Body, dice)),
        column("number", copy(number)),
        column("born", copy(body("born"))),
        column(
            "seen_type",
            copy(MappedPath::of(PathStart::Event, "eventType")),
        ),
    ];
    columns = dice.some(&columns, 1, 4);
    // In a list, `$` is the item: what reads the body says so.
    if place != FormulaPlace::Body {
        columns.retain(|column| column.column != "of_name");
        let of_name = text_formula(place, dice);
        columns.push(column("of_name", of_name));
    }
    columns.push(column("thing_id", thing));
    columns
}

/// Only where there is a value at the path.
fn present(path: MappedPath) -> RowCondition {
    RowCondition {
        value: copy(path),
        is: Vec::new(),
        present: Some(true),
    }
}

fn own_id(source: &SourceShape) -> Formula {
    Formula::IdOf("oracle-thing".to_owned(), source.key_formulas())
}

fn other_id(path: MappedPath) -> Formula {
    Formula::IdOf("oracle-person".to_owned(), vec![copy(path)])
}

fn items_set(name: String, source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let thing = match dice.below(10) {
        0 => other_id(item("person")),
        1 => other_id(body("partner.id")),
        _ => own_id(source),
    };
    let (key, when) = match dice.below(4) {
        0 => {
            let key = vec![copy(item("id")), copy(item("kind"))];
            (key, Some(present(item("kind"))))
        }
        1 => (vec![copy(item("id"))], None),
        _ => {
            let when = item_condition(FormulaPlace::Item, dice);
            (vec![copy(item("id"))], Some(when))
        }
    };
    let columns = part_columns(thing, FormulaPlace::Item, dice);
    RecordShape {
        lists: vec!["items"],
        when,
        ..shape(
            name,
            "part",
            RowKind::Set,
            IdentityShape::Owned(key),
            columns,
        )
    }
}

fn lines_set(name: String, source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let parent_id = MappedPath::of(PathStart::Parent, "id");
    let key = vec![copy(parent_id), copy(item("id"))];
    let columns = part_columns(own_id(source), FormulaPlace::Line, dice);
    RecordShape {
        lists: vec!["orders", "lines"],
        when: dice
            .chance(30)
            .then(|| item_condition(FormulaPlace::Line, dice)),
        ..shape(
            name,
            "part",
            RowKind::Set,
            IdentityShape::Owned(key),
            columns,
        )
    }
}

/// A set of at most one row, made from fields of the record.
fn one_row_set(name: String, source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let thing = match dice.chance(20) {
        true => other_id(body("partner.id")),
        false => own_id(source),
    };
    let key = match dice.below(4) {
        0 => vec![copy(body("partner.id"))],
        1 => vec![Formula::Coalesce(vec![
            copy(body("code")),
            copy(body("home.post")),
        ])],
        2 => vec![constant("only")],
        _ => vec![copy(body("partner.id")), copy(body("home.inner.flat"))],
    };
    let columns = part_columns(thing, FormulaPlace::Body, dice);
    RecordShape {
        when: dice.chance(60).then(|| body_condition(dice)),
        ..shape(
            name,
            "part",
            RowKind::Set,
            IdentityShape::Owned(key),
            columns,
        )
    }
}

fn link_set(name: String, source: &SourceShape, dice: &mut SeededDice) -> RecordShape {
    let in_list = dice.chance(70);
    let (place, other, label) = match in_list {
        true => (FormulaPlace::Item, item("person"), "items"),
        false => (FormulaPlace::Body, body("partner.id"), ""),
    };
    let end = |key: Vec<Formula>| EndShape {
        table: "thing",
        namespace: "oracle-thing".to_owned(),
        key,
    };
    let role = in_list.then(|| copy(item("kind")));
    let id = IdentityShape::Link {
        from: end(vec![copy(other)]),
        to: end(source.key_formulas()),
        kind: name.clone(),
        role: role.filter(|_| dice.chance(70)),
    };
    let columns = vec![column("label", text_formula(place, dice))];
    let when = match (in_list, dice.below(10)) {
        (true, 0) | (false, 0..4) => None,
        (true, _) => Some(present(item("person"))),
        (false, _) => Some(body_condition(dice)),
    };
    RecordShape {
        lists: Some(label)
            .filter(|list| !list.is_empty())
            .into_iter()
            .collect(),
        when,
        ..shape(name, "bond", RowKind::Set, id, columns)
    }
}

fn shared(name: String, dice: &mut SeededDice) -> RecordShape {
    let in_list = dice.chance(50);
    let (key, label, kind, list) = match in_list {
        true => (item("person"), item("label"), item("kind"), vec!["items"]),
        false => (
            body("partner.id"),
            body("partner.name"),
            body("town"),
            vec![],
        ),
    };
    let id = IdentityShape::Natural(format!("oracle-place-{name}"), vec![copy(key)]);
    let columns = vec![
        column("place_type", constant("place")),
        column("label", copy(label)),
        column("kind", copy(kind)),
    ];
    RecordShape {
        lists: list,
        when: in_list.then(|| present(item("person"))),
        ..shape(name, "place", RowKind::Shared, id, columns)
    }
}

fn log(name: String) -> RecordShape {
    let event = |member| copy(MappedPath::of(PathStart::Event, member));
    let id = IdentityShape::Natural(format!("oracle-note-{name}"), vec![event("id")]);
    let columns = vec![
        column("note_type", event("eventType")),
        column("reference", event("entityId")),
        column("occurred", event("dateTime")),
    ];
    shape(name, "note", RowKind::Log, id, columns)
}
