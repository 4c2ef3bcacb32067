//! The part of the Open Data Contract Standard that we read (3.0.2 to 3.2.0).
//!
//! Our extension is the value of one custom property, `polelake`, and is checked strictly. The lint
//! reports names that the standard does not know, and parts of the standard that the platform does
//! not enforce: it skips neither silently.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::file::DeclaredFile;
use crate::locator::problem_at;
use crate::place::DocumentPlace;
use crate::problem::{Problem, nearest_name_hint};
use crate::yaml;

/// The versions of the standard that are accepted.
pub(crate) const SUPPORTED_VERSIONS: [&str; 3] = ["v3.0.2", "v3.1.0", "v3.2.0"];

/// A data contract: who answers for which data, with which structure and under which rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContractDocument {
    /// The version of the standard, with its `v`: v3.0.2, v3.1.0 or v3.2.0.
    pub api_version: String,
    /// `DataContract`.
    pub kind: String,
    /// The contract's id; for a source, its name in addresses and in the column `source`.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// The contract's own version, stamped on every row.
    pub version: String,
    /// `draft`, `active`, `deprecated` and so on.
    #[serde(default)]
    pub status: Option<String>,
    /// The department that it belongs to. The catalogue's databases have its name.
    #[serde(default)]
    pub domain: Option<String>,
    /// What the data are for.
    #[serde(default)]
    pub description: Description,
    /// The described objects: a table; or an event, and the record within it.
    #[serde(default)]
    pub schema: Vec<SchemaObject>,
    /// The team that answers for it: the standard's object, or its older list.
    #[serde(default)]
    pub team: Option<Value>,
    /// The channels for questions.
    #[serde(default)]
    pub support: Vec<Support>,
    /// Who may do what with the data.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Promises about time.
    #[serde(default)]
    pub sla_properties: Vec<ServiceLevel>,
    /// Linked documents: a data protection impact assessment, a licence.
    #[serde(default, rename = "authoritativeDefinitions")]
    pub links: Vec<AuthoritativeDefinition>,
    /// Extensions; ours is called `polelake`.
    #[serde(default)]
    pub custom_properties: Vec<Custom>,
}

/// A contract's description.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Description {
    /// What the data are for.
    #[serde(default)]
    pub purpose: Option<String>,
    /// How they may be used.
    #[serde(default)]
    pub usage: Option<String>,
    /// What they do not say, and what they are not good for.
    #[serde(default)]
    pub limitations: Option<String>,
}

/// A channel for questions.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Support {
    /// The channel's name.
    pub channel: String,
    /// Its address; `mailto:` for a mailbox.
    #[serde(default)]
    pub url: Option<String>,
    /// `email`, `teams`, `slack` and so on.
    #[serde(default)]
    pub tool: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
}

/// Who may do what.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// Its name.
    pub role: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// `read`, `write`.
    #[serde(default)]
    pub access: Option<String>,
    /// Who grants it.
    #[serde(default)]
    pub first_level_approvers: Option<String>,
}

/// A promise, such as `latency` or `frequency`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceLevel {
    /// What is promised: `frequency`, `latency`, `retention`, `timeOfAvailability` and so on.
    pub property: String,
    /// How much of it.
    pub value: Value,
    /// The unit: `d`, `h`, `m`.
    #[serde(default)]
    pub unit: Option<String>,
    /// What it means, in words.
    #[serde(default)]
    pub description: Option<String>,
}

/// A linked document.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct AuthoritativeDefinition {
    /// Its address.
    pub url: String,
    /// What it is: `dpia`, `licence`, `businessDefinition` and so on.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A described object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaObject {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// Its fields.
    #[serde(default)]
    pub properties: Vec<Property>,
    /// Rules on the whole.
    #[serde(default)]
    pub quality: Vec<Quality>,
}

/// A field or column.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// What it means.
    #[serde(default)]
    pub description: Option<String>,
    /// The standard's coarse type.
    #[serde(default)]
    pub logical_type: Option<String>,
    /// Limits: `minLength`, `maxLength`, `pattern` of a text; `minimum`, `maximum` and their
    /// exclusive kind of the others.
    #[serde(default)]
    pub logical_type_options: Option<Value>,
    /// The exact type, such as `decimal(12,2)`.
    #[serde(default)]
    pub physical_type: Option<String>,
    /// Whether null is refused.
    #[serde(default)]
    pub required: bool,
    /// Whether no two rows may have the same value.
    #[serde(default)]
    pub unique: bool,
    /// Whether it is part of the key.
    #[serde(default)]
    pub primary_key: bool,
    /// `public`, `internal` or `personal`.
    #[serde(default)]
    pub classification: Option<String>,
    /// Words to find it by; an attribute of the Minimum POLE Data Standards has its number here.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Synthetic values that the field could hold.
    #[serde(default)]
    pub examples: Vec<Value>,
    /// The values that it may have (3.2).
    #[serde(default, rename = "enum")]
    pub enum_values: Vec<EnumValue>,
    /// The fields of an object. The content of an object without them is not checked.
    #[serde(default)]
    pub properties: Vec<Property>,
    /// What the elements of an array are.
    #[serde(default)]
    pub items: Option<Box<Property>>,
    /// Rules on the field.
    #[serde(default)]
    pub quality: Vec<Quality>,
    /// Extensions; ours is called `polelake`, on fields of sources.
    #[serde(default)]
    pub custom_properties: Vec<Custom>,
}

/// A value of an enumeration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct EnumValue {
    /// The value.
    pub value: Value,
}

/// A rule.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// A stable id.
    #[serde(default)]
    pub id: Option<String>,
    /// `library`, or `custom` with `engine: polelake`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// What it expects, in words.
    #[serde(default)]
    pub description: Option<String>,
    /// A library metric: `nullValues`, `missingValues`, `invalidValues`, `duplicateValues`,
    /// `rowCount`.
    #[serde(default)]
    pub metric: Option<String>,
    /// The metric's arguments.
    #[serde(default)]
    pub arguments: Option<Value>,
    /// Who runs a custom rule: `polelake`.
    #[serde(default)]
    pub engine: Option<String>,
    /// What a custom rule expects.
    #[serde(default)]
    pub implementation: Option<Value>,
    /// One of the standard's dimensions.
    #[serde(default)]
    pub dimension: Option<String>,
    /// `warn` or `block`.
    #[serde(default)]
    pub severity: Option<String>,
    /// `rows` or `percent`.
    #[serde(default)]
    pub unit: Option<String>,
    /// The measured number must be this.
    #[serde(default)]
    pub must_be: Option<f64>,
    /// The measured number must not exceed this.
    #[serde(default)]
    pub must_be_less_or_equal_to: Option<f64>,
    /// The measured number must be at least this.
    #[serde(default)]
    pub must_be_greater_or_equal_to: Option<f64>,
    /// The measured number must be less than this.
    #[serde(default)]
    pub must_be_less_than: Option<f64>,
    /// The measured number must be greater than this.
    #[serde(default)]
    pub must_be_greater_than: Option<f64>,
    /// The measured number must be one of these two or between them.
    #[serde(default)]
    pub must_be_between: Option<Vec<f64>>,
}

/// An extension.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Custom {
    /// Its name.
    pub property: String,
    /// Its value.
    pub value: Value,
}

impl ContractDocument {
    /// Reads a contract and checks the version of the standard.
    pub(crate) fn read(file: &DeclaredFile) -> Result<Self, Problem> {
        let document: Self = yaml::read_document(file)?;
        if !SUPPORTED_VERSIONS.contains(&document.api_version.as_str()) {
            let message = format!(
                "apiVersion `{}` is not one of {}",
                document.api_version,
                SUPPORTED_VERSIONS.join(", ")
            );
            let place = DocumentPlace::root().name("apiVersion");
            return Err(problem_at(file, &place, message));
        }
        Ok(document)
    }

    /// Our extension's value, or null.
    pub(crate) fn polelake_extension(&self) -> Value {
        let ours = self
            .custom_properties
            .iter()
            .find(|custom| custom.property == "polelake");
        ours.map_or(Value::Null, |custom| custom.value.clone())
    }

    /// The team that answers for it: its name, or the user name of its first member.
    #[must_use]
    pub fn owner(&self) -> String {
        let Some(team) = &self.team else {
            return NO_OWNER.to_owned();
        };
        let name = team.get("name").and_then(Value::as_str);
        let first_member = team.get(0).and_then(|member| member.get("username"));
        name.or(first_member.and_then(Value::as_str))
            .unwrap_or(NO_OWNER)
            .to_owned()
    }
}

/// The owner of a contract that names no team.
const NO_OWNER: &str = "unnamed team";

/// The standard's names at the root of a contract.
const ROOT_NAMES: &str = "apiVersion kind id name version status tenant domain dataProduct tags \
    description schema support price team roles slaDefaultElement slaProperties servers \
    customProperties authoritativeDefinitions contractCreatedTs context";
/// The standard's names of an object of `schema`.
const OBJECT_NAMES: &str = "id name businessName physicalName physicalType logicalType description \
    dataGranularityDescription properties quality tags authoritativeDefinitions customProperties \
    deprecated synonyms context";
/// The standard's names of a property.
const PROPERTY_NAMES: &str = "id name businessName physicalName physicalType logicalType \
    logicalTypeOptions description required unique primaryKey primaryKeyPosition partitioned \
    partitionKeyPosition classification encryptedName criticalDataElement examples enum \
    transformSourceObjects transformLogic transformDescription quality items properties tags \
    authoritativeDefinitions customProperties semanticType deprecated synonyms context";
/// The standard's names of a rule.
const QUALITY_NAMES: &str = "id name type description metric rule arguments query engine \
    implementation dimension severity businessImpact method unit schedule scheduler tags \
    customProperties authoritativeDefinitions mustBe mustNotBe mustBeGreaterThan \
    mustBeGreaterOrEqualTo mustBeLessThan mustBeLessOrEqualTo mustBeBetween mustNotBeBetween";

/// Finds names that the standard does not know: most are misspelt, and what they declare would have
/// no effect.
pub(crate) fn find_unknown_names(file: &DeclaredFile) -> Vec<Problem> {
    let Some(root) = file.parsed_value() else {
        return Vec::new();
    };

    let mut problems = unknown_names_in(file, &DocumentPlace::root(), root, ROOT_NAMES);
    let mut properties = Vec::new();
    for (place, object) in placed_items(&DocumentPlace::root(), root, "schema") {
        problems.extend(unknown_names_in(file, &place, object, OBJECT_NAMES));
        problems.extend(unknown_names_in_rules(file, &place, object));
        properties.extend(placed_items(&place, object, "properties"));
    }

    while let Some((place, property)) = properties.pop() {
        problems.extend(unknown_names_in(file, &place, property, PROPERTY_NAMES));
        problems.extend(unknown_names_in_rules(file, &place, property));
        properties.extend(placed_items(&place, property, "properties"));
        properties.extend(
            property
                .get("items")
                .map(|items| (place.name("items"), items)),
        );
    }
    problems
}

fn unknown_names_in_rules(
    file: &DeclaredFile,
    place: &DocumentPlace,
    holder: &Value,
) -> Vec<Problem> {
    placed_items(place, holder, "quality")
        .iter()
        .flat_map(|(place, rule)| unknown_names_in(file, place, rule, QUALITY_NAMES))
        .collect()
}

/// The members of the object at a place that are not among the names of the standard.
fn unknown_names_in(
    file: &DeclaredFile,
    place: &DocumentPlace,
    object: &Value,
    known: &str,
) -> Vec<Problem> {
    let names = object.as_object().into_iter().flat_map(Map::keys);
    names
        .filter(|name| !known.split_whitespace().any(|known| known == name.as_str()))
        .map(|name| {
            let place = place.clone().name(name);
            problem_at(file, &place, explain_unknown_name(name, known))
        })
        .collect()
}

fn explain_unknown_name(name: &str, known: &str) -> String {
    if name == "relationships" {
        return "`relationships` are enforced by nothing; write a rule with `references`".into();
    }
    let near = nearest_name_hint(name, known.split_whitespace());
    format!("`{name}` is no name of the standard{near}")
}

/// The items of a member that is a list, each with its place; none of any other.
fn placed_items<'v>(
    place: &DocumentPlace,
    object: &'v Value,
    name: &str,
) -> Vec<(DocumentPlace, &'v Value)> {
    let items = object[name].as_array().into_iter().flatten().enumerate();
    items
        .map(|(index, item)| (place.clone().name(name).item(index), item))
        .collect()
}
