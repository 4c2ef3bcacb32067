//! A lake of three days with refused and redriven records, patches and an erasure, and every content
//! that each of its objects had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use operations::erase::erase_subjects;
use snapshot_merge::MergeSizes;
use store::{MemoryStore, ObjectMetadata, ObjectStore};

use crate::days_in_memory::Days;
use crate::erasure::people::{self, OTHER, by_key, named, noon, tenure, zones};
use crate::erasure::statements::SnapshotsInMemory;
use crate::lake_under_test::MONDAY;

const TUESDAY: &str = "2026-03-03";
pub(super) const WEDNESDAY: &str = "2026-03-04";

/// An object's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectContent {
    pub(super) body: Bytes,
    pub(super) metadata: ObjectMetadata,
}

/// The name of a zone, and the key of an object in it.
pub(super) type ObjectPlace = (&'static str, String);

/// A lake that can be damaged and restored.
pub(super) struct KeptLake {
    pub(super) days: Days,
    /// The objects as they are.
    pub(super) objects: BTreeMap<ObjectPlace, ObjectContent>,
    /// What objects held before, and no longer hold.
    pub(super) earlier: BTreeMap<ObjectPlace, Vec<ObjectContent>>,
}

impl KeptLake {
    /// Builds the lake, and keeps what its objects held after each step.
    pub(super) async fn build() -> Self {
        let mut days = begin_lake().await;
        let mut history = Vec::new();
        for (date, minute) in DAYS {
            push_day(&mut days, date, minute).await;
            days.merge(date).await.unwrap();
            history.push(read_objects(&days).await);
        }

        erase(&days).await;
        let objects = read_objects(&days).await;
        Self {
            days,
            earlier: find_earlier(&history, &objects),
            objects,
        }
    }

    /// The lake in which Wednesday's events have landed and its day is not merged.
    pub(super) async fn build_before_wednesday() -> Self {
        let mut lake = Self::build_days(&DAYS[..2]).await;
        let (date, minute) = DAYS[2];
        push_day(&mut lake.days, date, minute).await;
        lake.objects = read_objects(&lake.days).await;
        lake
    }

    /// The lake with these days, merged.
    pub(super) async fn build_days(dates: &[(&str, u32)]) -> Self {
        let mut days = begin_lake().await;
        for (date, minute) in dates {
            push_day(&mut days, date, *minute).await;
            days.merge(date).await.unwrap();
        }

        let objects = read_objects(&days).await;
        Self {
            days,
            earlier: BTreeMap::new(),
            objects,
        }
    }

    /// Puts every object back as it was.
    pub(super) async fn restore(&self) {
        let present = read_objects(&self.days).await;
        let places: BTreeSet<&ObjectPlace> = present.keys().chain(self.objects.keys()).collect();
        for place in places {
            let kept = self.objects.get(place);
            if present.get(place) != kept {
                self.write(place, kept).await;
            }
        }
    }

    /// Writes an object over whatever is there, or deletes it.
    pub(super) async fn write(&self, (zone, key): &ObjectPlace, content: Option<&ObjectContent>) {
        let store = zone_store(&self.days, zone);
        store.delete(key).await.unwrap();
        if let Some(ObjectContent { body, metadata }) = content {
            let written = store.put_if_absent(key, body.clone(), metadata.clone());
            assert!(written.await.unwrap());
        }
    }
}

/// The days, each with the minute of its events.
pub(super) const DAYS: [(&str, u32); 3] = [(MONDAY, 21), (TUESDAY, 22), (WEDNESDAY, 23)];

/// Monday alone, on which no later day is built.
pub(super) const MONDAY_ALONE: &[(&str, u32)] = &[(MONDAY, 21)];

/// A lake whose tables are cut into several shards.
async fn begin_lake() -> Days {
    let mut days = people::lake().await;
    days.sizes = MergeSizes {
        shard_bytes: 3_000,
        ..MergeSizes::default()
    };
    days
}

/// Lands a day's events: people, one of them refused, and a patch.
async fn push_day(days: &mut Days, date: &str, minute: u32) {
    let new = |part: u32| format!("9e8d7c6b-{part:04}-4000-8000-0000000000{minute}");
    let people = [
        named(OTHER, minute, "Sample", "1980-01-02"),
        named(&new(0), minute, "Extra", "1990-01-02"),
        named(&new(1), minute, "Bad", "no date"),
    ];
    days.push("housing-person", date, &people).await;

    let members = [(OTHER, "Sample")];
    let changed = tenure("TenureUpdatedEvent", people::ALONE, minute, &members);
    days.push("housing-tenure", date, &[changed]).await;
}

fn zone_store<'d>(days: &'d Days, zone: &str) -> &'d Arc<MemoryStore> {
    match zone {
        "raw" => &days.raw,
        "refined" => &days.refined,
        _ => &days.curated,
    }
}

pub(super) async fn read_objects(days: &Days) -> BTreeMap<ObjectPlace, ObjectContent> {
    let mut objects = BTreeMap::new();
    for zone in ["raw", "refined", "curated"] {
        let store = zone_store(days, zone);
        for entry in store.list("", None).await.unwrap() {
            let object = store.get(&entry.key).await.unwrap();
            let content = ObjectContent {
                body: object.body,
                metadata: object.metadata,
            };
            objects.insert((zone, entry.key), content);
        }
    }
    objects
}

fn find_earlier(
    history: &[BTreeMap<ObjectPlace, ObjectContent>],
    now: &BTreeMap<ObjectPlace, ObjectContent>,
) -> BTreeMap<ObjectPlace, Vec<ObjectContent>> {
    let mut earlier: BTreeMap<ObjectPlace, Vec<ObjectContent>> = BTreeMap::new();
    for (place, content) in history.iter().flatten() {
        let known = earlier.entry(place.clone()).or_default();
        if now.get(place).is_some_and(|present| present != content) && !known.contains(content) {
            known.push(content.clone());
        }
    }
    earlier.retain(|_, contents| !contents.is_empty());
    earlier
}

async fn erase(days: &Days) {
    let eraser = SnapshotsInMemory(days);
    let outcome = erase_subjects(&zones(days), &by_key(), &eraser, noon())
        .await
        .unwrap();
    assert!(outcome.unreadable.is_empty() && !outcome.objects.is_empty());
}
