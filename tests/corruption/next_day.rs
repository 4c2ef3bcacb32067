//! A day that is merged over a damaged lake: either the merge names the damaged object, or the day is
//! the same as over the whole lake. No damage comes into a day.

use std::collections::BTreeMap;

use serde_json::Value;
use store::ObjectStore;

use super::damage::flip_bit;
use super::kept_lake::{KeptLake, ObjectContent, ObjectPlace, WEDNESDAY};
use super::read_number;

/// Objects that CI damages, each in one bit.
const DAMAGES: u64 = 40;

/// Members of a manifest that say which files hold its rows, and not which rows they are. A shard of
/// which the measures are damaged is measured and written again.
const FILE_MEMBERS: [&str; 3] = ["shards", "document_sha256", "made_from"];

/// What Wednesday's manifests say, and the rows of their files.
async fn read_wednesday(lake: &KeptLake) -> BTreeMap<String, Value> {
    let mut manifests = BTreeMap::new();
    let listed = lake.days.curated.list("curated/_manifests/", None).await;
    for entry in listed.unwrap() {
        if entry.key.contains(WEDNESDAY) {
            let body = lake.days.curated.get(&entry.key).await.unwrap().body;
            let mut manifest: Value = serde_json::from_slice(&body).unwrap();
            let table = manifest["table"].as_str().unwrap().to_owned();
            let mut rows = lake.days.rows(&table, WEDNESDAY).await;
            rows.sort();
            for member in FILE_MEMBERS {
                manifest.as_object_mut().unwrap().remove(member);
            }
            manifest["stored"] = serde_json::to_value(rows).unwrap();
            manifests.insert(entry.key, manifest);
        }
    }
    manifests
}

/// The members that the manifests of two days differ in.
fn find_changed(whole: &BTreeMap<String, Value>, built: &BTreeMap<String, Value>) -> Vec<String> {
    let mut changed = Vec::new();
    for (key, manifest) in whole {
        let members = manifest.as_object().into_iter().flatten();
        for (member, value) in members {
            let other = built.get(key).map_or(&Value::Null, |built| &built[member]);
            if other != value {
                changed.push(format!("{key} {member}: {value} -> {other}"));
            }
        }
    }
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn no_damage_comes_into_the_next_day() {
    let lake = KeptLake::build_before_wednesday().await;
    lake.days.merge(WEDNESDAY).await.unwrap();
    let whole = read_wednesday(&lake).await;
    assert!(whole.len() > 5, "{:?}", whole.keys());
    lake.restore().await;

    let places: Vec<&ObjectPlace> = lake.objects.keys().collect();
    let from = read_number("POLELAKE_DAMAGE_FROM", 0);
    let (mut refused, mut unneeded) = (0, 0);
    for seed in from..from + read_number("POLELAKE_DAMAGE_SEEDS", DAMAGES) {
        let mut random = fastrand::Rng::with_seed(seed);
        let place = *random.choice(&places).unwrap();
        let damaged: ObjectContent = flip_bit(&lake.objects[place], &mut random);
        lake.write(place, Some(&damaged)).await;

        match lake.days.merge(WEDNESDAY).await {
            Err(failure) => {
                let named = failure.message.contains(&place.1);
                assert!(named, "seed {seed}: {place:?}: {failure}");
                refused += 1;
            }
            Ok(_) => {
                let built = read_wednesday(&lake).await;
                let changed = find_changed(&whole, &built);
                assert_eq!(changed, [] as [String; 0], "seed {seed}: {place:?}");
                unneeded += 1;
            }
        }
        lake.restore().await;
    }
    assert!(refused > 5 && unneeded > 5, "{refused} and {unneeded}");
}
