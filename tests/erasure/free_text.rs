//! `erase --search`: a person's name in the free text of others is a candidate, in whatever zone and
//! spelling, and nothing is changed because of one.

use std::collections::BTreeSet;
use std::fs;

use lake::ErasureReceipt;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::lake_under_test::{LakeImage, LakeUnderTest, MONDAY, person_event, repository_root};
use crate::quarantine::polelake;

const TUESDAY: &str = "2026-03-03";
const KEY: &str = "0b5e7a4c-1d2f-4e3a-9b8c-7d6e5f4a3b2c";
const OTHER: &str = "1c6f8b5d-2e3a-4f4b-8c9d-8e7f6a5b4c3d";

/// What must stand in no output and no receipt, folded.
const SECRETS: [&str; 4] = ["quillon", "mork", "moerk", "1979-11-02"];

fn erase(lake: &LakeUnderTest, further: &[&str]) -> (i32, Value, String) {
    let contracts = repository_root().join("contracts");
    let subject = ["erase", "--source", "housing-person", "--key", KEY];
    polelake(lake, &contracts, &[&subject[..], further].concat())
}

fn contact(id: &str, minute: u32, description: &str, further: &Value) -> Value {
    let mut new = json!({
        "id": id, "value": "x@example.org", "contactType": 1, "description": description,
    });
    if let (Some(members), Some(further)) = (new.as_object_mut(), further.as_object()) {
        members.extend(further.clone());
    }
    json!({
        "id": format!("contact-{id}-{minute}"), "eventType": "ContactDetailAddedEvent",
        "dateTime": format!("2026-03-02T10:{minute:02}:00Z"), "entityId": OTHER,
        "eventData": {"oldData": null, "newData": new},
    })
}

/// A day on which others' records name the person.
async fn lake_of_mentions() -> LakeUnderTest {
    static MENTIONS: OnceCell<LakeImage> = OnceCell::const_new();
    let image = MENTIONS.get_or_init(|| async { LakeImage::take(build_mentions().await).await });
    image.await.start_copy(TUESDAY).await
}

async fn build_mentions() -> LakeUnderTest {
    let lake = LakeUnderTest::start().await;
    let born = "1979-11-02";
    let own = json!({"firstName": "Quillon", "surname": "O'Mörk", "dateOfBirth": born});
    let namesake =
        json!({"firstName": "QUILLON", "surname": "O’Mork", "dateOfBirth": "1990-01-01"});
    let refused = json!({
        "firstName": "Rey", "surname": "Fused", "dateOfBirth": "12/08/1990",
        "placeOfBirth": "with O'Moerk, Quillon",
    });
    let people = [
        person_event("PersonCreatedEvent", KEY, 1, own),
        person_event("PersonCreatedEvent", OTHER, 2, namesake),
        person_event("PersonCreatedEvent", "refused-1", 3, refused),
    ];
    lake.push_events("housing-person", &people).await;

    let within = json!({"extra": "{\"by\": [\"Quillon\\nO'M\\u00f6rk\"]}"});
    let contacts = [
        contact(
            "c1",
            1,
            "ask for QUILLON \u{1b}[2J\nO’MOERK at night",
            &within,
        ),
        contact("c2", 2, "Quillonson O'Mörk, and Kim O'Mörk", &json!({})),
        contact("c3", 3, "O'Mörk, born 2nd November 1979", &json!({})),
    ];
    lake.push_events("housing-contact", &contacts).await;
    lake.run_day(MONDAY).await;
    lake
}

/// Zone, path and reasons of every candidate of a topic.
fn candidates(result: &Value, topic: &str) -> BTreeSet<String> {
    let listed = result["free_text"]["candidates"].as_array().unwrap();
    let of_topic = listed.iter().filter(|candidate| {
        candidate["topic"] == topic || candidate["object"].as_str().unwrap().contains(topic)
    });
    let texts = of_topic.map(|candidate| {
        let text = |name: &str| candidate[name].as_str().unwrap().to_owned();
        let reasons = candidate["reasons"].as_array().unwrap();
        let reasons: Vec<&str> = reasons
            .iter()
            .map(|reason| reason.as_str().unwrap())
            .collect();
        format!("{} {} {}", text("zone"), text("path"), reasons.join("+"))
    });
    texts.collect()
}

#[track_caller]
fn assert_no_secret(text: &str) {
    let folded = text.to_lowercase().replace('ö', "o");
    for secret in SECRETS {
        assert!(!folded.contains(secret), "{secret} in {text}");
    }
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn others_texts_that_name_the_person_are_candidates_and_stay() {
    let lake = lake_of_mentions().await;
    let before = lake.read_objects("", "");
    let (code, planned, text) = erase(&lake, &["--search", "--dry-run", "--json"]);
    assert_eq!(code, 1, "a person decides: {text}");
    assert!(
        before == lake.read_objects("", ""),
        "a dry run writes nothing"
    );
    assert_no_secret(&text);

    let contacts = set(&[
        "raw $.eventData.newData.description full-name",
        "raw $.eventData.newData.description surname-and-birth-date",
        "raw $.eventData.newData.extra full-name",
    ]);
    assert_eq!(candidates(&planned, "housing-contact"), contacts, "{text}");
    let people = candidates(&planned, "housing-person");
    for wanted in [
        "raw $.eventData.newData.firstName full-name",
        "raw $.eventData.newData.surname full-name",
        "raw $.eventData.newData.placeOfBirth full-name",
    ] {
        assert!(people.contains(wanted), "{wanted} is not in {people:?}");
    }
    assert!(
        planned["free_text"]["terms"].as_u64().unwrap() >= 3,
        "{text}"
    );

    let (code, done, text) = erase(&lake, &["--search", "--yes", "--json"]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(done["free_text"], planned["free_text"], "{text}");
    assert_no_secret(&text);
    let receipt = read_receipt(&lake, &done);
    let searched = receipt.free_text.unwrap();
    let found = done["free_text"]["candidates"].as_array().unwrap().len();
    assert_eq!(
        (searched.searched, searched.candidates),
        (true, found as u64)
    );

    let contacts = lake.table_rows("object_contact", MONDAY);
    assert_eq!(contacts.len(), 3, "no candidate is changed");
    let people = lake.table_rows("person", MONDAY);
    assert_eq!(people.len(), 1, "the namesake stays, the person is gone");
    assert_reconciled(&lake);
}

/// The receipt that the outcome names. No value is in it.
fn read_receipt(lake: &LakeUnderTest, done: &Value) -> ErasureReceipt {
    let key = done["receipt"].as_str().unwrap();
    let bytes = fs::read(lake.object_path("curated", key)).unwrap();
    assert_no_secret(std::str::from_utf8(&bytes).unwrap());
    ErasureReceipt::from_json(&bytes).unwrap()
}

fn assert_reconciled(lake: &LakeUnderTest) {
    let contracts = repository_root().join("contracts");
    let (code, _, text) = polelake(lake, &contracts, &["audit", "--deep"]);
    assert_eq!(code, 0, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_search_the_command_and_its_receipt_say_so_and_a_later_search_too() {
    let lake = lake_of_mentions().await;
    let (code, _, text) = erase(&lake, &["--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Free text was not searched: --search"),
        "{text}"
    );
    let (_, found) = lake
        .read_objects("curated", "curated/_erasures/")
        .pop_first()
        .unwrap();
    let receipt = ErasureReceipt::from_json(&found).unwrap();
    assert!(!receipt.free_text.unwrap().searched);

    // The person's rows are gone, and with them the names.
    let (_, none, text) = erase(&lake, &["--search", "--yes", "--json"]);
    assert_eq!(none["free_text"]["searched"], false, "{text}");
    let (_, _, text) = erase(&lake, &["--search", "--yes"]);
    assert!(text.contains("with --search-text"), "{text}");

    let named = [
        "--search",
        "--search-text",
        "Quillon O'Mörk",
        "--yes",
        "--json",
    ];
    let (code, done, text) = erase(&lake, &named);
    assert_eq!(code, 1, "{text}");
    assert_eq!(done["erased_before"], true, "{text}");
    assert_no_secret(&text);
    let receipt = read_receipt(&lake, &done);
    assert!(receipt.free_text.unwrap().searched);
    assert!(
        !receipt.objects.is_empty(),
        "the receipt keeps what was erased"
    );
    // A run without a search does not take that back.
    let (code, _, text) = erase(&lake, &["--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(read_receipt(&lake, &done).free_text.unwrap().searched);
    assert_reconciled(&lake);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_raw_no_longer_holds_is_found_where_it_still_is() {
    let lake = lake_of_mentions().await;
    let expire = |bucket: &str, part: &str| {
        for (key, _) in lake.read_objects(bucket, "") {
            if key.contains(part) && key.ends_with(".parquet") {
                fs::remove_file(lake.object_path(bucket, &key)).unwrap();
            }
        }
    };
    let search = ["--search", "--dry-run", "--json"];

    expire("raw", "raw/housing-");
    let (_, found, text) = erase(&lake, &search);
    let zones = |topic: &str| -> BTreeSet<String> {
        let all = candidates(&found, topic);
        let zones = all.iter().filter_map(|one| one.split(' ').next());
        zones.map(str::to_owned).collect()
    };
    assert!(
        zones("topic=housing-person").contains("quarantine"),
        "{text}"
    );
    assert!(zones("housing-contact").contains("refined"), "{text}");

    expire("refined", "refined/");
    let (_, found, text) = erase(&lake, &search);
    let contacts = candidates(&found, "housing-contact");
    assert!(contacts.contains("curated description full-name"), "{text}");
    assert!(
        contacts.contains("curated description surname-and-birth-date"),
        "{text}"
    );
    assert!(
        contacts.iter().all(|one| one.starts_with("curated ")),
        "{text}"
    );
    assert_no_secret(&text);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_printed_on_request_alone_and_do_nothing_to_a_terminal() {
    let lake = lake_of_mentions().await;
    let (_, _, text) = erase(&lake, &["--search", "--dry-run"]);
    assert_no_secret(&text);
    assert!(text.contains("candidate: raw/housing-contact/"), "{text}");
    let (_, _, text) = erase(&lake, &["--search", "--values", "--dry-run"]);
    assert!(text.contains("ask for QUILLON"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");

    let (_, found, _) = erase(&lake, &["--search", "--values", "--yes", "--json"]);
    let listed = found["free_text"]["candidates"].as_array().unwrap();
    let excerpts = listed.iter().map(|one| one["excerpt"].as_str().unwrap());
    let longest = excerpts.map(|excerpt| excerpt.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest <= 80));
    read_receipt(&lake, &found);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_text_and_options_without_a_search_are_refused() {
    let lake = lake_of_mentions().await;
    for arguments in [
        &["--search", "--search-text", "abc", "--dry-run"][..],
        &["--search", "--search-text", "a-b c", "--yes"],
        &["--search-text", "abcdef", "--dry-run"],
        &["--values", "--dry-run"],
    ] {
        let (code, _, text) = erase(&lake, arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.contains("--search"), "{arguments:?}: {text}");
    }
    assert_eq!(
        lake.table_rows("person", MONDAY).len(),
        2,
        "nothing is erased"
    );
}
