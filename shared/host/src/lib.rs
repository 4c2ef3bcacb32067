//! What every function needs of its host: settings, telemetry, errors that say what to do, and the
//! remaining time.
//!
//! Only each function's `context.rs` reads the environment itself; it gives [`Settings`] the
//! variables.

use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

mod bounded_file;
mod budget;
mod clock;
mod contracts;
mod erasures;
mod failure;
mod identity;
mod settings;
mod telemetry;

pub use bounded_file::{read_bounded_file, read_bounded_text};
pub use budget::TimeBudget;
pub use clock::now_micros;
pub use contracts::{
    describe_compile_problems, load_contracts, pack_contracts, read_contract_files,
};
pub use erasures::read_erasures;
pub use failure::{Failure, FailureKind};
pub use identity::{check_identity_key, check_known_identity_key, read_identity_secret};
pub use settings::Settings;
pub use store::{RetryPolicy, retry_with_backoff};
pub use telemetry::{choose_metrics, emit_metric, emit_metric_in, init_telemetry, stack_name};

/// One try at one request, its body included: a shard of 512 MB takes some ten seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);

/// Connecting to a service within the region.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Tries of one request.
const ATTEMPTS_MAX: u32 = 4;

/// The configuration of the AWS clients: region, credentials and endpoints from the environment, as
/// on Lambda. Without these limits a request that hangs would hang until the function's own time is
/// over.
pub async fn load_aws_config() -> aws_config::SdkConfig {
    config_loader().load().await
}

/// The same for one service at an endpoint; without a region in the environment it is `region`.
pub async fn load_aws_config_at(endpoint: &str, region: &'static str) -> aws_config::SdkConfig {
    let region = RegionProviderChain::default_provider().or_else(region);
    let loader = config_loader().endpoint_url(endpoint).region(region);
    loader.load().await
}

fn config_loader() -> aws_config::ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    aws_config::from_env()
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
}
