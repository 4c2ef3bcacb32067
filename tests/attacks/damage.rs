//! A local lake of two days with two sources, and objects of it that are damaged.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::bounds::files::large_page_file;
use crate::lake_under_test::{LakeImage, LakeUnderTest, MONDAY, person_event, repository_root};
use crate::quarantine::polelake;

pub(super) const TUESDAY: &str = "2026-03-03";

/// The person who is erased, and one who stays.
pub(super) const KEY: &str = "0b5e7a4c-1d2f-4e3a-9b8c-7d6e5f4a3b2c";
pub(super) const OTHER: &str = "1c6f8b5d-2e3a-4f4b-8c9d-8e7f6a5b4c3d";

/// A name that only the erased person has.
pub(super) const NAME: &str = "Quillon";

/// What is wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Its second half is missing.
    Truncated,
    Empty,
    /// Bytes of another kind, which are no text either.
    Foreign,
    /// A JSON document that a later polelake wrote.
    NewerFormat,
    /// A byte in the middle is another one: in text, no UTF-8.
    Scratched,
    /// A document of 32 MiB and a byte, or a Parquet file that becomes larger than is read.
    OverLimit,
    /// It is listed and gone.
    Vanished,
}

/// An object of the lake, and its content before it was damaged.
pub(super) struct DamagedObject {
    pub(super) key: String,
    path: PathBuf,
    before: Vec<u8>,
    damage: Damage,
}

impl DamagedObject {
    /// Puts the object back as it was.
    pub(super) fn repair(&self) {
        fs::write(&self.path, &self.before).unwrap();
    }

    /// Whether a command's output names the object with a cause and a next step.
    pub(super) fn is_named_in(&self, result: &Value) -> bool {
        let objects = result["unreadable"].as_array();
        objects.into_iter().flatten().any(|object| {
            let is_told =
                |member: &str| object[member].as_str().is_some_and(|text| text.len() > 10);
            // What is not the content that was written is refused before its limits are checked.
            let names_limit = self.damage != Damage::OverLimit
                || object["cause"].as_str().is_some_and(|cause| {
                    cause.contains("over the limit of") || cause.contains("written")
                });
            object["object"] == self.key.as_str()
                && is_told("cause")
                && is_told("next")
                && names_limit
        })
    }
}

fn person(key: &str, name: &str, minute: u32) -> Value {
    let new = json!({"firstName": name, "surname": "Sample"});
    person_event("PersonCreatedEvent", key, minute, new)
}

fn tenure(id: &str, minute: u32, date: &str) -> Value {
    let new = json!({"startOfTenureDate": date, "householdMembers": [
        {"id": OTHER, "type": "Person", "personTenureType": "Tenant", "fullName": "A B"},
    ]});
    person_event("TenureCreatedEvent", id, minute, new)
}

/// A lake of its own with two days of people and tenures, each with a refused record.
pub(super) async fn lake_of_two_days() -> LakeUnderTest {
    static TWO_DAYS: OnceCell<LakeImage> = OnceCell::const_new();
    let image = TWO_DAYS.get_or_init(|| async { LakeImage::take(build_two_days().await).await });
    image.await.start_copy(TUESDAY).await
}

async fn build_two_days() -> LakeUnderTest {
    let lake = LakeUnderTest::start().await;
    for (date, minute) in [(MONDAY, 1), (TUESDAY, 2)] {
        lake.set_date(date);
        let refused = json!({"firstName": "Rey", "surname": "Fused", "dateOfBirth": "12/08/1990"});
        let refused = person_event("PersonCreatedEvent", &format!("r{minute}"), 9, refused);
        let people = [
            person(KEY, NAME, minute),
            person(OTHER, "Ada", minute),
            refused,
        ];
        lake.push_events("housing-person", &people).await;

        let tenures = [
            tenure(&format!("t{minute}"), minute, "2020-01-01"),
            tenure(&format!("x{minute}"), minute, "01/01/2020"),
        ];
        lake.push_events("housing-tenure", &tenures).await;
        lake.run_day(date).await;
    }
    lake
}

/// Damages the first object of a bucket whose key has these parts.
pub(super) fn damage_object(
    lake: &LakeUnderTest,
    bucket: &str,
    parts: &[&str],
    damage: Damage,
) -> DamagedObject {
    let objects = lake.read_objects(bucket, "");
    let found = objects
        .into_iter()
        .find(|(key, _)| parts.iter().all(|part| key.contains(part)));
    assert!(found.is_some(), "{bucket} has an object of {parts:?}");
    let (key, before) = found.unwrap();
    let path = lake.object_path(bucket, &key);

    match damaged_content(&key, &before, damage) {
        Some(content) => fs::write(&path, content).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    DamagedObject {
        key,
        path,
        before,
        damage,
    }
}

fn damaged_content(key: &str, before: &[u8], damage: Damage) -> Option<Vec<u8>> {
    Some(match damage {
        Damage::Truncated => before[..before.len() / 2].to_vec(),
        Damage::Empty => Vec::new(),
        Damage::Foreign => b"\xff\xfe neither Parquet nor JSON \x1b[2J".to_vec(),
        Damage::NewerFormat => br#"{"format": 99}"#.to_vec(),
        Damage::Scratched => {
            let mut content = before.to_vec();
            let start = content.len() / 2;
            content[start..start + 8].fill(0xff);
            content
        }
        Damage::OverLimit if key.ends_with(".parquet") => large_page_file(),
        Damage::OverLimit => vec![b' '; (32 << 20) + 1],
        Damage::Vanished => return None,
    })
}

/// Runs the command on the lake: its exit code, its output as JSON where it is JSON, and as text.
pub(super) fn run(lake: &LakeUnderTest, arguments: &[&str]) -> (i32, Value, String) {
    polelake(lake, &repository_root().join("contracts"), arguments)
}
