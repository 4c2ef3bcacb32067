//! The local endpoints keep the promises that the functions rely on: the same suites as every other
//! back end.

use std::sync::Arc;

use local_platform::{LocalPlatform, s3};
use store::{GlueCatalogue, S3Store, conformance};

use crate::lake_under_test::LakeUnderTest;

async fn config() -> aws_config::SdkConfig {
    let credentials =
        aws_sdk_s3::config::Credentials::new(s3::ACCESS_KEY, s3::SECRET_KEY, None, None, "test");
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).region("eu-west-2");
    config.credentials_provider(credentials).load().await
}

/// An S3 client of the platform.
pub(crate) async fn s3(platform: &LocalPlatform) -> aws_sdk_s3::Client {
    s3_at(&platform.s3).await
}

pub(crate) async fn s3_at(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&config().await).endpoint_url(endpoint);
    aws_sdk_s3::Client::from_conf(config.force_path_style(true).build())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_s3_endpoint_conforms() {
    let lake = LakeUnderTest::start().await;
    let store = S3Store::new(s3(&lake.platform).await, "site");
    conformance::check_object_store(Arc::new(store))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_glue_endpoint_conforms() {
    let lake = LakeUnderTest::start().await;
    let client = glue(&lake).await;
    make_database(&client).await;
    conformance::check_catalogue(Arc::new(GlueCatalogue::new(client)))
        .await
        .unwrap();
}

/// A Glue client of the platform.
pub(crate) async fn glue(lake: &LakeUnderTest) -> aws_sdk_glue::Client {
    let text = std::fs::read_to_string(lake.folder.join("platform.json")).unwrap();
    let places: serde_json::Value = serde_json::from_str(&text).unwrap();
    glue_at(places["glue"].as_str().unwrap()).await
}

pub(crate) async fn glue_at(endpoint: &str) -> aws_sdk_glue::Client {
    let config = aws_sdk_glue::config::Builder::from(&config().await).endpoint_url(endpoint);
    aws_sdk_glue::Client::from_conf(config.build())
}

pub(crate) async fn athena_at(endpoint: &str) -> aws_sdk_athena::Client {
    let config = aws_sdk_athena::config::Builder::from(&config().await).endpoint_url(endpoint);
    aws_sdk_athena::Client::from_conf(config.build())
}

/// Makes the secret of the identity key that tests use, as Terraform makes one.
pub(crate) async fn create_identity_secret(endpoint: &str, name: &str) {
    let config =
        aws_sdk_secretsmanager::config::Builder::from(&config().await).endpoint_url(endpoint);
    let text = String::from_utf8(pole::TEST_IDENTITY_SECRET.to_vec()).unwrap();
    aws_sdk_secretsmanager::Client::from_conf(config.build())
        .create_secret()
        .name(name)
        .secret_string(text)
        .send()
        .await
        .unwrap();
}

/// The suite's database: on AWS, Terraform makes databases.
pub(crate) async fn make_database(client: &aws_sdk_glue::Client) {
    let database = aws_sdk_glue::types::DatabaseInput::builder()
        .name(conformance::CONFORMANCE_DATABASE)
        .build()
        .unwrap();
    client
        .create_database()
        .database_input(database)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_survive_the_platform_and_a_wrong_key_is_refused() {
    let lake = LakeUnderTest::start().await;
    let store: Arc<dyn store::ObjectStore> =
        Arc::new(S3Store::new(s3(&lake.platform).await, "site"));
    store
        .put("kept/a//b", bytes::Bytes::from_static(b"x"), "text/plain")
        .await
        .unwrap();
    let lake = lake.restart("2026-03-02").await;
    let store: Arc<dyn store::ObjectStore> =
        Arc::new(S3Store::new(s3(&lake.platform).await, "site"));
    assert_eq!(store.get("kept/a//b").await.unwrap().body, "x");
    let answer = reqwest::get(format!("{}/site/kept/a", lake.platform.s3))
        .await
        .unwrap();
    assert_eq!(
        answer.status(),
        403,
        "a request that is not signed is refused"
    );
}
