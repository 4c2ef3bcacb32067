use super::*;
use lake::{DayStart, Receipt, RefinedObject};

fn receipt(offset: i64, next: i64, days: &[(&str, i64)]) -> Receipt {
    let object = RefinedObject {
        key: format!("k{offset}"),
        rows: 1,
        ..RefinedObject::default()
    };
    Receipt {
        stream: StreamKey {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
        },
        offset,
        next,
        source: "s".into(),
        contract_version: "1".into(),
        mapping_version: "1".into(),
        landed: 1,
        refined: 1,
        days: days
            .iter()
            .map(|(date, offset)| DayStart {
                date: (*date).into(),
                offset: *offset,
            })
            .collect(),
        tables: BTreeMap::from([("person".to_owned(), object)]),
        ..Receipt::default()
    }
}

fn consumed_inputs(receipts: Vec<Receipt>, from: i64, day: &str) -> (Vec<(String, i64, i64)>, i64) {
    let stream = StreamKey {
        topic: "t".into(),
        epoch: 1,
        partition: 0,
    };
    let topic = TopicStream {
        stream,
        first: 0,
        receipts: receipts.into_iter().map(ReceiptReading::from).collect(),
    };
    let from = ConsumedPosition {
        next: from,
        object: 0,
    };
    let consumed = topic.consume(&["person"], from, Day::parse(day).unwrap(), i64::MAX);
    let (inputs, end) = consumed.unwrap();
    let ranges = inputs
        .into_iter()
        .map(|input| (input.key, input.from, input.to));
    (ranges.collect(), end.next)
}

#[test]
fn an_object_over_midnight_is_cut_and_the_next_day_begins_there() {
    let object = || {
        vec![
            receipt(0, 10, &[("2026-03-02", 0), ("2026-03-03", 6)]),
            receipt(10, 12, &[("2026-03-03", 10)]),
        ]
    };
    assert_eq!(
        consumed_inputs(object(), 0, "2026-03-02"),
        (vec![("k0".into(), 0, 6)], 6)
    );
    assert_eq!(
        consumed_inputs(object(), 6, "2026-03-03"),
        (vec![("k0".into(), 6, 10), ("k10".into(), 10, 12)], 12)
    );
}

#[test]
fn what_is_not_transformed_yet_stops_the_stream() {
    let day = [("2026-03-02", 0)];
    let gap = vec![receipt(0, 5, &day), receipt(8, 9, &day)];
    assert_eq!(
        consumed_inputs(gap, 0, "2026-03-02"),
        (vec![("k0".into(), 0, 5)], 5)
    );
}

#[test]
fn a_receipt_that_cannot_be_read_stops_the_days_that_need_it_and_no_other() {
    let stream = StreamKey {
        topic: "t".into(),
        epoch: 1,
        partition: 0,
    };
    let unreadable = ReceiptReading {
        offset: 5,
        receipt: Err(UnreadableObject::new("k5", "damaged")),
    };
    let (monday, tuesday) = ([("2026-03-02", 0)], [("2026-03-03", 8)]);
    let topic = TopicStream {
        stream,
        first: 0,
        receipts: vec![
            receipt(0, 5, &monday).into(),
            unreadable,
            receipt(8, 9, &tuesday).into(),
        ],
    };
    let consume = |next, object, limit| {
        let from = ConsumedPosition { next, object };
        let consumed = topic.consume(&["person"], from, Day::parse("2026-03-03").unwrap(), limit);
        consumed.map(|(_, end)| end.next)
    };
    assert_eq!(consume(0, 0, i64::MAX).unwrap_err().object, "k5");
    assert_eq!(consume(6, 5, i64::MAX).unwrap_err().object, "k5");
    assert_eq!(consume(0, 0, 5), Ok(5), "a sealed day that ended before it");
    assert_eq!(consume(8, 8, i64::MAX), Ok(9), "a base that consumed it");
}

#[test]
fn a_late_run_takes_nothing_of_later_days_and_an_early_record_all() {
    let later = vec![receipt(0, 5, &[("2026-03-05", 0)])];
    assert_eq!(consumed_inputs(later, 0, "2026-03-02"), (vec![], 0));
    let earlier = vec![receipt(0, 5, &[("2026-02-01", 0)])];
    assert_eq!(consumed_inputs(earlier, 0, "2026-03-02").1, 5);
}

/// Stores a raw object without records, and its receipt.
async fn put_chunk(receipt: &Receipt, raw: &store::MemoryStore, refined: &store::MemoryStore) {
    let chunk = Chunk {
        topic: receipt.stream.topic.clone(),
        epoch: receipt.stream.epoch,
        partition: receipt.stream.partition,
        offset: receipt.offset,
    };
    raw.put(&chunk.raw_key(), bytes::Bytes::new(), "")
        .await
        .unwrap();
    refined
        .put(&chunk.receipt_key(), receipt.to_json().unwrap().into(), "")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stream_that_began_after_the_day_is_not_committed() {
    let (raw, refined) = (store::MemoryStore::default(), store::MemoryStore::default());
    let later = receipt(7, 9, &[("2026-03-03", 7)]);
    put_chunk(&later, &raw, &refined).await;
    let committed_nexts = async |day: &str, sealed: Option<&SnapshotManifest>| {
        let mut streams = StreamReceipts::new(Day::parse(day).unwrap());
        streams
            .read_receipts(&["t"], &[], &raw, &refined)
            .await
            .unwrap();
        let planned = streams.plan_inputs(InputRequest {
            table: "person",
            topics: &["t"],
            records: &[],
            base: None,
            sealed,
        });
        let committed = planned.unwrap().committed_offsets.into_iter();
        committed.map(|offset| offset.next).collect::<Vec<i64>>()
    };

    assert!(committed_nexts("2026-03-02", None).await.is_empty());
    assert_eq!(committed_nexts("2026-03-03", None).await, [9]);
    let of_an_earlier_build = SnapshotManifest {
        committed_offsets: vec![CommittedOffset {
            stream: later.stream.clone(),
            next: 7,
            object: 7,
            first: 7,
        }],
        ..SnapshotManifest::default()
    };
    let sealed = Some(&of_an_earlier_build);
    assert_eq!(committed_nexts("2026-03-02", sealed).await, [7]);
}

#[tokio::test]
async fn the_day_after_a_cut_finds_the_object_that_was_cut() {
    let (raw, refined) = (store::MemoryStore::default(), store::MemoryStore::default());
    let cut = receipt(0, 10, &[("2026-03-02", 0), ("2026-03-03", 6)]);
    for receipt in [cut, receipt(10, 12, &[("2026-03-03", 10)])] {
        put_chunk(&receipt, &raw, &refined).await;
    }
    let day = async |day: &str, base: Option<SnapshotManifest>| {
        let mut streams = StreamReceipts::new(Day::parse(day).unwrap());
        let bases: Vec<SnapshotManifest> = base.clone().into_iter().collect();
        streams
            .read_receipts(&["t"], &bases, &raw, &refined)
            .await
            .unwrap();
        assert_eq!(streams.untransformed_objects(), 0);
        let planned = streams.plan_inputs(InputRequest {
            table: "person",
            topics: &["t"],
            records: &[],
            base: base.as_ref(),
            sealed: None,
        });
        planned.unwrap()
    };
    let monday = day("2026-03-02", None).await;
    assert_eq!(
        (
            monday.committed_offsets[0].next,
            monday.committed_offsets[0].object
        ),
        (6, 0)
    );
    let base = SnapshotManifest {
        committed_offsets: monday.committed_offsets,
        ..SnapshotManifest::default()
    };
    let tuesday = day("2026-03-03", Some(base)).await;
    let offsets: Vec<_> = tuesday
        .inputs
        .iter()
        .map(|input| (input.from, input.to))
        .collect();
    assert_eq!(offsets, [(6, 10), (10, 12)]);
    assert_eq!(
        (
            tuesday.committed_offsets[0].next,
            tuesday.committed_offsets[0].object
        ),
        (12, 12)
    );
}
