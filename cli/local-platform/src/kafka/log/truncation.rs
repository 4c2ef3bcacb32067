//! Cuts the beginning of a partition's log, as Kafka's retention and `DeleteRecords` do: offsets
//! stay what they were.
//!
//! A small file beside the log says where it starts. It is written before the log is replaced, so
//! that a crash between the two leaves batches below the start, which the next opening cuts, and
//! never offsets that are given twice.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{PartitionLog, PartitionLogState, lock_unpoisoned};
use crate::file_error::{damaged_file, name_path};
use crate::private_files::{private_options, replace_private_file};

/// Where a log starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogStart {
    /// The offset of its first record, or of the next one when it has none.
    pub(super) offset: i64,
    /// The append time of the last record that was cut: the log's time never goes back.
    pub(super) last_append: i64,
}

impl LogStart {
    /// Reads the start of a log; a log that was never cut starts at 0.
    pub(super) fn read(log_file: &Path) -> io::Result<Self> {
        let file = start_file(log_file);
        match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let next = "restore a copy of it: it says at which offset the log beside it begins";
                damaged_file(&file, error, next)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(name_path(&file, &error)),
        }
    }

    fn write(self, log_file: &Path) -> io::Result<()> {
        replace_private_file(&start_file(log_file), &serde_json::to_vec(&self)?)
    }
}

/// The file beside a log that says where it starts.
fn start_file(log_file: &Path) -> PathBuf {
    log_file.with_extension("start.json")
}

/// The file of a log that is being cut.
fn staged_file(log_file: &Path) -> PathBuf {
    log_file.with_extension("staged")
}

/// Removes what a crash left of a log that was being cut: it holds records, and no later cut would
/// find them.
pub(super) fn remove_staged_log(log_file: &Path) -> io::Result<()> {
    match fs::remove_file(staged_file(log_file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl PartitionLog {
    /// The offset of the first record that the log holds, or of the next one when it holds none.
    #[must_use]
    pub fn start_offset(&self) -> i64 {
        lock_unpoisoned(&self.inner).start
    }

    /// Cuts every batch whose records are all below `offset`; gives the number of offsets that were
    /// cut.
    ///
    /// # Errors
    /// When a file cannot be written; then the log holds what it held, or the next opening cuts it.
    pub fn truncate_before(&self, offset: i64) -> io::Result<i64> {
        lock_unpoisoned(&self.inner).truncate_before(offset)
    }
}

impl PartitionLogState {
    /// Takes over where the log starts, after its file was read. Batches below the start are of a
    /// cut that a crash interrupted.
    pub(super) fn resume_at(&mut self, log_start: LogStart) -> io::Result<()> {
        self.start = log_start.offset;
        self.next = self.next.max(log_start.offset);
        self.last_append = self.last_append.max(log_start.last_append);
        self.truncate_before(log_start.offset).map(drop)
    }

    /// Cuts the batches below `offset` out of index and file.
    pub(super) fn truncate_before(&mut self, offset: i64) -> io::Result<i64> {
        let cut = self.count_batches_before(offset);
        let start = self.index.get(cut).map_or(self.next, |(first, ..)| *first);
        if cut == 0 {
            return Ok(0);
        }

        let log_start = LogStart {
            offset: start,
            last_append: self.last_append,
        };
        log_start.write(&self.path)?;
        self.replace_file(cut)?;

        let records_cut = start - self.start;
        self.start = start;
        Ok(records_cut)
    }

    /// How many batches end at or before `offset`.
    fn count_batches_before(&self, offset: i64) -> usize {
        let starts = self.index.iter().map(|(first, ..)| *first);
        let ends = starts.skip(1).chain(std::iter::once(self.next));
        ends.take_while(|end| *end <= offset)
            .take(self.index.len())
            .count()
    }

    /// Replaces the file by one without the first `cut` batches.
    fn replace_file(&mut self, cut: usize) -> io::Result<()> {
        let position = self
            .index
            .get(cut)
            .map_or(self.length, |(_, position, _)| *position);
        let kept = self.read_from(position)?;
        let staged = staged_file(&self.path);
        remove_staged_log(&self.path)?;
        let mut file = create_log_file(&staged)?;
        file.write_all(&kept)?;
        fs::rename(staged, &self.path)?;

        self.file = file;
        self.length -= position;
        self.index.drain(..cut);
        self.index
            .iter_mut()
            .for_each(|(_, kept_position, _)| *kept_position -= position);
        Ok(())
    }

    /// The bytes of the file from a position on.
    fn read_from(&self, position: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.length - position).unwrap_or_default();
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, position)?;
        Ok(bytes)
    }
}

/// Opens a log's file for reading and appending; creates it when it is not there.
pub(super) fn create_log_file(path: &Path) -> io::Result<File> {
    private_options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::{Bytes, BytesMut};
    use kafka_protocol::indexmap::IndexMap;
    use kafka_protocol::records::{
        Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    };

    use super::*;
    use crate::clock::Clock;

    /// A batch of records with these values, as a producer sends it.
    fn batch(values: &[&str]) -> Bytes {
        let records: Vec<Record> = (0..)
            .zip(values)
            .map(|(n, value)| record(n, value))
            .collect();
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions {
            version: 2,
            compression: Compression::None,
        };
        RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
        bytes.freeze()
    }

    fn record(number: i64, value: &str) -> Record {
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            timestamp: 0,
            sequence: i32::try_from(number).unwrap(),
            offset: number,
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: IndexMap::new(),
        }
    }

    struct LogFolder(PathBuf);

    impl LogFolder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("polelake-cut-{}-{name}", std::process::id()));
            drop(fs::remove_dir_all(&folder));
            crate::private_files::create_private_folder(&folder).unwrap();
            Self(folder)
        }

        fn file(&self) -> PathBuf {
            self.0.join("0.log")
        }

        fn open(&self) -> PartitionLog {
            PartitionLog::open(&self.file(), Arc::new(Clock::default())).unwrap()
        }

        /// Whether a text is in any file of the folder.
        fn holds(&self, text: &str) -> bool {
            let files = fs::read_dir(&self.0).unwrap().flatten();
            files
                .map(|file| fs::read(file.path()).unwrap())
                .any(|bytes| {
                    bytes
                        .windows(text.len())
                        .any(|part| part == text.as_bytes())
                })
        }
    }

    fn values_from(log: &PartitionLog, offset: i64) -> Vec<(i64, String)> {
        let records = log.read_records(offset, usize::MAX).unwrap().into_iter();
        let values = records.map(|record| (record.offset, record.value.unwrap()));
        values
            .map(|(offset, value)| (offset, String::from_utf8(value.to_vec()).unwrap()))
            .collect()
    }

    #[test]
    fn what_is_cut_is_in_no_file_and_offsets_stay() {
        let folder = LogFolder::new("offsets");
        let log = folder.open();
        log.append_batches(&batch(&["marker-1", "marker-2"]))
            .unwrap();
        log.append_batches(&batch(&["kept-1", "kept-2"])).unwrap();
        assert!(folder.holds("marker-2"));
        assert_eq!(log.truncate_before(2).unwrap(), 2);
        assert_eq!((log.start_offset(), log.next_offset()), (2, 4));
        assert!(!folder.holds("marker") && folder.holds("kept-2"));

        log.append_batches(&batch(&["new"])).unwrap();
        let expected = [(2, "kept-1"), (3, "kept-2"), (4, "new")]
            .map(|(offset, value)| (offset, value.to_owned()));
        assert_eq!(values_from(&log, 2), expected);
        drop(log);
        let log = folder.open();
        assert_eq!((log.start_offset(), log.next_offset()), (2, 5));
        assert_eq!(values_from(&log, 2), expected);
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_log_that_was_cut_to_its_end_continues_after_a_restart() {
        let folder = LogFolder::new("empty");
        let log = folder.open();
        let (_, appended) = log.append_batches(&batch(&["a", "b", "c"])).unwrap();
        assert_eq!(log.truncate_before(3).unwrap(), 3);
        assert_eq!(log.truncate_before(3).unwrap(), 0);
        assert_eq!(fs::metadata(folder.file()).unwrap().len(), 0);
        drop(log);

        let log = folder.open();
        assert_eq!((log.start_offset(), log.next_offset()), (3, 3));
        assert_eq!(values_from(&log, 3), []);
        let (offset, again) = log.append_batches(&batch(&["d"])).unwrap();
        assert!(
            offset == 3 && again >= appended,
            "the log's time never goes back"
        );
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_batch_with_a_record_that_is_not_landed_stays() {
        let folder = LogFolder::new("half");
        let log = folder.open();
        log.append_batches(&batch(&["a", "b"])).unwrap();
        log.append_batches(&batch(&["c", "d"])).unwrap();
        assert_eq!(log.truncate_before(0).unwrap(), 0);
        assert_eq!(log.truncate_before(1).unwrap(), 0);
        assert_eq!(log.truncate_before(3).unwrap(), 2);
        assert_eq!(values_from(&log, 2).len(), 2);
        assert_eq!(log.truncate_before(i64::MAX).unwrap(), 2);
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_cut_that_a_crash_interrupted_is_finished_by_the_next_opening() {
        let folder = LogFolder::new("crash");
        let log = folder.open();
        log.append_batches(&batch(&["marker"])).unwrap();
        log.append_batches(&batch(&["kept"])).unwrap();
        drop(log);
        // The start is written, the log is not replaced, and a part of the new one is there.
        LogStart {
            offset: 1,
            last_append: 0,
        }
        .write(&folder.file())
        .unwrap();
        fs::write(staged_file(&folder.file()), "marker, again").unwrap();

        let log = folder.open();
        assert_eq!((log.start_offset(), log.next_offset()), (1, 2));
        assert_eq!(values_from(&log, 1), [(1, "kept".to_owned())]);
        assert!(!folder.holds("marker"));
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
