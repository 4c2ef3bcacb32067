use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// An event about the one record of the test: what it does, when it says it happened, whether it is
/// sent twice.
#[derive(Clone, Debug)]
struct GeneratedChange {
    op: RowOperation,
    time: i64,
    field: u8,
    members: Option<Vec<u8>>,
}

fn any_change() -> impl Strategy<Value = GeneratedChange> {
    let op = prop_oneof![
        4 => Just(RowOperation::Upsert), 4 => Just(RowOperation::Patch),
        1 => Just(RowOperation::Delete)
    ];
    let members = proptest::option::of(proptest::collection::vec(0..4u8, 0..3));
    (op, 0..6i64, 0..3u8, members).prop_map(|(op, time, field, members)| GeneratedChange {
        op,
        time,
        field,
        members,
    })
}

/// The record as the oracle has it: fields with the event that set each, and members.
type VisibleState = (Option<BTreeMap<u8, usize>>, Vec<u8>);

/// The oracle: sort the events, apply them one after the other.
fn expected_state(events: &[GeneratedChange]) -> VisibleState {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|event| (events[*event].time, *event));
    let last_full = order
        .iter()
        .rposition(|event| events[*event].op != RowOperation::Patch);
    let mut record = None;
    for (rank, event) in order.iter().enumerate() {
        let change = &events[*event];
        match change.op {
            RowOperation::Upsert => {
                record = Some(
                    (0..3)
                        .map(|field| (field, *event))
                        .collect::<BTreeMap<_, _>>(),
                );
            }
            RowOperation::Delete => record = None,
            // A patch does not bring a deleted record back; one before every full row makes a
            // partial row.
            RowOperation::Patch if record.is_some() || (last_full.is_none() && rank == 0) => {
                record.get_or_insert_default().insert(change.field, *event);
            }
            _ => (),
        }
    }
    let set = order
        .iter()
        .rev()
        .map(|event| &events[*event])
        .find_map(|change| match change.op {
            RowOperation::Upsert => Some(change.members.clone().unwrap_or_default()),
            RowOperation::Delete => Some(Vec::new()),
            _ => change.members.clone(),
        });
    let mut members = set.unwrap_or_default();
    members.sort_unstable();
    members.dedup();
    (record, members)
}

const MEMBERS: [&str; 4] = ["m0", "m1", "m2", "m3"];
const FIELDS: [&str; 3] = ["f0", "f1", "f2"];
const EVENTS: [&str; 12] = [
    "e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10", "e11",
];

/// The changes of an event at an offset.
fn change_records(
    event: usize,
    change: &GeneratedChange,
    offset: i64,
) -> Vec<ChangeRecord<'static>> {
    let position = LogPosition {
        appended: offset,
        partition: 0,
        offset,
    };
    let one = |pole_id, set, op| ChangeRecord {
        pole_id,
        source: "s",
        set,
        op,
        event_id: EVENTS[event],
        precedence: Precedence {
            version: None,
            event_time: change.time,
            event_time_nanos: 0,
            position,
        },
        changed_columns: (op == RowOperation::Patch).then(|| FIELDS[usize::from(change.field)]),
        statement: None,
        row_ref: (event, 0),
        origin: ChangeOrigin::Increment,
    };
    let mut made = vec![one("record", None, change.op)];
    if change.op != RowOperation::Patch || change.members.is_some() {
        made.push(one("record", Some("members"), RowOperation::Replace));
        if change.op != RowOperation::Delete {
            let members = change.members.iter().flatten();
            made.extend(members.map(|member| {
                one(
                    MEMBERS[usize::from(*member)],
                    Some("members"),
                    RowOperation::Upsert,
                )
            }));
        }
    }
    made
}

/// What readers see of the resolved rows, in the oracle's terms.
fn visible_state(resolved: &Resolved<'_>) -> VisibleState {
    let mut record = None;
    let mut members = Vec::new();
    for visible in &resolved.rows {
        if let Some(member) = MEMBERS.iter().position(|name| *name == visible.key.0) {
            members.push(member as u8);
            continue;
        }
        let mut fields: BTreeMap<u8, usize> = BTreeMap::new();
        if let Some((event, _)) = visible.full_row {
            fields.extend((0..3).map(|field| (field, event)));
        }
        for ((event, _), carried) in &visible.patches {
            let field = FIELDS.iter().position(|name| name == carried).unwrap();
            fields.insert(field as u8, *event);
        }
        record = Some(fields);
    }
    (record, members)
}

proptest! {
    /// For any events, repeats and split into days, the resolved rows equal the oracle's.
    #[test]
    fn resolving_equals_the_oracle(
        events in proptest::collection::vec(any_change(), 1..10),
        repeats in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        // The log: every event, then some of them again.
        let mut log: Vec<usize> = (0..events.len()).collect();
        log.extend(repeats.iter().map(|repeat| repeat.index(events.len())));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        cuts.extend([0, log.len()]);
        cuts.sort_unstable();
        // Day by day: what readers see is not needed to go on only where the state has all; the
        // base is given too.
        let mut base: Vec<ChangeRecord<'static>> = Vec::new();
        let mut last = Resolved::default();
        for day in cuts.windows(2) {
            let mut given = base.clone();
            for (place, event) in log[day[0]..day[1]].iter().enumerate() {
                given.extend(change_records(*event, &events[*event], (day[0] + place) as i64));
            }
            let given_again = given.clone();
            last = resolve_changes(given);
            let mut reversed = given_again;
            reversed.reverse();
            prop_assert_eq!(&resolve_changes(reversed).rows, &last.rows);
            base = next_day_input(&last, &log, &events);
        }
        // A base row does not show what it was made of; the state still does.
        let mut fields = visible_state(&last);
        if let Some(record) = &mut fields.0
            && let Some(visible) = last.rows.iter().find(|visible| visible.key.0 == "record")
        {
            check_visible_row(record, visible, &events, &log);
        }
        prop_assert_eq!(fields, expected_state(&events));
    }
}

/// The next day's base and state: resolved rows become base rows with the precedence of their
/// latest change.
fn next_day_input(
    resolved: &Resolved<'static>,
    log: &[usize],
    events: &[GeneratedChange],
) -> Vec<ChangeRecord<'static>> {
    let mut base: Vec<ChangeRecord<'static>> = Vec::new();
    for visible in &resolved.rows {
        let event = visible.latest.0;
        let offset = log.iter().position(|logged| *logged == event).unwrap() as i64;
        let found = change_records(event, &events[event], offset);
        let row = found
            .into_iter()
            .find(|change| change.pole_id == visible.key.0 && change.op != RowOperation::Replace);
        // A base row is a full row whatever it was made of.
        base.extend(row.map(|row| ChangeRecord {
            op: RowOperation::Upsert,
            changed_columns: None,
            origin: ChangeOrigin::Base,
            ..row
        }));
    }
    base.extend(resolved.state.iter().map(|change| ChangeRecord {
        origin: ChangeOrigin::State,
        ..*change
    }));
    base
}

/// An unchanged base row of patches stands for what its day resolved; resolve that again from the
/// log.
fn check_visible_row(
    record: &mut BTreeMap<u8, usize>,
    visible: &ResolvedRow<'_>,
    events: &[GeneratedChange],
    log: &[usize],
) {
    if events[visible.latest.0].op != RowOperation::Patch || !visible.patches.is_empty() {
        return;
    }
    let all = log
        .iter()
        .enumerate()
        .flat_map(|(place, event)| change_records(*event, &events[*event], place as i64))
        .collect();
    if let (Some(fields), _) = visible_state(&resolve_changes(all)) {
        *record = fields;
    }
}

#[test]
fn a_deleted_record_stays_deleted_when_an_older_upsert_comes_late() {
    let generated_change = |op, time| GeneratedChange {
        op,
        time,
        field: 0,
        members: None,
    };
    let (delete, late) = (
        generated_change(RowOperation::Delete, 5),
        generated_change(RowOperation::Upsert, 4),
    );
    let first = resolve_changes(change_records(0, &delete, 0));
    assert!(first.rows.is_empty());
    let mut second: Vec<_> = first
        .state
        .iter()
        .map(|retained| ChangeRecord {
            origin: ChangeOrigin::State,
            ..*retained
        })
        .collect();
    second.extend(change_records(1, &late, 1));
    let second = resolve_changes(second);
    assert!(second.rows.is_empty());
    let mut third: Vec<_> = second
        .state
        .iter()
        .map(|retained| ChangeRecord {
            origin: ChangeOrigin::State,
            ..*retained
        })
        .collect();
    third.extend(change_records(
        2,
        &generated_change(RowOperation::Upsert, 6),
        2,
    ));
    assert_eq!(resolve_changes(third).rows.len(), 1);
}
