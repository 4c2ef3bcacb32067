//! What the first day stored: objects, bytes and rows, and the messages that brought them.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use lake::{Chunk, RawBatch, Receipt};
use polelake::error::CliError;
use trigger::{MessageNumber, QUEUE_MESSAGE_HEADER, QueuedBatch, QueuedMessage, QueuedRecord};

/// Sizes of requests whose messages are measured, in events.
pub(super) const REQUEST_SIZES: [usize; 3] = [1, 10, 100];

/// Messages of each size that are packed for each raw object, at most.
const PACKED_MESSAGES: usize = 20;

/// What the first day stored.
#[derive(Default)]
pub(super) struct ZoneSizes {
    /// Bytes in the raw zone.
    pub(super) raw: f64,
    /// Bytes in the refined zone.
    pub(super) refined: f64,
    pub(super) rows: f64,
    /// Raw objects that have a receipt.
    pub(super) objects: f64,
    /// Refined objects of all of them.
    pub(super) tables: f64,
    /// The topics and numbers of the messages of the events queue that brought the records.
    pub(super) messages: BTreeSet<(String, String)>,
    packed: [PackedMessages; REQUEST_SIZES.len()],
}

/// Messages of one size.
#[derive(Clone, Copy, Default)]
struct PackedMessages {
    count: f64,
    bytes: f64,
}

impl ZoneSizes {
    pub(super) fn from_folder(folder: &Path) -> Result<Self, CliError> {
        let mut zones = Self::default();
        for zone in ["raw", "refined"] {
            let root = folder.join("s3").join(zone);
            zones.add_folder(&root, &root)?;
        }
        Ok(zones)
    }

    /// Bytes of a message with so many events as each of [`REQUEST_SIZES`].
    pub(super) fn message_bytes(&self) -> [f64; REQUEST_SIZES.len()] {
        self.packed
            .map(|packed| packed.bytes / packed.count.max(1.0))
    }

    fn add_folder(&mut self, root: &Path, folder: &Path) -> Result<(), CliError> {
        for entry in std::fs::read_dir(folder)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.add_folder(root, &path)?;
                continue;
            }
            let key = path.strip_prefix(root)?.to_string_lossy().into_owned();
            let bytes = entry.metadata()?.len() as f64;
            if let Some(chunk) = Chunk::from_raw_key(&key) {
                self.raw += bytes;
                self.add_messages(&chunk.topic, std::fs::read(&path)?.into())?;
            } else if Chunk::from_receipt_key(&key).is_some() {
                self.add_receipt(&Receipt::from_json(&std::fs::read(&path)?)?);
                self.refined += bytes;
            } else if key.starts_with("refined/") {
                self.refined += bytes;
            }
        }
        Ok(())
    }

    fn add_receipt(&mut self, receipt: &Receipt) {
        let rows = receipt.tables.values().map(|object| object.rows as f64);
        self.rows += rows.sum::<f64>();
        self.objects += 1.0;
        self.tables += receipt.tables.len() as f64;
    }

    /// Counts the messages that brought a raw object's records, and packs these records as messages
    /// of each size.
    fn add_messages(&mut self, topic: &str, object: Bytes) -> Result<(), CliError> {
        let mut records = Vec::new();
        for batch in lake::decode_raw(object)? {
            for row in 0..batch.len() {
                let headers = batch.headers(row);
                if let Some(number) = lake::find_header_text(headers, QUEUE_MESSAGE_HEADER) {
                    self.messages.insert((topic.to_owned(), number));
                }
                records.push(queued_record(&batch, row));
            }
        }

        for (packed, size) in self.packed.iter_mut().zip(REQUEST_SIZES) {
            for records in records.chunks_exact(size).take(PACKED_MESSAGES) {
                packed.count += 1.0;
                packed.bytes += packed_bytes(topic, records)?;
            }
        }
        Ok(())
    }
}

/// The record as the relay sent it.
fn queued_record(batch: &RawBatch, row: usize) -> QueuedRecord {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = batch.headers(row).map(lake::header_values);
    let own = headers.into_iter().flatten();
    let own = own.filter(|(name, _)| name != QUEUE_MESSAGE_HEADER);
    QueuedRecord {
        key: batch.key(row).map(text),
        headers: own
            .map(|(name, value)| (name, text(&value.unwrap_or_default())))
            .collect(),
        value: batch.value(row).unwrap_or_default().to_vec(),
    }
}

/// Bytes of the message with these records.
fn packed_bytes(topic: &str, records: &[QueuedRecord]) -> Result<f64, CliError> {
    let batch = QueuedBatch {
        topic: topic.to_owned(),
        number: MessageNumber {
            sandbox: "0123456789abcdef".to_owned(),
            sequence: 12_345,
        },
        unacknowledged: Vec::new(),
        records: records.to_vec(),
    };
    Ok(QueuedMessage::encode_batch(&batch.pack()?).len() as f64)
}
