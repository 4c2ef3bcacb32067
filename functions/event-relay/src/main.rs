//! The Lambda binary of `event-relay`.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    event_relay::run().await
}
