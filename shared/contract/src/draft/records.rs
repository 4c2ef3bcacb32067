//! Drafts the records of a mapping: one for the samples' record itself, one for each person, place
//! or thing within it, and the links between them.

use std::fmt::Write;

use super::OPEN;
use super::columns::DraftColumns;
use super::contact_parts::take_contacts;
use super::fields::{Leaf, SampleField, SampleFieldKind, append_step, quote_path, to_snake_case};
use super::links::{draft_link, vehicle_link_type};
use super::parts::{DraftContext, DraftRecord, SampleRecordPart};
use super::people::{is_person_key, makes_person, person_column, person_role};
use super::tables::{kind_of_dataset, place_column, table_of_dataset, vehicle_column};

/// Records of the mapping: one for the record itself, one for each object or group of fields within
/// it that looks like a person, a place or a thing, and a link to each of these.
pub(super) fn draft_records(context: &DraftContext<'_>) -> Vec<DraftRecord> {
    let guess = context.guess;
    let is_known = |table: &&str| context.tables.iter().any(|known| known.name == *table);
    let by_name = table_of_dataset(context.dataset, &guess.record).filter(is_known);
    let table = by_name
        .or_else(|| guess_part_table(&guess.record))
        .unwrap_or("object");
    let mut main = SampleRecordPart {
        name: "record".to_owned(),
        table,
        leaves: main_leaves(&guess.record),
        kind: "entity",
        namespace: context.source.to_owned(),
        key: guess.mapping_key(),
        present: Vec::new(),
        type_text: kind_of_dataset(context.dataset),
        role: None,
        contact: None,
    };
    if table == "person" {
        main.role = main.leaves.iter().find_map(role_of_name);
    }

    let nested = guess.record.iter();
    let mut parts: Vec<SampleRecordPart<'_>> = nested
        .filter_map(|field| nested_part(field, context.source, main.table))
        .collect();
    for (table, column_of) in FLAT_PARTS {
        if parts.iter().any(|part| part.table == table) || main.table == table {
            continue;
        }
        while let Some(part) = take_flat_part(&mut main, (table, column_of), context) {
            // One row may name several people: each as what it is.
            parts.push(name_apart(part, &parts, context.source));
        }
    }

    let contacts = take_all_contacts(&mut main, &mut parts, context);

    let mut records = vec![main.draft(context, true)];
    records.extend(parts.iter().map(|part| part.draft(context, false)));
    let of_contacts = contacts.iter().flat_map(|(_, parts)| parts);
    records.extend(of_contacts.map(|part| part.draft(context, false)));
    records.extend(parts.iter().map(|part| draft_link(&main, part)));
    for (owner, contacts) in &contacts {
        let owner = owner.and_then(|owner| parts.get(owner)).unwrap_or(&main);
        records.extend(contacts.iter().map(|contact| draft_link(owner, contact)));
    }
    let vehicles = || parts.iter().filter(|part| part.table == "object_vehicle");
    for person in parts.iter().filter(|part| part.table == "person") {
        if person.role.and_then(vehicle_link_type).is_some() {
            records.extend(vehicles().map(|vehicle| draft_link(person, vehicle)));
        }
    }
    let person = parts.iter().find(|part| part.table == "person");
    let place = parts.iter().find(|part| part.table == "location");
    if let (Some(person), Some(place)) = (person, place)
        && !main.table.starts_with("event")
        && main.table != "object_case"
    {
        records.push(draft_link(person, place));
    }
    records
}

/// The part with a name and a namespace of its own, where an earlier one has its.
fn name_apart<'p>(
    mut part: SampleRecordPart<'p>,
    others: &[SampleRecordPart<'_>],
    source: &str,
) -> SampleRecordPart<'p> {
    let is_taken = others.iter().any(|other| other.name == part.name);
    if let Some(role) = part.role.filter(|_| is_taken) {
        role.clone_into(&mut part.name);
        part.namespace = format!("{source}-{role}");
    }
    part
}

/// Takes the contacts out of the record and of the people within it, each with the index of the
/// part that it belongs to. Those of a flat record are of its person, where it has one.
fn take_all_contacts<'p>(
    main: &mut SampleRecordPart<'p>,
    parts: &mut [SampleRecordPart<'p>],
    context: &DraftContext<'_>,
) -> Vec<(Option<usize>, Vec<SampleRecordPart<'p>>)> {
    let person = parts.iter().position(|part| part.table == "person");
    let of_main = take_contacts(main, context);
    if let Some(person) = person.and_then(|person| parts.get_mut(person)) {
        // Whoever has an address has a row, for its link to begin at.
        if !person.present.is_empty() && person.kind == "entity" {
            let contacts = of_main.iter().flat_map(|contact| &contact.present);
            person.present.extend(contacts.cloned());
        }
    }
    let mut taken = vec![(person, of_main)];
    for (index, part) in parts.iter_mut().enumerate() {
        if part.table == "person" {
            taken.push((Some(index), take_contacts(part, context)));
        }
    }
    taken
}

/// The column of a table that a field's name stands for.
type ColumnOfName = fn(&str) -> Option<&str>;

/// The tables whose rows are found among the fields of a flat record.
const FLAT_PARTS: [(&str, ColumnOfName); 3] = [
    ("person", person_column),
    ("location", place_column),
    ("object_vehicle", vehicle_column),
];

/// The fields that may fill columns of the record's own row. A list fills none; an object that is a
/// part of its own is left out.
fn main_leaves(fields: &[SampleField]) -> Vec<Leaf<'_>> {
    let mut leaves = Vec::new();
    for field in fields {
        if guess_part_table(&field.inner).is_none() {
            field.collect_leaves("$", &mut leaves);
        }
    }
    leaves.retain(|(_, field)| field.kind != SampleFieldKind::List);
    leaves
}

/// As what a person is in the row, by the field that names it.
fn role_of_name((_, field): &Leaf<'_>) -> Option<&'static str> {
    let name = to_snake_case(&field.name);
    let names_person = person_column(&name).is_some_and(makes_person);
    person_role(&name).filter(|_| names_person)
}

/// Takes the fields of a person, a place or a vehicle out of the main record, where there are enough
/// of them.
fn take_flat_part<'p>(
    main: &mut SampleRecordPart<'p>,
    (table, column_of): (&'static str, ColumnOfName),
    context: &DraftContext<'_>,
) -> Option<SampleRecordPart<'p>> {
    let column = |leaf: &Leaf<'p>| {
        let name = to_snake_case(&leaf.1.name);
        column_of(&name).map(str::to_owned)
    };
    let identifying = |column: &str| match table {
        "person" => makes_person(column),
        "location" => !["street", "town", "county", "premises"].contains(&column),
        _ => column == "vrm",
    };
    let first = main
        .leaves
        .iter()
        .find(|leaf| column(leaf).is_some_and(|column| identifying(&column)))?;
    let condition = first.0.clone();
    let role_of = |leaf: &Leaf<'p>| {
        let name = to_snake_case(&leaf.1.name);
        person_role(&name).filter(|_| table == "person")
    };
    let role = role_of(first);
    // The columns of a person in another role are those of another person.
    let is_of_part = |leaf: &Leaf<'p>| {
        let other = role_of(leaf);
        column(leaf).is_some() && (other.is_none() || other == role)
    };
    let is_key = |leaf: &Leaf<'p>| {
        let name = to_snake_case(&leaf.1.name);
        match table {
            "person" => is_person_key(&name),
            "location" => column(leaf).as_deref() == Some("uprn"),
            _ => column(leaf).as_deref() == Some("vrm"),
        }
    };
    let record_key = &context.guess.key.paths;
    let own_key = main
        .leaves
        .iter()
        .filter(|leaf| role_of(leaf).is_none_or(|of| Some(of) == role))
        .find(|leaf| is_key(leaf) && !record_key.contains(&leaf.0));
    let own_key = own_key.map(|(path, _)| path.clone());

    let (taken, left): (Vec<Leaf<'p>>, Vec<Leaf<'p>>) = main.leaves.drain(..).partition(is_of_part);
    main.leaves = left;
    let part = flat_part(taken, (table, own_key, condition), main, context.source);
    Some(SampleRecordPart { role, ..part })
}

/// The part that fields of a flat record are.
fn flat_part<'p>(
    leaves: Vec<Leaf<'p>>,
    (table, own_key, condition): (&'static str, Option<String>, String),
    main: &SampleRecordPart<'p>,
    source: &str,
) -> SampleRecordPart<'p> {
    let name = match table {
        "object_vehicle" => "vehicle",
        other => other,
    };
    let (kind, namespace, key, condition) = match own_key {
        Some(path) if table == "location" => ("shared", "uprn".to_owned(), uprn_key(&path), None),
        Some(path) => {
            let key = match table {
                "object_vehicle" => {
                    format!("{{normalise: {{from: {}, as: vrm}}}}", quote_path(&path))
                }
                _ => quote_path(&path),
            };
            ("shared", format!("{source}-{name}"), key, Some(path))
        }
        None => (
            "entity",
            format!("{source}-{name}"),
            main.key.clone(),
            Some(condition),
        ),
    };
    SampleRecordPart {
        name: name.to_owned(),
        table,
        leaves,
        kind,
        namespace,
        key,
        present: condition.iter().map(|path| quote_path(path)).collect(),
        type_text: "Address".to_owned(),
        role: None,
        contact: None,
    }
}

/// The key of a place by its UPRN: sources that write it in another way name the same place.
fn uprn_key(path: &str) -> String {
    let path = quote_path(path);
    format!("{{normalise: {{from: {path}, as: uprn, unknown: \"null\"}}}}")
}

/// The part that an object within the record is; none where it seems to belong to the record's own
/// row.
fn nested_part<'p>(
    field: &'p SampleField,
    source: &str,
    main_table: &str,
) -> Option<SampleRecordPart<'p>> {
    if field.kind != SampleFieldKind::Object {
        return None;
    }
    let table = guess_part_table(&field.inner).filter(|table| *table != main_table)?;
    let id = guess_inner_key(&field.inner, table)?;

    let name = to_snake_case(&field.name);
    let path = append_step("$", &field.name);
    let id_path = append_step(&path, &id);
    let (namespace, key) = if to_snake_case(&id) == "uprn" {
        ("uprn".to_owned(), uprn_key(&id_path))
    } else {
        (format!("{source}-{name}"), quote_path(&id_path))
    };
    let mut leaves = Vec::new();
    for inner in &field.inner {
        inner.collect_leaves(&path, &mut leaves);
    }
    leaves.retain(|(_, field)| field.kind != SampleFieldKind::List);
    Some(SampleRecordPart {
        type_text: kind_of_dataset(&name),
        name,
        table,
        leaves,
        kind: "shared",
        namespace,
        key,
        present: Vec::new(),
        role: None,
        contact: None,
    })
}

impl SampleRecordPart<'_> {
    /// The record that maps the part to its table.
    fn draft(&self, context: &DraftContext<'_>, is_main: bool) -> DraftRecord {
        let contract = context.tables.iter().find(|known| known.name == self.table);
        let mut columns = DraftColumns::new(&context.guess.files);
        if let (Some(contract), Some(shape)) = (contract, self.contact) {
            self.leaves
                .iter()
                .for_each(|leaf| columns.fill_contact(contract, shape, leaf));
        } else if let Some(contract) = contract {
            for (path, field) in &self.leaves {
                columns.map_leaf(contract, path, field);
            }
            if is_main {
                columns.fill_reference(contract, &context.guess.key);
                columns.fill_date(contract, &self.leaves);
            }
            columns.fill_required(contract, &self.type_text);
        }

        let mut paths = quoted_paths(&self.key);
        paths.extend(columns.paths);
        DraftRecord {
            text: self.head() + &write_columns(&columns.lines),
            paths,
        }
    }

    /// What stands before the record's columns.
    fn head(&self) -> String {
        let Self {
            name,
            table,
            kind,
            namespace,
            key,
            ..
        } = self;
        let asked = match self.contact {
            Some(_) => String::new(),
            None => format!(" # {OPEN} which table it belongs to"),
        };
        let mut head = format!("  - name: {name}\n    table: {table}{asked}\n");
        if *kind != "entity" {
            let _ = writeln!(head, "    kind: {kind} # other records may describe it too");
        }
        if self.contact.is_some() {
            head.push_str(
                "    # A text of another form makes no row: many records have the same one.\n",
            );
        }
        let _ = writeln!(head, "    id: {{namespace: {namespace}, key: [{key}]}}");
        self.write_condition(&mut head);
        head
    }
}

/// The paths that a key of a mapping names.
fn quoted_paths(key: &str) -> Vec<String> {
    key.split('"')
        .map(|path| path.trim_start_matches("event:").to_owned())
        .collect()
}

fn write_columns(lines: &[(String, String)]) -> String {
    let mut text = String::new();
    if !lines.is_empty() {
        text.push_str("    columns:\n");
    }
    for (column, value) in lines {
        let _ = writeln!(text, "      {column}: {value}");
    }
    text
}

/// Field names that point to a table.
const TABLE_FIELDS: [(&str, &[&str]); 3] = [
    (
        "person",
        &[
            "surname",
            "last_name",
            "family_name",
            "forename",
            "date_of_birth",
            "dob",
        ],
    ),
    ("location", &["uprn", "postcode", "post_code", "latitude"]),
    ("object_vehicle", &["vrm", "registration"]),
];

/// The table that an object's own fields point to.
fn guess_part_table(fields: &[SampleField]) -> Option<&'static str> {
    TABLE_FIELDS
        .iter()
        .find(|(_, names)| {
            fields
                .iter()
                .any(|field| names.contains(&to_snake_case(&field.name).as_str()))
        })
        .map(|(table, _)| *table)
}

/// The field of an object that holds its key: a place's UPRN, `id`, a name that ends in `_id`,
/// `reference`.
fn guess_inner_key(fields: &[SampleField], table: &str) -> Option<String> {
    let names: Vec<(&str, String)> = fields
        .iter()
        .map(|field| (field.name.as_str(), to_snake_case(&field.name)))
        .collect();
    let tests: [fn(&str) -> bool; 4] = [
        |name| name == "uprn",
        |name| name == "id",
        |name| name.ends_with("_id"),
        |name| name == "reference",
    ];

    let skipped = usize::from(table != "location");
    tests
        .iter()
        .skip(skipped)
        .find_map(|fits| names.iter().find(|(_, snake)| fits(snake)))
        .map(|(name, _)| (*name).to_owned())
}
