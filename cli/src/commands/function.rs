//! `polelake function NAME`: this process is one of the five functions, with the same code as on AWS.

use crate::args::Failed;

pub(crate) async fn run(name: &str) -> Result<bool, Failed> {
    match name {
        "event-relay" => event_relay::run().await?,
        "raw-landing" => raw_landing::run().await?,
        "pole-transform" => pole_transform::run().await?,
        "snapshot-merge" => snapshot_merge::run().await?,
        "quality-report" => quality_report::run().await?,
        other => return Err(format!("there is no function `{other}`").into()),
    }
    Ok(true)
}
