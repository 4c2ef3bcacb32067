//! Events landed as raw objects and transformed, one object after the other, in this process.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use contract::{Catalogue, CompiledMapping};
use lake::{Chunk, Day, RawRecord, encode_raw};
use pole::IdentityKey;
use pole_transform::LandedObject;
use store::raw_log::record_content;
use store::{ObjectMetadata, ObjectStore};

use crate::processes::Stopwatch;
use crate::snapshot_bench::zone_store;
use polelake::error::CliError;

/// Records of a raw object: those of a full Kafka batch.
pub(crate) const OBJECT_RECORDS: usize = 10_000;

/// Milliseconds between two records of a day.
const RECORD_MILLIS: i64 = 50;

/// The transform of raw objects, one after the other.
pub(crate) struct TransformStep<'s> {
    catalogue: &'s Catalogue,
    mapping: &'s CompiledMapping,
    identity_key: IdentityKey,
    raw: Arc<dyn ObjectStore>,
    refined: Arc<dyn ObjectStore>,
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    pub(crate) rows: u64,
}

impl<'s> TransformStep<'s> {
    /// A step over the zones of a benchmark's folder.
    pub(crate) fn new(catalogue: &'s Catalogue, mapping: &'s CompiledMapping, dir: &Path) -> Self {
        Self {
            catalogue,
            mapping,
            identity_key: IdentityKey::for_tests(),
            raw: zone_store(dir, "raw"),
            refined: zone_store(dir, "refined"),
            cpu: 0.0,
            wall: 0.0,
            rows: 0,
        }
    }

    /// Lands events as a raw object and transforms it; gives the offset after the last.
    pub(crate) async fn transform_events(
        &mut self,
        events: &[String],
        offset: i64,
        date: Day,
    ) -> Result<i64, CliError> {
        let chunk = Chunk {
            topic: self.mapping.contract.topic.clone(),
            epoch: 1,
            partition: 0,
            offset,
        };
        let next = offset + events.len() as i64;
        let raw = encode_raw(&chunk, &raw_records(events, offset, date), next)?;
        let metadata = ObjectMetadata::from([
            ("next".to_owned(), next.to_string()),
            ("count".to_owned(), events.len().to_string()),
        ]);
        let metadata = record_content(&metadata, &raw);
        let key = chunk.raw_key();
        if !self.raw.put_if_absent(&key, raw.clone(), metadata).await? {
            return Err("the raw object is there already".into());
        }

        let watch = Stopwatch::start();
        let batches = lake::decode_raw(raw.clone())?;
        let done = pole_transform::transform_chunk(
            self.catalogue,
            &self.identity_key,
            self.mapping,
            LandedObject::of_content(&chunk, next, &raw),
            &batches,
        )?;
        if done.receipt.refined != events.len() as u64 {
            return Err("not every event was refined".into());
        }
        for (key, body) in done.objects {
            self.refined.put(&key, body, "").await?;
        }
        let receipt = Bytes::from(done.receipt.to_json()?);
        self.refined.put(&chunk.receipt_key(), receipt, "").await?;

        self.cpu += watch.cpu_seconds();
        self.wall += watch.wall_seconds();
        let tables = done.receipt.tables.values();
        self.rows += tables.map(|object| object.rows).sum::<u64>();
        Ok(next)
    }
}

/// The records of events, appended one after the other from noon on.
fn raw_records(events: &[String], offset: i64, date: Day) -> Vec<RawRecord<'_>> {
    let noon = date.start_micros() / 1_000 + 43_200_000;
    let of_half_a_day = |offset: i64| noon + offset * RECORD_MILLIS % 43_000_000;
    (offset..)
        .zip(events)
        .map(|(offset, event)| RawRecord {
            offset,
            timestamp: of_half_a_day(offset),
            timestamp_type: Some(lake::LOG_APPEND_TIME),
            landed_at: None,
            key: None,
            value: Some(Bytes::copy_from_slice(event.as_bytes())),
            headers: None,
        })
        .collect()
}
