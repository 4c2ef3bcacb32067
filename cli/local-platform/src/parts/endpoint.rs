//! Addresses of external parts.

use std::net::IpAddr;

use url::Url;

/// The hosts of `host:port,host:port`.
///
/// # Errors
/// When one of them has no host or no port.
pub(super) fn split_bootstrap(text: &str) -> Result<Vec<String>, String> {
    text.split(',')
        .map(|broker| {
            let broker = broker.trim();
            let parts = broker.rsplit_once(':');
            let (host, port) = parts.ok_or_else(|| broker_fault(broker))?;
            // An address of IPv6 stands in brackets, as it has colons itself.
            let is_bare = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
            let is_host = !host.is_empty() && !host.contains(['/', '@', ' ']) && !is_bare;
            match port.parse::<u16>() {
                Ok(1..) if is_host => Ok(host.to_owned()),
                _ => Err(broker_fault(broker)),
            }
        })
        .collect()
}

fn broker_fault(broker: &str) -> String {
    format!("--kafka: `{broker}` is no broker; write host:port, and a comma between several")
}

/// The host of `http://host:port`.
///
/// # Errors
/// When the text is no such address.
pub(super) fn endpoint_host(option: &str, text: &str) -> Result<String, String> {
    let fault = |why: &str| {
        // A URL that cannot be read may hold a login.
        let shown = if text.contains('@') {
            "the address"
        } else {
            text
        };
        format!("{option}: {shown} {why}; write http:// or https://, host and port alone")
    };
    let url = Url::parse(text).map_err(|_| fault("is no address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault("is not of http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("holds a login, which the AWS_… variables give"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(fault("has more than a host and a port"));
    }
    let host = url.host_str().ok_or_else(|| fault("has no host"))?;
    Ok(host.to_owned())
}

/// Whether a host is this machine, by its name alone: what a name means in another network is not asked.
pub(super) fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}
