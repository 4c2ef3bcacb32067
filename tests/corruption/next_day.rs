//! A day that is merged over a damaged lake: either the merge names the damaged object, or the day is
//! the same as over the whole lake. No damage comes into a day.

use std::collections::BTreeMap;

use serde_json::Value;
use store::ObjectStore;

use super::damage::flip_bit;
use super::kept_lake::{KeptLake, ObjectContent, ObjectPlace, WEDNESDAY};
use super::read_number;

/// Objects that CI damages, each in one bit.
const DAMAGES: u64 = 60;

/// What Wednesday's manifests say.
async fn read_wednesday(lake: &KeptLake) -> BTreeMap<String, Value> {
    let mut manifests = BTreeMap::new();
    let listed = lake.days.curated.list("curated/_manifests/", None).await;
    for entry in listed.unwrap() {
        if entry.key.contains(WEDNESDAY) {
            let body = lake.days.curated.get(&entry.key).await.unwrap().body;
            let manifest = serde_json::from_slice(&body).unwrap();
            manifests.insert(entry.key, manifest);
        }
    }
    manifests
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
                assert!(built == whole, "seed {seed}: {place:?} came into the day");
                unneeded += 1;
            }
        }
        lake.restore().await;
    }
    assert!(refused > 10 && unneeded > 10, "{refused} and {unneeded}");
}
