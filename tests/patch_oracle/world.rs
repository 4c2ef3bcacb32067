//! Streams in a lake of their own: the days are landed, transformed and merged, and every day's
//! rows are compared with those of the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use contract::Catalogue;
use pole::PROVENANCE;
use serde_json::Value;
use snapshot_merge::MergeSizes;

use crate::days_in_memory::Days;
use crate::lake_under_test::SampleRow;

use super::dice::SeededDice;
use super::judge::EventVerdict;
use super::stream::OracleStream;
use super::tables::table_files;
use super::truth::{TableRows, expected_rows};

/// A difference between what a day says and what is true.
#[derive(Debug)]
pub(super) struct OracleDifference {
    /// The stream, by its place in its world.
    pub(super) stream: usize,
    pub(super) text: String,
}

/// The columns of provenance that are compared; the others say which event stated the row.
const COMPARED: [&str; 2] = ["source_record_id", "owner_set"];

/// Streams that share a lake, and the sizes of each day's merge.
pub(super) struct OracleWorld {
    pub(super) streams: Vec<OracleStream>,
    pub(super) sizes: Vec<MergeSizes>,
}

impl OracleWorld {
    /// A world of this many streams.
    pub(super) fn draw(count: usize, has_patches: bool, seed: u64) -> Self {
        let mut dice = SeededDice::new(seed);
        let days = *dice.pick(&[1, 1, 2, 2, 2, 3, 3, 4]);
        let sizes = (0..days).map(|_| draw_sizes(&mut dice)).collect();
        let streams = (0..count)
            .map(|place| {
                // One in ten of the sources has no patches.
                let has_patches = has_patches && dice.chance(90);
                let name = format!("oracle-{place}");
                OracleStream::draw(&name, days, has_patches, dice.roll())
            })
            .collect();
        Self { streams, sizes }
    }

    /// One of its streams, alone.
    pub(super) fn alone(&self, stream: usize) -> Self {
        Self {
            streams: vec![self.streams[stream].clone()],
            sizes: self.sizes.clone(),
        }
    }

    fn catalogue(&self) -> Catalogue {
        let mut files = table_files();
        let sources = self.streams.iter().map(|stream| stream.source.files());
        files.extend(sources.flatten());
        let compiled = Catalogue::compile(&files);
        compiled
            .inspect_err(|_| {
                let texts = files.iter().map(contract::DeclaredFile::text);
                texts.for_each(|text| eprintln!("{text}"));
            })
            .unwrap()
    }

    /// The tables that some stream fills.
    fn tables(&self) -> Vec<&'static str> {
        let records = self
            .streams
            .iter()
            .flat_map(|stream| &stream.source.records);
        let tables: BTreeSet<&'static str> = records.map(|record| record.table).collect();
        tables.into_iter().collect()
    }

    /// The first difference of each stream that has one.
    pub(super) async fn find_differences(&self) -> Vec<OracleDifference> {
        let mut lake = Days::under(self.catalogue());
        let tables = self.tables();
        let mut has_data = false;
        let mut found: BTreeMap<usize, String> = BTreeMap::new();
        for (day, sizes) in self.sizes.iter().enumerate() {
            let date = format!("2026-03-{:02}", day + 2);
            for (place, stream) in self.streams.iter().enumerate() {
                let mine = stream.log_of(day);
                has_data |= !mine.is_empty();
                if let Err(text) = push_day(&mut lake, stream, &mine, &date).await {
                    found.entry(place).or_insert(text);
                }
            }
            if !has_data {
                continue;
            }
            lake.sizes = *sizes;
            if let Err(failure) = lake.merge_tables(&date, &tables).await {
                let text = format!("the merge of {date} failed: {failure}");
                found.entry(0).or_insert(text);
                break;
            }
            for (place, text) in self.compare_day(&lake, day, &date, &tables).await {
                found.entry(place).or_insert(text);
            }
        }
        let differences = found.into_iter();
        differences
            .map(|(stream, text)| OracleDifference { stream, text })
            .collect()
    }

    /// The streams whose rows of a day differ, each with its first table that does.
    async fn compare_day(
        &self,
        lake: &Days,
        day: usize,
        date: &str,
        tables: &[&str],
    ) -> Vec<(usize, String)> {
        let mut found: BTreeMap<(String, &str), TableRows> = BTreeMap::new();
        for table in tables {
            for mut row in lake.rows(table, date).await {
                let source = row.remove("source").unwrap();
                let pole_id = row.remove("pole_id").unwrap();
                let rows = found.entry((source, table)).or_default();
                let before = rows.insert(pole_id, compared_columns(row));
                assert!(before.is_none(), "a row of {table} stands twice");
            }
        }
        let mut differences = Vec::new();
        for (place, stream) in self.streams.iter().enumerate() {
            let log = stream.log_until(day);
            let expected = expected_rows(&stream.source, &stream.events, &log);
            for (table, expected) in expected {
                let key = (stream.source.name.clone(), table);
                let found = found.remove(&key).unwrap_or_default();
                if found != expected {
                    let text = difference_text(table, date, &expected, &found);
                    differences.push((place, text));
                }
            }
        }
        assert!(found.is_empty(), "rows of tables that no mapping fills");
        differences
    }
}

/// Lands a day of a stream, in one or two raw objects. An error says which events the transform
/// refused, or did not.
async fn push_day(
    lake: &mut Days,
    stream: &OracleStream,
    mine: &[usize],
    date: &str,
) -> Result<(), String> {
    for some in mine.chunks(mine.len().div_ceil(2).max(8)) {
        let values: Vec<Value> = some
            .iter()
            .map(|event| stream.events[*event].value.clone())
            .collect();
        let refused = some
            .iter()
            .filter(|event| stream.events[**event].verdict == EventVerdict::Refused)
            .count();
        let receipt = lake.push(&stream.source.name, date, &values).await;
        if receipt.quarantined_total() != refused as u64 {
            let rules = receipt.quarantined;
            return Err(format!(
                "on {date} the transform refused {rules:?}, and the oracle {refused} events"
            ));
        }
    }
    Ok(())
}

/// The columns that are compared.
fn compared_columns(row: SampleRow) -> BTreeMap<String, String> {
    row.into_iter()
        .filter(|(name, _)| {
            COMPARED.contains(&name.as_str()) || PROVENANCE.iter().all(|column| column.name != name)
        })
        .collect()
}

fn difference_text(table: &str, date: &str, expected: &TableRows, found: &TableRows) -> String {
    let mut text = format!("`{table}` of {date}:\n");
    for (pole_id, row) in expected {
        if found.get(pole_id) != Some(row) {
            let _ = writeln!(text, "  expected {pole_id} {row:?}");
        }
    }
    for (pole_id, row) in found {
        if expected.get(pole_id) != Some(row) {
            let _ = writeln!(text, "  found    {pole_id} {row:?}");
        }
    }
    text
}

/// Mostly the sizes of production; else such that cut a few rows into several groups, runs and
/// shards. Smaller ones are for the oracle of the merge: here they cost seconds a day.
fn draw_sizes(dice: &mut SeededDice) -> MergeSizes {
    if dice.chance(60) {
        return MergeSizes::default();
    }
    let (batch_rows, group_rows) = *dice.pick(&[(4, 16), (16, 64), (8_192, 131_072)]);
    MergeSizes {
        sort_bytes: *dice.pick(&[100_000, 32 << 20, 32 << 20]),
        shard_bytes: *dice.pick(&[50_000, 256 << 20, 256 << 20]),
        group_rows,
        batch_rows,
        run_group_rows: *dice.pick(&[8, 64, 4_096]),
        run_group_bytes: *dice.pick(&[1, 3_000, 1 << 20]),
        max_merged_runs: 2,
    }
}
