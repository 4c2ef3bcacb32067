//! `entity` over days of snapshots that are written row by row: whatever changes, wherever row
//! groups and shards are cut, it is what a naive reading of the day's rows says, and what making
//! all of it again gives.

mod snapshot_days;

use std::collections::BTreeMap;

use proptest::prelude::*;

use self::snapshot_days::{
    ContractsVariant, EntityFact, RowKey, RowValue, SnapshotDays, TABLES, TableRows,
};
use super::*;
use crate::sizes::MergeSizes;

/// What a day does to a row of a table.
#[derive(Clone, Debug)]
enum RowChange {
    Put {
        table: usize,
        key: RowKey,
        event_time: i64,
    },
    Delete {
        table: usize,
        owner: u8,
    },
    Move {
        from: usize,
        to: usize,
        owner: u8,
    },
}

/// A day: its changes, and how its files are cut.
#[derive(Clone, Debug)]
struct DayChange {
    changes: Vec<RowChange>,
    /// Of each table: into how many shards, and about how many rows a group has.
    cuts: [(u32, u64); 3],
    sizes: MergeSizes,
    contracts: ContractsVariant,
}

/// Owners of the days: their ids spread over all ids.
const OWNERS: u8 = 60;

fn row_key() -> impl Strategy<Value = RowKey> {
    let part = prop_oneof![3 => Just(0u8), 1 => 1..4u8];
    (0..OWNERS, part, 0..3u8).prop_map(|(owner, part, source)| RowKey {
        owner,
        part,
        source,
    })
}

fn row_change() -> impl Strategy<Value = RowChange> {
    let put =
        (0..3usize, row_key(), 0..50i64).prop_map(|(table, key, event_time)| RowChange::Put {
            table,
            key,
            event_time,
        });
    let delete =
        (0..3usize, 0..OWNERS).prop_map(|(table, owner)| RowChange::Delete { table, owner });
    let moved = (0..3usize, 0..3usize, 0..OWNERS).prop_map(|(from, to, owner)| RowChange::Move {
        from,
        to,
        owner,
    });
    prop_oneof![5 => put, 2 => delete, 1 => moved]
}

/// Sizes that cut a few entities into many groups and shards, and read the tables from the store or
/// from temporary files.
fn sizes() -> impl Strategy<Value = MergeSizes> {
    let shards = prop_oneof![Just(1_500u64), Just(6_000), Just(256 << 20)];
    let groups = prop_oneof![Just((1usize, 4usize)), Just((2, 8)), Just((8_192, 131_072))];
    let spilled = prop_oneof![Just(1usize), Just(32 << 20)];
    (shards, groups, spilled).prop_map(|(shard_bytes, (batch_rows, group_rows), sort_bytes)| {
        MergeSizes {
            sort_bytes,
            shard_bytes,
            group_rows,
            batch_rows,
            run_group_rows: 2,
            run_group_bytes: 1 << 20,
            max_merged_runs: 2,
        }
    })
}

fn day_change() -> impl Strategy<Value = DayChange> {
    let cut = || (prop_oneof![Just(1u32), Just(2), Just(4)], 1..9u64);
    let contracts = prop_oneof![
        6 => Just(ContractsVariant::Shipped),
        1 => Just(ContractsVariant::LaterVersion),
        1 => Just(ContractsVariant::OtherRules),
    ];
    let changes = prop_oneof![
        2 => proptest::collection::vec(row_change(), 0..6),
        1 => proptest::collection::vec(row_change(), 20..90),
    ];
    (changes, (cut(), cut(), cut()), sizes(), contracts).prop_map(
        |(changes, cuts, sizes, contracts)| DayChange {
            changes,
            cuts: cuts.into(),
            sizes,
            contracts,
        },
    )
}

fn apply_change(tables: &mut [TableRows; 3], change: &RowChange, offset: i64) {
    let value = |event_time: i64| RowValue { event_time, offset };
    match change {
        RowChange::Put {
            table,
            key,
            event_time,
        } => {
            tables[*table].insert(*key, value(*event_time));
        }
        RowChange::Delete { table, owner } => {
            tables[*table].retain(|key, _| key.owner != *owner);
        }
        RowChange::Move { from, to, owner } => {
            let moved: TableRows = tables[*from]
                .extract_if(.., |key, _| key.owner == *owner)
                .collect();
            tables[*to].extend(moved);
        }
    }
}

/// When each source of an entity first stated it, by owner and source.
type FirstDates = BTreeMap<(u8, u8), i64>;

/// What the day's rows say of each entity. `known` says when each of its sources first stated it: of
/// these rows no event says that an entity was deleted, so its dates outlast its rows.
fn read_naively(tables: &[TableRows; 3], known: &mut FirstDates) -> BTreeMap<u8, EntityFact> {
    let mut facts = BTreeMap::new();
    for owner in 0..OWNERS {
        let mut rows: Vec<(i64, i64, u8, usize)> = Vec::new();
        for (table, of_table) in tables.iter().enumerate() {
            let own = of_table.iter().filter(|(key, _)| key.owner == owner);
            let own = own.filter(|(key, _)| key.part == 0);
            rows.extend(own.map(|(key, row)| (row.event_time, row.offset, key.source, table)));
        }
        let Some(last) = rows.iter().max() else {
            continue;
        };
        for row in &rows {
            let first = known.entry((owner, row.2)).or_insert(row.0);
            *first = (*first).min(row.0);
        }
        let first = rows.iter().filter_map(|row| known.get(&(owner, row.2)));
        let distinct = |mut names: Vec<String>| {
            names.sort();
            names.dedup();
            names
        };
        let sources = distinct(rows.iter().map(|row| format!("source-{}", row.2)).collect());
        let fact = EntityFact {
            tables: distinct(rows.iter().map(|row| TABLES[row.3].to_owned()).collect()).join(","),
            source_count: sources.len() as i64,
            sources: sources.join(","),
            first_seen: first.copied().min().unwrap_or(last.0),
            last_seen: last.0,
            offset: last.1,
        };
        facts.insert(owner, fact);
    }
    facts
}

/// How many facts are new, differ, and are gone.
fn count_changes(
    before: &BTreeMap<u8, EntityFact>,
    after: &BTreeMap<u8, EntityFact>,
) -> (u64, u64, u64) {
    let new = after.keys().filter(|owner| !before.contains_key(owner));
    let differ = after.iter().filter(|(owner, fact)| {
        let known = before.get(owner);
        known.is_some_and(|known| known != *fact)
    });
    let gone = before.keys().filter(|owner| !after.contains_key(owner));
    (
        new.count() as u64,
        differ.count() as u64,
        gone.count() as u64,
    )
}

async fn check_days(days: &[DayChange]) {
    let mut copied = SnapshotDays::new();
    let mut afresh = SnapshotDays::new();
    let mut tables = [TableRows::new(), TableRows::new(), TableRows::new()];
    let mut facts = BTreeMap::new();
    let mut known = FirstDates::new();
    let mut offset = 0;
    for (number, day) in days.iter().enumerate() {
        let date = Day(20_000 + number as i32);
        for change in &day.changes {
            offset += 1;
            apply_change(&mut tables, change, offset);
        }
        let before = std::mem::take(&mut facts);
        facts = read_naively(&tables, &mut known);
        let (inserted, updated, deleted) = count_changes(&before, &facts);

        afresh.forget_origins().await;
        let mut runs = Vec::new();
        for lake in [&mut copied, &mut afresh] {
            for (table, cut) in day.cuts.iter().enumerate() {
                lake.put_snapshot(date, table, &tables[table], *cut).await;
            }
            let run = lake.merge(date, day.sizes, day.contracts).await;
            assert_eq!(
                (run.inserted, run.updated, run.deleted),
                (inserted, updated, deleted),
                "day {number}"
            );
            assert_eq!(lake.facts(date).await, facts, "day {number}");
            runs.push(run);
        }
        assert_eq!(
            copied.rows(date).await,
            afresh.rows(date).await,
            "day {number}: every column"
        );

        // Done again the day is the same.
        let again = copied.merge(date, day.sizes, day.contracts).await;
        assert!(!again.written, "day {number}");
    }
}

/// Cases of a test run; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn any_days_give_what_their_rows_say(days in proptest::collection::vec(day_change(), 1..7)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_days(&days));
    }
}

/// Sizes with groups of 8 entities.
fn small_groups() -> MergeSizes {
    MergeSizes {
        group_rows: 8,
        batch_rows: 4,
        ..MergeSizes::default()
    }
}

/// A table with a row of every owner.
fn all_owners() -> TableRows {
    let rows = (0..OWNERS).map(|owner| {
        let key = RowKey {
            owner,
            part: 0,
            source: 0,
        };
        let value = RowValue {
            event_time: 7,
            offset: owner.into(),
        };
        (key, value)
    });
    rows.collect()
}

/// A lake whose first day has every owner in the first table.
async fn lake_of_all_owners() -> SnapshotDays {
    let mut lake = SnapshotDays::new();
    lake.put_snapshot(Day(20_000), 0, &all_owners(), (1, 4))
        .await;
    let shipped = ContractsVariant::Shipped;
    lake.merge(Day(20_000), small_groups(), shipped).await;
    lake
}

#[tokio::test]
async fn one_changed_row_decodes_only_its_groups_and_their_neighbours() {
    let mut lake = lake_of_all_owners().await;
    let mut rows = all_owners();
    let (key, value) = rows.iter_mut().nth(30).unwrap();
    value.event_time = 9;
    let id = key.owner;
    lake.put_snapshot(Day(20_001), 0, &rows, (1, 4)).await;
    lake.store.reads.lock().unwrap().clear();
    let shipped = ContractsVariant::Shipped;
    let run = lake.merge(Day(20_001), small_groups(), shipped).await;

    assert_eq!((run.inserted, run.updated, run.deleted), (0, 1, 0));
    // 60 entities are 8 groups.
    assert!(run.copied >= 5, "{} groups were copied", run.copied);
    assert_eq!(lake.facts(Day(20_001)).await[&id].last_seen, 9);
    let table = lake.manifest(TABLES[0], Day(20_001)).await;
    let rows_file = &table.shards[0].rows_file;
    let read: u64 = {
        let reads = lake.store.reads.lock().unwrap();
        let of_file = reads.iter().filter(|(key, _)| *key == rows_file.key);
        of_file
            .filter(|(_, range)| range.end < rows_file.digest.tail_start())
            .map(|(_, range)| range.end - range.start)
            .sum()
    };
    let rows_bytes = rows_file.digest.tail_start();
    assert!(read > 0 && read < rows_bytes / 4, "{read} of {rows_bytes}");
}

#[tokio::test]
async fn a_base_that_was_built_again_is_not_trusted() {
    let mut lake = lake_of_all_owners().await;
    // The first day's table is built again, and `entity` is not: a run of that table alone.
    let mut rows = all_owners();
    rows.pop_last();
    lake.put_snapshot(Day(20_000), 0, &rows, (1, 4)).await;
    lake.put_snapshot(Day(20_001), 0, &rows, (1, 4)).await;
    let shipped = ContractsVariant::Shipped;
    let run = lake.merge(Day(20_001), small_groups(), shipped).await;
    assert_eq!((run.inserted, run.updated, run.deleted), (0, 0, 1));
}

#[tokio::test]
async fn a_table_that_the_day_does_not_have_takes_its_entities_along() {
    let mut lake = lake_of_all_owners().await;
    let few: TableRows = all_owners().into_iter().take(3).collect();
    lake.put_snapshot(Day(20_001), 1, &few, (1, 4)).await;
    let shipped = ContractsVariant::Shipped;
    let run = lake.merge(Day(20_001), small_groups(), shipped).await;
    assert_eq!((run.inserted, run.updated, run.deleted), (0, 3, 57));
}

#[tokio::test]
async fn another_contract_version_makes_all_again_and_counts_no_change() {
    let mut lake = lake_of_all_owners().await;
    lake.put_snapshot(Day(20_001), 0, &all_owners(), (1, 4))
        .await;
    let later = ContractsVariant::LaterVersion;
    let run = lake.merge(Day(20_001), small_groups(), later).await;
    assert_eq!((run.inserted, run.updated, run.deleted), (0, 0, 0));
    assert_eq!(
        lake.rows(Day(20_000)).await,
        lake.rows(Day(20_001)).await,
        "a row names the version that it was made under"
    );
}
