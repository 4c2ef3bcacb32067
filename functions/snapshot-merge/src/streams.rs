//! How far every stream can be consumed for a day.
//!
//! A stream is consumed from the offset where the base's manifest stopped, over receipts that
//! follow each other without a gap, up to the first record that was appended after the day's end. A
//! raw object that is not transformed yet stops it there: the records behind are consumed by the
//! next run, so that none is lost and none is consumed twice. Offsets without a receipt that are
//! declared lost are passed.

use std::collections::{BTreeMap, BTreeSet};

use host::Failure;
use lake::{Chunk, CommittedOffset, Day, ObjectDigest, SnapshotManifest, StreamKey};
use store::losses::pass_declared_losses;
use store::streams::{
    ReceiptReading, find_stream_starts, list_raw_chunks, oldest_committed_chunk, read_each_receipt,
};
use store::{ObjectStore, UnreadableObject};

use crate::input_request::InputRequest;

/// A refined object with the range of offsets that is consumed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefinedInput {
    pub(crate) key: String,
    pub(crate) digest: ObjectDigest,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Rows of the complete object.
    pub(crate) rows: u64,
    pub(crate) source: String,
    /// Whether its receipt says that its source sends patches.
    pub(crate) states_records: bool,
}

/// What a table consumes for a day.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableInputs {
    pub(crate) inputs: Vec<RefinedInput>,
    pub(crate) committed_offsets: Vec<CommittedOffset>,
    /// The first of the consumed receipts, with its source, that was written when the source sent
    /// no patches: what its events state of their records is not known.
    pub(crate) without_records: Option<(String, String)>,
}

impl TableInputs {
    /// Rows of the inputs, at most.
    pub(crate) fn row_count(&self) -> u64 {
        self.inputs.iter().map(|input| input.rows).sum()
    }
}

/// The streams' receipts, read once for all tables of a run.
pub(crate) struct StreamReceipts {
    day: Day,
    topics: BTreeMap<String, Vec<TopicStream>>,
    untransformed: u64,
}

/// One stream of a topic: its first offset, and the receipts that some table has not consumed.
#[derive(Debug)]
struct TopicStream {
    stream: StreamKey,
    first: i64,
    receipts: Vec<ReceiptReading>,
}

impl StreamReceipts {
    pub(crate) fn new(day: Day) -> Self {
        Self {
            day,
            topics: BTreeMap::new(),
            untransformed: 0,
        }
    }

    /// Raw objects that are not transformed yet.
    pub(crate) fn untransformed_objects(&self) -> u64 {
        self.untransformed
    }

    /// The earliest and the latest day on which a record was appended, of the receipts that were
    /// read.
    pub(crate) fn data_days(&self) -> Option<(Day, Day)> {
        let streams = self.topics.values().flatten();
        let receipts = streams.flat_map(|stream| &stream.receipts);
        let days: Vec<Day> = receipts
            .filter_map(ReceiptReading::readable)
            .flat_map(|receipt| &receipt.days)
            .filter_map(|start| Day::parse(&start.date))
            .collect();
        days.iter().copied().min().zip(days.iter().copied().max())
    }

    /// Reads the receipts of `topics` behind the oldest of `bases`, once for all tables of the run.
    pub(crate) async fn read_receipts(
        &mut self,
        topics: &[&str],
        bases: &[SnapshotManifest],
        raw: &dyn ObjectStore,
        refined: &dyn ObjectStore,
    ) -> Result<(), Failure> {
        for topic in topics {
            let mut streams = Vec::new();
            for first in find_stream_starts(topic, raw, refined).await? {
                streams.push(self.read_stream(&first, bases, raw, refined).await?);
            }
            self.topics.insert((*topic).to_owned(), streams);
        }
        Ok(())
    }

    /// Reads the receipts of the stream that begins with `first`, and counts its raw objects
    /// without one.
    async fn read_stream(
        &mut self,
        first: &Chunk,
        bases: &[SnapshotManifest],
        raw: &dyn ObjectStore,
        refined: &dyn ObjectStore,
    ) -> Result<TopicStream, Failure> {
        let from = oldest_committed_chunk(first, bases);
        let receipts = read_each_receipt(&from, refined).await?;
        let receipts = pass_declared_losses(&from, receipts, refined).await?;
        let chunks = list_raw_chunks(&from, raw).await?;
        let transformed: BTreeSet<i64> = receipts.iter().map(|known| known.offset).collect();
        let waiting = chunks
            .iter()
            .filter(|chunk| !transformed.contains(&chunk.offset));
        self.untransformed += waiting.count() as u64;
        Ok(TopicStream {
            stream: StreamKey {
                topic: first.topic.clone(),
                epoch: first.epoch,
                partition: first.partition,
            },
            first: first.offset,
            receipts,
        })
    }

    /// What a table consumes of the topics that fill it, behind what its base consumed. A stream
    /// of which neither this day nor one before it has consumed a record is not committed, so a
    /// day that is merged again after a later stream began is committed as it was.
    ///
    /// # Errors
    /// When the day needs a receipt that cannot be read: it is unknown which rows the day would
    /// lose without it.
    pub(crate) fn plan_inputs(
        &self,
        request: InputRequest<'_>,
    ) -> Result<TableInputs, UnreadableObject> {
        let mut consumed = TableInputs::default();
        let streams = request
            .topics
            .iter()
            .filter_map(|topic| self.topics.get(*topic))
            .flatten();
        for stream in streams {
            let Some(limit) = request.offset_limit(&stream.stream) else {
                continue;
            };
            let from = stream.start_position(request.base);
            let tables: Vec<&str> = request.refined_tables(&stream.stream.topic).collect();
            let (inputs, end) = stream.consume(&tables, from, self.day, limit)?;
            if end.next == from.next && !request.knows_stream(&stream.stream) {
                continue;
            }
            if consumed.without_records.is_none() {
                consumed.without_records = stream.find_without_records(from, end);
            }
            consumed.inputs.extend(inputs);
            consumed.committed_offsets.push(CommittedOffset {
                stream: stream.stream.clone(),
                next: end.next,
                object: end.object,
                first: stream.first_consumed(request.base),
            });
        }
        consumed.committed_offsets.sort();
        Ok(consumed)
    }
}

/// How far a stream is consumed: the next offset, and the first offset of the raw object that holds
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ConsumedPosition {
    next: i64,
    object: i64,
}

impl TopicStream {
    /// Where the base stopped; the stream's beginning when the base does not know the stream.
    fn start_position(&self, base: Option<&SnapshotManifest>) -> ConsumedPosition {
        match base.and_then(|base| base.committed_offset(&self.stream)) {
            Some(committed) => ConsumedPosition {
                next: committed.next,
                object: committed.object,
            },
            None => ConsumedPosition {
                next: self.first,
                object: self.first,
            },
        }
    }

    /// The first offset that the day or one before it consumes.
    fn first_consumed(&self, base: Option<&SnapshotManifest>) -> i64 {
        let committed = base.and_then(|base| base.committed_offset(&self.stream));
        committed.map_or(self.first, |committed| committed.first)
    }

    /// The first receipt of a range that was written when the source sent no patches.
    fn find_without_records(
        &self,
        from: ConsumedPosition,
        end: ConsumedPosition,
    ) -> Option<(String, String)> {
        let mut receipts = self.receipts.iter().filter_map(ReceiptReading::readable);
        let receipt = receipts.find(|receipt| {
            let is_consumed = receipt.next > from.next && receipt.offset < end.next;
            is_consumed && receipt.refined > 0 && !receipt.states_records
        })?;
        let chunk = Chunk {
            topic: self.stream.topic.clone(),
            epoch: self.stream.epoch,
            partition: self.stream.partition,
            offset: receipt.offset,
        };
        Some((chunk.receipt_key(), receipt.source.clone()))
    }

    /// The refined objects of tables for a day, from a position on and before the offset `limit`,
    /// and where the stream stops.
    fn consume(
        &self,
        tables: &[&str],
        from: ConsumedPosition,
        day: Day,
        limit: i64,
    ) -> Result<(Vec<RefinedInput>, ConsumedPosition), UnreadableObject> {
        let mut inputs = Vec::new();
        let mut position = from;
        let tomorrow = day.next().to_string();
        for reading in &self.receipts {
            let receipt = match &reading.receipt {
                Ok(receipt) if receipt.next > from.next => receipt,
                // An earlier day has consumed its raw object as a whole.
                Ok(_) => continue,
                Err(_) if reading.offset < position.object => continue,
                // A later day's, behind a gap or behind all that the sealed day has consumed.
                Err(_) if reading.offset > position.next || position.next >= limit => break,
                Err(object) => return Err(object.clone()),
            };
            // The first receipt may have been begun by the day before; the others must follow
            // without a gap.
            if receipt.offset > position.next {
                break;
            }

            let midnight = receipt.days.iter().find(|start| start.date >= tomorrow);
            let end = midnight
                .map_or(receipt.next, |start| start.offset)
                .min(limit);
            if end > position.next {
                let refined = tables.iter().filter_map(|table| receipt.tables.get(*table));
                inputs.extend(refined.map(|refined| RefinedInput {
                    key: refined.key.clone(),
                    digest: refined.digest,
                    from: position.next,
                    to: end,
                    rows: refined.rows,
                    source: receipt.source.clone(),
                    states_records: receipt.states_records,
                }));
                position.next = end;
            }

            if position.next < receipt.next {
                position.object = receipt.offset;
                break;
            }
            position.object = receipt.next;
        }
        Ok((inputs, position))
    }
}

#[cfg(test)]
mod tests;
