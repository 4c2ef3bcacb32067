//! Refused records: the bytes as they came, and why they were refused.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;

use crate::{Chunk, LakeError, file};

/// A refused record.
#[derive(Clone, Debug)]
pub struct Quarantined<'r> {
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
pub fn encode(
    chunk: &Chunk,
    source: &str,
    versions: (&str, &str),
    records: &[Quarantined<'_>],
) -> Result<Bytes, LakeError> {
    let text = |value: &dyn Fn(&Quarantined<'_>) -> Option<String>| -> ArrayRef {
        let mut builder = StringBuilder::new();
        records.iter().for_each(|record| builder.append_option(value(record)));
        Arc::new(builder.finish())
    };
    let binary = |value: &dyn for<'q> Fn(&Quarantined<'q>) -> Option<&'q [u8]>| -> ArrayRef {
        let mut builder = BinaryBuilder::new();
        records.iter().for_each(|record| builder.append_option(value(record)));
        Arc::new(builder.finish())
    };
    let integer = |value: &dyn Fn(&Quarantined<'_>) -> i64| -> ArrayRef {
        let mut builder = Int64Builder::new();
        records.iter().for_each(|record| builder.append_value(value(record)));
        Arc::new(builder.finish())
    };
    let mut appended = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    records.iter().for_each(|record| appended.append_value(record.appended));
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
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, column)| column).collect())?;
    file::write(&schema, &[batch], file::refined())
}

fn field((name, column): &(&str, ArrayRef)) -> Field {
    let kind = match column.data_type() {
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => other.clone(),
    };
    Field::new(*name, kind, true)
}
