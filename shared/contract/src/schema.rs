//! JSON Schemas of the declared files, derived from the types that read them: an editor completes and checks by them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::extension::{SourceExtension, TableExtension};
use crate::incident::IncidentsDocument;
use crate::list::ListDocument;
use crate::mapping::MappingDocument;
use crate::odcs::ContractDocument;
use crate::rule::Implementation;

/// The published schemas: file name and schema.
#[must_use]
pub fn published_schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("contract.schema.json", contract_schema()),
        (
            "mapping.schema.json",
            titled_schema::<MappingDocument>("A mapping of polelake").to_value(),
        ),
        (
            "incidents.schema.json",
            titled_schema::<IncidentsDocument>("Acknowledged incidents of polelake").to_value(),
        ),
        (
            "list.schema.json",
            titled_schema::<ListDocument>("A reference list of polelake").to_value(),
        ),
    ]
}

fn titled_schema<T: JsonSchema>(title: &str) -> Schema {
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    schema
}

/// The standard's part, with our extension and our rules typed where they stand.
fn contract_schema() -> Value {
    let mut schema =
        titled_schema::<ContractDocument>("A data contract of polelake: ODCS with our extension")
            .to_value();
    let mut take = |schema_of: Schema, name: &str| {
        // What refers to itself must go on doing so within the whole.
        let own = schema_of.to_value().to_string().replace(
            "\"$ref\":\"#\"",
            &format!("\"$ref\":\"#/definitions/{name}\""),
        );
        let mut value: Value = serde_json::from_str(&own).unwrap_or_default();
        let own = value["definitions"].take();
        for (known, definition) in own.as_object().into_iter().flatten() {
            schema["definitions"][known] = definition.clone();
        }
        for unwanted in ["$schema", "definitions", "title"] {
            value.as_object_mut().map(|object| object.remove(unwanted));
        }
        schema["definitions"][name] = value;
    };
    take(titled_schema::<SourceExtension>(""), "SourceExtension");
    take(titled_schema::<TableExtension>(""), "TableExtension");
    take(titled_schema::<Implementation>(""), "Implementation");
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    schema["definitions"]["Custom"]["allOf"] = json!([{
        "if": {"properties": {"property": {"const": "polelake"}}, "required": ["property"]},
        "then": {"properties": {"value": {"anyOf": [reference("SourceExtension"), reference("TableExtension")]}}},
    }]);
    schema["definitions"]["Quality"]["allOf"] = json!([{
        "if": {"properties": {"engine": {"const": "polelake"}}, "required": ["engine"]},
        "then": {"properties": {"implementation": reference("Implementation")}},
    }]);
    schema
}
