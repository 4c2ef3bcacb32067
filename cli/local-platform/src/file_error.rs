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

/// How far the ports of another start lie behind those of this one.
const PORT_STEP: u16 = 10;

/// A port that cannot be listened at, of a server of the platform whose ports begin with `first`.
pub(crate) fn name_address(address: SocketAddr, server: &str, first: u16, error: &Error) -> Error {
    let port = address.port();
    let message = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} of this machine is in use, perhaps by another `polelake up`; {server} \
             would listen there. End that program, or give another first port, as in `polelake up \
             --port {}`",
            other_first_port(first)
        ),
        ErrorKind::PermissionDenied => format!(
            "port {port} may not be used ({error}); give one above 1023, as in `polelake up \
             --port 8470`"
        ),
        _ => format!("nothing can listen at {address}: {error}"),
    };
    Error::new(error.kind(), message)
}

/// The first port of other ones, with room behind it.
fn other_first_port(first: u16) -> u16 {
    match first.checked_add(2 * PORT_STEP) {
        Some(_) => first + PORT_STEP,
        None => first - PORT_STEP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_a_path_and_a_damaged_file_are_named_with_what_to_do() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8470));
        let named = |kind: ErrorKind| name_address(address, "S3", 8468, &kind.into()).to_string();
        let used = named(ErrorKind::AddrInUse);
        for part in ["port 8470", "S3 would listen", "--port 8478"] {
            assert!(used.contains(part), "{part}: {used}");
        }
        assert_eq!(other_first_port(65_530), 65_520);
        let refused = named(ErrorKind::PermissionDenied);
        assert!(refused.contains("above 1023"), "{refused}");

        let named = name_path(Path::new("a/b"), &ErrorKind::StorageFull.into());
        assert_eq!(named.kind(), ErrorKind::StorageFull);
        assert!(named.to_string().starts_with("a/b: "), "{named}");
        let damaged = damaged_file(Path::new("a/b"), "no JSON", "move it away").to_string();
        assert_eq!(damaged, "a/b is damaged: no JSON; move it away");
    }
}
