//! What an operator does with the binary to a lake that runs: erase a person, rebuild days, sweep
//! old ones.

use std::path::Path;

use serde_json::{Value, json};

use crate::lake_under_test::{
    LakeUnderTest, MONDAY, contracts_with, parquet_rows, person_event, repository_root,
};
use crate::quarantine::polelake;

const TUESDAY: &str = "2026-03-03";
const WEDNESDAY: &str = "2026-03-04";
const APRIL: &str = "2026-04-04";

/// The person who is erased, and another one.
const KEY: &str = "0b5e7a4c-1d2f-4e3a-9b8c-7d6e5f4a3b2c";
const OTHER: &str = "1c6f8b5d-2e3a-4f4b-8c9d-8e7f6a5b4c3d";

fn born(key: &str, name: &str) -> Value {
    person_event(
        "PersonCreatedEvent",
        key,
        1,
        json!({"firstName": name, "surname": "Sample"}),
    )
}

fn tenure(minute: u32, members: &[&str]) -> Value {
    let member = |key: &&str| json!({"id": key, "type": "Person", "personTenureType": "Tenant", "fullName": "A B"});
    let members: Vec<Value> = members.iter().map(member).collect();
    person_event(
        "TenureCreatedEvent",
        "t1",
        minute,
        json!({"householdMembers": members}),
    )
}

/// Whether a text stands in anything that the curated zone says, decoded.
fn says(lake: &LakeUnderTest, text: &str) -> bool {
    lake.read_objects("curated", "curated")
        .into_iter()
        .any(|(key, bytes)| decode_object(&key, bytes).contains(text))
}

fn decode_object(key: &str, bytes: Vec<u8>) -> String {
    if key.ends_with(".parquet") {
        format!("{:?}", parquet_rows(bytes.into()))
    } else {
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_from_a_lake_that_goes_on() {
    let lake = LakeUnderTest::start().await;
    let contracts = repository_root().join("contracts");
    let id = pole::IdentityKey::for_tests()
        .pole_id("housing-person", &[KEY])
        .to_string();
    run_two_days(&lake).await;
    assert!(says(&lake, "Quillon") && says(&lake, &id));

    assert_planned_only(&lake, &contracts);
    assert_erased(&lake, &contracts, &id);
    lake.assert_reconciled().await;
    assert_eq!(
        (
            lake.table_rows("person", MONDAY).len(),
            lake.table_rows("person", TUESDAY).len()
        ),
        (1, 1)
    );

    replay_erased_events(&lake).await;
    assert_stays_erased(&lake);
    let (code, audit, _) = polelake(&lake, &contracts, &["audit", "--deep", "--json"]);
    assert_eq!(code, 0, "{audit}");
}

/// Two people and a household on Monday, and a change of one of them on Tuesday.
async fn run_two_days(lake: &LakeUnderTest) {
    lake.push_events(
        "housing-person",
        &[born(KEY, "Quillon"), born(OTHER, "Ada")],
    )
    .await;
    // Alone in the household: the set becomes empty with them.
    lake.push_events("housing-tenure", &[tenure(5, &[KEY])])
        .await;
    lake.run_day(MONDAY).await;

    lake.set_date(TUESDAY);
    let renamed = json!({"surname": "Renamed"});
    let event = person_event("PersonUpdatedEvent", KEY, 9, renamed);
    lake.push_events("housing-person", &[event]).await;
    lake.run_day(TUESDAY).await;
}

/// Runs `erase` for the person, with more options.
fn erase(lake: &LakeUnderTest, contracts: &Path, options: &[&str]) -> (i32, Value, String) {
    let who = ["erase", "--source", "housing-person", "--key", KEY];
    polelake(lake, contracts, &[&who[..], options].concat())
}

/// Neither a call without `--yes` nor a dry run erases anything.
fn assert_planned_only(lake: &LakeUnderTest, contracts: &Path) {
    let (code, _, said) = erase(lake, contracts, &[]);
    assert_eq!(code, 2, "without --yes nothing is erased: {said}");

    let (code, planned, _) = erase(lake, contracts, &["--dry-run", "--json"]);
    assert_eq!(code, 0);
    assert!(
        planned["zones"]["curated"]["objects"].as_u64().unwrap() >= 6,
        "{planned}"
    );
    assert!(says(lake, "Quillon"), "a dry run erases nothing");
}

/// No trace of the person is left, and the command prints none.
fn assert_erased(lake: &LakeUnderTest, contracts: &Path, id: &str) {
    let (code, _, said) = erase(lake, contracts, &["--yes"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        !said.contains(KEY) && !said.contains("Quillon") && !said.contains(id),
        "{said}"
    );
    for trace in ["Quillon", KEY, id] {
        assert!(!says(lake, trace), "{trace} is left");
    }
}

/// The person's event again, and a late older statement about the household.
async fn replay_erased_events(lake: &LakeUnderTest) {
    lake.push_events("housing-person", &[born(KEY, "Quillon")])
        .await;
    lake.push_events("housing-tenure", &[tenure(2, &[OTHER])])
        .await;
    lake.run_day(WEDNESDAY).await;
}

/// The person does not come back, and the newest statement about the household still holds.
fn assert_stays_erased(lake: &LakeUnderTest) {
    assert!(!says(lake, "Quillon"));
    assert_eq!(lake.table_rows("person", WEDNESDAY).len(), 1);
    let holds = lake
        .table_rows("link", WEDNESDAY)
        .into_iter()
        .filter(|row| row["link_type"] == "holds_tenancy")
        .count();
    assert_eq!(
        holds, 0,
        "an older statement of the set does not become true"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_rebuilt_and_swept() {
    let lake = LakeUnderTest::start().await;
    let contracts = repository_root().join("contracts");
    run_three_days(&lake).await;

    assert_rebuild_changes_nothing(&lake, &contracts);
    assert_rebuild_applies_mapping(&lake);
    assert_later_days_follow(&lake, &contracts);
    assert_sweep_keeps_its_plan(&lake, &contracts);

    let (code, audit, _) = polelake(&lake, &contracts, &["audit", "--json"]);
    assert_eq!(code, 0, "what is dropped is not lost: {audit}");
    for table in ["person", "entity"] {
        let days = list_kept_days(&lake, &contracts, table);
        assert_eq!(days, [TUESDAY, APRIL], "{table}");
    }
}

/// A person is born on each of three days.
async fn run_three_days(lake: &LakeUnderTest) {
    for (date, name) in [(MONDAY, "Ada"), (TUESDAY, "Bea"), (APRIL, "Cleo")] {
        lake.set_date(date);
        lake.push_events("housing-person", &[born(&format!("key-of-{name}"), name)])
            .await;
        lake.run_day(date).await;
    }
}

fn rebuild(lake: &LakeUnderTest, contracts: &Path, options: &[&str]) -> (i32, Value, String) {
    let days = ["rebuild", "--from", MONDAY, "--to", TUESDAY];
    polelake(lake, contracts, &[&days[..], options].concat())
}

fn assert_rebuild_changes_nothing(lake: &LakeUnderTest, contracts: &Path) {
    let before = lake.read_objects("curated", "curated");
    let (code, run, said) = rebuild(lake, contracts, &["--json"]);
    assert_eq!(
        (code, &run["manifests_written"]),
        (0, &json!(0)),
        "what is rebuilt is what it was: {said}"
    );
    assert_eq!(run["later_days_until"], APRIL);
    assert!(before == lake.read_objects("curated", "curated"));
}

/// A mapping that was changed since: the raw objects are transformed again, and every day shows it.
fn assert_rebuild_applies_mapping(lake: &LakeUnderTest) {
    let mapping = "sources/housing/person/mapping.yaml";
    let changed = contracts_with("changed", mapping, |text| {
        text.replace(
            "title: $.title\n",
            "title: {coalesce: [$.title, {constant: Mx}]}\n",
        )
    });

    // The days between have no events of their own: a month of them is enough to see it.
    let (code, run, said) = rebuild(lake, &changed, &["--raw", "--json"]);
    assert_eq!((code, &run["raw_objects"]), (0, &json!(2)), "{said}");
    assert!(
        lake.table_rows("person", TUESDAY)
            .iter()
            .all(|row| row["title"] == "Mx")
    );
    assert_eq!(run["reported"], json!([MONDAY, TUESDAY]), "{said}");
    assert_reports_show_rebuilt_days(lake);
}

/// The report of a day is of the snapshot that the day has now.
fn assert_reports_show_rebuilt_days(lake: &LakeUnderTest) {
    for date in [MONDAY, TUESDAY] {
        let report = lake.object_path("site", &format!("data/{date}.json"));
        let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
        let key = lake::manifest_key("person", lake::Day::parse(date).unwrap());
        let manifest = std::fs::read(lake.object_path("curated", &key)).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(
            report["tables"]["person"]["shards"], manifest["shards"],
            "{date}"
        );
    }
}

/// A rebuild that ends before the newest day leaves it built on what was there before. The audit says
/// so until it is built again too.
fn assert_later_days_follow(lake: &LakeUnderTest, contracts: &Path) {
    let (code, audit, _) = polelake(lake, contracts, &["audit", "--json"]);
    assert_eq!(code, 1, "{audit}");
    let findings = audit["findings"].as_array().unwrap();
    assert!(
        findings.iter().all(|finding| {
            let object = finding["object"].as_str().unwrap();
            let what = finding["what"].as_str().unwrap();
            object.contains(APRIL) && what.contains("was built on another manifest of 2026-03-03")
        }),
        "{audit}"
    );

    let (code, _, said) = polelake(lake, contracts, &["rebuild", "--from", APRIL, "--json"]);
    assert_eq!(code, 0, "{said}");
}

/// Runs a sweep that keeps the newest day and two months, with more options.
fn sweep(lake: &LakeUnderTest, contracts: &Path, options: &[&str]) -> (i32, Value, String) {
    let policy = ["--daily", "1", "--monthly", "2", "--yearly", "1", "--json"];
    let arguments = [&["snapshot", "sweep"], &policy[..], options].concat();
    polelake(lake, contracts, &arguments)
}

/// What a sweep says of the table of people.
fn swept_people(said: &Value) -> Value {
    said["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|table| table["table"] == "person")
        .unwrap()
        .clone()
}

fn assert_sweep_keeps_its_plan(lake: &LakeUnderTest, contracts: &Path) {
    let (code, planned, _) = sweep(lake, contracts, &["--dry-run"]);
    let planned = swept_people(&planned);
    assert_eq!((code, &planned["dropped"]), (0, &json!([MONDAY])));

    let (code, swept, _) = sweep(lake, contracts, &[]);
    assert_eq!((code, planned), (0, swept_people(&swept)));
    // No topic fills `entity`, and its days hold people all the same.
    let tables = swept["tables"].as_array().unwrap().iter();
    let entity = tables.filter(|table| table["table"] == "entity");
    let dropped: Vec<&Value> = entity.map(|table| &table["dropped"]).collect();
    assert_eq!(dropped, [&json!([MONDAY])]);
    assert_eq!(lake.table_rows("person", TUESDAY).len(), 2);
}

fn list_kept_days(lake: &LakeUnderTest, contracts: &Path, table: &str) -> Vec<String> {
    let arguments = ["snapshot", "ls", "--table", table, "--json"];
    let (_, listed, _) = polelake(lake, contracts, &arguments);
    let days = listed.as_array().unwrap().iter();
    days.map(|day| day["date"].as_str().unwrap().to_owned())
        .collect()
}
