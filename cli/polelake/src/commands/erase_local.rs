//! What an erasure does on the local platform beyond the zones: its Kafka log, and its queues.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::PlatformClient;
use crate::error::CliError;

/// How long the erasure waits for events on their way. A landing that fails does not end by
/// waiting, and the rest is erased all the same.
const SETTLING_MAX: Duration = Duration::from_secs(30);

/// What the erasure found and did outside of the zones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LocalErasure {
    /// Whether Kafka is external: its log is then not the platform's to cut.
    #[serde(default)]
    external_kafka: bool,
    /// Records that were cut out of the Kafka log.
    records_cut: u64,
    /// Records that the Kafka log still holds, because the raw zone does not.
    records_left: u64,
    /// Dead letters of the relay's queues and of the events queue: events that did not land, which
    /// the erasure does not read.
    #[serde(default)]
    dead_letters: usize,
}

/// Waits until events on their way are in the zones, where the erasure finds them.
pub(crate) async fn wait_for_pending_events(client: &PlatformClient) -> Result<(), CliError> {
    let settled = tokio::time::timeout(SETTLING_MAX, client.wait_until_settled());
    settled.await.unwrap_or(Ok(()))
}

/// Cuts the records that the raw zone holds out of the Kafka log, and counts what is left in the
/// folder.
pub(crate) async fn erase_outside_zones(
    client: &PlatformClient,
    folder: &Path,
) -> Result<LocalErasure, CliError> {
    let erasure = match client.parts().kafka {
        Some(_) => LocalErasure {
            external_kafka: true,
            ..LocalErasure::default()
        },
        None => serde_json::from_value(client.truncate_landed_records().await?)?,
    };
    Ok(LocalErasure {
        dead_letters: count_relay_dead_letters(&folder.join("queues")),
        ..erasure
    })
}

/// The files of the relay's queues and of the events queue in `dead`; the queue of raw objects holds
/// keys only.
fn count_relay_dead_letters(queues: &Path) -> usize {
    let queues = std::fs::read_dir(queues).into_iter().flatten().flatten();
    let relay_queues = queues.filter(|queue| {
        let name = queue.file_name();
        name == "events" || name.to_string_lossy().starts_with("relay-")
    });
    let dead = relay_queues.filter_map(|queue| std::fs::read_dir(queue.path().join("dead")).ok());
    dead.map(Iterator::count).sum()
}

impl LocalErasure {
    /// Prints what became of the Kafka log and what a person must look at.
    pub(crate) fn print(&self, folder: &Path) {
        match self.external_kafka {
            true => println!("kafka: the log of an external Kafka is not cut"),
            false => println!("kafka: {} landed records cut", self.records_cut),
        }
        if self.records_left > 0 {
            println!(
                "{} records are not landed and stay in the local Kafka log: run the erasure again",
                self.records_left
            );
        }
        if self.dead_letters > 0 {
            println!(
                "{} messages that did not land are in {folder}/queues/relay-*/dead and \
                 {folder}/queues/events/dead: look for the subject's key there, and delete those \
                 files",
                self.dead_letters,
                folder = folder.display()
            );
        }
    }
}
