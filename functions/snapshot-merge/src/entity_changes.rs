//! Which owners' rows of the tables changed since the base's `entity` was made. Files of which a
//! day names others than the base's day are compared by the digests of their column chunks, which
//! are in their footers: no row is read.

use std::collections::{BTreeMap, BTreeSet};

use host::Failure;
use lake::{
    Day, ManifestShard, NamedFile, OwnerRange, Sha256Digest, SnapshotManifest, manifest_key,
};
use store::ObjectStore;
use store::sorted_file::SortedFile;

use crate::owner_ranges::{OwnerRanges, closed_range};

/// The columns that say which entities a table has, and what each row of `entity` is made from.
pub(crate) const READ_COLUMNS: [&str; 10] = [
    "pole_id",
    "source",
    "owner_id",
    "source_event_id",
    "event_time",
    "ingested_at",
    "topic",
    "partition",
    "offset",
    "event_time_nanos",
];

/// A table's snapshot of a day.
pub(crate) struct DaySnapshot {
    pub(crate) manifest: SnapshotManifest,
    /// The SHA-256 of the manifest as it is stored.
    pub(crate) sha256: Sha256Digest,
}

/// The snapshots of a day, by table.
pub(crate) type DaySnapshots = BTreeMap<String, DaySnapshot>;

/// Reads a table's snapshot of a day; none where the day has none.
pub(crate) async fn read_day_snapshot(
    table: &str,
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<Option<DaySnapshot>, Failure> {
    let key = manifest_key(table, day);
    let Some(object) = curated.get_if_present(&key).await? else {
        return Ok(None);
    };
    let manifest = SnapshotManifest::from_json(&object.body)
        .map_err(|error| Failure::damaged_object(&key, &error))?;
    Ok(Some(DaySnapshot {
        manifest,
        sha256: Sha256Digest::of_bytes(&object.body),
    }))
}

/// The owners with rows that differ from those that `base` was made from. It is every owner where
/// that cannot be known: the base does not say what it was made from, or that was built again
/// since, or an erasure wrote it again.
///
/// # Errors
/// When the storage fails, or a file is not what was written.
pub(crate) async fn find_changed_owners(
    base: &SnapshotManifest,
    snapshots: &DaySnapshots,
    curated: &dyn ObjectStore,
) -> Result<OwnerRanges, Failure> {
    let base_day = Day::parse(&base.date);
    let Some(base_day) = base_day.filter(|_| !base.made_from.is_empty()) else {
        return Ok(OwnerRanges::all());
    };

    let tables: BTreeSet<&String> = snapshots.keys().chain(base.made_from.keys()).collect();
    let mut changed = Vec::new();
    for table in tables {
        let Some(before) = read_base_shards(table, base, base_day, curated).await? else {
            return Ok(OwnerRanges::all());
        };
        let snapshot = snapshots.get(table);
        let after = snapshot.map_or(&[][..], |snapshot| &snapshot.manifest.shards);
        changed.extend(find_changed_ranges(&before, after, curated).await?);
    }
    Ok(OwnerRanges::of_ranges(changed))
}

/// The shards of a table that the base was made from, of which there are none when it was made
/// without the table. None when the table's snapshot is lost, or is another one since.
async fn read_base_shards(
    table: &str,
    base: &SnapshotManifest,
    base_day: Day,
    curated: &dyn ObjectStore,
) -> Result<Option<Vec<ManifestShard>>, Failure> {
    let Some(recorded) = base.made_from.get(table) else {
        return Ok(Some(Vec::new()));
    };
    let Some(found) = read_day_snapshot(table, base_day, curated).await? else {
        return Ok(None);
    };
    Ok((found.sha256 == *recorded).then_some(found.manifest.shards))
}

/// The owners of the row groups that only one of two snapshots of a table has.
async fn find_changed_ranges(
    before: &[ManifestShard],
    after: &[ManifestShard],
    curated: &dyn ObjectStore,
) -> Result<Vec<OwnerRange>, Failure> {
    let mut unmatched: BTreeMap<Sha256Digest, Vec<OwnerRange>> = BTreeMap::new();
    for file in files_not_in(before, after) {
        for (digest, owners) in describe_groups(file, curated).await? {
            unmatched.entry(digest).or_default().push(owners);
        }
    }

    let mut changed = Vec::new();
    for file in files_not_in(after, before) {
        for (digest, owners) in describe_groups(file, curated).await? {
            let same = unmatched.get_mut(&digest).and_then(Vec::pop);
            if same.is_none() {
                changed.push(owners);
            }
        }
    }
    changed.extend(unmatched.into_values().flatten());
    Ok(changed)
}

/// The files of shards that are not among those of other shards.
fn files_not_in<'s>(
    shards: &'s [ManifestShard],
    others: &'s [ManifestShard],
) -> impl Iterator<Item = &'s NamedFile> {
    let others: BTreeSet<&NamedFile> = others.iter().map(|shard| &shard.rows_file).collect();
    let files = shards.iter().map(|shard| &shard.rows_file);
    files.filter(move |file| !others.contains(file))
}

/// What is in each row group of a file, and whose rows these are.
async fn describe_groups(
    file: &NamedFile,
    curated: &dyn ObjectStore,
) -> Result<Vec<(Sha256Digest, OwnerRange)>, Failure> {
    let file = SortedFile::open(curated, file).await?;
    let groups = file.groups.iter().map(|group| {
        let digest = file.footer.columns_digest(group, &READ_COLUMNS);
        (digest, closed_range(&group.min_owner, &group.max_owner))
    });
    Ok(groups.collect())
}
