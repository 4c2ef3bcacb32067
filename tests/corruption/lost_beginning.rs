//! The first objects of a stream are lost: no day that is merged again loses their rows.

use lake::{Chunk, SnapshotManifest};
use store::ObjectStore;

use super::kept_lake::{KeptLake, MONDAY_ALONE};
use crate::lake_under_test::MONDAY;

async fn read_people(lake: &KeptLake) -> SnapshotManifest {
    lake.days.manifest("person", MONDAY).await
}

async fn delete_objects(store: &dyn ObjectStore, prefix: &str) -> usize {
    let listed = store.list(prefix, None).await.unwrap();
    for entry in &listed {
        store.delete(&entry.key).await.unwrap();
    }
    listed.len()
}

#[tokio::test]
async fn a_day_is_merged_again_without_its_raw_objects() {
    let lake = KeptLake::build_days(MONDAY_ALONE).await;
    let before = read_people(&lake).await;
    assert!(before.rows > 1);

    let first = Chunk {
        topic: "housing-person".into(),
        epoch: 1,
        partition: 0,
        offset: 0,
    };
    lake.days.raw.delete(&first.raw_key()).await.unwrap();
    lake.days.merge(MONDAY).await.unwrap();
    assert_eq!(read_people(&lake).await, before, "the first one is lost");

    assert!(delete_objects(&*lake.days.raw, "raw/").await > 3);
    lake.days.merge(MONDAY).await.unwrap();
    assert_eq!(read_people(&lake).await, before, "all are lost");
}

#[tokio::test]
async fn a_day_whose_first_receipts_are_lost_stays_as_it_was() {
    let lake = KeptLake::build_days(MONDAY_ALONE).await;
    let before = read_people(&lake).await;
    let stream = "housing-person/epoch=1/partition=0/";
    let first = "00000000000000000000";
    delete_objects(&*lake.days.raw, &format!("raw/{stream}{first}")).await;
    let receipts = format!("refined/_receipts/{stream}");
    delete_objects(&*lake.days.refined, &format!("{receipts}{first}")).await;

    let failure = lake.days.merge(MONDAY).await.unwrap_err();
    let named = format!("{receipts}{first}");
    assert!(failure.message.contains(&named), "{failure}");
    assert_eq!(read_people(&lake).await, before);

    delete_objects(&*lake.days.raw, "raw/").await;
    delete_objects(&*lake.days.refined, "refined/_receipts/").await;
    let failure = lake.days.merge(MONDAY).await.unwrap_err();
    assert!(failure.message.contains("refined/_receipts/"), "{failure}");
    assert_eq!(
        read_people(&lake).await,
        before,
        "nothing is known, and nothing is lost"
    );
}
