//! Drafts the records of a mapping: one for each part of the samples' record that looks like a row
//! of a table.

use std::fmt::Write;

use super::OPEN;
use super::fields::{SampleField, SampleFieldKind, append_step, to_snake_case};
use super::guess::SourceGuess;
use crate::table::TableContract;

/// A record of the mapping, as text, with the paths that it uses.
pub(super) struct DraftRecord {
    pub(super) text: String,
    pub(super) paths: Vec<String>,
}

/// Other names of columns, as sources write them.
const COLUMN_SYNONYMS: [(&str, &str); 22] = [
    ("first_name", "given_name"),
    ("forename", "given_name"),
    ("forenames", "given_name"),
    ("last_name", "surname"),
    ("family_name", "surname"),
    ("middle_name", "middle_names"),
    ("dob", "date_of_birth"),
    ("birth_date", "date_of_birth"),
    ("post_code", "postcode"),
    ("address_line1", "address_line_1"),
    ("line1", "address_line_1"),
    ("line_1", "address_line_1"),
    ("address_line2", "address_line_2"),
    ("line2", "address_line_2"),
    ("city", "town"),
    ("lat", "latitude"),
    ("lon", "longitude"),
    ("lng", "longitude"),
    ("registration", "vrm"),
    ("reg", "vrm"),
    ("ref", "reference"),
    ("sex", "gender"),
];

/// Columns whose texts a normaliser writes in one way.
const NORMALISED_COLUMNS: [(&str, &str); 6] = [
    ("postcode", "postcode"),
    ("uprn", "uprn"),
    ("vrm", "vrm"),
    ("given_name", "name"),
    ("surname", "name"),
    ("country", "country"),
];

/// A part of the samples' record that becomes a record of the mapping.
struct SampleRecordPart<'p> {
    name: String,
    path: String,
    table: &'static str,
    fields: &'p [SampleField],
    kind: &'static str,
    /// The namespace of its ids.
    namespace: String,
    /// Its key, as a mapping writes it.
    key: String,
}

/// Records of the mapping: one for the record itself, one for each object within it that looks like
/// a person, a place or a thing, and a link to each of these.
pub(super) fn draft_records(
    guess: &SourceGuess,
    source: &str,
    tables: &[TableContract],
) -> Vec<DraftRecord> {
    let main = SampleRecordPart {
        name: "record".to_owned(),
        path: "$".to_owned(),
        table: guess_part_table(&guess.record).unwrap_or("object"),
        fields: &guess.record,
        kind: "entity",
        namespace: source.to_owned(),
        key: guess.mapping_key(),
    };
    let parts: Vec<SampleRecordPart<'_>> = guess
        .record
        .iter()
        .filter_map(|field| SampleRecordPart::from_field(field, source, main.table))
        .collect();

    let mut records = vec![main.draft(tables)];
    records.extend(parts.iter().map(|part| part.draft(tables)));
    records.extend(parts.iter().map(|part| draft_link(&main, part)));
    records
}

impl<'p> SampleRecordPart<'p> {
    /// The part that an object within the record is; none where it seems to belong to the record's
    /// own row.
    fn from_field(field: &'p SampleField, source: &str, main_table: &str) -> Option<Self> {
        if field.kind != SampleFieldKind::Object {
            return None;
        }
        let table = guess_part_table(&field.inner).filter(|table| *table != main_table)?;
        let id = guess_inner_key(&field.inner, table)?;

        let name = to_snake_case(&field.name);
        let path = append_step("$", &field.name);
        let id_path = append_step(&path, &id);
        let (namespace, key) = if to_snake_case(&id) == "uprn" {
            // Sources that write a UPRN in another way name the same place.
            let key =
                format!("{{normalise: {{from: \"{id_path}\", as: uprn, unknown: \"null\"}}}}");
            ("uprn".to_owned(), key)
        } else {
            (format!("{source}-{name}"), format!("\"{id_path}\""))
        };
        Some(Self {
            name,
            path,
            table,
            fields: &field.inner,
            kind: "shared",
            namespace,
            key,
        })
    }

    /// The record that maps the part to its table.
    fn draft(&self, tables: &[TableContract]) -> DraftRecord {
        let contract = tables.iter().find(|known| known.name == self.table);
        let mut columns = DraftColumns::default();
        if let Some(contract) = contract {
            for (path, kind) in self.leaves() {
                columns.map_leaf(contract, path, kind);
            }
            columns.fill_required(contract, &self.name);
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
        let mut head =
            format!("  - name: {name}\n    table: {table} # {OPEN} which table it belongs to\n");
        if *kind != "entity" {
            let _ = writeln!(head, "    kind: {kind} # other records may describe it too");
        }
        let _ = writeln!(head, "    id: {{namespace: {namespace}, key: [{key}]}}");
        head
    }

    /// The paths that may fill columns. A list fills none; an object that is a part of its own is
    /// left out of the record.
    fn leaves(&self) -> Vec<(String, SampleFieldKind)> {
        let mut leaves = Vec::new();
        for field in self.fields {
            if self.path != "$" || guess_part_table(&field.inner).is_none() {
                field.collect_leaves(&self.path, &mut leaves);
            }
        }
        leaves.retain(|(_, kind)| *kind != SampleFieldKind::List);
        leaves
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

/// The columns of a record, as they are found.
#[derive(Default)]
struct DraftColumns {
    /// Each column with the expression that fills it.
    lines: Vec<(String, String)>,
    /// The paths that the expressions use.
    paths: Vec<String>,
}

impl DraftColumns {
    fn fills(&self, column: &str) -> bool {
        self.lines.iter().any(|(known, _)| known == column)
    }

    /// Fills the column that has the leaf's name, where the table has one and no earlier leaf fills
    /// it.
    fn map_leaf(&mut self, contract: &TableContract, path: String, kind: SampleFieldKind) {
        let leaf = to_snake_case(last_step(&path));
        let column = column_of_name(&leaf);
        let own_columns = contract.own_columns();
        if self.fills(column) || !own_columns.iter().any(|own| own.name == column) {
            return;
        }

        let normaliser = NORMALISED_COLUMNS
            .iter()
            .find(|(name, _)| *name == column && kind == SampleFieldKind::Text);
        let value = match normaliser {
            Some((_, form)) => format!("{{normalise: {{from: \"{path}\", as: {form}}}}}"),
            None => format!("\"{path}\""),
        };
        self.lines.push((column.to_owned(), value));
        self.paths.push(path);
    }

    /// Required columns that nothing fills get the part's name, for the author to decide.
    fn fill_required(&mut self, contract: &TableContract, part: &str) {
        for column in contract.own_columns() {
            if column.required && !self.fills(&column.name) {
                let value = format!("{{constant: {part}}} # {OPEN} what fills it");
                self.lines.push((column.name.clone(), value));
            }
        }
    }
}

/// The last name of a path.
fn last_step(path: &str) -> &str {
    path.rsplit(['.', '\''])
        .find(|piece| !piece.is_empty() && *piece != "]")
        .unwrap_or(path)
}

/// The column that a name stands for: its own, or that of its synonym.
fn column_of_name(name: &str) -> &str {
    COLUMN_SYNONYMS
        .iter()
        .find(|(synonym, _)| *synonym == name)
        .map_or(name, |(_, column)| column)
}

/// The link from the record's own row to that of a part.
fn draft_link(main: &SampleRecordPart<'_>, part: &SampleRecordPart<'_>) -> DraftRecord {
    let name = &part.name;
    let from = link_end(main);
    let to = link_end(part);
    let text = format!(
        r"  - name: {name}_link
    table: link
    kind: set
    link:
      from: {from}
      to: {to}
      type: {{constant: relates_to}} # {OPEN} what kind of link it is
      role: {{constant: {name}}}
"
    );
    DraftRecord {
        text,
        paths: vec![part.key.clone()],
    }
}

fn link_end(part: &SampleRecordPart<'_>) -> String {
    let SampleRecordPart {
        table,
        namespace,
        key,
        ..
    } = part;
    format!("{{table: {table}, namespace: {namespace}, key: [{key}]}}")
}

/// Field names that point to a table.
const TABLE_FIELDS: [(&str, &[&str]); 3] = [
    (
        "person",
        &[
            "surname",
            "last_name",
            "family_name",
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
