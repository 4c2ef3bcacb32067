//! Guesses at what samples mean: the envelope, the key, and which tables the record fills.

use std::fmt::Write;

use serde_json::Value;

use super::OPEN;
use super::fields::{SampleField, SampleFieldKind, append_step, collect_fields, to_snake_case};
use crate::table::TableContract;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuessedEnvelope {
    EntityEvent,
    Cloudevents,
    Plain,
}

impl GuessedEnvelope {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EntityEvent => "entity-event",
            Self::Cloudevents => "cloudevents",
            Self::Plain => "plain",
        }
    }
}

/// What the samples seem to be.
#[derive(Debug)]
pub(super) struct SourceGuess {
    pub(super) envelope: GuessedEnvelope,
    /// The fields of the record.
    pub(super) record: Vec<SampleField>,
    /// The event types that were seen; one made up where events have none.
    pub(super) event_types: Vec<String>,
    /// The name of the field that tells records apart.
    key: String,
    /// The path to when the record changed.
    pub(super) time: Option<String>,
}

impl SourceGuess {
    pub(super) fn from_samples(samples: &[Value]) -> Self {
        let all = |names: &[&str]| {
            samples
                .iter()
                .all(|sample| names.iter().all(|name| sample.get(*name).is_some()))
        };
        let envelope = if all(&["eventType", "eventData"]) {
            GuessedEnvelope::EntityEvent
        } else if all(&["specversion", "type", "data"]) {
            GuessedEnvelope::Cloudevents
        } else {
            GuessedEnvelope::Plain
        };
        let body = |sample: &Value| match envelope {
            GuessedEnvelope::EntityEvent => sample["eventData"]["newData"].clone(),
            GuessedEnvelope::Cloudevents => sample["data"].clone(),
            GuessedEnvelope::Plain => sample.clone(),
        };
        let records: Vec<Value> = samples.iter().map(body).filter(Value::is_object).collect();
        let record = collect_fields(&records);
        let kind = match envelope {
            GuessedEnvelope::EntityEvent => Some("eventType"),
            GuessedEnvelope::Cloudevents => Some("type"),
            GuessedEnvelope::Plain => None,
        };
        let mut event_types: Vec<String> = match kind {
            Some(kind) => samples
                .iter()
                .filter_map(|sample| sample[kind].as_str())
                .map(str::to_owned)
                .collect(),
            None => vec!["record".to_owned()],
        };
        event_types.sort();
        event_types.dedup();
        let key = guess_key(&record, &records).unwrap_or_else(|| "id".to_owned());
        let time = record
            .iter()
            .find(|field| is_change_time(field))
            .map(|field| append_step("$", &field.name));
        Self {
            envelope,
            record,
            event_types,
            key,
            time,
        }
    }

    /// The path to the key in the event.
    pub(super) fn event_key_path(&self) -> String {
        match self.envelope {
            GuessedEnvelope::EntityEvent => "$.entityId".to_owned(),
            GuessedEnvelope::Cloudevents => "$.subject".to_owned(),
            GuessedEnvelope::Plain => append_step("$", &self.key),
        }
    }

    /// The key as a mapping writes it.
    fn mapping_key(&self) -> String {
        format!("\"event:{}\"", self.event_key_path())
    }

    /// Members of the event that hold the record.
    pub(super) fn record_members(&self) -> Vec<&'static str> {
        match self.envelope {
            GuessedEnvelope::EntityEvent => vec!["newData", "oldData", "entity"],
            GuessedEnvelope::Cloudevents => vec!["data"],
            GuessedEnvelope::Plain => Vec::new(),
        }
    }
}

/// The field whose values tell the records apart and whose name says so.
fn guess_key(fields: &[SampleField], records: &[Value]) -> Option<String> {
    let telling = |field: &&SampleField| {
        let name = to_snake_case(&field.name);
        let named = name == "id"
            || name.ends_with("_id")
            || name.ends_with("reference")
            || name.ends_with("number")
            || name == "ref";
        let mut values: Vec<String> = records
            .iter()
            .map(|record| record[&field.name].to_string())
            .collect();
        values.sort();
        let distinct = values.windows(2).all(|pair| pair[0] != pair[1])
            && !values.contains(&"null".to_owned());
        named && distinct
    };
    let first = fields
        .iter()
        .find(|field| telling(field) && to_snake_case(&field.name) == "id");
    first
        .or_else(|| fields.iter().find(telling))
        .map(|field| field.name.clone())
}

/// Whether a field seems to say when the record changed.
fn is_change_time(field: &SampleField) -> bool {
    let name = to_snake_case(&field.name);
    let named = ["updated", "modified", "changed", "timestamp"]
        .iter()
        .any(|part| name.contains(part));
    named
        && matches!(
            field.kind,
            SampleFieldKind::Timestamp | SampleFieldKind::Date
        )
}

/// What an event type's name says that it does.
pub(super) fn guess_operation(event: &str) -> &'static str {
    let name = event.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["delet", "remov", "erase", "cancel"]) {
        "delete"
    } else if has(&["updat", "chang", "edit", "amend"]) {
        "patch"
    } else {
        "upsert"
    }
}

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

/// Records of the mapping: one for each part of the record that looks like a person, a place or a thing, links between
/// them, and one for the event itself.
pub(super) fn draft_records(
    guess: &SourceGuess,
    source: &str,
    tables: &[TableContract],
) -> Vec<DraftRecord> {
    let mut found = Vec::new();
    let mut ends: Vec<(String, &str, String, String)> = Vec::new();
    let own = (source.to_owned(), guess.mapping_key());
    let main = guess_main_table(&guess.record);
    let whole = SampleRecordPart {
        name: "record",
        path: "$",
        fields: &guess.record,
        kind: "entity",
    };
    found.push(draft_record(&whole, main, &own, tables));
    for field in guess
        .record
        .iter()
        .filter(|field| field.kind == SampleFieldKind::Object)
    {
        let path = append_step("$", &field.name);
        let table = match guess_part_table(&field.inner) {
            Some(table) if table != main => table,
            _ => continue,
        };
        let Some(id) = guess_inner_key(&field.inner, table) else {
            continue;
        };
        let name = to_snake_case(&field.name);
        let (namespace, key) = match to_snake_case(&id).as_str() {
            // Sources that write it otherwise name the same place.
            "uprn" => {
                let key = format!(
                    "{{normalise: {{from: \"{}\", as: uprn, unknown: \"null\"}}}}",
                    append_step(&path, &id)
                );
                ("uprn".to_owned(), key)
            }
            _ => (
                format!("{source}-{name}"),
                format!("\"{}\"", append_step(&path, &id)),
            ),
        };
        let part = SampleRecordPart {
            name: &name,
            path: &path,
            fields: &field.inner,
            kind: "shared",
        };
        found.push(draft_record(
            &part,
            table,
            &(namespace.clone(), key.clone()),
            tables,
        ));
        ends.push((name, table, namespace, key));
    }
    for (name, table, namespace, key) in ends {
        found.push(DraftRecord {
            text: format!(
                "  - name: {name}_link\n    table: link\n    kind: set\n    link:\n      from: {{table: {main}, namespace: {}, key: [{}]}}\n      to: {{table: {table}, namespace: {namespace}, key: [{key}]}}\n      type: {{constant: relates_to}} # {OPEN} what kind of link it is\n      role: {{constant: {name}}}\n",
                own.0, own.1
            ),
            paths: vec![key],
        });
    }
    found
}

/// A part of the samples' record.
struct SampleRecordPart<'p> {
    name: &'p str,
    path: &'p str,
    fields: &'p [SampleField],
    kind: &'p str,
}

fn draft_record(
    part: &SampleRecordPart<'_>,
    table: &str,
    (namespace, key): &(String, String),
    tables: &[TableContract],
) -> DraftRecord {
    let mut out = format!(
        "  - name: {}\n    table: {table} # {OPEN} which table it belongs to\n",
        part.name
    );
    if part.kind != "entity" {
        let _ = writeln!(
            out,
            "    kind: {} # it may be told of by other records too",
            part.kind
        );
    }
    let _ = writeln!(out, "    id: {{namespace: {namespace}, key: [{key}]}}");
    let mut paths: Vec<String> = key
        .split('"')
        .map(|path| path.trim_start_matches("event:").to_owned())
        .collect();
    let contract = tables.iter().find(|known| known.name == table);
    let columns = contract.map(|contract| {
        contract
            .own_columns()
            .iter()
            .map(|column| column.name.as_str())
            .collect::<Vec<_>>()
    });
    let (columns, mut lines) = (columns.unwrap_or_default(), Vec::new());
    let mut leaves = Vec::new();
    for field in part
        .fields
        .iter()
        .filter(|field| part.path != "$" || guess_part_table(&field.inner).is_none())
    {
        field.collect_leaves(part.path, &mut leaves);
    }
    for (path, kind) in leaves
        .into_iter()
        .filter(|(_, kind)| *kind != SampleFieldKind::List)
    {
        let leaf = to_snake_case(
            path.rsplit(['.', '\''])
                .find(|piece| !piece.is_empty() && *piece != "]")
                .unwrap_or(&path),
        );
        let column = COLUMN_SYNONYMS
            .iter()
            .find(|(synonym, _)| *synonym == leaf)
            .map_or(leaf.as_str(), |(_, column)| column);
        let taken = |name: &str| {
            lines
                .iter()
                .any(|(known, _): &(String, String)| known == name)
        };
        if columns.contains(&column) && !taken(column) {
            let normaliser = NORMALISED_COLUMNS
                .iter()
                .find(|(name, _)| *name == column && kind == SampleFieldKind::Text);
            let value = normaliser.map_or(format!("\"{path}\""), |(_, how)| {
                format!("{{normalise: {{from: \"{path}\", as: {how}}}}}")
            });
            lines.push((column.to_owned(), value));
            paths.push(path);
        }
    }
    add_required_columns(contract, part, &mut lines);
    if !lines.is_empty() {
        out.push_str("    columns:\n");
        lines.iter().for_each(|(column, value)| {
            let _ = writeln!(out, "      {column}: {value}");
        });
    }
    DraftRecord { text: out, paths }
}

/// Required columns that nothing fills get the part's name, to be decided.
fn add_required_columns(
    contract: Option<&TableContract>,
    part: &SampleRecordPart<'_>,
    lines: &mut Vec<(String, String)>,
) {
    for column in contract
        .into_iter()
        .flat_map(TableContract::own_columns)
        .filter(|column| column.required)
    {
        if !lines.iter().any(|(known, _)| *known == column.name) {
            lines.push((
                column.name.clone(),
                format!("{{constant: {}}} # {OPEN} what fills it", part.name),
            ));
        }
    }
}

/// The table that the record as a whole seems to belong to.
fn guess_main_table(fields: &[SampleField]) -> &'static str {
    guess_part_table(fields).unwrap_or("object")
}

/// The table that an object's own fields point to.
fn guess_part_table(fields: &[SampleField]) -> Option<&'static str> {
    let has = |names: &[&str]| {
        fields
            .iter()
            .any(|field| names.contains(&to_snake_case(&field.name).as_str()))
    };
    if has(&[
        "surname",
        "last_name",
        "family_name",
        "date_of_birth",
        "dob",
    ]) {
        Some("person")
    } else if has(&["uprn", "postcode", "post_code", "latitude"]) {
        Some("location")
    } else if has(&["vrm", "registration"]) {
        Some("object_vehicle")
    } else {
        None
    }
}

fn guess_inner_key(fields: &[SampleField], table: &str) -> Option<String> {
    let named = |name: &str| {
        fields
            .iter()
            .find(|field| to_snake_case(&field.name) == name)
            .map(|field| field.name.clone())
    };
    let place = if table == "location" {
        named("uprn")
    } else {
        None
    };
    let ending = || {
        fields
            .iter()
            .find(|field| to_snake_case(&field.name).ends_with("_id"))
            .map(|field| field.name.clone())
    };
    place
        .or_else(|| named("id"))
        .or_else(ending)
        .or_else(|| named("reference"))
}
