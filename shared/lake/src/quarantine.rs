//! Refused records: the bytes as they came, and why they were refused.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;

use crate::{Chunk, LakeError, file};

/// A refused record.
#[derive(Clone, Debug)]
pub struct RefusedRecord<'r> {
    /// Its offset.
    pub offset: i64,
    /// When it was appended, in microseconds since 1970.
    pub appended: i64,
    /// The key's bytes.
    pub key: Option<&'r [u8]>,
    /// The value's bytes.
    pub value: Option<&'r [u8]>,
    /// The headers as JSON.
    pub headers: Option<&'r str>,
    /// The stable id of the rule that it broke.
    pub rule: String,
    /// The path in the event.
    pub path: String,
    /// What was expected; never a value of the event.
    pub reason: String,
}

/// The bytes of a quarantine object.
///
/// # Errors
/// When Parquet refuses to write.
pub fn encode_quarantine(
    chunk: &Chunk,
    source: &str,
    versions: (&str, &str),
    records: &[RefusedRecord<'_>],
) -> Result<Bytes, LakeError> {
    let text = |value: &dyn Fn(&RefusedRecord<'_>) -> Option<String>| -> ArrayRef {
        let mut builder = StringBuilder::new();
        records
            .iter()
            .for_each(|record| builder.append_option(value(record)));
        Arc::new(builder.finish())
    };
    let binary = |value: &dyn for<'q> Fn(&RefusedRecord<'q>) -> Option<&'q [u8]>| -> ArrayRef {
        let mut builder = BinaryBuilder::new();
        records
            .iter()
            .for_each(|record| builder.append_option(value(record)));
        Arc::new(builder.finish())
    };
    let integer = |value: &dyn Fn(&RefusedRecord<'_>) -> i64| -> ArrayRef {
        let mut builder = Int64Builder::new();
        records
            .iter()
            .for_each(|record| builder.append_value(value(record)));
        Arc::new(builder.finish())
    };
    let mut appended = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    records
        .iter()
        .for_each(|record| appended.append_value(record.appended));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("source", text(&|_| Some(source.to_owned()))),
        ("topic", text(&|_| Some(chunk.topic.clone()))),
        ("partition", integer(&|_| i64::from(chunk.partition))),
        ("offset", integer(&|record| record.offset)),
        ("appended_at", Arc::new(appended.finish())),
        ("rule", text(&|record| Some(record.rule.clone()))),
        ("path", text(&|record| Some(record.path.clone()))),
        ("reason", text(&|record| Some(record.reason.clone()))),
        ("contract_version", text(&|_| Some(versions.0.to_owned()))),
        ("mapping_version", text(&|_| Some(versions.1.to_owned()))),
        ("key", binary(&|record| record.key)),
        ("value", binary(&|record| record.value)),
        ("headers", text(&|record| record.headers.map(str::to_owned))),
    ];
    let schema = Arc::new(Schema::new(
        columns.iter().map(column_field).collect::<Vec<_>>(),
    ));
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        columns.into_iter().map(|(_, column)| column).collect(),
    )?;
    file::write_parquet(&schema, &[batch], file::refined_properties())
}

/// A refused record, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRecord {
    /// The source whose contract was applied.
    pub source: String,
    /// Its offset in the chunk's stream.
    pub offset: i64,
    /// When it was appended, in microseconds since 1970.
    pub appended: i64,
    /// The rule that it broke.
    pub rule: String,
    /// The path in the event.
    pub path: String,
    /// What was expected.
    pub reason: String,
    /// The contract's version.
    pub contract_version: String,
    /// The mapping's version.
    pub mapping_version: String,
    /// The key's bytes.
    pub key: Option<Bytes>,
    /// The value's bytes.
    pub value: Option<Bytes>,
    /// The headers as JSON.
    pub headers: Option<String>,
}

/// The records of a quarantine object.
///
/// # Errors
/// When the bytes are no quarantine object.
pub fn decode_quarantine(bytes: Bytes) -> Result<Vec<QuarantinedRecord>, LakeError> {
    let mut records = Vec::new();
    for batch in file::read_parquet(bytes)? {
        let batch = batch?;
        let column = |name: &str| {
            let missing =
                || LakeError::Unexpected(format!("a quarantine object has the column {name}"));
            batch.column_by_name(name).ok_or_else(missing)
        };
        let text = |name: &str, row: usize| -> Result<Option<String>, LakeError> {
            let texts = column(name)?.as_string::<i32>();
            Ok(texts.is_valid(row).then(|| texts.value(row).to_owned()))
        };
        let binary = |name: &str, row: usize| -> Result<Option<Bytes>, LakeError> {
            let values = column(name)?.as_binary::<i32>();
            Ok(values
                .is_valid(row)
                .then(|| Bytes::copy_from_slice(values.value(row))))
        };
        for row in 0..batch.num_rows() {
            records.push(QuarantinedRecord {
                source: text("source", row)?.unwrap_or_default(),
                offset: column("offset")?.as_primitive::<Int64Type>().value(row),
                appended: column("appended_at")?
                    .as_primitive::<TimestampMicrosecondType>()
                    .value(row),
                rule: text("rule", row)?.unwrap_or_default(),
                path: text("path", row)?.unwrap_or_default(),
                reason: text("reason", row)?.unwrap_or_default(),
                contract_version: text("contract_version", row)?.unwrap_or_default(),
                mapping_version: text("mapping_version", row)?.unwrap_or_default(),
                key: binary("key", row)?,
                value: binary("value", row)?,
                headers: text("headers", row)?,
            });
        }
    }
    Ok(records)
}

fn column_field((name, column): &(&str, ArrayRef)) -> Field {
    let kind = match column.data_type() {
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => other.clone(),
    };
    Field::new(*name, kind, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_records_keep_their_bytes() {
        let chunk = Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset: 3,
        };
        let record = RefusedRecord {
            offset: 4,
            appended: 5_000,
            key: None,
            value: Some(&[0xff, 0x00]),
            headers: Some("[[\"a\",null]]"),
            rule: "event.json".into(),
            path: "$".into(),
            reason: "not JSON".into(),
        };
        let read =
            decode_quarantine(encode_quarantine(&chunk, "s", ("1.0.0", "2"), &[record]).unwrap())
                .unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(
            (read[0].offset, read[0].appended, read[0].key.as_ref()),
            (4, 5_000, None)
        );
        assert_eq!(read[0].value.as_deref(), Some([0xff, 0x00].as_slice()));
        assert_eq!(
            (read[0].rule.as_str(), read[0].mapping_version.as_str()),
            ("event.json", "2")
        );
    }
}
