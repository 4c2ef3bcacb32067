//! A generated source: its contract, its mapping, and how both are written.

use contract::DeclaredFile;
use serde_json::{Map, Value, json};

use super::fields::{RECORD, declaration};
use super::shape::{Formula, IdentityShape, MappedPath, PathStart, RecordShape, RowKind};
use super::values::{PLACEHOLDER, natural_id};

/// What an event type does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum EventDeed {
    Whole,
    Patch,
    /// A patch that brings a deleted record back, from nothing.
    CreateOrPatch,
    Delete,
    Ignore,
}

/// A source.
#[derive(Clone, Debug)]
pub(super) struct SourceShape {
    pub(super) name: String,
    /// Whether events state the record's version.
    pub(super) counts_versions: bool,
    /// Whether the record's key has two parts.
    pub(super) has_branches: bool,
    /// Whether the contract requires the field `code`.
    pub(super) requires_code: bool,
    pub(super) events: Vec<(&'static str, EventDeed)>,
    pub(super) records: Vec<RecordShape>,
}

impl SourceShape {
    /// The parts of the record's key.
    pub(super) fn key_formulas(&self) -> Vec<Formula> {
        let path = |name| Formula::Copy(MappedPath::of(PathStart::Event, name));
        match self.has_branches {
            true => vec![path("branch"), path("entityId")],
            false => vec![path("entityId")],
        }
    }

    /// The id of the record that owns the rows of sets: that of the first entity.
    pub(super) fn owner_id(&self, key: &[String]) -> String {
        let first = self.records.iter().find_map(|record| match &record.id {
            IdentityShape::Natural(namespace, _) if record.kind == RowKind::Entity => {
                Some(namespace)
            }
            _ => None,
        });
        match first {
            Some(namespace) => natural_id(namespace, key),
            None => natural_id(&self.name, &[key.join("/")]),
        }
    }

    fn contract(&self) -> Value {
        let text = |name: &str| json!({"name": name, "logicalType": "string"});
        let object = |name: &str| json!({"name": name, "logicalType": "object"});
        let event = json!([
            {"name": "id", "logicalType": "string", "required": true},
            text("eventType"), text("dateTime"), text("entityId"), text("branch"),
            {"name": "version", "logicalType": "integer"},
            {"name": "eventData", "logicalType": "object",
             "properties": [object("oldData"), object("newData")]},
            object("entity"),
        ]);
        let mut record = declaration(RECORD);
        for field in &mut record {
            if field["name"] == "code" && self.requires_code {
                field["required"] = json!(true);
            }
        }
        json!({
            "apiVersion": "v3.2.0", "kind": "DataContract", "id": self.name, "name": self.name,
            "version": "1.0.0", "status": "active",
            "schema": [
                {"name": "event", "logicalType": "object", "properties": event},
                {"name": "record", "logicalType": "object", "properties": record},
            ],
            "customProperties": [
                {"property": "polelake", "vendor": "polelake", "value": self.extension()}
            ],
        })
    }

    fn extension(&self) -> Value {
        let deeds: Map<String, Value> = self
            .events
            .iter()
            .map(|(name, deed)| ((*name).to_owned(), json!(deed_name(*deed))))
            .collect();
        let key = match self.has_branches {
            true => json!(["$.branch", "$.entityId"]),
            false => json!(["$.entityId"]),
        };
        let principals = ["arn:aws:iam::000000000000:role/oracle"];
        let mut extension = json!({
            "topic": self.name, "envelope": "entity-event", "record": "record", "key": key,
            "body": ["$.eventData.newData"], "state": "$.entity", "events": deeds,
            "push": {"principals": principals},
        });
        if self.counts_versions {
            extension["version"] = json!("$.version");
        }
        extension
    }

    fn mapping(&self) -> Value {
        let records: Vec<Value> = self.records.iter().map(RecordShape::to_json).collect();
        json!({
            "source": self.name, "version": "1.0.0", "sentinels": [PLACEHOLDER], "records": records
        })
    }

    /// The contract and the mapping. JSON is YAML too.
    pub(super) fn files(&self) -> [DeclaredFile; 2] {
        let folder = format!("sources/oracle/{}", self.name);
        let file = |name: &str, value: Value| {
            let text = serde_json::to_string_pretty(&value).unwrap();
            DeclaredFile::new(format!("{folder}/{name}"), text)
        };
        [
            file("contract.odcs.yaml", self.contract()),
            file("mapping.yaml", self.mapping()),
        ]
    }
}

fn deed_name(deed: EventDeed) -> &'static str {
    match deed {
        EventDeed::Whole => "upsert",
        EventDeed::Patch => "patch",
        EventDeed::CreateOrPatch => "create-or-patch",
        EventDeed::Delete => "delete",
        EventDeed::Ignore => "ignore",
    }
}
