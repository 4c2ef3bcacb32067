//! Our extension of the standard on a field of a source: how far its values may differ from what
//! the contract declares.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::odcs::Property;
use crate::parser_message::explain_misfit;
use crate::yaml::describe_path;

/// What the custom property `polelake` of a field says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FieldExtension {
    /// What a value that is no list becomes, where a list is declared.
    #[serde(default)]
    pub(crate) single_item: Option<SingleItem>,
    /// How the value is written as a text.
    #[serde(default)]
    pub(crate) encoded: Option<Encoding>,
    /// What is between the items of a list that is written as one text.
    #[serde(default)]
    pub(crate) split: Option<String>,
    /// JSON types that the source sends besides the declared one.
    #[serde(default)]
    pub(crate) accepts: Vec<AcceptedType>,
}

/// What a value that is no list becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SingleItem {
    /// A list with this one item.
    AsList,
}

/// How a value is written as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encoding {
    /// As the text of a JSON document.
    Json,
}

/// A JSON type of a text, number or boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AcceptedType {
    /// A text, such as `"7"` where a number is declared.
    String,
    /// A number, such as `7` where a text is declared.
    Number,
    /// True or false.
    Boolean,
}

impl FieldExtension {
    pub(crate) fn is_encoded(&self) -> bool {
        self.encoded == Some(Encoding::Json)
    }

    pub(crate) fn is_single_item(&self) -> bool {
        self.single_item == Some(SingleItem::AsList)
    }

    /// Whether `other` accepts all that this one accepts.
    pub(crate) fn accepts_within(&self, other: &Self) -> bool {
        let types = &self.accepts;
        types
            .iter()
            .all(|accepted| other.accepts.contains(accepted))
            && (!self.is_encoded() || other.is_encoded())
            && (!self.is_single_item() || other.is_single_item())
            && (self.split.is_none() || self.split == other.split)
    }

    /// Whether values are read before they are checked.
    pub(crate) fn changes_value(&self) -> bool {
        self.is_encoded() || self.is_single_item() || self.split.is_some()
    }
}

impl Property {
    /// What the field says beyond the standard, or what is wrong with it.
    pub(crate) fn polelake_extension(&self) -> Result<FieldExtension, String> {
        let ours = self
            .custom_properties
            .iter()
            .find(|custom| custom.property == "polelake");
        match ours.map(|custom| &custom.value) {
            None | Some(Value::Null) => Ok(FieldExtension::default()),
            Some(value) => serde_path_to_error::deserialize(value).map_err(|error| {
                let (_, path, found) = describe_path(error.path(), Some(value));
                explain_misfit(&error.inner().to_string(), &path, found)
            }),
        }
    }
}
