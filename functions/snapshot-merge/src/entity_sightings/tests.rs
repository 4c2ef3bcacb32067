//! Sightings against a naive reading of all statements.

use proptest::prelude::*;

use super::*;

/// A statement of one source: (version, event time, deletes). Its index is its event and its first
/// offset.
type Stated = (Option<i64>, i64, bool);

fn sighting((version, event_time, is_deletion): Stated, event: usize, offset: usize) -> Sighting {
    Sighting {
        precedence: Precedence {
            version,
            event_time,
            event_time_nanos: 0,
            position: LogPosition {
                appended: offset as i64,
                partition: 0,
                offset: offset as i64,
            },
        },
        event: event as u64,
        record: 7,
        is_deletion,
    }
}

/// The log: which event stands at each offset, an event perhaps several times.
fn logged(statements: &[Stated], log: &[usize]) -> Vec<Sighting> {
    let entries = log.iter().enumerate();
    entries
        .map(|(offset, event)| sighting(statements[*event], *event, offset))
        .collect()
}

/// The first date, from every statement at the first position of its event.
fn read_naively(statements: &[Stated], log: &[usize]) -> Option<i64> {
    let first = |event: usize| log.iter().position(|logged| *logged == event);
    let mut ranked: Vec<(Precedence, Stated)> = Vec::new();
    for (event, stated) in statements.iter().enumerate() {
        if let Some(offset) = first(event) {
            ranked.push((sighting(*stated, event, offset).precedence, *stated));
        }
    }
    ranked.sort_by_key(|(precedence, _)| *precedence);
    let behind = ranked.iter().rposition(|(_, stated)| stated.2);
    let counted = &ranked[behind.map_or(0, |deletion| deletion + 1)..];
    counted.iter().map(|(_, stated)| stated.1).min()
}

fn stated() -> impl Strategy<Value = Stated> {
    let version = prop_oneof![Just(None), (0..4i64).prop_map(Some)];
    (version, 0..12i64, prop::bool::weighted(0.2))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_order_any_repeats_and_any_days_give_the_same_first_date(
        statements in proptest::collection::vec(stated(), 1..14),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 1..24),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let log: Vec<usize> = places.iter().map(|place| place.index(statements.len())).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        cuts.extend([0, log.len()]);
        cuts.sort_unstable();
        let all = logged(&statements, &log);
        let shown = sighting((None, 3, false), 99, 99);

        let mut known = EntitySightings::default();
        for day in cuts.windows(2) {
            for sighting in &all[day[0]..day[1]] {
                known.add("s", *sighting);
            }
            known.reduce();
            let text = known.to_text(&shown).unwrap();
            prop_assert_eq!(&EntitySightings::parse(&text, &shown).unwrap(), &known);
        }
        prop_assert_eq!(known.first_seen("s"), read_naively(&statements, &log));
    }
}

#[test]
fn a_row_that_shows_the_only_sighting_stores_its_version_and_record() {
    let shown = sighting((None, 5, false), 1, 1);
    let mut known = EntitySightings::default();
    known.add("s", sighting((Some(3), 5, false), 1, 1));
    known.reduce();
    let text = known.to_text(&shown).unwrap();
    assert_eq!(text, r#"{"s":[[3,7]]}"#);
    assert_eq!(EntitySightings::parse(&text, &shown).unwrap(), known);
    assert!(EntitySightings::parse("{\"s\":[[3]]}", &shown).is_err());
}

#[test]
fn an_event_that_deletes_from_one_table_and_states_in_another_is_no_deletion() {
    let mut known = EntitySightings::default();
    known.add("s", sighting((None, 1, false), 1, 1));
    known.add("s", sighting((None, 2, true), 2, 2));
    known.add("s", sighting((None, 2, false), 2, 2));
    known.reduce();
    assert_eq!(known.first_seen("s"), Some(1));
}

#[test]
fn what_is_remembered_is_bounded_and_keeps_the_first() {
    let mut known = EntitySightings::default();
    for number in 0..200 {
        known.add(
            "s",
            sighting((None, 10 + number as i64, false), number, number),
        );
        known.reduce();
    }
    assert_eq!(known.0["s"].len(), MAX_SIGHTINGS);
    assert_eq!(known.first_seen("s"), Some(10));
    known.add("s", sighting((None, 205, true), 500, 500));
    known.add("s", sighting((None, 206, false), 501, 501));
    known.reduce();
    assert_eq!(known.first_seen("s"), Some(206));
}

#[test]
fn an_erasure_takes_out_what_a_record_counted() {
    let mut known = EntitySightings::default();
    known.add("s", sighting((None, 1, false), 1, 1));
    let other = Sighting {
        record: 8,
        ..sighting((None, 4, false), 2, 2)
    };
    known.add("s", other);
    known.reduce();
    assert!(!known.remove_records(|_, record| record == 9));
    assert!(known.remove_records(|source, record| source == "s" && record == 7));
    assert_eq!(known.first_seen("s"), Some(4));
    assert!(known.remove_records(|_, record| record == 8) && known.is_empty());
}
