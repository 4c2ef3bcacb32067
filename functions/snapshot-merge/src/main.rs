//! The Lambda binary of `snapshot-merge`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    snapshot_merge::run().await
}
