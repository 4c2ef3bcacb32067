//! A record resolved day by day is the record resolved from everything at once.

use pole::{LogPosition, Precedence};
use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::resolve::{ChangeOrigin, use_first_position_per_event};

/// An event of one record.
#[derive(Clone, Debug)]
struct Stated {
    op: RowOperation,
    time: i64,
    body: Value,
}

/// A statement as a file holds it.
#[derive(Clone, Debug)]
struct StoredStatement {
    event: String,
    op: RowOperation,
    precedence: Precedence,
    text: Option<String>,
}

fn any_body() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        (0..4i64).prop_map(Value::from),
        Just(json!([1])),
    ];
    let value = scalar.prop_recursive(2, 6, 2, |inner| {
        proptest::collection::btree_map("[ab]", inner, 0..3)
            .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into())
    });
    proptest::collection::btree_map("[abc]", value, 0..3)
        .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into())
}

fn any_statement() -> impl Strategy<Value = Stated> {
    let op = prop_oneof![
        2 => Just(RowOperation::RecordState),
        5 => Just(RowOperation::RecordPatch),
        1 => Just(RowOperation::RecordCreate),
        1 => Just(RowOperation::RecordDelete),
    ];
    (op, 0..6i64, any_body()).prop_map(|(op, time, body)| Stated { op, time, body })
}

/// The event at a place of the log.
fn logged(events: &[Stated], event: usize, place: usize) -> StoredStatement {
    let Stated { op, time, body } = &events[event];
    let statement = Statement {
        kind: "Changed".into(),
        is_time_stated: true,
        event: json!({}),
        body: body.clone(),
    };
    let place = i64::try_from(place).unwrap();
    StoredStatement {
        event: format!("event-{event}"),
        op: *op,
        precedence: Precedence {
            version: None,
            event_time: *time,
            event_time_nanos: 0,
            position: LogPosition {
                appended: place,
                partition: 0,
                offset: place,
            },
        },
        text: (*op != RowOperation::RecordDelete).then(|| statement.to_text()),
    }
}

fn changes<'s>(
    stored: &'s [StoredStatement],
    origin: ChangeOrigin,
) -> impl Iterator<Item = ChangeRecord<'s>> {
    let rows = stored.iter().enumerate();
    rows.map(move |(row, stored)| ChangeRecord {
        pole_id: "p",
        source: "s",
        set: None,
        op: stored.op,
        event_id: &stored.event,
        precedence: stored.precedence,
        changed_columns: None,
        statement: stored.text.as_deref(),
        row_ref: (usize::from(origin == ChangeOrigin::Increment), row),
        origin,
    })
}

/// The record after a day, and what the day stores.
fn resolve_day(
    state: &[StoredStatement],
    today: &[StoredStatement],
) -> (Option<Value>, Vec<StoredStatement>) {
    let mut all: Vec<ChangeRecord<'_>> = changes(state, ChangeOrigin::State)
        .chain(changes(today, ChangeOrigin::Increment))
        .collect();
    use_first_position_per_event(&mut all);
    let retained = retain_statements(&all).unwrap();
    let stored: Vec<StoredStatement> = retained.into_iter().map(stored_statement).collect();
    let of_snapshot: Vec<ChangeRecord<'_>> = changes(&stored, ChangeOrigin::Record).collect();
    let record = resolve_statements(&of_snapshot).unwrap();
    (record.map(|record| record.body), stored)
}

fn stored_statement(retained: RetainedStatement<'_>) -> StoredStatement {
    let RetainedStatement { change, text } = retained;
    StoredStatement {
        event: change.event_id.to_owned(),
        op: change.op,
        precedence: change.precedence,
        text: match text {
            RetainedText::AsStored => change.statement.map(str::to_owned),
            RetainedText::Part(text) => Some(text),
            RetainedText::Nothing => None,
        },
    }
}

/// What the record is: the events in order, one by one.
fn naive_record(events: &[Stated], log: &[usize]) -> Option<Value> {
    let mut order: Vec<usize> = (0..events.len())
        .filter(|event| log.contains(event))
        .collect();
    let first_place = |event: &usize| log.iter().position(|logged| logged == event);
    order.sort_by_key(|event| (events[*event].time, first_place(event)));

    let (mut record, mut is_deleted) = (None, false);
    for event in order {
        let Stated { op, body, .. } = &events[event];
        match op {
            RowOperation::RecordState => record = Some(body.clone()),
            RowOperation::RecordDelete => record = None,
            RowOperation::RecordPatch if is_deleted => continue,
            _ => apply_patch(record.get_or_insert_with(|| json!({})), body),
        }
        is_deleted = *op == RowOperation::RecordDelete;
    }
    record
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_split_into_days_gives_the_record(
        events in proptest::collection::vec(any_statement(), 1..9),
        log in proptest::collection::vec(0..9usize, 1..16),
        days in proptest::collection::vec(0..16usize, 0..4),
    ) {
        let log: Vec<usize> = log.into_iter().map(|event| event % events.len()).collect();
        let mut bounds: Vec<usize> = days.into_iter().map(|place| place.min(log.len())).collect();
        bounds.push(log.len());
        bounds.sort_unstable();

        let (mut from, mut state, mut record) = (0, Vec::new(), None);
        for to in bounds {
            let today: Vec<StoredStatement> = (from..to)
                .map(|place| logged(&events, log[place], place))
                .collect();
            (record, state) = resolve_day(&state, &today);
            from = to;
        }
        prop_assert_eq!(&record, &naive_record(&events, &log));

        // Nothing new changes nothing, and what is kept is bounded by the record's fields.
        let (again, kept) = resolve_day(&state, &[]);
        prop_assert_eq!(again, record);
        prop_assert_eq!(kept.len(), state.len());
    }

    #[test]
    fn patches_of_one_field_leave_one(values in proptest::collection::vec(0..9i64, 1..40)) {
        let mut state = Vec::new();
        for (place, value) in values.iter().enumerate() {
            let patch = Stated {
                op: RowOperation::RecordPatch,
                time: i64::try_from(place).unwrap(),
                body: json!({"a": {"b": value}}),
            };
            let today = StoredStatement {
                event: format!("event-{place}"),
                ..logged(&[patch], 0, place)
            };
            (_, state) = resolve_day(&state, &[today]);
        }
        prop_assert_eq!(state.len(), 1);
    }
}

#[test]
fn a_patch_that_brings_a_record_back_begins_it() {
    let stated = |op, time| Stated {
        op,
        time,
        body: json!({}),
    };
    let events = [
        stated(RowOperation::RecordState, 0),
        stated(RowOperation::RecordPatch, 3),
        stated(RowOperation::RecordDelete, 1),
        stated(RowOperation::RecordCreate, 2),
    ];
    let of_first_day: Vec<StoredStatement> = (0..2).map(|e| logged(&events, e, e)).collect();
    let of_second_day: Vec<StoredStatement> = (2..4).map(|e| logged(&events, e, e)).collect();

    // The patch says nothing, so the first day does not keep it.
    let (_, state) = resolve_day(&[], &of_first_day);
    assert_eq!(state.len(), 1);

    let all = [of_first_day, of_second_day.clone()].concat();
    for (state, today) in [(state, of_second_day), (Vec::new(), all)] {
        let stored = resolve_day(&state, &today).1;
        let changes: Vec<ChangeRecord<'_>> = changes(&stored, ChangeOrigin::Record).collect();
        let record = resolve_statements(&changes).unwrap().unwrap();
        let beginning = record
            .applied
            .iter()
            .filter(|applied| applied.begins_record);
        let events: Vec<&str> = beginning.map(|applied| applied.change.event_id).collect();
        assert_eq!(events, ["event-3"]);
    }
}
