//! The Lambda binary of `pole-transform`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    pole_transform::run().await
}
