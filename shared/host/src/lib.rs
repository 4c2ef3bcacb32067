//! What every function needs of its host: settings, telemetry, errors that say what to do, and the time that is left.
//!
//! The environment itself is read in each function's `context.rs` and nowhere else; [`Settings`] is handed what
//! was read there.

mod budget;
mod contracts;
mod failure;
mod settings;
mod telemetry;

pub use budget::Budget;
pub use contracts::load_contracts;
pub use failure::{Failure, FailureKind};
pub use settings::Settings;
pub use telemetry::{init_telemetry, metric};

/// The configuration of the AWS clients: region, credentials and endpoints from the environment, as on Lambda.
pub async fn aws_config() -> aws_config::SdkConfig {
    aws_config::load_from_env().await
}
