use proptest::prelude::*;

use super::*;

fn batch_of(records: Vec<QueuedRecord>) -> QueuedBatch {
    QueuedBatch {
        topic: "housing-tenure".to_owned(),
        number: MessageNumber {
            sandbox: "5f0c".to_owned(),
            sequence: 7,
        },
        unacknowledged: vec![3, 6],
        records,
    }
}

fn record(value: &[u8]) -> QueuedRecord {
    QueuedRecord {
        key: Some("T-1".to_owned()),
        headers: vec![("source".to_owned(), "tenure".to_owned())],
        value: value.to_vec(),
    }
}

proptest! {
    /// Whatever the bytes of keys, headers and values are: they come out as they went in.
    #[test]
    fn a_batch_comes_out_as_it_went_in(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..9),
        key in proptest::option::of(".{0,9}"),
        header in ".{0,9}",
    ) {
        let records = values.iter().map(|value| QueuedRecord {
            key: key.clone(),
            headers: vec![("a".to_owned(), header.clone())],
            value: value.clone(),
        });
        let batch = batch_of(records.collect());

        let packed = batch.pack().unwrap();
        let read = QueuedMessage::decode(&QueuedMessage::encode_batch(&packed)).unwrap();
        prop_assert_eq!(read, QueuedMessage::Batch(batch.clone()));

        let reference = BatchReference::to_object("raw/_queue/a".to_owned(), &packed);
        let body = QueuedMessage::encode_reference(&reference).unwrap();
        prop_assert_eq!(
            QueuedMessage::decode(&body).unwrap(), QueuedMessage::Reference(reference.clone())
        );
        prop_assert_eq!(reference.unpack_object(&packed).unwrap(), batch);
    }

    /// A message that lost bytes, or has others, is refused, and never read as fewer records.
    #[test]
    fn a_damaged_message_is_refused(cut in 0..200usize, flip in 0..200usize, mask in 1u8..) {
        let batch = batch_of(vec![record(b"{\"a\":1}"), record(b"{\"a\":2}")]);
        let packed = batch.pack().unwrap();
        let reference = BatchReference::to_object("raw/_queue/a".to_owned(), &packed);

        let shorter = &packed[..cut.min(packed.len() - 1)];
        prop_assert!(QueuedBatch::unpack(shorter).is_err());

        let mut changed = packed.clone();
        changed[flip % packed.len()] ^= mask;
        prop_assert!(reference.unpack_object(&changed).is_err());
    }
}

#[test]
fn what_is_not_ours_is_refused_without_a_word_of_it() {
    let foreign = QueuedMessage::encode_batch(&zstd::bulk::compress(b"Ada\n", 3).unwrap());
    for body in ["", "Ada", "{\"name\":\"Ada\"}", "QWRh", foreign.as_str()] {
        let error = QueuedMessage::decode(body).unwrap_err();
        assert!(matches!(error, QueuedMessageError::Unreadable(_)), "{body}");
        assert!(!error.to_string().contains("Ada"), "{error}");
    }
}

#[test]
fn another_format_is_refused_by_its_number() {
    let mut reference = BatchReference::to_object("raw/_queue/a".to_owned(), b"x");
    reference.format = 2;
    let body = QueuedMessage::encode_reference(&reference).unwrap();
    assert_eq!(
        QueuedMessage::decode(&body),
        Err(QueuedMessageError::Format(2))
    );

    let other_members = r#"{"format":2,"place":"raw/_queue/a"}"#;
    assert_eq!(
        QueuedMessage::decode(other_members),
        Err(QueuedMessageError::Format(2))
    );

    let head = br#"{"format":2,"stream":"t"}"#;
    let later = [head.as_slice(), b"\n"].concat();
    let packed = zstd::bulk::compress(&later, 3).unwrap();
    assert_eq!(
        QueuedBatch::unpack(&packed),
        Err(QueuedMessageError::Format(2))
    );
}

#[test]
fn a_message_that_unpacks_to_gigabytes_is_refused() {
    let zeros = vec![0u8; usize::try_from(UNPACKED_BYTES_MAX).unwrap() + 2];
    let packed = zstd::bulk::compress(&zeros, 3).unwrap();
    assert!(packed.len() < 10_000);
    assert!(QueuedBatch::unpack(&packed).is_err());
}

#[test]
fn bytes_behind_the_last_value_are_refused() {
    let head = br#"{"format":1,"topic":"t","number":{"sandbox":"a","sequence":0},"records":[]}"#;
    let longer = [head.as_slice(), b"\nx"].concat();
    let packed = zstd::bulk::compress(&longer, 3).unwrap();
    assert!(QueuedBatch::unpack(&packed).is_err());
}

#[test]
fn a_notice_names_the_message_that_was_acknowledged() {
    let notice = AcknowledgementNotice::of_batch(&batch_of(Vec::new()));
    let body = QueuedMessage::encode_notice(&notice).unwrap();
    assert_eq!(
        QueuedMessage::decode(&body),
        Ok(QueuedMessage::Notice(notice.clone()))
    );
    assert_eq!(notice.acknowledged.to_string(), "5f0c/7");
}

#[test]
fn a_raw_record_names_its_message() {
    let batch = batch_of(vec![record(b"1")]);
    let headers = batch.records[0].raw_headers(&batch.number);
    assert_eq!(
        lake::find_header_text(Some(&headers), QUEUE_MESSAGE_HEADER).as_deref(),
        Some("5f0c/7")
    );
    assert_eq!(
        lake::find_header_text(Some(&headers), "source").as_deref(),
        Some("tenure")
    );
}
