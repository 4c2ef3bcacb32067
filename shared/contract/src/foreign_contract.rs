//! Contracts that were written for other systems: what they lack, and what to add.

use serde_json::Value;

use crate::file::DeclaredFile;
use crate::locator::problem_at;
use crate::odcs::SUPPORTED_VERSIONS;
use crate::place::DocumentPlace;
use crate::problem::Problem;

/// The members that every contract has.
const REQUIRED_MEMBERS: [&str; 4] = ["apiVersion", "kind", "id", "version"];

/// What a contract describes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContractRole {
    /// The events of a source.
    Source,
    /// A table of POLE.
    Table,
}

/// Refuses a contract without our extension: says everything that it lacks, with the block to
/// paste. A contract that has the extension is read strictly instead.
pub(crate) fn refuse_foreign_contract(
    file: &DeclaredFile,
    role: ContractRole,
) -> Result<(), Problem> {
    let Some(root) = file.parsed_value().filter(|root| root.is_object()) else {
        return Ok(());
    };
    if let Some(why) = other_standard(root) {
        return Err(problem_at(file, &DocumentPlace::root(), why));
    }

    let customs = root["customProperties"].as_array();
    let mut ours = customs
        .into_iter()
        .flatten()
        .filter(|custom| custom["property"] == "polelake");
    if ours.any(|custom| !custom["value"].is_null()) {
        return Ok(());
    }
    let place = DocumentPlace::root().name("customProperties");
    Err(problem_at(file, &place, describe_lack(root, role)))
}

/// That a file follows another standard, and how it becomes one of ours.
fn other_standard(root: &Value) -> Option<String> {
    if !root["dataContractSpecification"].is_null() {
        let why = "this is a contract of the Data Contract Specification, which the Open Data \
                   Contract Standard has replaced: `datacontract export --format odcs` converts it";
        return Some(why.to_owned());
    }
    let version = root["apiVersion"].as_str().unwrap_or_default();
    let number = version.trim_start_matches('v');
    (number.starts_with("2.") || !root["datasetName"].is_null()).then(|| {
        format!(
            "this is a contract of version 2 of the standard (apiVersion `{version}`): write it as \
             version 3, in which `dataset` is `schema` and a `column` one of its `properties`; {} \
             are read",
            SUPPORTED_VERSIONS.join(", ")
        )
    })
}

fn describe_lack(root: &Value, role: ContractRole) -> String {
    let mut lacks = missing_members(root);
    let what = match role {
        ContractRole::Source => "how the source's events come",
        ContractRole::Table => "which family of POLE the table belongs to",
    };
    lacks.push(format!("no custom property `polelake`, which says {what}"));
    let block = match role {
        ContractRole::Source => source_block(root),
        ContractRole::Table => TABLE_BLOCK.to_owned(),
    };
    let paste = if root["customProperties"].is_array() {
        format!("Add to `customProperties`: - {block}")
    } else {
        format!("Add: customProperties: [{block}]")
    };
    format!(
        "this contract has {}. {paste}. {}",
        lacks.join(", "),
        next_step(role)
    )
}

/// What the standard requires and the contract has not.
fn missing_members(root: &Value) -> Vec<String> {
    let mut lacks: Vec<String> = REQUIRED_MEMBERS
        .into_iter()
        .filter(|name| root[*name].is_null())
        .map(|name| format!("no `{name}`"))
        .collect();

    let version = root["apiVersion"].as_str();
    if let Some(version) = version.filter(|version| !SUPPORTED_VERSIONS.contains(version)) {
        let read = SUPPORTED_VERSIONS.join(", ");
        lacks.push(format!(
            "the apiVersion `{version}`, of which {read} are read"
        ));
    }
    if root["schema"].as_array().is_none_or(Vec::is_empty) {
        lacks.push("no `schema`".to_owned());
    }
    lacks
}

/// The extension of a source with what the contract says already, as one line of YAML.
fn source_block(root: &Value) -> String {
    let topic = topic_name(root);
    let key = key_paths(root).join(", ");
    format!(
        "{{property: polelake, value: {{topic: {topic}, envelope: plain, key: [{key}], events: \
         {{record: upsert}}, push: {{principals: ['arn:aws:iam::000000000000:role/NAME']}}}}}}"
    )
}

/// The extension of a table, as one line of YAML.
const TABLE_BLOCK: &str = "{property: polelake, value: {family: object}}";

/// A topic's name, made of the contract's name.
fn topic_name(root: &Value) -> String {
    let schema_name = &root["schema"][0]["name"];
    let named = [&root["name"], schema_name, &root["id"]]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default();
    let letters: String = named
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
            _ => '-',
        })
        .collect();
    let parts: Vec<&str> = letters.split('-').filter(|part| !part.is_empty()).collect();
    match parts.is_empty() {
        true => "TOPIC".to_owned(),
        false => parts.join("-"),
    }
}

/// Paths to the fields that the contract marks as the key of its first object.
fn key_paths(root: &Value) -> Vec<String> {
    let properties = root["schema"][0]["properties"].as_array();
    let keys = properties
        .into_iter()
        .flatten()
        .filter(|property| property["primaryKey"] == true);
    let paths: Vec<String> = keys
        .filter_map(|property| Some(format!("$.{}", property["name"].as_str()?)))
        .collect();
    match paths.is_empty() {
        true => vec!["$.KEY".to_owned()],
        false => paths,
    }
}

fn next_step(role: ContractRole) -> &'static str {
    match role {
        ContractRole::Source => {
            "Or let `polelake contract new TEAM/DATASET --from SAMPLES` draft it with its mapping, \
             and copy what people say of it"
        }
        ContractRole::Table => {
            "The family is person, object, location, event or link. The first columns are those of \
             the provenance: copy them from contracts/pole/object.odcs.yaml"
        }
    }
}
