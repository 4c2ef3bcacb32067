//! Keys of the curated zone: a shard's immutable versions, and the manifests that name them.

use crate::Day;

/// One immutable version of one shard of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot<'s> {
    /// The table.
    pub table: &'s str,
    /// The shard, from 0.
    pub shard: u32,
    /// The version: a hash of its content.
    pub version: &'s str,
}

impl Snapshot<'_> {
    /// The prefix at which a Glue partition points; it holds the rows that readers see, and nothing else.
    #[must_use]
    pub fn location(&self) -> String {
        format!("curated/{}/shard={:03}/v={}/", self.table, self.shard, self.version)
    }

    /// The key of the rows.
    #[must_use]
    pub fn rows_key(&self) -> String {
        format!("{}part-0.parquet", self.location())
    }

    /// The key of what the merge must remember and readers must not see: tombstones, patches, empty sets.
    #[must_use]
    pub fn state_key(&self) -> String {
        format!("curated/_state/{}/shard={:03}/v={}.parquet", self.table, self.shard, self.version)
    }
}

/// The key of a table's manifest of a day.
#[must_use]
pub fn manifest_key(table: &str, day: Day) -> String {
    format!("{}{day}.json", manifest_prefix(table))
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

/// The key of a day's report for machines.
#[must_use]
pub fn report_key(day: Day) -> String {
    format!("data/{day}.json")
}
