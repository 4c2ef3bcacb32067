//! The transport of a folder: what carries the events of sources whose contracts do not say it.

use std::io;
use std::path::Path;

use contract::Transport;

use super::file_error::damaged_file;
use super::parts::ExternalParts;
use super::private_files::replace_private_file;

/// The file in which a folder keeps its transport.
const TRANSPORT_FILE: &str = "transport";

/// The folder of the embedded broker: a folder that has it and no transport is of a version that
/// had Kafka alone.
pub(super) const BROKER_FOLDER: &str = "kafka";

/// The transport of this start: the one that is asked for, or the folder's own. A new folder has the
/// queue, unless it is given a Kafka. What is under way by another transport lands all the same.
///
/// # Errors
/// When the folder's file names no transport.
pub(super) fn settle_transport(
    folder: &Path,
    asked: Option<Transport>,
    parts: &ExternalParts,
) -> io::Result<Transport> {
    if let Some(asked) = asked {
        return Ok(asked);
    }
    let file = folder.join(TRANSPORT_FILE);
    let Ok(text) = std::fs::read_to_string(&file) else {
        let has_kafka = parts.kafka.is_some() || folder.join(BROKER_FOLDER).exists();
        return Ok(match has_kafka {
            true => Transport::Kafka,
            false => Transport::Queue,
        });
    };
    let next = "give it once more, as in `polelake up --transport queue`: it is kept again";
    Transport::parse(text.trim()).ok_or_else(|| damaged_file(&file, "it names no transport", next))
}

/// Keeps the transport in the folder, for the next start.
///
/// # Errors
/// When the file system refuses.
pub(super) fn remember_transport(folder: &Path, transport: Transport) -> io::Result<()> {
    replace_private_file(&folder.join(TRANSPORT_FILE), transport.name().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::ExternalKafka;

    #[test]
    fn a_folder_keeps_its_transport_until_another_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let settle = |asked| {
            let parts = ExternalParts::default();
            settle_transport(folder.path(), asked, &parts).unwrap()
        };
        assert_eq!(settle(None), Transport::Queue);
        remember_transport(folder.path(), Transport::Kafka).unwrap();
        assert_eq!(settle(None), Transport::Kafka);
        assert_eq!(settle(Some(Transport::Queue)), Transport::Queue);

        std::fs::write(folder.path().join(TRANSPORT_FILE), "pigeon").unwrap();
        let settled = settle_transport(folder.path(), None, &ExternalParts::default());
        assert!(settled.unwrap_err().to_string().contains("--transport"));
    }

    #[test]
    fn a_kafka_that_is_given_or_was_used_carries_the_events() {
        let folder = tempfile::tempdir().unwrap();
        let parts = ExternalParts {
            kafka: Some(ExternalKafka {
                bootstrap: "127.0.0.1:9092".to_owned(),
                config: None,
            }),
            ..ExternalParts::default()
        };
        let settled = settle_transport(folder.path(), None, &parts);
        assert_eq!(settled.unwrap(), Transport::Kafka);

        std::fs::create_dir(folder.path().join(BROKER_FOLDER)).unwrap();
        let settled = settle_transport(folder.path(), None, &ExternalParts::default());
        assert_eq!(settled.unwrap(), Transport::Kafka);
    }
}
