//! The part of the Open Data Contract Standard that we read (3.0.2 to 3.2.0).
//!
//! Fields that we do not use are allowed and left alone: the standard is checked by its own tools.
//! Our extension stands in one custom property, `polelake`, and is checked strictly.

use serde::Deserialize;
use serde_json::Value;

/// The versions of the standard that are accepted.
pub(crate) const VERSIONS: [&str; 4] = ["v3.0.2", "v3.1.0", "v3.1.1", "v3.2.0"];

/// A data contract.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The version of the standard, with its `v`.
    pub api_version: String,
    /// The contract's id.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// The contract's own version.
    pub version: String,
    /// The business domain.
    #[serde(default)]
    pub domain: Option<String>,
    /// What the data are for.
    #[serde(default)]
    pub description: Description,
    /// The described objects: one topic or one table.
    #[serde(default)]
    pub schema: Vec<Object>,
    /// Who answers for it.
    #[serde(default)]
    pub team: Option<Value>,
    /// Extensions.
    #[serde(default)]
    pub custom_properties: Vec<Custom>,
}

/// A contract's description.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Description {
    /// What the data are for.
    #[serde(default)]
    pub purpose: Option<String>,
}

/// A described object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
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
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Its name.
    pub name: String,
    /// What it means.
    #[serde(default)]
    pub description: Option<String>,
    /// The standard's coarse type.
    #[serde(default)]
    pub logical_type: Option<String>,
    /// The exact type, such as `decimal(12,2)`.
    #[serde(default)]
    pub physical_type: Option<String>,
    /// Whether null is refused.
    #[serde(default)]
    pub required: bool,
    /// Whether it is part of the key.
    #[serde(default)]
    pub primary_key: bool,
    /// `public`, `internal` or `personal`.
    #[serde(default)]
    pub classification: Option<String>,
    /// Rules on the field.
    #[serde(default)]
    pub quality: Vec<Quality>,
}

/// A rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// A stable id.
    #[serde(default)]
    pub id: Option<String>,
    /// What it demands, in words.
    #[serde(default)]
    pub description: Option<String>,
    /// A library metric: `nullValues`, `invalidValues`, `duplicateValues`, `rowCount`.
    #[serde(default)]
    pub metric: Option<String>,
    /// The metric's arguments.
    #[serde(default)]
    pub arguments: Option<Value>,
    /// One of the standard's dimensions.
    #[serde(default)]
    pub dimension: Option<String>,
    /// `warn`, `quarantine` or `block`.
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
}

/// An extension.
#[derive(Clone, Debug, Deserialize)]
pub struct Custom {
    /// Its name.
    pub property: String,
    /// Its value.
    pub value: Value,
}

impl Document {
    /// Our extension's value, or null.
    pub(crate) fn extension(&self) -> Value {
        let ours = self.custom_properties.iter().find(|custom| custom.property == "polelake");
        ours.map_or(Value::Null, |custom| custom.value.clone())
    }
}
