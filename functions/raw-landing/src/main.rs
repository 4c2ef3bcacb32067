//! The Lambda binary of `raw-landing`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    raw_landing::run().await
}
