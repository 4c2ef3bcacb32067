//! A table's columns as Iceberg describes them.

use std::collections::BTreeMap;

use arrow_schema::{DataType, Field};
use contract::TableContract;
use serde::{Deserialize, Serialize};

use crate::LakeError;
use crate::schema::{RAW_COLUMNS, curated_schema, field_id, hashed_small_id, raw_schema};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IcebergField {
    pub(super) id: i32,
    pub(super) name: String,
    required: bool,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    doc: String,
}

/// A table's columns as they were on a day. The id is a hash of them: the same columns always have
/// the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IcebergSchema {
    #[serde(rename = "type", default = "struct_type")]
    kind: String,
    #[serde(rename = "schema-id")]
    pub(super) id: i32,
    pub(super) fields: Vec<IcebergField>,
}

fn struct_type() -> String {
    "struct".into()
}

impl IcebergSchema {
    /// The columns that the contract declares. A column is required where its files require it: a
    /// patch may come before its record, so a file may lack more than the contract allows.
    pub(super) fn from_contract(contract: &TableContract) -> Result<Self, LakeError> {
        let files = curated_schema(contract);
        let columns = contract.columns.iter().zip(files.fields());
        let fields = columns.map(|(column, file)| describe_column(file, &column.meaning));
        Self::of_fields(&contract.name, fields.collect())
    }

    /// The columns of raw objects.
    pub(super) fn of_raw_objects(table: &str) -> Result<Self, LakeError> {
        let files = raw_schema();
        let columns = RAW_COLUMNS.iter().zip(files.fields());
        let fields = columns.map(|((_, _, meaning), file)| describe_column(file, meaning));
        Self::of_fields(table, fields.collect())
    }

    fn of_fields(table: &str, fields: Vec<IcebergField>) -> Result<Self, LakeError> {
        check_distinct_ids(
            table,
            fields.iter().map(|field| (field.id, field.name.as_str())),
        )?;

        let id = hashed_small_id("iceberg-schema", &serde_json::to_string(&fields)?);
        Ok(Self {
            kind: struct_type(),
            id,
            fields,
        })
    }
}

fn describe_column(file: &Field, meaning: &str) -> IcebergField {
    IcebergField {
        id: field_id(file.name()),
        name: file.name().clone(),
        required: !file.is_nullable(),
        kind: iceberg_type(file.data_type()),
        doc: meaning.to_owned(),
    }
}

/// The type as Iceberg writes it.
fn iceberg_type(kind: &DataType) -> String {
    match kind {
        DataType::Int32 => "int".into(),
        DataType::Int64 => "long".into(),
        DataType::Binary => "binary".into(),
        DataType::Float64 => "double".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(..) => "timestamptz".into(),
        DataType::Decimal128(digits, scale) => format!("decimal({digits}, {scale})"),
        _ => "string".into(),
    }
}

/// Readers would take two columns of one id for the same column: then the table is not published in
/// Iceberg.
fn check_distinct_ids<'n>(
    table: &str,
    fields: impl Iterator<Item = (i32, &'n str)>,
) -> Result<(), LakeError> {
    let mut seen = BTreeMap::new();
    for (id, name) in fields {
        if let Some(other) = seen.insert(id, name) {
            return Err(LakeError::Unexpected(format!(
                "the columns `{other}` and `{name}` of the table {table} have the same Iceberg \
                 field id {id}, which is made of the name: rename the newer one"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_id_are_refused_with_the_remedy() {
        assert!(check_distinct_ids("person", [(1, "a"), (2, "b")].into_iter()).is_ok());
        let why = check_distinct_ids("person", [(1, "a"), (2, "b"), (1, "c")].into_iter())
            .unwrap_err()
            .to_string();
        assert!(
            why.contains("`a` and `c` of the table person") && why.contains("rename"),
            "{why}"
        );
    }
}
