//! The merge against an oracle: for any events, order, repeats and split into days, and for any
//! number of shards, runs and row groups, the snapshot is what a naive reading of the events says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use snapshot_merge::MergeSizes;

use crate::days_in_memory::Days;
use crate::lake_under_test::{SampleRow, person_event};

/// What an event does to a person or a tenure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Whole,
    Patch,
    Delete,
}

/// An event about one of a few people, or about the members of one of a few tenures.
#[derive(Clone, Debug)]
struct Told {
    about: u8,
    does: Does,
    minute: u32,
    field: u8,
    members: Vec<u8>,
}

const FIELDS: [(&str, &str); 3] = [
    ("firstName", "given_name"),
    ("surname", "surname"),
    ("middleName", "middle_names"),
];

fn told() -> impl Strategy<Value = Told> {
    let does = prop_oneof![5 => Just(Does::Whole), 4 => Just(Does::Patch), 1 => Just(Does::Delete)];
    let members = proptest::collection::vec(0..5u8, 0..4);
    (0..24u8, does, 0..50u32, 0..3u8, members).prop_map(|(about, does, minute, field, members)| {
        Told {
            about,
            does,
            minute,
            field,
            members,
        }
    })
}

/// Sizes that cut a few rows into many groups, runs and shards.
fn sizes() -> impl Strategy<Value = MergeSizes> {
    let shards = prop_oneof![Just(3_000u64), Just(10_000), Just(256 << 20)];
    let sort = prop_oneof![Just(1usize), Just(20_000), Just(32 << 20)];
    let groups = prop_oneof![
        Just((2usize, 8usize)),
        Just((4, 16)),
        Just((8_192, 131_072))
    ];
    let runs = (
        1..8usize,
        prop_oneof![Just(1usize), Just(1_500), Just(1 << 20)],
    );
    (shards, sort, groups, runs).prop_map(
        |(shard_bytes, sort_bytes, (batch_rows, group_rows), (run_group_rows, run_group_bytes))| {
            MergeSizes {
                sort_bytes,
                shard_bytes,
                group_rows,
                batch_rows,
                run_group_rows,
                run_group_bytes,
                max_merged_runs: 2,
            }
        },
    )
}

/// Half of the things are people, half are tenures.
fn is_person(told: &Told) -> bool {
    told.about.is_multiple_of(2)
}

fn event(place: usize, told: &Told) -> Value {
    let (name, _) = FIELDS[usize::from(told.field)];
    let thing = format!("thing-{}", told.about);
    let mut event = if is_person(told) {
        match told.does {
            Does::Whole => {
                let all: BTreeMap<_, _> = FIELDS
                    .map(|(name, _)| (name, format!("{name}-{place}")))
                    .into();
                person_event("PersonCreatedEvent", &thing, told.minute, json!(all))
            }
            Does::Patch => person_event(
                "PersonUpdatedEvent",
                &thing,
                told.minute,
                json!({name: format!("{name}-{place}")}),
            ),
            Does::Delete => person_event("PersonDeletedEvent", &thing, told.minute, json!({})),
        }
    } else {
        let member = |member: &u8| {
            json!({
                "id": format!("member-{member}"), "type": "Person", "personTenureType": "Tenant"
            })
        };
        // Two members of one key would be a fault.
        let named: BTreeSet<&u8> = told.members.iter().collect();
        let members: Vec<Value> = named.into_iter().map(member).collect();
        let kind = match told.does {
            Does::Whole => "TenureCreatedEvent",
            Does::Patch => "TenureUpdatedEvent",
            Does::Delete => "TenureDeletedEvent",
        };
        person_event(
            kind,
            &thing,
            told.minute,
            json!({"householdMembers": members}),
        )
    };
    event["id"] = json!(format!("event-{place}"));
    event
}

/// What is true: fields of people by thing, members of tenures by thing.
#[derive(Debug, Default, PartialEq)]
struct Truth {
    people: BTreeMap<u8, BTreeMap<String, String>>,
    members: BTreeMap<u8, BTreeSet<u8>>,
}

/// The oracle: the events of each thing, sorted by time and then by their first place in the log,
/// applied one by one.
fn oracle(events: &[Told], log: &[usize]) -> Truth {
    let first = |event: &usize| log.iter().position(|logged| logged == event).unwrap();
    let mut truth = Truth::default();
    for about in 0..24u8 {
        let mut order: Vec<usize> = (0..events.len())
            .filter(|event| events[*event].about == about)
            .collect();
        order.sort_by_key(|event| (events[*event].minute, first(event)));
        let whole = order.iter().any(|event| events[*event].does != Does::Patch);
        let (mut person, mut members) = (None::<BTreeMap<String, String>>, BTreeSet::new());
        let mut is_deleted = false;
        for (rank, event) in order.iter().enumerate() {
            let told = &events[*event];
            let value = |name: &str| format!("{name}-{event}");
            match told.does {
                Does::Whole => {
                    person = Some(
                        FIELDS
                            .iter()
                            .map(|(name, column)| ((*column).to_owned(), value(name)))
                            .collect(),
                    );
                    members = told.members.iter().copied().collect();
                }
                Does::Delete => {
                    person = None;
                    members.clear();
                }
                Does::Patch => {
                    // A patch does not bring a deleted record back; before every whole row it makes
                    // a partial one.
                    if person.is_some() || (!whole && rank == 0) {
                        let (name, column) = FIELDS[usize::from(told.field)];
                        person
                            .get_or_insert_default()
                            .insert(column.to_owned(), value(name));
                    }
                    // Nor does it bring back what belonged to the record.
                    if !is_deleted {
                        members = told.members.iter().copied().collect();
                    }
                }
            }
            is_deleted = match told.does {
                Does::Patch => is_deleted,
                does => does == Does::Delete,
            };
        }
        let Some(one) = order.first() else { continue };
        if is_person(&events[*one]) {
            truth.people.extend(person.map(|person| (about, person)));
        } else if !members.is_empty() {
            truth.members.insert(about, members);
        }
    }
    truth
}

fn thing(row: &SampleRow) -> u8 {
    row["source_record_id"]
        .as_str()
        .rsplit('-')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// What the snapshot says, in the oracle's terms.
fn said(people: &[SampleRow], links: &[SampleRow]) -> Truth {
    let ids: BTreeMap<String, u8> = (0..5u8)
        .map(|member| {
            (
                pole::IdentityKey::for_tests()
                    .pole_id("housing-person", &[&format!("member-{member}")])
                    .to_string(),
                member,
            )
        })
        .collect();
    let mut truth = Truth::default();
    for row in people {
        let filled = |column: &str| {
            row.get(column)
                .map(|value| (column.to_owned(), value.as_str().to_owned()))
        };
        let before = truth.people.insert(
            thing(row),
            FIELDS
                .iter()
                .filter_map(|(_, column)| filled(column))
                .collect(),
        );
        assert!(before.is_none(), "a person stands twice");
    }
    for row in links
        .iter()
        .filter(|row| row["link_type"] == "holds_tenancy")
    {
        let new = truth
            .members
            .entry(thing(row))
            .or_default()
            .insert(ids[row["from_id"].as_str()]);
        assert!(new, "a member stands twice");
    }
    truth
}

const TABLES: [&str; 4] = ["person", "link", "object_tenancy", "entity"];

/// Lands the log day by day and merges each day under its sizes.
async fn merged(events: &[Told], log: &[usize], days: &[(usize, MergeSizes)]) -> (Days, String) {
    let (mut lake, mut from, mut date) = (Days::new(), 0, String::new());
    for (number, (to, sizes)) in days.iter().enumerate() {
        date = format!("2026-03-{:02}", number + 2);
        for (source, wanted) in [("housing-person", true), ("housing-tenure", false)] {
            let mine = log[from..*to]
                .iter()
                .filter(|place| is_person(&events[**place]) == wanted);
            let mine: Vec<Value> = mine.map(|place| event(*place, &events[*place])).collect();
            // Small objects, so that runs are made of several.
            for some in mine.chunks(7) {
                let receipt = lake.push(source, &date, some).await;
                assert_eq!(receipt.quarantined_total(), 0, "{:?}", receipt.quarantined);
            }
        }
        from = *to;
        lake.sizes = *sizes;
        lake.merge_tables(&date, &TABLES).await.unwrap();
    }
    (lake, date)
}

async fn check(events: &[Told], log: &[usize], days: &[(usize, MergeSizes)]) {
    let (lake, date) = merged(events, log, days).await;
    let rows = async |lake: &Days, date: &str| {
        [
            lake.rows("person", date).await,
            lake.rows("link", date).await,
            lake.rows("object_tenancy", date).await,
            lake.rows("entity", date).await,
        ]
    };
    let seen = rows(&lake, &date).await;
    assert_eq!(said(&seen[0], &seen[1]), oracle(events, log));
    for rows in &seen {
        let key = |row: &SampleRow| {
            ["owner_id", "pole_id", "source"].map(|column| row[column].as_str().to_owned())
        };
        assert!(
            rows.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])),
            "rows are sorted, each key once"
        );
    }
    // The same log in one day and one piece says the same, in every column but those of the day's
    // place in the log.
    let (whole, monday) = merged(events, log, &[(log.len(), MergeSizes::default())]).await;
    let place = ["ingested_at", "offset", "_statement"];
    let told = |rows: Vec<SampleRow>| -> Vec<SampleRow> {
        let without = |mut row: SampleRow| {
            place.iter().for_each(|column| drop(row.remove(*column)));
            row
        };
        rows.into_iter().map(without).collect()
    };
    for (seen, whole) in seen.into_iter().zip(rows(&whole, &monday).await) {
        assert_eq!(told(seen), told(whole));
    }
}

/// Cases of a test run; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn the_snapshot_equals_the_oracle(
        events in proptest::collection::vec(told(), 1..70),
        repeats in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        shuffle in any::<u64>(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), sizes()), 0..4),
        last in sizes(),
    ) {
        let mut log: Vec<usize> = (0..events.len()).collect();
        log.extend(repeats.iter().map(|repeat| repeat.index(events.len())));
        // A shuffle by a hash of the place: the order of arrival has nothing to do with that of the
        // events.
        log.sort_by_key(|place| (*place as u64 + 1).wrapping_mul(shuffle | 1).rotate_left(17));
        let mut days: Vec<(usize, MergeSizes)> = cuts
            .into_iter()
            .map(|(cut, sizes)| (cut.index(log.len() + 1), sizes))
            .collect();
        days.sort_by_key(|(cut, _)| *cut);
        days.push((log.len(), last));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&events, &log, &days));
    }
}
