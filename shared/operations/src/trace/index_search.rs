//! Which raw objects may hold the event, the newest first: by the index of the days' events, and
//! where it is missing or older than a receipt, by the receipt itself.
//!
//! The index is read in batches of days, one day of every topic first, then twice as many each time.
//! For each stream, a batch covers the offsets from its oldest entry up to where the batch before
//! began. The receipts of that range are listed: an entry counts only where its receipt has the
//! entity tag from which it was read, and every other receipt is read. So whatever is missing or
//! old in the index costs requests, and no event is missed.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{
    Chunk, Day, EventIdFilter, EventIdHash, EventIndexPart, REDRIVE_PARTITION, Receipt, StreamKey,
};
use store::streams::{StreamError, find_first_receipts, read_receipt_with_ids};
use store::{ListedObject, StoreError};

use super::candidates::is_within;
use super::chunk_candidate::{CandidateCause, ChunkCandidate};
use super::index_parts::{IndexedDays, StreamTests, group_parts, is_todays_contract, test_parts};
use super::known_chunks::{KnownChunks, stream_key};
use super::listing::allow_refused;
use super::{EventQuery, READS_AT_ONCE, SearchedParts};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Receipts that are read at once: each has some 10 kB.
const RECEIPTS_AT_ONCE: usize = 32;

/// Days of a batch at most.
const BATCH_DAYS_MAX: usize = 64;

/// The search by index and receipts.
pub(super) struct IndexSearch<'l> {
    lake: &'l LakeHandle,
    query: &'l EventQuery,
    hash: EventIdHash,
    topics: Vec<TopicSearch>,
    /// Redriven records that may be the event, and are not searched yet.
    redriven: Vec<ChunkCandidate>,
    /// Days of the next batch.
    batch_days: usize,
    is_done: bool,
    pub(super) known: KnownChunks,
}

/// A topic that is searched.
struct TopicSearch {
    /// The days that are still to be read.
    days: IndexedDays,
    streams: Vec<StreamSearch>,
}

/// A stream, and how far down its receipts are known.
struct StreamSearch {
    first: Chunk,
    /// The offset from which on they are.
    known_from: Option<i64>,
}

/// A receipt that a batch has met.
enum MetReceipt {
    /// The index says that its raw object does not hold the event.
    Decided(Chunk),
    /// It must be read: the index names it, or does not know it.
    Wanted(Chunk),
}

/// A receipt that was read for the event.
struct ReadReceipt {
    chunk: Chunk,
    /// The receipt with why its raw object may hold the event, if it may; none when it cannot be
    /// read.
    receipt: Option<(Receipt, Option<CandidateCause>)>,
}

impl<'l> IndexSearch<'l> {
    /// Finds the topics' streams and indexed days, and reads the receipts of redriven records. They
    /// are few, and one that was redriven is found as what it became, also where its refusal is in
    /// an index and its redrive is not.
    pub(super) async fn open(
        lake: &'l LakeHandle,
        query: &'l EventQuery,
        searched: &mut SearchedParts,
    ) -> Result<Self, OperationError> {
        let contracts = lake
            .catalogue
            .mappings
            .iter()
            .map(|mapping| &mapping.contract)
            .filter(|contract| query.covers_source(&contract.name));
        let opened: Vec<TopicSearch> = stream::iter(contracts)
            .map(|contract| open_topic(lake, &contract.topic))
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut search = Self {
            lake,
            query,
            hash: EventIdHash::of_id(&query.event_id),
            topics: opened,
            redriven: Vec::new(),
            batch_days: 1,
            is_done: false,
            known: KnownChunks::default(),
        };
        search.redriven = search.read_redriven(searched).await?;
        Ok(search)
    }

    async fn read_redriven(
        &mut self,
        searched: &mut SearchedParts,
    ) -> Result<Vec<ChunkCandidate>, OperationError> {
        let lake = self.lake;
        let mut met = Vec::new();
        for topic in &mut self.topics {
            for stream in topic.streams.extract_if(.., |stream| stream.is_redriven()) {
                let listed = list_receipts(lake, &stream.first, None).await?;
                let chunks = listed
                    .iter()
                    .filter_map(|entry| Chunk::from_receipt_key(&entry.key));
                met.extend(chunks.map(MetReceipt::Wanted));
            }
        }
        self.read_met(met, searched).await
    }

    /// The raw objects of the next batch that may hold the event; none after the last batch.
    pub(super) async fn next_batch(
        &mut self,
        searched: &mut SearchedParts,
    ) -> Result<Option<Vec<ChunkCandidate>>, OperationError> {
        if self.is_done {
            return Ok(None);
        }
        let (parts, oldest) = self.take_days();
        self.is_done = oldest.is_none();
        self.batch_days = (self.batch_days * 2).min(BATCH_DAYS_MAX);

        let (tests, count) = test_parts(self.lake, self.hash, parts).await?;
        searched.index_parts += count;
        let met = self.list_met(&tests, searched).await?;
        let mut candidates = self.read_met(met, searched).await?;
        let is_due = |redriven: &mut ChunkCandidate| {
            oldest.is_none_or(|oldest| redriven.day().is_none_or(|day| day >= oldest))
        };
        candidates.extend(self.redriven.extract_if(.., is_due));
        Ok(Some(candidates))
    }

    /// Takes the parts of the next days, with the oldest of these; none when no day is left.
    fn take_days(&mut self) -> (Vec<String>, Option<Day>) {
        let mut parts = Vec::new();
        let mut oldest: Option<Day> = None;
        for topic in &mut self.topics {
            let count = self.batch_days.min(topic.days.len());
            for (day, keys) in topic.days.drain(..count) {
                oldest = Some(oldest.map_or(day, |oldest| oldest.min(day)));
                parts.extend(keys);
            }
        }
        (parts, oldest)
    }

    /// Lists the receipts of the batch's ranges, and compares them with the index.
    async fn list_met(
        &mut self,
        tests: &BTreeMap<StreamKey, StreamTests>,
        searched: &mut SearchedParts,
    ) -> Result<Vec<MetReceipt>, OperationError> {
        let (lake, query, is_last) = (self.lake, self.query, self.is_done);
        let no_tests = StreamTests::new();
        let streams = self.topics.iter_mut().flat_map(|topic| &mut topic.streams);
        let listings = streams.filter_map(|stream| {
            let of_stream = tests.get(&stream_key(&stream.first)).unwrap_or(&no_tests);
            let (from, to) = stream.extend_down(of_stream, is_last)?;
            Some(async move {
                let listed = list_receipts(lake, &from, to).await?;
                Ok::<_, OperationError>((listed, of_stream))
            })
        });

        let mut met = Vec::new();
        let mut listed = stream::iter(listings).buffered(READS_AT_ONCE);
        while let Some((listed, of_stream)) = listed.try_next().await? {
            let receipts = listed
                .into_iter()
                .filter_map(|entry| meet_receipt(entry, of_stream, query, searched));
            met.extend(receipts);
        }
        Ok(met)
    }

    /// Reads the receipts that the index does not decide.
    async fn read_met(
        &mut self,
        met: Vec<MetReceipt>,
        searched: &mut SearchedParts,
    ) -> Result<Vec<ChunkCandidate>, OperationError> {
        let mut wanted = Vec::new();
        for receipt in met {
            match receipt {
                MetReceipt::Decided(chunk) => self.known.add_decided(&chunk),
                MetReceipt::Wanted(chunk) => wanted.push(chunk),
            }
        }

        let (lake, hash) = (self.lake, self.hash);
        let reads = wanted
            .into_iter()
            .map(|chunk| read_receipt(lake, hash, chunk));
        let mut readings = stream::iter(reads).buffered(RECEIPTS_AT_ONCE);
        let mut candidates = Vec::new();
        while let Some(ReadReceipt { chunk, receipt }) = readings.try_next().await? {
            searched.receipts += 1;
            let Some((receipt, cause)) = receipt else {
                self.known.add_unreadable(&chunk);
                continue;
            };
            self.known.add_decided(&chunk);
            let day = receipt.first_day();
            if day.is_some_and(|day| !is_within(self.query, day)) {
                continue;
            }
            searched.add_tested(day);
            candidates.extend(cause.map(|cause| ChunkCandidate {
                chunk,
                receipt,
                cause,
            }));
        }
        Ok(candidates)
    }
}

impl StreamSearch {
    fn is_redriven(&self) -> bool {
        self.first.partition == REDRIVE_PARTITION
    }

    /// The next range of receipts: from a raw object up to where the last range began. None when
    /// the batch knows nothing further down.
    fn extend_down(&mut self, tests: &StreamTests, is_last: bool) -> Option<(Chunk, Option<i64>)> {
        let oldest = tests.keys().next().map(|(offset, _)| *offset);
        let from = if is_last {
            Some(self.first.offset)
        } else {
            oldest
        };
        let from = from.filter(|from| self.known_from.is_none_or(|known| *from < known))?;
        let to = self.known_from.replace(from);
        let chunk = Chunk {
            offset: from,
            ..self.first.clone()
        };
        Some((chunk, to))
    }
}

async fn open_topic(lake: &LakeHandle, topic: &str) -> Result<TopicSearch, OperationError> {
    let prefix = EventIndexPart::topic_prefix(topic);
    let parts = allow_refused(lake.curated.list(&prefix, None).await)?;
    let firsts = match find_first_receipts(topic, &*lake.refined).await {
        Ok(firsts) => firsts,
        Err(StreamError::Store(error)) => allow_refused(Err(error))?,
        Err(error) => return Err(error.into()),
    };
    let streams = firsts.into_iter().map(|first| StreamSearch {
        first,
        known_from: None,
    });
    Ok(TopicSearch {
        days: group_parts(parts),
        streams: streams.collect(),
    })
}

async fn list_receipts(
    lake: &LakeHandle,
    from: &Chunk,
    to: Option<i64>,
) -> Result<Vec<ListedObject>, StoreError> {
    let end = match to {
        Some(offset) => Chunk {
            offset,
            ..from.clone()
        }
        .receipt_key(),
        None => from.receipt_list_end(),
    };
    let (prefix, start) = (from.receipt_prefix(), from.receipt_list_start());
    lake.refined.list_between(&prefix, &start, &end).await
}

/// What the index says of a receipt; none of an object that is no receipt.
fn meet_receipt(
    entry: ListedObject,
    tests: &StreamTests,
    query: &EventQuery,
    searched: &mut SearchedParts,
) -> Option<MetReceipt> {
    let chunk = Chunk::from_receipt_key(&entry.key)?;
    // Without an entity tag it is not known whether the index is of this receipt.
    let is_tagged = !entry.etag.is_empty();
    let test = tests.get(&(chunk.offset, entry.etag));
    let Some(test) = test.filter(|_| is_tagged) else {
        return Some(MetReceipt::Wanted(chunk));
    };
    let is_wanted = test.day.is_none_or(|day| is_within(query, day));
    if is_wanted && test.may_hold {
        return Some(MetReceipt::Wanted(chunk));
    }
    if is_wanted {
        searched.add_tested(test.day);
    }
    Some(MetReceipt::Decided(chunk))
}

async fn read_receipt(
    lake: &LakeHandle,
    hash: EventIdHash,
    chunk: Chunk,
) -> Result<ReadReceipt, OperationError> {
    let reading = read_receipt_with_ids(&chunk.receipt_key(), &*lake.refined).await;
    let receipt = lake.unreadable.note(reading)?.map(|(mut receipt, _)| {
        let filter = receipt.event_ids.take();
        let cause = find_cause(lake, hash, &receipt, filter.as_ref());
        (receipt, cause)
    });
    Ok(ReadReceipt { chunk, receipt })
}

/// Why a receipt's raw object may hold the event; none when it does not.
fn find_cause(
    lake: &LakeHandle,
    hash: EventIdHash,
    receipt: &Receipt,
    filter: Option<&EventIdFilter>,
) -> Option<CandidateCause> {
    let Some(filter) = filter else {
        return Some(CandidateCause::NoFilter);
    };
    if filter.may_contain(hash) {
        return Some(CandidateCause::Filter);
    }
    let (topic, version) = (&receipt.stream.topic, &receipt.contract_version);
    let is_other = receipt.quarantine.is_some() && !is_todays_contract(lake, topic, version);
    is_other.then_some(CandidateCause::OtherContract)
}
