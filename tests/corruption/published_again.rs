//! Iceberg's metadata published again over a whole lake: nothing is written that was not there, for
//! they are a function of the manifests and the receipts.

use std::collections::BTreeSet;

use lake::{iceberg_prefix, raw_table_name};

use super::kept_lake::{KeptLake, read_objects};

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_are_published_again_are_the_same() {
    let lake = KeptLake::build().await;
    let context = lake.days.context();
    let catalogue = &lake.days.catalogue;
    let tables = catalogue.stored_tables().map(|table| table.name.clone());
    let topics = catalogue.mappings.iter();
    let topics = topics.map(|mapping| raw_table_name(&mapping.contract.topic));
    let mut published = 0;
    for table in tables.chain(topics) {
        let key = ("curated", lake::iceberg_hint_key(&table));
        if !lake.objects.contains_key(&key) {
            continue;
        }
        let lost = BTreeSet::new();
        snapshot_merge::publish_iceberg_days(&table, &lost, &context)
            .await
            .unwrap();

        let prefix = iceberg_prefix(&table);
        for (place, content) in read_objects(&lake.days).await {
            let is_same = lake.objects.get(&place) == Some(&content);
            let is_same = is_same || !place.1.starts_with(&prefix);
            assert!(is_same, "{place:?}");
        }
        published += 1;
    }
    assert!(published > 10, "only {published}");
}
