//! Files whose rows state no time: what `docs/supplier-file.md` says of `event_time_default`, by its own
//! examples.

use contract::DeclaredFile;
use serde_json::{Value, json};

use super::time::{CONTRACT, MAPPING, read_day};
use crate::days_in_memory::{Days, contracts};
use crate::lake_under_test::{MONDAY, repository_root};

const TUESDAY: &str = "2026-03-03";

/// The examples of the page's section, in their order.
fn examples() -> Vec<String> {
    let page = repository_root().join("docs/supplier-file.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, behind) = page
        .split_once("## Files whose rows have no time\n")
        .unwrap();
    let section = behind.split("\n## ").next().unwrap();
    let blocks = section.split("```yaml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// A lake under the source of the tests, with an example of the page.
fn lake_with(example: &str) -> Days {
    let declared = example.trim().replace('\n', "\n      ");
    let contract = CONTRACT.replace("EVENT_TIME", &declared);
    Days::under(contracts(|files| {
        for (name, text) in [
            ("contract.odcs.yaml", contract.as_str()),
            ("mapping.yaml", MAPPING),
        ] {
            files.push(DeclaredFile::new(
                format!("sources/test/clock/{name}"),
                text,
            ));
        }
    }))
}

async fn person(days: &mut Days, date: &str, events: &[Value]) -> (String, String) {
    days.push("test-clock", date, events).await;
    days.merge_tables(date, &["event", "person"]).await.unwrap();
    let row = days.row("person", date, "a").await.unwrap();
    (row["date_of_birth"].clone(), row["event_time"].clone())
}

#[tokio::test]
async fn rows_without_a_time_have_the_default_and_the_later_file_holds() {
    let [default, _] = examples().try_into().unwrap();
    let mut days = lake_with(&default);
    let row = |born: &str| json!({"id": "a", "short": born});
    let (born, time) = person(&mut days, MONDAY, &[row("01/01/70")]).await;
    assert_eq!(born, "1970-01-01");
    assert!(time.starts_with("2020-01-01"), "{time}");
    let (born, time) = person(&mut days, TUESDAY, &[row("02/02/80")]).await;
    assert_eq!(born, "1980-02-02");
    assert!(time.starts_with("2020-01-01"), "{time}");
}

#[tokio::test]
async fn a_row_without_a_time_overwrites_none_that_has_one() {
    let [_, both] = examples().try_into().unwrap();
    let mut days = lake_with(&both);
    let timed = json!({"id": "a", "at": "02/03/2026 08:00", "short": "01/01/70"});
    let (born, _) = person(&mut days, MONDAY, &[timed]).await;
    assert_eq!(born, "1970-01-01");
    let blank = json!({"id": "a", "short": "02/02/80"});
    let (born, time) = person(&mut days, TUESDAY, &[blank]).await;
    assert_eq!(born, "1970-01-01");
    assert!(time.starts_with("2026-03-02 08:00"), "{time}");

    // Without the default such a row is refused.
    let time = both.lines().next().unwrap();
    let mut days = lake_with(time);
    let receipt = read_day(&mut days, &[json!({"id": "a"})]).await;
    assert!(
        receipt.quarantined.contains_key("event.time"),
        "{receipt:?}"
    );
}

#[tokio::test]
async fn a_row_that_is_missing_from_a_later_file_stays() {
    let [default, _] = examples().try_into().unwrap();
    let mut days = lake_with(&default);
    let row = |id: &str, born: &str| json!({"id": id, "short": born});
    person(
        &mut days,
        MONDAY,
        &[row("a", "01/01/70"), row("b", "03/03/90")],
    )
    .await;
    person(&mut days, TUESDAY, &[row("a", "01/01/70")]).await;
    let kept = days.row("person", TUESDAY, "b").await.unwrap();
    assert_eq!(kept["date_of_birth"], "1990-03-03");
}
