//! Erasing a person: nothing of them is left in raw, refined or quarantine, the reconciliation
//! balances, and no replay brings them back.

mod broken_off;
mod free_text;
pub(crate) mod people;
pub(crate) mod statements;
mod versions;

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::record_table_name;
use lake::{Chunk, ERASURES_KEY};
use operations::erase::{
    LakeErasureRequest, MentionPolicy, RequestedSubject, dry_run, erase_subjects,
};
use operations::quarantine::{self, QuarantineFilter, RedriveStatus};
use people::{
    ALONE, BOTH, Elsewhere, KEY, NAME, OTHER, assert_reconciled, by_key, content, events, forget,
    lake, named, noon, pole_id, receipt, redrive, refined_rows, tenure, traces, transform,
    transform_again, zones,
};
use serde_json::{Value, json};
use store::ObjectStore;

use crate::days_in_memory::Days;
use crate::lake_under_test::{LakeUnderTest, MONDAY, SampleRow, repository_root};

#[tokio::test]
async fn nothing_of_a_person_is_left_and_the_reconciliation_balances() {
    let days = lake().await;
    assert_reconciled(&days).await;
    let before = refined_rows(&days).await;
    assert!(
        traces(&days).await.len() > 8,
        "the person stands everywhere"
    );
    let outcome = forget(&days).await;
    assert_eq!(outcome.by_hand, []);
    assert_eq!(traces(&days).await, [] as [String; 0]);
    assert_reconciled(&days).await;
    let zones: Vec<&str> = outcome.counts_by_zone().into_keys().collect();
    assert_eq!(zones, ["quarantine", "raw", "receipt", "refined"]);

    let first = receipt(&days, "housing-person", 0, 0).await;
    assert_eq!(
        (first.landed, first.refined, first.ignored, first.erased),
        (4, 1, 3, 3)
    );
    assert_eq!(first.quarantined_total(), 0);
    let redriven = receipt(&days, "housing-person", -1, 0).await;
    assert_eq!((redriven.landed, redriven.erased), (2, 2));
    assert!(redriven.redriven.iter().all(|one| one.outcome == "ignored"));
    assert_eq!(
        receipt(&days, "housing-tenure", 0, 0).await.refined,
        3,
        "tenures stay"
    );
    assert_eq!(receipt(&days, "housing-contact", 0, 0).await.erased, 1);

    let after = refined_rows(&days).await;
    let id = pole_id().to_string();
    for (table, rows) in before {
        let others = rows.into_iter().filter(|row| {
            let text = format!("{row:?}");
            !text.contains(&id) && !text.contains(KEY)
        });
        for row in others.filter(|row| !row.values().any(|value| value.contains(NAME))) {
            assert!(after[&table].contains(&row), "{table}: {row:?}");
        }
    }
}

#[tokio::test]
async fn the_outcome_and_its_receipt_name_no_person() {
    let days = lake().await;
    let outcome = forget(&days).await;
    let key = outcome.receipt.clone().unwrap();
    let written = days.curated.get(&key).await.unwrap().body;
    let text = format!(
        "{key} {} {}",
        String::from_utf8(written.to_vec()).unwrap(),
        serde_json::to_string(&outcome).unwrap()
    );
    let list = days.refined.get(ERASURES_KEY).await.unwrap().body;
    let text = text + std::str::from_utf8(&list).unwrap();
    let id = pole_id().to_string();
    for trace in [KEY, NAME, id.as_str()] {
        assert!(!text.contains(trace));
    }
    assert!(key.starts_with("curated/_erasures/2026-03-04-"), "{key}");
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing_and_a_second_run_has_nothing_to_do() {
    let days = lake().await;
    let before = (
        content(&days).await,
        days.curated.list("", None).await.unwrap(),
    );
    let dry = dry_run(&zones(&days), &by_key(), &Elsewhere).await.unwrap();
    assert_eq!(
        (
            content(&days).await,
            days.curated.list("", None).await.unwrap()
        ),
        before
    );
    let done = forget(&days).await;
    assert_eq!(dry.objects, done.objects);
    let after = (
        content(&days).await,
        days.curated.list("", None).await.unwrap(),
    );
    let again = forget(&days).await;
    assert!(again.found_nothing(), "{again:?}");
    assert_eq!(
        (
            content(&days).await,
            days.curated.list("", None).await.unwrap()
        ),
        after
    );
}

#[tokio::test]
async fn an_unknown_person_changes_nothing() {
    let days = lake().await;
    let wanted = RequestedSubject::Record {
        source: "housing-person".into(),
        key: "00000000-aaaa-4000-8000-000000000000".into(),
    };
    let before = content(&days).await;
    let outcome = erase_subjects(
        &zones(&days),
        &LakeErasureRequest {
            subject: wanted,
            mentions: MentionPolicy::EraseRecord,
            free_text: None,
        },
        &Elsewhere,
        noon(),
    )
    .await
    .unwrap();
    assert!(outcome.found_nothing());
    assert_eq!(content(&days).await, before);
}

#[tokio::test]
async fn the_id_leads_to_the_same() {
    let days = lake().await;
    let request = LakeErasureRequest {
        subject: RequestedSubject::PoleId(pole_id()),
        mentions: MentionPolicy::RedactObject,
        free_text: None,
    };
    let outcome = erase_subjects(&zones(&days), &request, &Elsewhere, noon())
        .await
        .unwrap();
    assert_eq!(outcome.by_hand, []);
    assert_eq!(traces(&days).await, [] as [String; 0]);
    assert_reconciled(&days).await;
}

#[tokio::test]
async fn no_replay_brings_them_back() {
    let mut days = lake().await;
    forget(&days).await;
    let before = refined_rows(&days).await;
    // Everything transformed again, from raw records that are still there.
    transform_again(&days).await;
    assert_eq!(traces(&days).await, [] as [String; 0]);
    assert_reconciled(&days).await;
    assert_eq!(refined_rows(&days).await, before);
    // What is refused is redriven: nothing of them is.
    redrive(&days).await;
    assert_eq!(traces(&days).await, [] as [String; 0]);
    // The same events pushed again, as a backfill or a source's own replay does.
    for (source, events) in events() {
        days.push(source, "2026-03-05", &events).await;
    }
    transform_again(&days).await;
    let id = pole_id().to_string();
    let refined = refined_rows(&days).await;
    assert!(!format!("{refined:?}").contains(&id) && !format!("{refined:?}").contains(NAME));
    let open = quarantine::list_entries(&zones(&days), &QuarantineFilter::default())
        .await
        .unwrap();
    assert!(
        open.iter().all(|entry| entry.status != RedriveStatus::Open),
        "a refused event of theirs is not kept"
    );
    let pushed = receipt(&days, "housing-person", 0, 5).await;
    assert_eq!((pushed.landed, pushed.refined, pushed.erased), (4, 1, 3));
    assert_reconciled(&days).await;
    // The raw zone holds what was sent again until the erasure is run again.
    assert!(forget(&days).await.counts_by_zone().contains_key("raw"));
    assert_eq!(traces(&days).await, [] as [String; 0]);
    assert_reconciled(&days).await;
}

#[tokio::test]
async fn a_later_event_is_a_new_statement() {
    let mut days = lake().await;
    forget(&days).await;
    let mut event = named(KEY, 7, NAME, "1979-11-02");
    event["dateTime"] = json!("2026-03-05T08:00:00Z");
    days.push("housing-person", "2026-03-05", &[event]).await;
    transform_again(&days).await;
    let mut rows = refined_rows(&days).await;
    let people = rows.remove(&record_table_name("housing-person")).unwrap();
    assert!(
        people
            .iter()
            .any(|row| row["owner_id"] == pole_id().to_string())
    );
}

#[tokio::test]
async fn others_are_what_they_were_and_an_emptied_household_stays_empty() {
    let days = lake().await;
    days.merge(MONDAY).await.unwrap();
    let before = days.rows("link", MONDAY).await;
    forget(&days).await;
    let mut rebuilt = days;
    (rebuilt.curated, rebuilt.glue) = (Arc::default(), Arc::default());
    rebuilt.merge(MONDAY).await.unwrap();
    let after: BTreeSet<SampleRow> = rebuilt.rows("link", MONDAY).await.into_iter().collect();
    let id = pole_id().to_string();
    let wanted: BTreeSet<SampleRow> = before
        .into_iter()
        .filter(|row| row["from_id"] != id && row["to_id"] != id)
        .collect();
    assert_eq!(
        after, wanted,
        "the other one does not move back into a home that they left"
    );
    let people = rebuilt.rows("person", MONDAY).await;
    assert_eq!(people.len(), 1);
    assert_eq!(people[0]["source_record_id"], OTHER);
}

#[tokio::test]
async fn a_mention_that_nothing_smaller_than_the_event_holds_is_fixed_by_hand() {
    let mut days = lake().await;
    let mut event = tenure("TenureUpdatedEvent", BOTH, 9, &[(OTHER, "Sample")]);
    event["reportedBy"] = json!(KEY);
    days.push("housing-tenure", MONDAY, &[event]).await;
    let outcome = forget(&days).await;
    assert_eq!(outcome.by_hand.len(), 1);
    assert_eq!(traces(&days).await, [outcome.by_hand[0].object.clone()]);
    assert_reconciled(&days).await;
    let request = LakeErasureRequest {
        mentions: MentionPolicy::EraseRecord,
        ..by_key()
    };
    let outcome = erase_subjects(&zones(&days), &request, &Elsewhere, noon())
        .await
        .unwrap();
    assert_eq!(outcome.by_hand, []);
    assert_eq!(traces(&days).await, [] as [String; 0]);
    assert_reconciled(&days).await;
}

fn command(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    let output = command.arg("erase").args(arguments).output().unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_twice_and_knows_its_sources() {
    let (code, text) = command(&["--source", "housing-person", "--key", "k"]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("--dry-run") && text.contains("--yes"),
        "{text}"
    );
    let (code, text) = command(&["--source", "housing-person"]);
    assert_eq!(code, Some(2), "{text}");
    let lake = LakeUnderTest::start().await;
    let folder = lake.folder.to_string_lossy().into_owned();
    let contracts = repository_root().join("contracts");
    let place = [
        "--dir",
        &folder,
        "--contracts",
        &contracts.to_string_lossy(),
    ];
    let (code, text) = command(
        &[
            &["--source", "housing-persn", "--key", "k", "--dry-run"],
            &place[..],
        ]
        .concat(),
    );
    assert_eq!(code, Some(2));
    assert!(
        text.contains("the nearest name is `housing-person`"),
        "{text}"
    );
    let (code, text) = command(&[&["--pole-id", "k", "--dry-run"], &place[..]].concat());
    assert_eq!(code, Some(2));
    assert!(text.contains("--pole-id"), "{text}");
}

/// A sample of a shipped contract.
pub(crate) fn sample(path: &str) -> Value {
    let text = std::fs::read(repository_root().join("contracts/sources").join(path)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn what_several_records_share_is_not_erased_with_one_of_them() {
    let mut days = Days::new();
    let mut first = sample("housing/tenure/samples/tenure-created.json");
    first["dateTime"] = json!("2026-03-02T09:00:00Z");
    let mut second = first.clone();
    (second["id"], second["entityId"]) = (json!("another"), json!(ALONE));
    second["eventData"]["newData"]["id"] = json!(ALONE);
    days.push("housing-tenure", MONDAY, &[first, second]).await;
    let wanted = RequestedSubject::Record {
        source: "housing-tenure".into(),
        key: BOTH.into(),
    };
    let request = LakeErasureRequest {
        subject: wanted,
        mentions: MentionPolicy::RedactObject,
        free_text: None,
    };
    let outcome = erase_subjects(&zones(&days), &request, &Elsewhere, noon())
        .await
        .unwrap();
    assert_eq!(outcome.by_hand, []);
    assert_reconciled(&days).await;
    let rows = refined_rows(&days).await;
    assert!(
        rows.values()
            .flatten()
            .all(|row| row["source_record_id"] == ALONE)
    );
    assert!(
        !rows["object"].is_empty(),
        "the landlord of the other tenure stays"
    );
    assert_eq!(receipt(&days, "housing-tenure", 0, 0).await.erased, 1);
}

#[tokio::test]
async fn a_shared_row_that_is_erased_by_its_id_leaves_records_to_be_fixed_by_hand() {
    let mut days = Days::new();
    let event = sample("immigration/case/samples/case-received.json");
    days.push("immigration-case", MONDAY, &[event]).await;
    let people = refined_rows(&days).await.remove("person").unwrap();
    let id = people.first().unwrap()["pole_id"].clone();
    let request = |mentions| LakeErasureRequest {
        subject: RequestedSubject::PoleId(pole::Uuid::parse_str(&id).unwrap()),
        mentions,
        free_text: None,
    };
    // The id does not tell the key from which it was made: the rows go, the record waits for a
    // person.
    let outcome = erase_subjects(
        &zones(&days),
        &request(MentionPolicy::RedactObject),
        &Elsewhere,
        noon(),
    )
    .await
    .unwrap();
    assert_eq!(outcome.by_hand.len(), 1);
    let rows = refined_rows(&days).await;
    assert!(!format!("{rows:?}").contains(&id));
    let cases = &rows[&record_table_name("immigration-case")];
    assert!(!cases.is_empty(), "the case itself stays");
    assert_reconciled(&days).await;
    transform_again(&days).await;
    assert!(
        !format!("{:?}", refined_rows(&days).await).contains(&id),
        "nor does a replay bring it back"
    );
}

#[tokio::test]
async fn the_logs_own_key_is_enough() {
    let days = Days::new();
    let chunk = Chunk {
        topic: "housing-person".into(),
        epoch: 1,
        partition: 3,
        offset: 0,
    };
    let record = |offset, key: &str, value: Option<&str>| lake::RawRecord {
        offset,
        timestamp: 1_772_438_400_000,
        timestamp_type: Some("LOG_APPEND_TIME"),
        landed_at: Some(1_772_438_401_000),
        key: Some(key.to_owned().into()),
        value: value.map(|value| value.to_owned().into()),
        headers: Some("[[\"a\",null]]".into()),
    };
    let records = [
        record(0, KEY, None),
        record(1, OTHER, None),
        record(2, KEY, Some(&format!("gibberish of {NAME}"))),
    ];
    let metadata =
        [("next", "3"), ("count", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = lake::encode_raw(&chunk, &records, 3).unwrap();
    let metadata = store::raw_log::record_content(&metadata.into(), &body);
    assert!(
        days.raw
            .put_if_absent(&chunk.raw_key(), body, metadata)
            .await
            .unwrap()
    );
    transform(&days, &[chunk.raw_key()]).await;
    assert_eq!(
        receipt(&days, "housing-person", 3, 0)
            .await
            .quarantined_total(),
        3
    );
    forget(&days).await;
    assert_eq!(traces(&days).await, [] as [String; 0]);
    assert_reconciled(&days).await;
    let after = receipt(&days, "housing-person", 3, 0).await;
    assert_eq!((after.quarantined_total(), after.erased), (1, 2));
    let batches = lake::decode_raw(days.raw.get(&chunk.raw_key()).await.unwrap().body).unwrap();
    assert_eq!(batches[0].timestamp_type(0), Some("LOG_APPEND_TIME"));
    assert_eq!(batches[0].landed_at(0), Some(1_772_438_401_000));
    assert_eq!(
        (batches[0].key(1), batches[0].offset(2)),
        (Some(OTHER.as_bytes()), 2)
    );
    transform_again(&days).await;
    // A transform makes the filter of the ids that are left; an erasure keeps the bits of the others.
    let again = lake::Receipt {
        event_ids: after.event_ids.clone(),
        ..receipt(&days, "housing-person", 3, 0).await
    };
    assert_eq!(again, after, "transformed again it is the same");
}
