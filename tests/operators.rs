//! What an operator does with the binary to a lake that runs: erase a person, rebuild days, sweep
//! old ones.

use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event, repository_root};
use crate::quarantine::polelake;

const TUESDAY: &str = "2026-03-03";
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
    let member = |key: &&str| {
        json!({
            "id": key, "type": "Person", "personTenureType": "Tenant", "fullName": "A B"
        })
    };
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
    let rows = |bytes: Vec<u8>| format!("{:?}", crate::lake_under_test::parquet_rows(bytes.into()));
    lake.read_objects("curated", "curated")
        .into_iter()
        .any(|(key, bytes)| {
            let content = if key.ends_with(".parquet") {
                rows(bytes)
            } else {
                String::from_utf8_lossy(&bytes).into_owned()
            };
            content.contains(text)
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_erased_from_a_lake_that_goes_on() {
    let lake = LakeUnderTest::start().await;
    let contracts = repository_root().join("contracts");
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
    lake.push_events(
        "housing-person",
        &[person_event(
            "PersonUpdatedEvent",
            KEY,
            9,
            json!({"surname": "Renamed"}),
        )],
    )
    .await;
    lake.run_day(TUESDAY).await;
    let id = pole::pole_id("housing-person", &[KEY]).to_string();
    assert!(says(&lake, "Quillon") && says(&lake, &id));

    let who = ["erase", "--source", "housing-person", "--key", KEY];
    let (code, _, said) = polelake(&lake, &contracts, &who);
    assert_eq!(code, 2, "without --yes nothing is erased: {said}");
    let (code, planned, _) = polelake(
        &lake,
        &contracts,
        &[&who[..], &["--dry-run", "--json"]].concat(),
    );
    assert_eq!(code, 0);
    assert!(
        planned["zones"]["curated"]["objects"].as_u64().unwrap() >= 6,
        "{planned}"
    );
    assert!(says(&lake, "Quillon"), "a dry run erases nothing");
    let (code, _, said) = polelake(&lake, &contracts, &[&who[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{said}");
    assert!(
        !said.contains(KEY) && !said.contains("Quillon") && !said.contains(&id),
        "{said}"
    );
    for trace in ["Quillon", KEY, &id] {
        assert!(!says(&lake, trace), "{trace} is left");
    }
    lake.assert_reconciled().await;
    assert_eq!(
        (
            lake.table_rows("person", MONDAY).len(),
            lake.table_rows("person", TUESDAY).len()
        ),
        (1, 1)
    );

    // Replays, and a late older word about the household: nobody comes back, and the newest word on the set still holds.
    lake.push_events("housing-person", &[born(KEY, "Quillon")])
        .await;
    lake.push_events("housing-tenure", &[tenure(2, &[OTHER])])
        .await;
    lake.run_day("2026-03-04").await;
    assert!(!says(&lake, "Quillon"));
    assert_eq!(lake.table_rows("person", "2026-03-04").len(), 1);
    let holds = |date: &str| {
        lake.table_rows("link", date)
            .into_iter()
            .filter(|row| row["link_type"] == "holds_tenancy")
            .count()
    };
    assert_eq!(
        holds("2026-03-04"),
        0,
        "an older statement of the set does not become true"
    );
    let (code, audit, _) = polelake(&lake, &contracts, &["audit", "--deep", "--json"]);
    assert_eq!(code, 0, "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_rebuilt_and_swept() {
    let lake = LakeUnderTest::start().await;
    let contracts = repository_root().join("contracts");
    for (date, name) in [(MONDAY, "Ada"), (TUESDAY, "Bea"), ("2026-04-04", "Cleo")] {
        lake.set_date(date);
        lake.push_events("housing-person", &[born(&format!("key-of-{name}"), name)])
            .await;
        lake.run_day(date).await;
    }
    let before = lake.read_objects("curated", "curated");
    let (code, run, said) = polelake(
        &lake,
        &contracts,
        &["rebuild", "--from", MONDAY, "--to", TUESDAY, "--json"],
    );
    assert_eq!(
        (code, &run["manifests_written"]),
        (0, &json!(0)),
        "what is rebuilt is what it was: {said}"
    );
    assert_eq!(run["later_days_until"], "2026-04-04");
    assert!(before == lake.read_objects("curated", "curated"));
    // A mapping that was changed since: the raw objects are transformed again, and every day shows it.
    let mapping = "sources/housing/person/mapping.yaml";
    let changed = crate::lake_under_test::contracts_with("changed", mapping, |text| {
        text.replace(
            "title: $.title\n",
            "title: {coalesce: [$.title, {constant: Mx}]}\n",
        )
    });
    // The days between have no events of their own: a month of them is enough to see it.
    let (code, run, said) = polelake(
        &lake,
        &changed,
        &[
            "rebuild", "--from", MONDAY, "--to", TUESDAY, "--raw", "--json",
        ],
    );
    assert_eq!((code, &run["raw_objects"]), (0, &json!(2)), "{said}");
    assert!(
        lake.table_rows("person", TUESDAY)
            .iter()
            .all(|row| row["title"] == "Mx")
    );

    let sweep = [
        "snapshot",
        "sweep",
        "--daily",
        "1",
        "--monthly",
        "2",
        "--yearly",
        "1",
        "--json",
    ];
    let (code, planned, _) = polelake(&lake, &contracts, &[&sweep[..], &["--dry-run"]].concat());
    let person = |said: &Value| {
        said["tables"]
            .as_array()
            .unwrap()
            .iter()
            .find(|table| table["table"] == "person")
            .unwrap()
            .clone()
    };
    assert_eq!((code, &person(&planned)["dropped"]), (0, &json!([MONDAY])));
    let (code, swept, _) = polelake(&lake, &contracts, &sweep);
    assert_eq!((code, person(&planned)), (0, person(&swept)));
    assert_eq!(lake.table_rows("person", TUESDAY).len(), 2);
    let (code, audit, _) = polelake(&lake, &contracts, &["audit", "--json"]);
    assert_eq!(code, 0, "what is dropped is not lost: {audit}");
    let (_, listed, _) = polelake(
        &lake,
        &contracts,
        &["snapshot", "ls", "--table", "person", "--json"],
    );
    let kept: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["date"].as_str().unwrap())
        .collect();
    assert_eq!(kept, [TUESDAY, "2026-04-04"]);
}
