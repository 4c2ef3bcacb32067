//! The Lambda binary of `quality-report`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    quality_report::run().await
}
