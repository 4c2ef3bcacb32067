//! Refused records: the bytes as they came, and why they were refused.

use std::sync::Arc;

use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use bytes::Bytes;

use crate::batch_columns::{binary_column, primitive_column, text_column};
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

/// What errors call the file.
const FILE: &str = "a quarantine object";

/// The bytes of a quarantine object. `versions` are those of the contract and of the mapping.
///
/// # Errors
/// When Parquet refuses to write.
pub fn encode_quarantine(
    chunk: &Chunk,
    source: &str,
    versions: (&str, &str),
    records: &[RefusedRecord<'_>],
) -> Result<Bytes, LakeError> {
    let (contract_version, mapping_version) = versions;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("source", repeated_text(source, records)),
        ("topic", repeated_text(&chunk.topic, records)),
        ("partition", integers(records, |_| chunk.partition.into())),
        ("offset", integers(records, |record| record.offset)),
        ("appended_at", append_times(records)),
        ("rule", texts(records, |record| Some(&record.rule))),
        ("path", texts(records, |record| Some(&record.path))),
        ("reason", texts(records, |record| Some(&record.reason))),
        ("contract_version", repeated_text(contract_version, records)),
        ("mapping_version", repeated_text(mapping_version, records)),
        ("key", byte_strings(records, |record| record.key)),
        ("value", byte_strings(records, |record| record.value)),
        ("headers", texts(records, |record| record.headers)),
    ];

    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )?;
    file::write_parquet(&batch.schema(), &[batch], file::refined_properties())
}

fn repeated_text(text: &str, records: &[RefusedRecord<'_>]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(records.iter().map(|_| text)))
}

fn texts<'r>(
    records: &'r [RefusedRecord<'r>],
    text: impl Fn(&'r RefusedRecord<'r>) -> Option<&'r str>,
) -> ArrayRef {
    Arc::new(records.iter().map(text).collect::<StringArray>())
}

fn byte_strings<'r>(
    records: &'r [RefusedRecord<'r>],
    bytes: impl Fn(&'r RefusedRecord<'r>) -> Option<&'r [u8]>,
) -> ArrayRef {
    Arc::new(records.iter().map(bytes).collect::<BinaryArray>())
}

fn integers(records: &[RefusedRecord<'_>], number: impl Fn(&RefusedRecord<'_>) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(records.iter().map(number)))
}

fn append_times(records: &[RefusedRecord<'_>]) -> ArrayRef {
    let times = records.iter().map(|record| record.appended);
    Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
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

/// The columns of a quarantine object from which records are read back.
struct QuarantineColumns<'b> {
    source: &'b StringArray,
    offset: &'b Int64Array,
    appended: &'b TimestampMicrosecondArray,
    rule: &'b StringArray,
    path: &'b StringArray,
    reason: &'b StringArray,
    contract_version: &'b StringArray,
    mapping_version: &'b StringArray,
    key: &'b BinaryArray,
    value: &'b BinaryArray,
    headers: &'b StringArray,
}

impl<'b> QuarantineColumns<'b> {
    fn find(batch: &'b RecordBatch) -> Result<Self, LakeError> {
        Ok(Self {
            source: text_column(batch, FILE, "source")?,
            offset: primitive_column::<Int64Type>(batch, FILE, "offset")?,
            appended: primitive_column::<TimestampMicrosecondType>(batch, FILE, "appended_at")?,
            rule: text_column(batch, FILE, "rule")?,
            path: text_column(batch, FILE, "path")?,
            reason: text_column(batch, FILE, "reason")?,
            contract_version: text_column(batch, FILE, "contract_version")?,
            mapping_version: text_column(batch, FILE, "mapping_version")?,
            key: binary_column(batch, FILE, "key")?,
            value: binary_column(batch, FILE, "value")?,
            headers: text_column(batch, FILE, "headers")?,
        })
    }

    fn record(&self, row: usize) -> QuarantinedRecord {
        QuarantinedRecord {
            source: optional_text(self.source, row).unwrap_or_default(),
            offset: self.offset.value(row),
            appended: self.appended.value(row),
            rule: optional_text(self.rule, row).unwrap_or_default(),
            path: optional_text(self.path, row).unwrap_or_default(),
            reason: optional_text(self.reason, row).unwrap_or_default(),
            contract_version: optional_text(self.contract_version, row).unwrap_or_default(),
            mapping_version: optional_text(self.mapping_version, row).unwrap_or_default(),
            key: optional_bytes(self.key, row),
            value: optional_bytes(self.value, row),
            headers: optional_text(self.headers, row),
        }
    }
}

fn optional_text(texts: &StringArray, row: usize) -> Option<String> {
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

fn optional_bytes(values: &BinaryArray, row: usize) -> Option<Bytes> {
    values
        .is_valid(row)
        .then(|| Bytes::copy_from_slice(values.value(row)))
}

/// The records of a quarantine object.
///
/// # Errors
/// When the bytes are no quarantine object.
pub fn decode_quarantine(bytes: Bytes) -> Result<Vec<QuarantinedRecord>, LakeError> {
    let mut records = Vec::new();
    for batch in file::read_whole(bytes)? {
        let columns = QuarantineColumns::find(&batch)?;
        records.extend((0..batch.num_rows()).map(|row| columns.record(row)));
    }
    Ok(records)
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
