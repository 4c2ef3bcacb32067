//! Requests to other systems: the addresses that a host resolves to are checked, and the connection
//! goes to those that were checked.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use contract::AllowedNetworks;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The time for one connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A host resolves to an address where the request may not go.
#[derive(Debug, thiserror::Error)]
#[error("the API's host is refused: it resolves to {0}")]
pub(crate) struct AddressRefused(&'static str);

/// The clients by what they may connect to: a connection that one of them holds open serves no
/// request that may not go there. Each is built with its first request, because loading the
/// system's certificates takes longer than a cold start.
#[derive(Default)]
pub(crate) struct OutboundClients {
    public: OnceLock<reqwest::Client>,
    private: OnceLock<reqwest::Client>,
}

impl OutboundClients {
    /// The client for requests to these networks; `loopback` is the same for all requests of a
    /// function.
    pub(crate) fn client_for(
        &self,
        allowed: AllowedNetworks,
    ) -> Result<&reqwest::Client, reqwest::Error> {
        let client = if allowed.private {
            &self.private
        } else {
            &self.public
        };
        if let Some(client) = client.get() {
            return Ok(client);
        }
        let built = build_client(allowed)?;
        Ok(client.get_or_init(|| built))
    }
}

/// A client that follows no redirect, because an API that moved must not send the secret to another
/// host; and that uses no proxy, which would resolve the host a second time.
fn build_client(allowed: AllowedNetworks) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(CheckedResolver { allowed }))
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent("polelake-event-relay")
        .build()
}

/// Resolves names as the system does, and refuses a name that leads where no request may go. The
/// client asks no other resolver: a name that resolves otherwise a moment later changes nothing.
struct CheckedResolver {
    allowed: AllowedNetworks,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed;
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            check_addresses(&addresses, allowed)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// One refused address refuses the host: which of several a client takes is chance.
fn check_addresses(
    addresses: &[SocketAddr],
    allowed: AllowedNetworks,
) -> Result<(), AddressRefused> {
    let refused = addresses
        .iter()
        .find_map(|address| allowed.refusal(address.ip()));
    refused.map_or(Ok(()), |why| Err(AddressRefused(why)))
}

/// The refused address among the causes of a failed request.
pub(crate) fn find_refused_address(error: &reqwest::Error) -> Option<&AddressRefused> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refused_address_refuses_the_host() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let public = AllowedNetworks::default();
        assert!(check_addresses(&addresses(&["8.8.8.8:0"]), public).is_ok());
        for second in ["169.254.169.254:0", "10.0.0.1:0", "[::1]:0", "[fe80::1]:0"] {
            let found = addresses(&["8.8.8.8:0", second]);
            assert!(check_addresses(&found, public).is_err(), "{second}");
        }
    }

    #[tokio::test]
    async fn a_refused_name_is_found_among_the_causes_and_gets_no_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://localhost:{}/",
            listener.local_addr().unwrap().port()
        );

        let clients = OutboundClients::default();
        let client = clients.client_for(AllowedNetworks::default()).unwrap();
        let error = client.get(&url).send().await.unwrap_err();
        let refused = find_refused_address(&error).unwrap().to_string();
        assert!(refused.contains("loopback"), "{refused}");

        let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(accepted.is_err(), "no connection was made");
    }

    #[tokio::test]
    async fn an_allowed_name_gets_its_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://localhost:{}/",
            listener.local_addr().unwrap().port()
        );

        let clients = OutboundClients::default();
        let allowed = AllowedNetworks {
            private: false,
            loopback: true,
        };
        let request = clients.client_for(allowed).unwrap().get(&url).send();
        let (accepted, _) = tokio::join!(listener.accept(), async {
            tokio::time::timeout(Duration::from_millis(200), request).await
        });
        assert!(accepted.is_ok());
    }
}
