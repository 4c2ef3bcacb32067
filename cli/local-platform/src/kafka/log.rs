//! The log: one file for each partition, record batches as the producer sent them, stamped with the
//! append time.

mod truncation;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use truncation::LogStart;

use super::fault_injection::INVALID_PRODUCER_EPOCH;
use super::records::{self, LogRecord};
use crate::clock::Clock;
use crate::private_files::create_private_folder;

/// Partitions of a topic of the local platform.
pub const PARTITIONS: i32 = 3;

/// The longest topic name that Kafka allows.
const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Kafka's error codes that the log can answer with.
pub(super) const CORRUPT_MESSAGE: i16 = 2;
pub(super) const UNSUPPORTED_COMPRESSION: i16 = 76;
pub(super) const OUT_OF_ORDER_SEQUENCE: i16 = 45;
pub(super) const STORAGE_ERROR: i16 = 56;

/// Byte positions in a record batch of format 2.
mod batch {
    pub(super) const LENGTH: usize = 8;
    pub(super) const MAGIC: usize = 16;
    pub(super) const CRC: usize = 17;
    pub(super) const ATTRIBUTES: usize = 21;
    pub(super) const LAST_DELTA: usize = 23;
    pub(super) const MAX_TIMESTAMP: usize = 35;
    pub(super) const PRODUCER: usize = 43;
    pub(super) const EPOCH: usize = 51;
    pub(super) const SEQUENCE: usize = 53;
    pub(super) const HEADER: usize = 61;
    /// The attribute bit of LogAppendTime.
    pub(super) const APPEND_TIME: u8 = 0x08;
}

/// Every topic of the broker.
pub struct TopicLogs {
    folder: PathBuf,
    clock: Arc<Clock>,
    /// Whether a topic that a client asks for is created: `auto.create.topics.enable`.
    creates_topics: bool,
    topics: Mutex<BTreeMap<String, Arc<Vec<PartitionLog>>>>,
    /// Notified after every append.
    pub appended: Notify,
}

impl TopicLogs {
    /// Opens the topics that are stored in `folder`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn open(folder: &Path, clock: Arc<Clock>) -> io::Result<Self> {
        create_private_folder(folder)?;
        let topics = Self {
            folder: folder.to_owned(),
            clock,
            creates_topics: true,
            topics: Mutex::default(),
            appended: Notify::new(),
        };
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                topics.get_or_create_topic(&entry.file_name().to_string_lossy())?;
            }
        }
        Ok(topics)
    }

    /// The same without the creation of topics that clients ask for, as brokers of production are
    /// configured.
    #[must_use]
    pub fn without_topic_creation(mut self) -> Self {
        self.creates_topics = false;
        self
    }

    /// Whether a topic that a client asks for is created.
    pub(super) fn creates_topics(&self) -> bool {
        self.creates_topics
    }

    /// The topic's partitions for a client that asks for them; none when the topic does not exist
    /// and is not created.
    ///
    /// # Errors
    /// As [`Self::get_or_create_topic`].
    pub(super) fn find_topic(&self, name: &str) -> io::Result<Option<Arc<Vec<PartitionLog>>>> {
        if self.creates_topics {
            return self.get_or_create_topic(name).map(Some);
        }
        Ok(lock_unpoisoned(&self.topics).get(name).map(Arc::clone))
    }

    /// The topic's partitions; a topic that does not exist is created.
    ///
    /// # Errors
    /// When its files cannot be created, or its name could be a path.
    pub fn get_or_create_topic(&self, name: &str) -> io::Result<Arc<Vec<PartitionLog>>> {
        if !is_topic_name(name) {
            let kind = io::ErrorKind::InvalidInput;
            return Err(io::Error::new(kind, "not a topic name"));
        }
        let mut topics = lock_unpoisoned(&self.topics);
        if let Some(known) = topics.get(name) {
            return Ok(Arc::clone(known));
        }

        let folder = self.folder.join(name);
        create_private_folder(&folder)?;
        let logs = (0..PARTITIONS).map(|partition| {
            let file = folder.join(format!("{partition}.log"));
            PartitionLog::open(&file, Arc::clone(&self.clock))
        });
        let logs = Arc::new(logs.collect::<io::Result<Vec<_>>>()?);
        topics.insert(name.to_owned(), Arc::clone(&logs));
        Ok(logs)
    }

    /// The names of all topics.
    #[must_use]
    pub fn topic_names(&self) -> Vec<String> {
        lock_unpoisoned(&self.topics).keys().cloned().collect()
    }
}

/// Kafka's rule for names, without those that begin with a dot: they could be a path.
fn is_topic_name(name: &str) -> bool {
    let has_length = !name.is_empty() && name.len() <= TOPIC_NAME_BYTES_MAX;
    let has_characters = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    has_length && has_characters && !name.starts_with('.')
}

fn lock_unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One partition.
pub struct PartitionLog {
    clock: Arc<Clock>,
    inner: Mutex<PartitionLogState>,
}

struct PartitionLogState {
    path: PathBuf,
    file: File,
    length: u64,
    /// The offset of the first record, or `next` when there is none.
    start: i64,
    next: i64,
    last_append: i64,
    /// (first offset, position in the file, length) of every batch.
    index: Vec<(i64, u64, usize)>,
    /// The last batch of each producer.
    producers: HashMap<i64, ProducerState>,
}

/// The last batch of a producer.
struct ProducerState {
    /// Its epoch: in each, it counts its records from 0.
    epoch: i16,
    /// The sequence of its last record.
    sequence: i32,
    /// The offset of its first record.
    offset: i64,
}

impl PartitionLog {
    fn open(path: &Path, clock: Arc<Clock>) -> io::Result<Self> {
        truncation::remove_staged_log(path)?;
        let log_start = LogStart::read(path)?;
        let file = truncation::create_log_file(path)?;
        let bytes = std::fs::read(path)?;

        let mut inner = PartitionLogState {
            path: path.to_owned(),
            file,
            length: 0,
            start: 0,
            next: 0,
            last_append: 0,
            index: Vec::new(),
            producers: HashMap::new(),
        };
        let mut rest = bytes.as_slice();
        while let Some(batch) = parse_next_batch(rest) {
            inner.index_batch(batch);
            rest = &rest[batch.len()..];
        }

        // A batch that a crash left incomplete was never acknowledged.
        inner.file.set_len(inner.length)?;
        inner.resume_at(log_start)?;
        Ok(Self {
            clock,
            inner: Mutex::new(inner),
        })
    }

    /// Appends record batches as a producer sent them; gives the first offset and the append time.
    ///
    /// # Errors
    /// Kafka's error code.
    pub fn append_batches(&self, records: &[u8]) -> Result<(i64, i64), i16> {
        let mut inner = lock_unpoisoned(&self.inner);
        // The log's time never goes back, even when the clock does.
        let now = self.clock.now_millis().max(inner.last_append);

        let mut rest = records;
        let mut first = None;
        while !rest.is_empty() {
            let batch = parse_next_batch(rest).ok_or(CORRUPT_MESSAGE)?;
            rest = &rest[batch.len()..];
            if !records::is_readable(batch) {
                return Err(UNSUPPORTED_COMPRESSION);
            }
            let offset = match inner.find_repeated_batch(batch)? {
                Some(offset) => offset,
                None => inner.append_batch(batch, now).map_err(|_| STORAGE_ERROR)?,
            };
            first.get_or_insert(offset);
        }
        first.map(|first| (first, now)).ok_or(CORRUPT_MESSAGE)
    }

    /// The offset that the next record gets.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        lock_unpoisoned(&self.inner).next
    }

    /// Complete batches from the one with `offset` on, up to about `max_bytes`, at least one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_batches(&self, offset: i64, max_bytes: usize) -> io::Result<Bytes> {
        let inner = lock_unpoisoned(&self.inner);
        if offset >= inner.next || offset < inner.start {
            return Ok(Bytes::new());
        }

        let batches_before = inner.index.partition_point(|(first, ..)| *first <= offset);
        let wanted = &inner.index[batches_before.saturating_sub(1)..];
        let start = wanted[0].1;
        let mut end = start;
        for (_, position, length) in wanted {
            let batch_end = position + *length as u64;
            if end > start && batch_end - start > max_bytes as u64 {
                break;
            }
            end = batch_end;
        }

        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or_default()];
        inner.file.read_exact_at(&mut bytes, start)?;
        Ok(Bytes::from(bytes))
    }

    /// The records from `offset` on, up to about `max_bytes` of them.
    ///
    /// # Errors
    /// When the file cannot be read or decoded.
    pub fn read_records(&self, offset: i64, max_bytes: usize) -> io::Result<Vec<LogRecord>> {
        let mut rest = self.read_batches(offset, max_bytes)?;
        let mut records = Vec::new();
        // Batches may be compressed: the limit counts the decoded values.
        let mut decoded_bytes = 0;
        while decoded_bytes < max_bytes.max(1) {
            let Some(length) = parse_next_batch(&rest).map(<[u8]>::len) else {
                break;
            };
            let batch = rest.split_to(length);
            let append_time = i64_at(&batch, batch::MAX_TIMESTAMP);
            let decoded = records::decode_batch(&batch, append_time)?;

            let values = decoded.iter().filter_map(|record| record.value.as_ref());
            decoded_bytes += values.map(Bytes::len).sum::<usize>();
            let wanted = decoded.into_iter().filter(|record| record.offset >= offset);
            records.extend(wanted);
        }
        Ok(records)
    }
}

impl PartitionLogState {
    /// The first offset of a batch that this producer has sent before: it got no answer and sends
    /// the batch again.
    fn find_repeated_batch(&self, batch: &[u8]) -> Result<Option<i64>, i16> {
        let producer = i64_at(batch, batch::PRODUCER);
        let sequence = i32_at(batch, batch::SEQUENCE);
        let Some(last) = self.producers.get(&producer).filter(|_| producer >= 0) else {
            return Ok(None);
        };
        let epoch = i16_at(batch, batch::EPOCH);
        if epoch < last.epoch {
            return Err(INVALID_PRODUCER_EPOCH);
        }

        // A new epoch begins at 0; its first record repeats none of the old epoch.
        let expected = if epoch > last.epoch {
            0
        } else {
            last.sequence.wrapping_add(1) & i32::MAX
        };
        if sequence == expected {
            return Ok(None);
        }

        let end = sequence.wrapping_add(i32_at(batch, batch::LAST_DELTA)) & i32::MAX;
        if epoch == last.epoch && end == last.sequence {
            Ok(Some(last.offset))
        } else {
            Err(OUT_OF_ORDER_SEQUENCE)
        }
    }

    fn append_batch(&mut self, batch: &[u8], now: i64) -> io::Result<i64> {
        let mut stamped = BytesMut::from(batch);
        let offset = self.next;
        stamped[..8].copy_from_slice(&offset.to_be_bytes());
        stamped[batch::ATTRIBUTES + 1] |= batch::APPEND_TIME;
        stamped[batch::MAX_TIMESTAMP..batch::MAX_TIMESTAMP + 8].copy_from_slice(&now.to_be_bytes());
        let crc = crc32c::crc32c(&stamped[batch::ATTRIBUTES..]);
        stamped[batch::CRC..batch::CRC + 4].copy_from_slice(&crc.to_be_bytes());

        if let Err(error) = self.file.write_all(&stamped) {
            // The next batch must not follow an incomplete one.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.index_batch(&stamped);
        Ok(offset)
    }

    /// Adds a batch that is in the file to the index.
    fn index_batch(&mut self, batch: &[u8]) {
        let first = i64_at(batch, 0);
        let last_delta = i32_at(batch, batch::LAST_DELTA);
        self.index.push((first, self.length, batch.len()));
        self.length += batch.len() as u64;
        self.next = first + i64::from(last_delta) + 1;
        self.last_append = i64_at(batch, batch::MAX_TIMESTAMP);

        let producer = i64_at(batch, batch::PRODUCER);
        if producer >= 0 {
            let sequence = i32_at(batch, batch::SEQUENCE).wrapping_add(last_delta) & i32::MAX;
            let last = ProducerState {
                epoch: i16_at(batch, batch::EPOCH),
                sequence,
                offset: first,
            };
            self.producers.insert(producer, last);
        }
    }
}

/// The batch at the start of `bytes`, if it is complete, of format 2 and undamaged.
fn parse_next_batch(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.len() < batch::HEADER || bytes[batch::MAGIC] != 2 {
        return None;
    }
    let length = usize::try_from(i32_at(bytes, batch::LENGTH)).ok()? + 12;
    let batch = bytes
        .get(..length)
        .filter(|batch| batch.len() >= batch::HEADER)?;
    let crc = u32::from_be_bytes(batch[batch::CRC..batch::CRC + 4].try_into().ok()?);
    (crc == crc32c::crc32c(&batch[batch::ATTRIBUTES..])).then_some(batch)
}

fn i64_at(bytes: &[u8], position: usize) -> i64 {
    bytes[position..position + 8]
        .try_into()
        .map(i64::from_be_bytes)
        .unwrap_or_default()
}

fn i16_at(bytes: &[u8], position: usize) -> i16 {
    bytes[position..position + 2]
        .try_into()
        .map(i16::from_be_bytes)
        .unwrap_or_default()
}

fn i32_at(bytes: &[u8], position: usize) -> i32 {
    bytes[position..position + 4]
        .try_into()
        .map(i32::from_be_bytes)
        .unwrap_or_default()
}
