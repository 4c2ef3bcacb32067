//! Addresses of other systems as arguments, by the rules of the contracts' own.

use contract::OutboundUrl;

/// Reads the address of a system that gets a secret, as it was given: it is https or on this
/// machine, and has no user info that a host could hide behind.
pub(super) fn parse_outbound_address(text: &str) -> Result<String, String> {
    OutboundUrl::parse(text).map_err(|fault| fault.to_string())?;
    Ok(text.to_owned())
}
