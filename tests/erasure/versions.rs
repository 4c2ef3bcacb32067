//! Old versions, in a bucket that keeps them.

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    VersioningConfiguration,
};
use store::{ObjectStore, S3Store};

use crate::catalogue::Moto;
use crate::endpoints::s3_at;
use crate::readers::has;

/// The store's own promise of versions, over a bucket that keeps them.
#[tokio::test(flavor = "multi_thread")]
async fn old_versions_are_deleted_for_good_and_the_present_one_stays() {
    if !has("moto.server", "'moto[server,s3]'") {
        return;
    }
    let moto = Moto::start().await;
    let client = s3_at(&moto.endpoint).await;
    client
        .create_bucket()
        .bucket("versioned")
        .create_bucket_configuration(
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::EuWest2)
                .build(),
        )
        .send()
        .await
        .unwrap();
    let versioning = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    client
        .put_bucket_versioning()
        .bucket("versioned")
        .versioning_configuration(versioning)
        .send()
        .await
        .unwrap();
    let bucket = S3Store::new(client.clone(), "versioned");
    for (key, times) in [("kept", 3), ("kept-too", 2), ("gone", 2)] {
        for time in 0..times {
            bucket
                .put(key, format!("{key} {time}").into(), "text/plain")
                .await
                .unwrap();
        }
    }
    bucket.delete("gone").await.unwrap();
    assert_eq!(bucket.purge_versions("kept").await.unwrap(), 2);
    assert_eq!(bucket.purge_versions("kept").await.unwrap(), 0);
    assert_eq!(bucket.get("kept").await.unwrap().body, "kept 2");
    assert_eq!(
        bucket.purge_versions("gone").await.unwrap(),
        3,
        "two versions and the mark of the deletion"
    );
    assert!(
        bucket
            .get("gone")
            .await
            .is_err_and(|error| error.is_not_found())
    );
    let left = client
        .list_object_versions()
        .bucket("versioned")
        .send()
        .await
        .unwrap();
    let keys: Vec<&str> = left
        .versions()
        .iter()
        .filter_map(|version| version.key())
        .collect();
    assert_eq!(
        keys,
        ["kept", "kept-too", "kept-too"],
        "another key's versions are its own"
    );
}
