//! A raw object as the Iceberg table of its topic names it, and the manifest of the objects that
//! landed on one day.

use super::IcebergTable;
use super::avro::{self, AvroDecoder, AvroEncoder, unreadable_manifest};
use crate::record_times::{RecordTimes, TimeSpan};
use crate::schema::field_id;
use crate::{Chunk, Day, LakeError, Receipt};

const RAW_MANIFEST_SCHEMA: &str = include_str!("raw-manifest.avsc");

/// The id of the partition field: the first that Iceberg gives.
pub(super) const PARTITION_FIELD_ID: i32 = 1_000;

/// The column whose day is the partition.
pub(super) const PARTITION_COLUMN: &str = "landed_at";

/// The name of the partition field.
pub(super) const PARTITION_FIELD: &str = "landed_at_day";

/// A raw object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawObjectFile {
    /// The first offset that it must hold, which names it.
    pub chunk: Chunk,
    /// The offset that names the next object.
    pub next: i64,
    /// Records in it.
    pub rows: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// Between which moments its records came.
    pub times: RecordTimes,
}

impl RawObjectFile {
    /// The raw object of a receipt; none where it has no record.
    #[must_use]
    pub fn from_receipt(receipt: &Receipt) -> Option<Self> {
        let stream = &receipt.stream;
        Some(Self {
            chunk: Chunk {
                topic: stream.topic.clone(),
                epoch: stream.epoch,
                partition: stream.partition,
                offset: receipt.offset,
            },
            next: receipt.next,
            rows: receipt.landed,
            bytes: receipt.raw.bytes,
            times: receipt.times?.within_microseconds(),
        })
    }

    /// The columns whose bounds are known, each with its least and its greatest value. No bound is
    /// of a personal column.
    fn column_bounds(&self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let partition = self.chunk.partition.to_le_bytes().to_vec();
        let span = |span: TimeSpan| [span.first, span.last].map(encode_moment);
        let [first, last] = span(self.times.timestamp);
        let mut bounds = vec![
            ("partition", partition.clone(), partition),
            (
                "offset",
                self.chunk.offset.to_le_bytes().to_vec(),
                (self.next - 1).to_le_bytes().to_vec(),
            ),
            ("timestamp", first, last),
        ];
        if let Some([first, last]) = self.times.landed_at.map(span) {
            bounds.push((PARTITION_COLUMN, first, last));
        }
        bounds
    }
}

/// A moment as a bound: Iceberg counts microseconds.
fn encode_moment(millis: i64) -> Vec<u8> {
    (millis * 1_000).to_le_bytes().to_vec()
}

/// The bytes of the manifest of a day's raw objects. `raw_root` is where their keys are, and
/// `partition_spec` Iceberg's text of the partitions.
pub(super) fn encode_raw_manifest(
    table: &IcebergTable<'_>,
    (raw_root, partition_spec): (&str, &str),
    landed: Option<Day>,
    files: &[RawObjectFile],
    snapshot_id: i64,
) -> Result<Vec<u8>, LakeError> {
    let schema = serde_json::to_string(&table.schema)?;
    let schema_id = table.schema.id.to_string();
    let metadata = [
        ("schema", schema.as_str()),
        ("schema-id", &schema_id),
        ("partition-spec", partition_spec),
        ("partition-spec-id", "0"),
        ("format-version", "2"),
        ("content", "data"),
    ];

    let mut rows = AvroEncoder::default();
    for file in files {
        let path = format!("{raw_root}/{}", file.chunk.raw_key());
        write_raw_file(&mut rows, file, &path, landed, snapshot_id);
    }
    let count = files.len();
    Ok(avro::encode_container(
        RAW_MANIFEST_SCHEMA,
        &metadata,
        count,
        &rows,
    ))
}

/// The number of a day's files in Iceberg's order of changes.
pub(super) fn sequence_number(landed: Option<Day>) -> i64 {
    landed.map_or(0, |day| day.0.into())
}

fn write_raw_file(
    to: &mut AvroEncoder,
    file: &RawObjectFile,
    path: &str,
    landed: Option<Day>,
    snapshot_id: i64,
) {
    // Added by the snapshot, in the order of its day.
    to.write_long(1);
    let sequence = sequence_number(landed);
    for number in [snapshot_id, sequence, sequence] {
        to.write_presence(true);
        to.write_long(number);
    }
    to.write_long(0);
    to.write_bytes(path.as_bytes());
    to.write_bytes(b"PARQUET");
    to.write_presence(landed.is_some());
    if let Some(day) = landed {
        to.write_long(day.0.into());
    }
    to.write_long(file.rows.cast_signed());
    to.write_long(file.bytes.cast_signed());
    // The sizes, values and nulls of the columns: empty maps, because PyIceberg 0.12 lists no files
    // where there is none.
    for _ in 0..3 {
        to.write_presence(true);
        to.write_long(0);
    }
    let bounds = file.column_bounds();
    write_bounds(to, bounds.iter().map(|(name, least, _)| (*name, least)));
    write_bounds(to, bounds.iter().map(|(name, _, most)| (*name, most)));
    // The order of the rows.
    to.write_null();
}

fn write_bounds<'b>(
    to: &mut AvroEncoder,
    bounds: impl ExactSizeIterator<Item = (&'static str, &'b Vec<u8>)>,
) {
    to.write_presence(true);
    to.write_long(i64::try_from(bounds.len()).unwrap_or(i64::MAX));
    for (name, value) in bounds {
        to.write_long(field_id(name).into());
        to.write_bytes(value);
    }
    to.write_long(0);
}

/// The raw objects that a day's manifest names.
///
/// # Errors
/// When the bytes are no manifest that this version writes.
pub fn read_raw_manifest(bytes: &[u8]) -> Result<Vec<RawObjectFile>, LakeError> {
    let (metadata, count, mut rows) = AvroDecoder::open_container(bytes)?;
    if metadata.get("avro.schema") != Some(&RAW_MANIFEST_SCHEMA) {
        return Err(unreadable_manifest(
            "it has another layout than this version writes",
        ));
    }
    let mut files = Vec::new();
    for _ in 0..count {
        files.push(read_raw_file(&mut rows)?);
    }
    Ok(files)
}

/// Reads what [`write_raw_file`] has written.
fn read_raw_file(from: &mut AvroDecoder<'_>) -> Result<RawObjectFile, LakeError> {
    from.read_long()?;
    for _ in 0..3 {
        from.read_presence()?;
        from.read_long()?;
    }
    from.read_long()?;
    let chunk = parse_raw_path(from.read_text()?)?;
    from.read_text()?;
    if from.read_presence()? {
        from.read_long()?;
    }
    let rows = from.read_long()?.cast_unsigned();
    let bytes = from.read_long()?.cast_unsigned();
    for _ in 0..3 {
        from.read_presence()?;
        from.read_long()?;
    }
    let (least, most) = (read_bounds(from)?, read_bounds(from)?);
    from.read_presence()?;

    Ok(RawObjectFile {
        next: find_bound(&most, "offset")? + 1,
        chunk,
        rows,
        bytes,
        times: RecordTimes {
            timestamp: read_span(&least, &most, "timestamp")?,
            landed_at: read_span(&least, &most, PARTITION_COLUMN).ok(),
        },
    })
}

/// The raw object of a full path: `s3://`, the bucket and the key.
fn parse_raw_path(path: &str) -> Result<Chunk, LakeError> {
    // The bucket or a folder may be called as the keys begin.
    let mut starts = path.match_indices('/');
    starts
        .find_map(|(start, _)| Chunk::from_raw_key(&path[start + 1..]))
        .ok_or_else(|| unreadable_manifest("it names a file that is no raw object"))
}

/// The bounds of columns of eight bytes, by field id.
fn read_bounds(from: &mut AvroDecoder<'_>) -> Result<Vec<(i64, i64)>, LakeError> {
    from.read_presence()?;
    let count = from.read_long()?;
    let mut bounds = Vec::new();
    for _ in 0..count {
        let id = from.read_long()?;
        let value = from.read_bytes()?;
        if let Ok(value) = value.try_into() {
            bounds.push((id, i64::from_le_bytes(value)));
        }
    }
    if count != 0 {
        from.read_long()?;
    }
    Ok(bounds)
}

fn read_span(
    least: &[(i64, i64)],
    most: &[(i64, i64)],
    column: &str,
) -> Result<TimeSpan, LakeError> {
    Ok(TimeSpan {
        first: find_bound(least, column)? / 1_000,
        last: find_bound(most, column)? / 1_000,
    })
}

fn find_bound(bounds: &[(i64, i64)], column: &str) -> Result<i64, LakeError> {
    let id = i64::from(field_id(column));
    let bound = bounds.iter().find(|(known, _)| *known == id);
    bound
        .map(|(_, value)| *value)
        .ok_or_else(|| unreadable_manifest("it lacks a bound"))
}
