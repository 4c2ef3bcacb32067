//! `polelake function NAME`: this process is one of the five functions, with the same code as on
//! AWS.

use local_platform::startup::FUNCTIONS;

use crate::error::CliError;

/// Serves invocations as the function of this name.
///
/// # Errors
/// When there is no such function, a setting is missing, or the runtime ends.
pub async fn run(name: &str) -> Result<bool, CliError> {
    match name {
        "event-relay" => event_relay::run().await?,
        "raw-landing" => raw_landing::run().await?,
        "pole-transform" => pole_transform::run().await?,
        "snapshot-merge" => snapshot_merge::run().await?,
        "quality-report" => quality_report::run().await?,
        other => {
            let names = FUNCTIONS.map(|(name, ..)| name);
            let near = contract::nearest_name_hint(other, names.into_iter());
            let names = names.join(", ");
            return Err(format!("there is no function `{other}`{near}; there are {names}").into());
        }
    }
    Ok(true)
}
