//! The records of one request on their way through the events queue: the relay writes them into a
//! message, and the landing reads them from it.
//!
//! A message is base64 of zstd, because SQS takes no byte that XML has not. Within is one line of
//! JSON, which says where each record's value begins and ends, and then the values, byte for byte.

use std::io::Read;

use lake::{Sha256Digest, encode_headers};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The format of the messages that this version writes and reads.
const MESSAGE_FORMAT: u32 = 1;

/// What a batch holds unpacked, at most: 500 events, each with the state that the relay fetched,
/// are split into batches of [`VALUE_BYTES_MAX`] before. A message that unpacks to more is no
/// batch of ours.
const UNPACKED_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The bytes of the values in one batch, at most, unless a single value is larger.
pub const VALUE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The header of a raw record that names the message which brought it: `<sandbox>/<sequence>`.
pub const QUEUE_MESSAGE_HEADER: &str = "queue-message";

/// The number of a message: the relay's sandboxes count what they send, each for itself and for
/// each topic from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageNumber {
    /// The sandbox: a name that it made up when it started.
    pub sandbox: String,
    /// The place of the message among those of the sandbox for the topic.
    pub sequence: u64,
}

impl std::fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.sandbox, self.sequence)
    }
}

/// One record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedRecord {
    /// The record's key.
    pub key: Option<String>,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The event, byte for byte as it came.
    pub value: Vec<u8>,
}

/// The records of one request for one topic, as one message of the queue carries them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedBatch {
    /// The topic, whose raw log takes the records.
    pub topic: String,
    /// The number of the message.
    pub number: MessageNumber,
    /// Earlier numbers of the sandbox for this topic that the queue did not acknowledge: their
    /// senders got 503, and whether the messages come is not known.
    pub unacknowledged: Vec<u64>,
    /// The records, in the order in which they were accepted.
    pub records: Vec<QueuedRecord>,
}

/// Where a batch is that is too large for a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchReference {
    format: u32,
    /// The key of the object in the raw bucket.
    pub object: String,
    /// The SHA-256 of its content, in hexadecimal digits.
    sha256: String,
}

/// Says that the queue acknowledged an earlier message. It travels beside that message and is
/// delivered later, so that the last message of a sandbox is missed too when it does not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgementNotice {
    format: u32,
    /// The topic of the message.
    pub topic: String,
    /// The number of the message.
    pub acknowledged: MessageNumber,
}

/// What a message of the events queue holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueuedMessage {
    /// A batch.
    Batch(QueuedBatch),
    /// The place of a batch.
    Reference(BatchReference),
    /// That an earlier message was acknowledged.
    Notice(AcknowledgementNotice),
}

/// A message that is JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonMessage {
    Reference(BatchReference),
    Notice(AcknowledgementNotice),
}

/// Why a message is not one of the relay's. It quotes nothing of the message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueuedMessageError {
    /// The text is neither a batch nor a reference.
    #[error("the message is not one of event-relay's: {0}")]
    Unreadable(&'static str),
    /// The message has another format.
    #[error(
        "the message has format {0}; this version reads format {MESSAGE_FORMAT}: deploy one \
             version of event-relay and raw-landing"
    )]
    Format(u32),
}

/// As much of a message as says its format. It is read first: another format may have other
/// members.
#[derive(Deserialize)]
struct QueuedFormat {
    format: u32,
}

/// The line of JSON before the values.
#[derive(Serialize, Deserialize)]
struct BatchHead {
    format: u32,
    topic: String,
    number: MessageNumber,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unacknowledged: Vec<u64>,
    records: Vec<RecordHead>,
}

#[derive(Serialize, Deserialize)]
struct RecordHead {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    headers: Vec<(String, String)>,
    bytes: usize,
}

impl QueuedRecord {
    /// The record's headers in the form in which raw objects hold them, with the message's number.
    #[must_use]
    pub fn raw_headers(&self, number: &MessageNumber) -> String {
        let number = number.to_string();
        let own = self.headers.iter();
        let own = own.map(|(name, value)| (name.as_str(), Some(value.as_bytes())));
        encode_headers(own.chain([(QUEUE_MESSAGE_HEADER, Some(number.as_bytes()))]))
    }
}

impl QueuedBatch {
    /// The packed batch: the content of an object, or base64 of it the body of a message.
    ///
    /// # Errors
    /// When zstd fails, which it does for want of memory alone.
    pub fn pack(&self) -> std::io::Result<Vec<u8>> {
        let records = self.records.iter().map(|record| RecordHead {
            key: record.key.clone(),
            headers: record.headers.clone(),
            bytes: record.value.len(),
        });
        let head = BatchHead {
            format: MESSAGE_FORMAT,
            topic: self.topic.clone(),
            number: self.number.clone(),
            unacknowledged: self.unacknowledged.clone(),
            records: records.collect(),
        };

        let mut unpacked = serde_json::to_vec(&head)?;
        unpacked.push(b'\n');
        for record in &self.records {
            unpacked.extend_from_slice(&record.value);
        }
        zstd::bulk::compress(&unpacked, zstd::DEFAULT_COMPRESSION_LEVEL)
    }

    /// The batch that was packed.
    ///
    /// # Errors
    /// When the bytes are no batch of this format.
    pub fn unpack(packed: &[u8]) -> Result<Self, QueuedMessageError> {
        let unpacked = decompress_batch(packed)?;
        let (head, values) = split_head(&unpacked)?;
        check_format(head)?;
        let head: BatchHead =
            serde_json::from_slice(head).map_err(|_| unreadable("its head is not a batch's"))?;

        Ok(Self {
            topic: head.topic,
            number: head.number,
            unacknowledged: head.unacknowledged,
            records: split_values(head.records, values)?,
        })
    }
}

impl BatchReference {
    /// The reference to a packed batch that is stored as `object`.
    #[must_use]
    pub fn to_object(object: String, packed: &[u8]) -> Self {
        Self {
            format: MESSAGE_FORMAT,
            object,
            sha256: Sha256Digest::of_bytes(packed).to_string(),
        }
    }

    /// The batch that the object holds.
    ///
    /// # Errors
    /// When the content is not the one that the reference names, or is no batch.
    pub fn unpack_object(&self, packed: &[u8]) -> Result<QueuedBatch, QueuedMessageError> {
        if Sha256Digest::of_bytes(packed).to_string() != self.sha256 {
            return Err(unreadable("its object has another content"));
        }
        QueuedBatch::unpack(packed)
    }
}

impl AcknowledgementNotice {
    /// The notice of a batch.
    #[must_use]
    pub fn of_batch(batch: &QueuedBatch) -> Self {
        Self {
            format: MESSAGE_FORMAT,
            topic: batch.topic.clone(),
            acknowledged: batch.number.clone(),
        }
    }
}

impl QueuedMessage {
    /// The body of the message that carries a packed batch itself.
    #[must_use]
    pub fn encode_batch(packed: &[u8]) -> String {
        base64_simd::STANDARD.encode_to_string(packed)
    }

    /// The body of the message that says where a packed batch is.
    ///
    /// # Errors
    /// When serde fails, which it does for no reference.
    pub fn encode_reference(reference: &BatchReference) -> serde_json::Result<String> {
        serde_json::to_string(reference)
    }

    /// The body of the message that is a notice.
    ///
    /// # Errors
    /// When serde fails, which it does for no notice.
    pub fn encode_notice(notice: &AcknowledgementNotice) -> serde_json::Result<String> {
        serde_json::to_string(notice)
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// When the message is not one of the relay's.
    pub fn decode(body: &str) -> Result<Self, QueuedMessageError> {
        // No base64 begins with a brace.
        if body.starts_with('{') {
            return decode_json(body);
        }
        let packed = base64_simd::STANDARD
            .decode_to_vec(body.as_bytes())
            .map_err(|_| unreadable("it is not base64"))?;
        QueuedBatch::unpack(&packed).map(Self::Batch)
    }
}

fn decode_json(body: &str) -> Result<QueuedMessage, QueuedMessageError> {
    check_format(body.as_bytes())?;
    let message = serde_json::from_str(body)
        .map_err(|_| unreadable("it is neither a reference to a batch nor a notice"))?;
    Ok(match message {
        JsonMessage::Reference(reference) => QueuedMessage::Reference(reference),
        JsonMessage::Notice(notice) => QueuedMessage::Notice(notice),
    })
}

fn check_format(json: &[u8]) -> Result<(), QueuedMessageError> {
    let probe: QueuedFormat =
        serde_json::from_slice(json).map_err(|_| unreadable("it says no format"))?;
    match probe.format {
        MESSAGE_FORMAT => Ok(()),
        other => Err(QueuedMessageError::Format(other)),
    }
}

fn decompress_batch(packed: &[u8]) -> Result<Vec<u8>, QueuedMessageError> {
    let not_zstd = |_| unreadable("it is not zstd");
    let decoder = zstd::stream::read::Decoder::new(packed).map_err(not_zstd)?;

    let mut unpacked = Vec::new();
    let mut limited = decoder.take(UNPACKED_BYTES_MAX + 1);
    limited.read_to_end(&mut unpacked).map_err(not_zstd)?;
    if unpacked.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(unreadable("it unpacks to more than a batch may hold"));
    }
    Ok(unpacked)
}

/// The line of JSON, and the values behind it.
fn split_head(unpacked: &[u8]) -> Result<(&[u8], &[u8]), QueuedMessageError> {
    let end = unpacked.iter().position(|byte| *byte == b'\n');
    let (head, values) = unpacked.split_at(end.ok_or(unreadable("it has no head"))?);
    Ok((head, &values[1..]))
}

fn split_values(
    heads: Vec<RecordHead>,
    mut values: &[u8],
) -> Result<Vec<QueuedRecord>, QueuedMessageError> {
    let mut records = Vec::with_capacity(heads.len());
    for head in heads {
        let (value, rest) = values
            .split_at_checked(head.bytes)
            .ok_or(unreadable("it ends within a value"))?;
        values = rest;
        records.push(QueuedRecord {
            key: head.key,
            headers: head.headers,
            value: value.to_vec(),
        });
    }

    match values {
        [] => Ok(records),
        _ => Err(unreadable("it has bytes behind its last value")),
    }
}

fn unreadable(why: &'static str) -> QueuedMessageError {
    QueuedMessageError::Unreadable(why)
}

#[cfg(test)]
mod tests;
