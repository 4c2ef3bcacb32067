//! The ports of the platform's servers: the same ones at each start, so that scripts and bookmarks
//! hold.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use super::file_error::{damaged_file, name_address};
use super::private_files::replace_private_file;

/// The first port where a folder remembers none.
pub const DEFAULT_PORT: u16 = 8470;

/// The file in which a folder keeps its first port.
const PORT_FILE: &str = "port";

/// A server of the platform. Its port is as far behind the first one as its place here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalServer {
    /// The HTTP API.
    Api,
    /// The Kafka broker.
    Kafka,
    /// S3.
    S3,
    /// Glue.
    Glue,
    /// Secrets Manager.
    Secrets,
    /// SQS, the last one.
    Sqs,
}

impl LocalServer {
    fn label(self) -> &'static str {
        match self {
            Self::Api => "the HTTP API",
            Self::Kafka => "Kafka",
            Self::S3 => "S3",
            Self::Glue => "Glue",
            Self::Secrets => "Secrets Manager",
            Self::Sqs => "SQS",
        }
    }
}

/// The ports of one start: those from the first one on, or any free ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlatformPorts {
    /// 0 where any free ones do.
    first: u16,
}

impl PlatformPorts {
    /// The ports from `first` on; any free ones when it is 0.
    ///
    /// # Errors
    /// When there are not enough ports behind it.
    pub(crate) fn from_first(first: u16) -> Result<Self> {
        if first.checked_add(LocalServer::Sqs as u16).is_some() {
            return Ok(Self { first });
        }
        let message = format!(
            "--port {first} leaves too few ports behind it: the platform listens at {} of them; \
             give one below, as in `polelake up --port {DEFAULT_PORT}`",
            LocalServer::Sqs as u16 + 1
        );
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    /// Listens at the server's port.
    ///
    /// # Errors
    /// When the port is taken or may not be used; the error names other ones.
    pub(crate) async fn listen(self, server: LocalServer) -> Result<TcpListener> {
        let port = match self.first {
            0 => 0,
            first => first.saturating_add(server as u16),
        };
        let wanted = SocketAddr::from(([127, 0, 0, 1], port));
        let bound = TcpListener::bind(wanted).await;
        bound.map_err(|error| name_address(wanted, server.label(), self.first, &error))
    }

    /// Keeps the first port in the folder, for the next start. Free ones are not kept.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn remember(self, folder: &Path) -> Result<()> {
        match self.first {
            0 => Ok(()),
            first => replace_private_file(&folder.join(PORT_FILE), first.to_string().as_bytes()),
        }
    }
}

/// The first port that the platform of a folder had at its last start; the usual one where the
/// folder remembers none.
///
/// # Errors
/// When the folder's file holds no port.
pub fn remembered_port(folder: &Path) -> Result<u16> {
    let file = folder.join(PORT_FILE);
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Ok(DEFAULT_PORT);
    };
    let next = "give the port once more, as in `polelake up --port 8470`: it is kept again";
    let port = text.trim().parse();
    port.map_err(|_| damaged_file(&file, "it holds no port", next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_remembers_its_first_port() {
        let folder = std::env::temp_dir().join(format!("polelake-port-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(remembered_port(&folder).unwrap(), DEFAULT_PORT);
        let remember = |first| PlatformPorts::from_first(first).unwrap().remember(&folder);
        remember(9000).unwrap();
        remember(0).unwrap();
        assert_eq!(remembered_port(&folder).unwrap(), 9000);

        std::fs::write(folder.join(PORT_FILE), "x").unwrap();
        let error = remembered_port(&folder).unwrap_err().to_string();
        assert!(error.contains("`polelake up --port 8470`"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_first_port_has_room_behind_it() {
        let error = PlatformPorts::from_first(65_531).unwrap_err().to_string();
        assert!(error.contains("--port 65531 leaves too few"), "{error}");
        assert!(PlatformPorts::from_first(65_530).is_ok());
    }
}
