//! How to query a table. All examples are made in this module, so that a test can run what the
//! pages show.

use contract::{Catalogue, TableContract};
use lake::{SnapshotManifest, table_prefix};

/// The most files that an example names. For a table of more shards, DuckDB reads the Iceberg
/// metadata instead.
const FILES_MAX: usize = 4;

/// Where readers find the tables.
#[derive(Clone, Debug)]
pub struct QueryLocation {
    /// The bucket of the curated zone.
    pub bucket: String,
    /// The prefix of the Glue databases' names.
    pub database_prefix: String,
}

/// A query to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryExample {
    /// The question that it answers.
    pub title: String,
    /// The engine that runs it: `Athena` or `DuckDB`.
    pub engine: &'static str,
    /// The query.
    pub sql: String,
}

impl QueryLocation {
    /// The Glue database that holds a table, as the merge names it.
    #[must_use]
    pub fn glue_database(&self, table: &TableContract) -> String {
        lake::database_name(&self.database_prefix, "curated", &table.domain)
    }
}

/// The examples of a table, over the files of a day.
#[must_use]
pub fn query_examples(
    table: &TableContract,
    manifest: &SnapshotManifest,
    catalogue: &Catalogue,
    location: &QueryLocation,
) -> Vec<QueryExample> {
    let (database, name) = (location.glue_database(table), &table.name);
    let athena = |title: &str, sql: String| QueryExample {
        title: title.to_owned(),
        engine: "Athena",
        sql,
    };
    let mut found = vec![
        athena(
            "How many rows each source has, and how new they are",
            format!(
                "SELECT source, count(*) AS row_count, max(event_time) AS newest\n\
                 FROM {database}.{name}\nGROUP BY source\nORDER BY source"
            ),
        ),
        athena(
            "Rows of every retained day",
            format!(
                "SELECT snapshot_date, count(*) AS row_count\nFROM {database}.{name}_history\n\
                 GROUP BY snapshot_date\nORDER BY snapshot_date"
            ),
        ),
    ];
    let coded = table
        .own_columns()
        .iter()
        .find(|column| column.list.is_some());
    found.extend(coded.map(|column| {
        let code = &column.name;
        let title = format!("How often each code of {code} occurs");
        let sql = format!(
            "SELECT {code}, count(*) AS row_count\nFROM {database}.{name}\nGROUP BY {code}\n\
             ORDER BY row_count DESC, {code}"
        );
        athena(&title, sql)
    }));
    if !table.is_link_table() && catalogue.table_contract("link").is_some() {
        let sql = format!(
            "SELECT link.link_type, link.to_table, count(*) AS links\n\
             FROM {database}.{name} AS this\n\
             JOIN {database}.link AS link ON link.from_id = this.pole_id\n\
             GROUP BY link.link_type, link.to_table\n\
             ORDER BY links DESC, link.link_type, link.to_table"
        );
        found.push(athena("What its rows are linked to", sql));
    }
    found.push(duckdb_example(table, manifest, location));
    found
}

fn duckdb_example(
    table: &TableContract,
    manifest: &SnapshotManifest,
    location: &QueryLocation,
) -> QueryExample {
    let files: Vec<String> = manifest
        .shards
        .iter()
        .map(|shard| format!("'s3://{}/{}'", location.bucket, shard.rows_file.key))
        .collect();
    let from = if (1..=FILES_MAX).contains(&files.len()) {
        format!(
            "read_parquet([\n  {}\n], hive_partitioning = false)",
            files.join(",\n  ")
        )
    } else {
        format!(
            "iceberg_scan('s3://{}/{}')",
            location.bucket,
            table_prefix(&table.name).trim_end_matches('/')
        )
    };
    QueryExample {
        title: format!("The files of {}, without a catalogue", manifest.date),
        engine: "DuckDB",
        sql: format!(
            "SELECT source, count(*) AS row_count\nFROM {from}\nGROUP BY source\nORDER BY source"
        ),
    }
}
