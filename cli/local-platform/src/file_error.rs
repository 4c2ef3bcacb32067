//! Errors of the platform's own files and ports, each with its name and what to do about it.

use std::fmt::Display;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;

/// The error with the path that it is about. The operating system names none.
pub(crate) fn name_path(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A file of the platform that does not hold what it should, and what its owner does about it.
pub(crate) fn damaged_file(path: &Path, why: impl Display, next: &str) -> Error {
    let message = format!("{} is damaged: {why}; {next}", path.display());
    Error::new(ErrorKind::InvalidData, message)
}

/// A port that cannot be listened at.
pub(crate) fn name_address(address: SocketAddr, error: &Error) -> Error {
    let port = address.port();
    let message = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} of this machine is in use, perhaps by another `polelake up`; end that \
             program, or give another port, as in `polelake up --port {}`",
            port.saturating_add(1)
        ),
        ErrorKind::PermissionDenied => format!(
            "port {port} may not be used ({error}); give one above 1023, as in `polelake up \
             --port 8470`"
        ),
        _ => format!("nothing can listen at {address}: {error}"),
    };
    Error::new(error.kind(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_a_path_and_a_damaged_file_are_named_with_what_to_do() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8470));
        let used = name_address(address, &ErrorKind::AddrInUse.into()).to_string();
        assert!(
            used.contains("port 8470") && used.contains("--port 8471"),
            "{used}"
        );
        let refused = name_address(address, &ErrorKind::PermissionDenied.into()).to_string();
        assert!(refused.contains("above 1023"), "{refused}");

        let named = name_path(Path::new("a/b"), &ErrorKind::StorageFull.into());
        assert_eq!(named.kind(), ErrorKind::StorageFull);
        assert!(named.to_string().starts_with("a/b: "), "{named}");
        let damaged = damaged_file(Path::new("a/b"), "no JSON", "move it away").to_string();
        assert_eq!(damaged, "a/b is damaged: no JSON; move it away");
    }
}
