//! JSON Schemas of the declared files, derived from the types that read them. Editors complete and
//! check by them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::extension::{SourceExtension, TableExtension};
use crate::field_extension::FieldExtension;
use crate::incident::IncidentsDocument;
use crate::list::ListDocument;
use crate::mapping::MappingDocument;
use crate::namespace::NamespacesDocument;
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
            "namespaces.schema.json",
            titled_schema::<NamespacesDocument>("Namespaces of keys of polelake").to_value(),
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

/// The standard's part, with the types of our extension and our rules where the standard allows any
/// value.
fn contract_schema() -> Value {
    let title = "A data contract of polelake: ODCS with our extension";
    let mut schema = titled_schema::<ContractDocument>(title).to_value();
    add_definition::<SourceExtension>(&mut schema, "SourceExtension");
    add_definition::<TableExtension>(&mut schema, "TableExtension");
    add_definition::<FieldExtension>(&mut schema, "FieldExtension");
    add_definition::<Implementation>(&mut schema, "Implementation");

    schema["definitions"]["Custom"]["allOf"] = json!([{
        "if": {"properties": {"property": {"const": "polelake"}}, "required": ["property"]},
        "then": {"properties": {"value": {"anyOf": [
            {"$ref": "#/definitions/SourceExtension"},
            {"$ref": "#/definitions/TableExtension"},
            {"$ref": "#/definitions/FieldExtension"},
        ]}}},
    }]);
    schema["definitions"]["Quality"]["allOf"] = json!([{
        "if": {"properties": {"engine": {"const": "polelake"}}, "required": ["engine"]},
        "then": {"properties": {"implementation": {"$ref": "#/definitions/Implementation"}}},
    }]);
    schema
}

/// Adds a type's schema, and the definitions that it uses, to the definitions of another schema.
fn add_definition<T: JsonSchema>(schema: &mut Value, name: &str) {
    // A reference to the root of the type's own schema must lead to its definition in the other.
    let text = titled_schema::<T>("").to_value().to_string().replace(
        "\"$ref\":\"#\"",
        &format!("\"$ref\":\"#/definitions/{name}\""),
    );
    let mut definition: Value = serde_json::from_str(&text).unwrap_or_default();

    let used = definition["definitions"].take();
    for (used_name, used_definition) in used.as_object().into_iter().flatten() {
        schema["definitions"][used_name] = used_definition.clone();
    }

    if let Some(members) = definition.as_object_mut() {
        for unwanted in ["$schema", "definitions", "title"] {
            members.remove(unwanted);
        }
    }
    schema["definitions"][name] = definition;
}
