//! What a topic's table shows, brought up to date: objects that have expired leave it, and those
//! that have a receipt since are added to the manifest of the day on which they landed.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind};
use lake::iceberg::{RawDayEntry, RawDays, RawIcebergTable, RawObjectFile, read_raw_manifest};
use lake::{Chunk, Day, LakeError, is_named_iceberg_content};
use store::losses::covers_gap;
use store::streams::{find_first_chunks, find_stream_starts, read_receipt_with_ids};

use crate::context::Context;
use crate::iceberg::put_iceberg_file;

/// Receipts that are read at once.
const READS_AT_ONCE: usize = 16;

/// The objects of a day, in the order of their streams and offsets.
type LandedObjects = BTreeMap<Chunk, RawObjectFile>;

/// An update of what a topic's table shows.
pub(super) struct RawDaysUpdate<'u> {
    table: &'u RawIcebergTable<'u>,
    context: &'u Context,
    /// The first raw object that is there, of each stream.
    present: Vec<Chunk>,
    /// Where each stream begins, by its receipts too.
    starts: Vec<Chunk>,
}

impl<'u> RawDaysUpdate<'u> {
    pub(super) async fn open(
        topic: &str,
        table: &'u RawIcebergTable<'u>,
        context: &'u Context,
    ) -> Result<Self, Failure> {
        let (raw, refined) = (&*context.raw, &*context.refined);
        Ok(Self {
            table,
            context,
            present: find_first_chunks(topic, raw).await?,
            starts: find_stream_starts(topic, raw, refined).await?,
        })
    }

    pub(super) async fn bring_up_to_date(&self, mut days: RawDays) -> Result<RawDays, Failure> {
        self.drop_expired(&mut days).await?;
        let mut added: BTreeMap<Option<Day>, LandedObjects> = BTreeMap::new();
        for start in &self.starts {
            self.collect_new(start, &mut days, &mut added).await?;
        }
        for (landed, files) in added {
            self.add_files(landed, files, &mut days).await?;
        }
        Ok(days)
    }

    /// Whether a raw object is there. Objects expire by their age, so the first one of a stream
    /// says so of all behind it.
    fn is_present(&self, chunk: &Chunk) -> bool {
        let mut firsts = self.present.iter();
        firsts.any(|first| is_same_stream(first, chunk) && first.offset <= chunk.offset)
    }

    /// Drops the objects that have expired, from the oldest day on until a day has lost none.
    async fn drop_expired(&self, days: &mut RawDays) -> Result<(), Failure> {
        let shown: Vec<_> = days
            .entries()
            .map(|(landed, entry)| (landed, entry.clone()))
            .collect();
        for (landed, entry) in shown {
            let mut files = self.read_day(&entry).await?;
            let before = files.len();
            files.retain(|chunk, _| self.is_present(chunk));
            if files.len() == before {
                break;
            }
            self.put_day(landed, &files, days).await?;
        }
        Ok(())
    }

    /// Collects the objects of a stream that have a receipt and are not shown yet, up to the first
    /// one without a receipt: what is behind it is shown when it has one, or is declared lost.
    async fn collect_new(
        &self,
        start: &Chunk,
        days: &mut RawDays,
        added: &mut BTreeMap<Option<Day>, LandedObjects>,
    ) -> Result<(), Failure> {
        let stream = (start.epoch, start.partition);
        let mut next = days.next_offset(stream).unwrap_or(start.offset);
        let from = Chunk {
            offset: next,
            ..start.clone()
        };
        let refined = &*self.context.refined;
        let after = from.receipt_list_start();
        let listed = refined.list(&from.receipt_prefix(), Some(&after)).await?;
        let chunks = listed
            .into_iter()
            .filter_map(|entry| Chunk::from_receipt_key(&entry.key));
        let mut files = stream::iter(chunks)
            .map(|chunk| self.read_file(chunk))
            .buffered(READS_AT_ONCE);

        while let Some((chunk, behind, file)) = files.try_next().await? {
            if chunk.offset != next && !covers_gap(start, (next, chunk.offset), refined).await? {
                break;
            }
            next = behind;
            if let Some(file) = file.filter(|_| self.is_present(&chunk)) {
                let landed = find_landed_day(&file)?;
                added.entry(landed).or_default().insert(chunk, file);
            }
        }
        drop(files);
        days.set_next_offset(stream, next);
        Ok(())
    }

    /// What the receipt of an object says: the offset behind it, and the object where it has
    /// records.
    async fn read_file(
        &self,
        chunk: Chunk,
    ) -> Result<(Chunk, i64, Option<RawObjectFile>), Failure> {
        let key = chunk.receipt_key();
        let (receipt, _) = read_receipt_with_ids(&key, &*self.context.refined).await?;
        let file = RawObjectFile::from_receipt(&receipt);
        Ok((chunk, receipt.next, file))
    }

    /// Adds objects to the manifest of their day.
    async fn add_files(
        &self,
        landed: Option<Day>,
        added: LandedObjects,
        days: &mut RawDays,
    ) -> Result<(), Failure> {
        let mut files = match days.entry_of(landed).cloned() {
            Some(entry) => self.read_day(&entry).await?,
            None => LandedObjects::new(),
        };
        files.extend(added);
        self.put_day(landed, &files, days).await
    }

    async fn read_day(&self, entry: &RawDayEntry) -> Result<LandedObjects, Failure> {
        let key = &entry.manifest;
        let object = self.context.curated.get(key).await?;
        if !is_named_iceberg_content(key, &object.body) {
            let why = LakeError::Unexpected("it does not hold what its name says".into());
            return Err(Failure::damaged_object(key, &why));
        }
        let files = read_raw_manifest(&object.body)
            .map_err(|error| Failure::damaged_object(key, &error))?;
        Ok(files
            .into_iter()
            .map(|file| (file.chunk.clone(), file))
            .collect())
    }

    async fn put_day(
        &self,
        landed: Option<Day>,
        files: &LandedObjects,
        days: &mut RawDays,
    ) -> Result<(), Failure> {
        if files.is_empty() {
            days.set_entry(landed, None);
            return Ok(());
        }
        let files: Vec<RawObjectFile> = files.values().cloned().collect();
        let (manifest, entry) = self.table.write_day(landed, &files)?;
        put_iceberg_file(&manifest, &*self.context.curated).await?;
        days.set_entry(landed, Some(entry));
        Ok(())
    }
}

fn is_same_stream(one: &Chunk, other: &Chunk) -> bool {
    (one.epoch, one.partition) == (other.epoch, other.partition)
}

/// The day on which an object landed; none where that was not kept. Engines skip an object by its
/// day, so one of two days would lose rows.
fn find_landed_day(file: &RawObjectFile) -> Result<Option<Day>, Failure> {
    let landed = file.times.landed_day();
    if landed.is_none() && file.times.landed_at.is_some() {
        let key = file.chunk.raw_key();
        let message = format!("{key} holds records that landed on several days");
        return Err(Failure::new(FailureKind::Corrupt, message));
    }
    Ok(landed)
}
