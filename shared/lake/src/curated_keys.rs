//! Keys of the curated zone: a shard's immutable versions, and the manifests that name them.

use crate::Day;

/// One immutable version of one shard of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardVersion<'s> {
    /// The table.
    pub table: &'s str,
    /// The shard, from 0.
    pub shard: u32,
    /// The version: the day that wrote it, and a hash of its content. With the day in its name no later day makes a
    /// file of the same name anew while a sweep takes it for garbage.
    pub version: &'s str,
}

impl ShardVersion<'_> {
    /// The prefix at which a Glue partition points; it holds the rows that readers see, and nothing else.
    #[must_use]
    pub fn rows_prefix(&self) -> String {
        format!(
            "{}shard={:03}/v={}/",
            table_prefix(self.table),
            self.shard,
            self.version
        )
    }

    /// The key of the rows.
    #[must_use]
    pub fn rows_key(&self) -> String {
        format!("{}part-0.parquet", self.rows_prefix())
    }

    /// The key of what the merge must remember and readers must not see: tombstones, patches, empty sets.
    #[must_use]
    pub fn state_key(&self) -> String {
        format!("{}{}.parquet", self.state_key_stem(), self.version)
    }

    /// The key of what was measured of the rows' groups under `rules`, a fingerprint of rules and columns.
    #[must_use]
    pub fn profile_key(&self, rules: &str) -> String {
        format!("{}{}.{rules}.json", self.state_key_stem(), self.version)
    }

    fn state_key_stem(&self) -> String {
        format!("{}shard={:03}/v=", state_prefix(self.table), self.shard)
    }
}

/// The version of content that a day writes.
#[must_use]
pub fn version_name(day: Day, content: &str) -> String {
    format!("{day}-{content}")
}

/// Whether a state's key names this content, whatever the day that wrote it.
#[must_use]
pub fn state_has_content(key: &str, content: &str) -> bool {
    key.strip_suffix(".parquet")
        .is_some_and(|name| name.ends_with(&format!("-{content}")))
}

/// The day that wrote the version that a key of a shard's file names; none for a key of another kind.
#[must_use]
pub fn parse_version_day(key: &str) -> Option<Day> {
    let (_, version) = key.split_once("/v=")?;
    version.get(..10).and_then(Day::parse)
}

/// The prefix of every version of a table's shards, and of its Iceberg metadata.
#[must_use]
pub fn table_prefix(table: &str) -> String {
    format!("curated/{table}/")
}

/// The prefix of what merges of a table remember.
#[must_use]
pub fn state_prefix(table: &str) -> String {
    format!("curated/_state/{table}/")
}

/// The prefix of what a merge of a day keeps while it runs: sorted increments, its plan, its shards' results.
#[must_use]
pub fn work_prefix(table: &str, day: Day) -> String {
    format!("{WORK_PREFIX}{table}/{day}/")
}

/// The key of the list of days that a sweep dropped: JSON, `YYYY-MM-DD` each. Whoever misses the manifest of such a day
/// knows that it is not lost.
#[must_use]
pub fn swept_days_key(table: &str) -> String {
    format!("curated/_swept/{table}.json")
}

/// The prefix of what merges of all tables keep while they run.
pub const WORK_PREFIX: &str = "curated/_work/";

/// The key of a table's manifest of a day.
#[must_use]
pub fn manifest_key(table: &str, day: Day) -> String {
    format!("{}{day}.json", manifest_prefix(table))
}

/// The day of the manifest that has this key; none for another key.
#[must_use]
pub fn parse_manifest_day(key: &str) -> Option<Day> {
    key.rsplit('/')
        .next()?
        .strip_suffix(".json")
        .and_then(Day::parse)
}

/// The prefix of a table's manifests; they sort by day.
#[must_use]
pub fn manifest_prefix(table: &str) -> String {
    format!("curated/_manifests/{table}/")
}

/// The prefix of a table's Iceberg metadata. Readers that are given the table's folder look for it under this name.
#[must_use]
pub fn iceberg_prefix(table: &str) -> String {
    format!("curated/{table}/metadata/")
}

/// The key of an Iceberg file of a day: the day's number first, so that files sort by day, and then what is in it.
#[must_use]
pub(crate) fn iceberg_key(table: &str, day: Day, content: &str, suffix: &str) -> String {
    format!("{}{:05}-{content}{suffix}", iceberg_prefix(table), day.0)
}

/// The key of the object that says which Iceberg metadata is current. The only one of them that is written over.
#[must_use]
pub fn iceberg_hint_key(table: &str) -> String {
    format!("{}version-hint.text", iceberg_prefix(table))
}
