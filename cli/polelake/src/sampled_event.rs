//! What one event becomes by itself: the transform's rows, and why it has none.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{Catalogue, CompiledMapping, EventFault};
use lake::{Chunk, LakeError, RawRecord, Receipt, decode_raw, encode_raw};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use pole::IdentityKey;
use pole_transform::{LandedObject, TransformedChunk};

use crate::error::CliError;

/// A row as texts, by column; columns that are null are left out.
pub type SampleRow = BTreeMap<String, String>;

/// A row with the name of its table.
pub(crate) type SampledRow = (String, SampleRow);

/// What the transform makes of one event.
#[derive(Debug)]
pub(crate) struct SampledEvent {
    pub(crate) receipt: Receipt,
    pub(crate) rows: Vec<SampledRow>,
    /// Why the event lies in quarantine.
    pub(crate) fault: Option<EventFault>,
}

/// The rows of a record that one event makes where no other event states it.
#[derive(Debug)]
pub(crate) struct LoneState {
    pub(crate) rows: Vec<SampledRow>,
    /// Why records of the mapping have no row.
    pub(crate) withheld: Vec<EventFault>,
}

/// Runs an event, appended at a time in milliseconds since 1970, through the transform.
///
/// # Errors
/// When a file cannot be written; never because of what the event holds.
pub(crate) fn sample_event(
    catalogue: &Catalogue,
    mapping: &CompiledMapping,
    (bytes, timestamp): (Vec<u8>, i64),
) -> Result<SampledEvent, CliError> {
    let chunk = sample_chunk(mapping);
    let raw = encode_event(&chunk, bytes, timestamp)?;
    let transformed = pole_transform::transform_sample(
        catalogue,
        &IdentityKey::for_tests(),
        mapping,
        LandedObject::of_content(&chunk, 1, &raw),
        &decode_raw(raw.clone())?,
    )?;
    let (rows, fault) = read_objects(&transformed)?;
    Ok(SampledEvent {
        receipt: transformed.receipt,
        rows,
        fault,
    })
}

/// The state rows of an event of a source with patches.
///
/// # Errors
/// As [`sample_event`].
pub(crate) fn sample_state(
    catalogue: &Catalogue,
    mapping: &CompiledMapping,
    (bytes, timestamp): (Vec<u8>, i64),
) -> Result<LoneState, CliError> {
    let chunk = sample_chunk(mapping);
    let raw = encode_event(&chunk, bytes, timestamp)?;
    let (transformed, withheld) = pole_transform::transform_lone_state(
        catalogue,
        &IdentityKey::for_tests(),
        mapping,
        LandedObject::of_content(&chunk, 1, &raw),
        &decode_raw(raw.clone())?,
    )?;
    let (rows, _) = read_objects(&transformed)?;
    Ok(LoneState { rows, withheld })
}

/// The place of a log that holds one event.
fn sample_chunk(mapping: &CompiledMapping) -> Chunk {
    Chunk {
        topic: mapping.contract.topic.clone(),
        epoch: 1,
        partition: 0,
        offset: 0,
    }
}

/// The event as raw-landing stores it.
fn encode_event(chunk: &Chunk, bytes: Vec<u8>, timestamp: i64) -> Result<Bytes, LakeError> {
    let record = RawRecord {
        offset: 0,
        timestamp,
        timestamp_type: None,
        landed_at: None,
        key: None,
        value: Some(Bytes::from(bytes)),
        headers: None,
    };
    encode_raw(chunk, &[record], 1)
}

/// The rows of the objects that the receipt names; of the other, the quarantine, the fault.
fn read_objects(
    transformed: &TransformedChunk,
) -> Result<(Vec<SampledRow>, Option<EventFault>), CliError> {
    let (mut rows, mut fault) = (Vec::new(), None);
    for (key, bytes) in &transformed.objects {
        let read = read_parquet_rows(bytes.clone())?;
        let mut tables = transformed.receipt.tables.iter();
        match tables.find(|(_, object)| object.key == *key) {
            Some((table, _)) => rows.extend(read.into_iter().map(|row| (table.clone(), row))),
            None => fault = read.into_iter().next().map(fault_of_row),
        }
    }
    Ok((rows, fault))
}

/// The fault that a row of the quarantine states.
fn fault_of_row(mut row: SampleRow) -> EventFault {
    let mut take = |column: &str| row.remove(column).unwrap_or_default();
    EventFault {
        rule: take("rule"),
        path: take("path"),
        reason: take("reason"),
    }
}

/// The rows of a Parquet file.
///
/// # Errors
/// When the bytes are no Parquet file.
pub fn read_parquet_rows(bytes: Bytes) -> Result<Vec<SampleRow>, CliError> {
    let reader = SerializedFileReader::new(bytes)?;
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let mut texts = SampleRow::new();
        for (name, field) in row.get_column_iter() {
            let text = match field {
                Field::Null => continue,
                Field::Str(text) => text.clone(),
                other => other.to_string(),
            };
            texts.insert(name.clone(), text);
        }
        rows.push(texts);
    }
    Ok(rows)
}
