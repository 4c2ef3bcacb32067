//! Keys of the curated zone: a shard's immutable versions, and the manifests that name them.

use pole::content_id;

use crate::Day;

/// One immutable version of one shard of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardVersion<'s> {
    /// The table.
    pub table: &'s str,
    /// The shard, from 0.
    pub shard: u32,
    /// The version: the day that wrote it, and a hash of its content. With the day in its name, no
    /// later day writes a file of the same name again while a sweep deletes it as garbage.
    pub version: &'s str,
}

impl ShardVersion<'_> {
    /// The prefix to which a Glue partition points; it holds the rows that readers see, and nothing
    /// else.
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

    /// The key of the rows that the merge must remember and readers must not see: tombstones,
    /// patches, empty sets.
    #[must_use]
    pub fn state_key(&self) -> String {
        format!("{}{}.parquet", self.state_key_stem(), self.version)
    }

    /// The key of what was measured of the rows' groups under `rules`, a fingerprint of rules and
    /// columns.
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

/// The day that wrote the version that a key of a shard's file names; none for a key of another
/// kind.
#[must_use]
pub fn parse_version_day(key: &str) -> Option<Day> {
    let (_, version) = key.split_once("/v=")?;
    version.get(..10).and_then(Day::parse)
}

/// The shard and the version that a key of a shard's file names: of its rows, its state or its
/// profile; none for a key of another kind.
#[must_use]
pub fn parse_shard_version(key: &str) -> Option<(u32, &str)> {
    let (shard, version) = key.split_once("/shard=")?.1.split_once("/v=")?;
    let end = version.find(['/', '.'])?;

    Some((shard.parse().ok()?, &version[..end]))
}

/// The prefix of every version of a table's shards, and of its Iceberg metadata.
#[must_use]
pub fn table_prefix(table: &str) -> String {
    format!("{CURATED_PREFIX}{table}/")
}

/// The prefix of everything that merges write.
const CURATED_PREFIX: &str = "curated/";

/// Whether a key of a shard's rows is one of a record table, whose rows are statements.
#[must_use]
pub fn is_statements_key(rows_key: &str) -> bool {
    let table = rows_key.strip_prefix(CURATED_PREFIX);
    table.is_some_and(|table| table.starts_with(contract::RECORD_TABLES_PREFIX))
}

/// The prefix of what merges of a table remember.
#[must_use]
pub fn state_prefix(table: &str) -> String {
    format!("curated/_state/{table}/")
}

/// The prefix of what a merge of a day keeps while it runs: sorted increments, its plan, its
/// shards' results.
#[must_use]
pub fn work_prefix(table: &str, day: Day) -> String {
    format!("{WORK_PREFIX}{table}/{day}/")
}

/// The key of a JSON document that a merge of a day keeps while it runs, such as its plan.
#[must_use]
pub fn work_document_key(table: &str, day: Day, name: &str) -> String {
    format!("{}{name}.json", work_prefix(table, day))
}

/// The key of a run of sorted increments below a merge's prefix, [`work_prefix`]. Its content names
/// it.
#[must_use]
pub fn sorted_run_key(prefix: &str, content: &str) -> String {
    format!("{prefix}{content}.parquet")
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

/// The prefix of every manifest.
pub(crate) const MANIFESTS_PREFIX: &str = "curated/_manifests/";

/// The prefix of a table's manifests; they sort by day.
#[must_use]
pub fn manifest_prefix(table: &str) -> String {
    format!("{MANIFESTS_PREFIX}{table}/")
}

/// The prefix of a table's Iceberg metadata. Readers that are given the table's folder look for it
/// under this name.
#[must_use]
pub fn iceberg_prefix(table: &str) -> String {
    format!("curated/{table}/metadata/")
}

/// The folder of the tables that show the raw objects of topics.
const RAW_TABLES_PREFIX: &str = "_raw/";

/// The name of the table that shows the raw objects of a topic, by which its Iceberg metadata are
/// stored beside those of the curated tables.
#[must_use]
pub fn raw_table_name(topic: &str) -> String {
    format!("{RAW_TABLES_PREFIX}{topic}")
}

/// The topic whose raw objects a table shows; none for the name of another table.
#[must_use]
pub fn parse_raw_table_topic(table: &str) -> Option<&str> {
    table.strip_prefix(RAW_TABLES_PREFIX)
}

/// The key of an Iceberg file of a day: the day's number first, so that files sort by day, and then
/// what is in it.
#[must_use]
pub(crate) fn iceberg_key(table: &str, day: Day, content: &str, suffix: &str) -> String {
    format!("{}{:05}-{content}{suffix}", iceberg_prefix(table), day.0)
}

/// The content that an Iceberg file's key names; none for a key that the platform does not write.
#[must_use]
pub fn parse_iceberg_content(key: &str) -> Option<&str> {
    let name = key.rsplit('/').next()?;
    let (day, named) = name.split_once('-')?;
    let is_day = day.len() == 5 && day.bytes().all(|byte| byte.is_ascii_digit());

    let content = named.get(..ICEBERG_CONTENT_CHARS)?;
    let suffix = &named[ICEBERG_CONTENT_CHARS..];
    (is_day && ICEBERG_SUFFIXES.contains(&suffix)).then_some(content)
}

/// Whether an Iceberg file holds the content that its key names.
#[must_use]
pub fn is_named_iceberg_content(key: &str, bytes: &[u8]) -> bool {
    parse_iceberg_content(key) == Some(&content_id(bytes).to_string())
}

/// Characters of the content in an Iceberg file's name: a UUID.
const ICEBERG_CONTENT_CHARS: usize = 36;

/// What the names of Iceberg files end with.
const ICEBERG_SUFFIXES: [&str; 3] = ["-m0.avro", "-snap.avro", ICEBERG_METADATA_SUFFIX];

/// The key of the table metadata that the hint names. Readers know the file by its suffix, and the
/// hint does not have it.
#[must_use]
pub fn iceberg_metadata_key(table: &str, name: &str) -> String {
    format!("{}{name}{ICEBERG_METADATA_SUFFIX}", iceberg_prefix(table))
}

/// The suffix by which Iceberg's readers know table metadata.
pub(crate) const ICEBERG_METADATA_SUFFIX: &str = ".metadata.json";

/// The key of the object that says which Iceberg metadata is current. Of the metadata it alone is
/// overwritten.
#[must_use]
pub fn iceberg_hint_key(table: &str) -> String {
    format!("{}version-hint.text", iceberg_prefix(table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SweptDays;

    #[test]
    fn every_key_has_its_place() {
        let day = Day::parse("2026-03-02").unwrap();
        let version = ShardVersion {
            table: "person",
            shard: 7,
            version: "2026-03-02-ab",
        };
        for (key, expected) in [
            (
                version.rows_key(),
                "curated/person/shard=007/v=2026-03-02-ab/part-0.parquet",
            ),
            (
                version.state_key(),
                "curated/_state/person/shard=007/v=2026-03-02-ab.parquet",
            ),
            (
                version.profile_key("f"),
                "curated/_state/person/shard=007/v=2026-03-02-ab.f.json",
            ),
            (
                manifest_key("person", day),
                "curated/_manifests/person/2026-03-02.json",
            ),
            (
                manifest_key(&contract::record_table_name("care"), day),
                "curated/_manifests/_records/care/2026-03-02.json",
            ),
            (
                work_document_key("person", day, "plan"),
                "curated/_work/person/2026-03-02/plan.json",
            ),
            (
                sorted_run_key(&work_prefix("person", day), "ab"),
                "curated/_work/person/2026-03-02/ab.parquet",
            ),
            (SweptDays::key("person"), "curated/_swept/person.json"),
            (
                iceberg_key("person", day, "ab", "-m0.avro"),
                "curated/person/metadata/20514-ab-m0.avro",
            ),
            (
                iceberg_metadata_key("person", "20514-ab"),
                "curated/person/metadata/20514-ab.metadata.json",
            ),
            (
                iceberg_hint_key(&raw_table_name("t")),
                "curated/_raw/t/metadata/version-hint.text",
            ),
            (
                iceberg_hint_key("person"),
                "curated/person/metadata/version-hint.text",
            ),
        ] {
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn keys_name_their_day_and_content() {
        let day = Day::parse("2026-03-02").unwrap();
        let name = version_name(day, "ab");
        let version = ShardVersion {
            table: "person",
            shard: 0,
            version: &name,
        };
        assert_eq!(parse_manifest_day(&manifest_key("person", day)), Some(day));
        assert_eq!(parse_version_day(&version.rows_key()), Some(day));
        assert_eq!(parse_version_day(&version.state_key()), Some(day));
        assert_eq!(parse_version_day(&manifest_key("person", day)), None);
    }

    #[test]
    fn a_key_says_whether_its_rows_are_statements() {
        let rows_key = |table: &str| {
            let version = ShardVersion {
                table,
                shard: 7,
                version: "2026-03-02-ab",
            };
            version.rows_key()
        };
        assert!(is_statements_key(&rows_key(&contract::record_table_name(
            "care"
        ))));
        assert!(!is_statements_key(&rows_key("person")));
    }

    #[test]
    fn the_files_of_a_version_name_it_and_others_name_none() {
        let version = ShardVersion {
            table: "person",
            shard: 7,
            version: "2026-03-02-ab",
        };
        for key in [
            version.rows_key(),
            version.state_key(),
            version.profile_key("f"),
        ] {
            assert_eq!(
                parse_shard_version(&key),
                Some((7, "2026-03-02-ab")),
                "{key}"
            );
        }
        let day = Day::parse("2026-03-02").unwrap();
        assert_eq!(parse_shard_version(&manifest_key("person", day)), None);
    }
}
