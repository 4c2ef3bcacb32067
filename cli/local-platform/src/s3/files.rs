//! Objects as files: `<folder>/<bucket>/<key>`, so that DuckDB can read them in place.
//!
//! An index in memory lists the objects; a journal restores it after a restart. Condition check,
//! rename and index happen under one lock: of many conditional writers exactly one wins.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::file_error::{damaged_file, name_path};
use crate::private_files::{create_private_folder, private_options, write_private_file};

/// The longest file name of Linux's file systems.
const FILE_NAME_BYTES_MAX: usize = 255;

/// The folder of bodies that are being written.
const STAGING_FOLDER: &str = ".staging";

/// Called with the bucket and key of every object that is written, before its writer gets an
/// answer.
pub type ObjectWatcher = Arc<dyn Fn(&str, &str) -> io::Result<()> + Send + Sync>;

/// The condition of a write on the object that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WriteCondition {
    Unconditional,
    IfAbsent,
    IfMatch(String),
}

/// Why an object was not written.
#[derive(Debug)]
pub(super) enum WriteRefusal {
    ConditionFailed,
    NoSuchKey,
    Io(io::Error),
}

impl From<io::Error> for WriteRefusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An object's entry in the index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct IndexedObject {
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified: u64,
    #[serde(default)]
    pub(super) content_type: Option<String>,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
}

/// A line of the journal: an object that was written, or none for a key that was deleted.
#[derive(Serialize, Deserialize)]
struct ObjectJournalLine {
    bucket: String,
    key: String,
    entry: Option<IndexedObject>,
}

/// What its owner does about a journal with a damaged line.
const REMOVE_LINE: &str = "restore a copy of the file, or take the line out; `polelake audit` then \
                           names the objects that are missing";

fn parse_journal_line(line: &str) -> Result<ObjectJournalLine, serde_json::Error> {
    serde_json::from_str(line)
}

#[derive(Default)]
struct BucketIndex {
    buckets: BTreeMap<String, BTreeMap<String, IndexedObject>>,
    written: u64,
}

/// The buckets.
pub struct BucketFiles {
    folder: PathBuf,
    index: Mutex<BucketIndex>,
    journal: Mutex<fs::File>,
    watch: ObjectWatcher,
}

impl BucketFiles {
    /// Opens the objects that are stored in `folder`; creates those of `buckets` that do not exist.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(folder: &Path, buckets: &[&str], watch: ObjectWatcher) -> io::Result<Self> {
        clear_staging(&folder.join(STAGING_FOLDER))?;
        let path = folder.join(".journal.jsonl");
        let mut index = BucketIndex::default();
        for (number, line) in (1..).zip(read_complete_lines(&path)?.lines()) {
            let line = parse_journal_line(line).map_err(|why| {
                let why = format!("line {number}: {why}");
                damaged_file(&path, why, REMOVE_LINE)
            })?;
            let bucket = index.buckets.entry(line.bucket).or_default();
            match line.entry {
                Some(entry) => bucket.insert(line.key, entry),
                None => bucket.remove(&line.key),
            };
        }
        for bucket in buckets {
            index.buckets.entry((*bucket).to_owned()).or_default();
        }
        repair_index(folder, &mut index);
        let journal = private_options()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| name_path(&path, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            index: Mutex::new(index),
            journal: Mutex::new(journal),
            watch,
        })
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.lock_index().buckets.contains_key(bucket)
    }

    /// The object's file, opened under the lock, so that all of it is read from one version. A file
    /// that was cut, or taken away by hand, is served as it is: as S3 would serve such an object.
    pub(super) fn open_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> io::Result<Option<(IndexedObject, fs::File)>> {
        let index = self.lock_index();
        let Some(entry) = index
            .buckets
            .get(bucket)
            .and_then(|objects| objects.get(key))
        else {
            return Ok(None);
        };
        let mut entry = entry.clone();
        let file = match fs::File::open(self.folder.join(&entry.file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        entry.size = file.metadata()?.len();
        Ok(Some((entry, file)))
    }

    pub(super) fn write_object(
        &self,
        bucket: &str,
        key: &str,
        body: &[u8],
        mut entry: IndexedObject,
        condition: &WriteCondition,
    ) -> Result<IndexedObject, WriteRefusal> {
        entry.etag = format!("{:x}", Md5::digest(body));
        entry.size = body.len() as u64;
        let staged = self.stage_body(body)?;

        let mut index = self.lock_index();
        let present = index
            .buckets
            .get(bucket)
            .and_then(|objects| objects.get(key));
        if let Err(refusal) = check_condition(condition, present) {
            fs::remove_file(staged)?;
            return Err(refusal);
        }
        entry.file = match present {
            Some(present) => present.file.clone(),
            None => self.choose_path(bucket, key),
        };

        // The watcher runs before the object is visible: a crash between them notifies twice, never
        // not at all.
        (self.watch)(bucket, key)?;
        fs::rename(staged, self.folder.join(&entry.file))?;
        self.write_journal(bucket, key, Some(&entry))?;
        index
            .buckets
            .entry(bucket.to_owned())
            .or_default()
            .insert(key.to_owned(), entry.clone());
        Ok(entry)
    }

    pub(super) fn delete_object(&self, bucket: &str, key: &str) -> io::Result<()> {
        let mut index = self.lock_index();
        if let Some(entry) = index
            .buckets
            .get_mut(bucket)
            .and_then(|objects| objects.remove(key))
        {
            self.write_journal(bucket, key, None)?;
            fs::remove_file(self.folder.join(entry.file))?;
        }
        Ok(())
    }

    /// Up to `limit` objects after `after`, and whether there are more.
    pub(super) fn list_objects(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> (Vec<(String, IndexedObject)>, bool) {
        let index = self.lock_index();
        let Some(objects) = index.buckets.get(bucket) else {
            return (Vec::new(), false);
        };
        let from = if after < prefix {
            Bound::Included(prefix)
        } else {
            Bound::Excluded(after)
        };
        let mut found = objects
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        let page: Vec<_> = found
            .by_ref()
            .take(limit)
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect();
        let more = found.next().is_some();
        (page, more)
    }

    fn lock_index(&self) -> MutexGuard<'_, BucketIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage_body(&self, body: &[u8]) -> io::Result<PathBuf> {
        let number = {
            let mut index = self.lock_index();
            index.written += 1;
            index.written
        };
        let path = self
            .folder
            .join(STAGING_FOLDER)
            .join(format!("{}-{number}", std::process::id()));
        write_private_file(&path, body)?;
        Ok(path)
    }

    /// The path of a new object: its key, unless the file system does not allow such a path.
    fn choose_path(&self, bucket: &str, key: &str) -> String {
        let path = format!("{bucket}/{key}");
        if key.split('/').all(is_file_name) && self.can_be_file(&path) {
            return path;
        }

        // If this fails, the rename to the path fails too and reports it.
        drop(create_private_folder(
            &self.folder.join(".odd").join(bucket),
        ));
        format!(".odd/{bucket}/{:x}", Md5::digest(key.as_bytes()))
    }

    /// Creates the path's folder; true when a file can have the path.
    fn can_be_file(&self, path: &str) -> bool {
        let path = self.folder.join(path);
        let folder = path.parent();
        folder.is_some_and(|folder| create_private_folder(folder).is_ok()) && !path.is_dir()
    }

    fn write_journal(
        &self,
        bucket: &str,
        key: &str,
        entry: Option<&IndexedObject>,
    ) -> io::Result<()> {
        let line = ObjectJournalLine {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            entry: entry.cloned(),
        };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let length = journal.metadata()?.len();
        journal.write_all(text.as_bytes()).inspect_err(|_| {
            // The next line must not follow an incomplete one. If this fails too, the next start
            // removes it.
            drop(journal.set_len(length));
        })
    }
}

/// Creates the folder of bodies that are being written, and removes those that a crash left: they
/// hold records, and no erasure would find them.
fn clear_staging(folder: &Path) -> io::Result<()> {
    create_private_folder(folder)?;
    for entry in fs::read_dir(folder)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

/// Whether a part of a key can be the name of a file.
fn is_file_name(part: &str) -> bool {
    let is_name = !part.is_empty() && part != "." && part != "..";
    is_name && part.len() <= FILE_NAME_BYTES_MAX && !part.contains('\0')
}

/// Reads a range of a file.
///
/// # Errors
/// When the file cannot be read, or ends before the range does.
pub fn read_file_range(mut file: fs::File, range: std::ops::Range<u64>) -> io::Result<Bytes> {
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes =
        Vec::with_capacity(usize::try_from(range.end - range.start).unwrap_or_default());
    file.take(range.end - range.start).read_to_end(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

/// The journal without a last line that a crash left incomplete: its writer never got an answer.
fn read_complete_lines(path: &Path) -> io::Result<String> {
    let mut text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(name_path(path, &error)),
    };

    let complete = text.rfind('\n').map_or(0, |end| end + 1);
    if complete < text.len() {
        text.truncate(complete);
        fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .set_len(complete as u64)?;
    }
    Ok(text)
}

/// A new entry, not yet written.
pub(super) fn new_entry(
    content_type: Option<String>,
    metadata: HashMap<String, String>,
) -> IndexedObject {
    let modified = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    IndexedObject {
        file: String::new(),
        size: 0,
        etag: String::new(),
        modified,
        content_type,
        metadata,
    }
}

fn check_condition(
    condition: &WriteCondition,
    present: Option<&IndexedObject>,
) -> Result<(), WriteRefusal> {
    match (condition, present) {
        (WriteCondition::Unconditional, _) | (WriteCondition::IfAbsent, None) => Ok(()),
        (WriteCondition::IfMatch(tag), Some(present)) if *tag == present.etag => Ok(()),
        (WriteCondition::IfMatch(_), None) => Err(WriteRefusal::NoSuchKey),
        _ => Err(WriteRefusal::ConditionFailed),
    }
}

/// Corrects the index by the files: of an object that was replaced just before a crash, the journal
/// has the old line.
fn repair_index(folder: &Path, index: &mut BucketIndex) {
    for objects in index.buckets.values_mut() {
        objects.retain(|_, entry| {
            let path = folder.join(&entry.file);
            let Ok(found) = fs::metadata(&path) else {
                return false;
            };
            if found.len() != entry.size {
                let body = fs::read(&path).unwrap_or_default();
                entry.size = body.len() as u64;
                entry.etag = format!("{:x}", Md5::digest(&body));
            }
            true
        });
    }
}
