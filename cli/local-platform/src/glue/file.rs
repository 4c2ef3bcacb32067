//! The catalogue's file: databases, each with its tables, as programs gave them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::file_error::{damaged_file, name_path};
use crate::private_files::replace_private_file;

/// What brings a lost catalogue back: it is made of snapshots, which S3 holds.
const SHOW_DAYS_AGAIN: &str = "move it away and run the command again; `polelake run-day DATE` \
                               shows a day's snapshots in the catalogue again";

/// The member of a stored partition that holds its column statistics, by column. Answers leave it
/// out.
pub(super) const STATISTICS: &str = "ColumnStatistics";

/// Databases by name.
pub(super) type GlueDatabases = BTreeMap<String, GlueDatabase>;

/// A database, with its tables by name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GlueDatabase {
    /// What `CreateDatabase` gave.
    pub(super) input: Value,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) tables: BTreeMap<String, GlueTable>,
}

/// A table, with its partitions and what planners know of its columns.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct GlueTable {
    /// What `CreateTable` or the last `UpdateTable` gave.
    pub(super) input: Value,
    pub(super) version: u64,
    /// Seconds since 1970.
    #[serde(default)]
    pub(super) created: i64,
    /// Seconds since 1970.
    #[serde(default)]
    pub(super) updated: i64,
    /// Partitions by their values, joined by a character that no value holds.
    pub(super) partitions: BTreeMap<String, Value>,
    /// Column statistics by column.
    #[serde(default)]
    pub(super) statistics: BTreeMap<String, Value>,
}

/// The file. Before the catalogue kept what a database is, it held the tables alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum CatalogueFile {
    Current { databases: GlueDatabases },
    TablesAlone(BTreeMap<String, BTreeMap<String, GlueTable>>),
}

impl GlueDatabase {
    /// A new database without tables.
    pub(super) fn of(input: Value) -> Self {
        Self {
            input,
            created: seconds_now(),
            tables: BTreeMap::new(),
        }
    }
}

impl CatalogueFile {
    fn into_databases(self) -> GlueDatabases {
        let tables_alone = match self {
            Self::Current { databases } => return databases,
            Self::TablesAlone(databases) => databases,
        };
        let databases = tables_alone.into_iter().map(|(name, tables)| {
            let input = json!({"Name": name});
            let database = GlueDatabase {
                tables,
                ..GlueDatabase::of(input)
            };
            (name, database)
        });
        databases.collect()
    }
}

/// The databases in a file; none when there is no file.
pub(super) fn read_databases(file: &Path) -> io::Result<GlueDatabases> {
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(CatalogueFile::into_databases)
            .map_err(|error| damaged_file(file, error, SHOW_DAYS_AGAIN)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(name_path(file, &error)),
    }
}

/// Writes the databases in place of what the file held.
pub(super) fn write_databases(file: &Path, databases: &GlueDatabases) -> io::Result<()> {
    let bytes = serde_json::to_vec(&json!({"databases": databases}))?;
    replace_private_file(file, &bytes)
}

/// The time now, as Glue gives one: seconds since 1970.
pub(super) fn seconds_now() -> i64 {
    Timestamp::now().as_second()
}
