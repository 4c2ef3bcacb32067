//! How every HTTP listener of the platform serves: it answers programs that name it, and no web
//! page.
//!
//! A browser on this machine reaches every port of it. A page can send a POST of a simple type to
//! any of them without being asked (cross-site request forgery), and it can have its own name
//! resolved to 127.0.0.1, whereupon the browser lets it read the answers too (DNS rebinding). The
//! first kind carries `Origin` or `Sec-Fetch-Site`, the second a foreign `Host`; a page can change
//! none of the three.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::net::TcpListener;

use crate::problem::problem_response;

/// The rule that a request of a web page breaks.
const FOREIGN_PAGE_RULE: &str = "gateway.foreign-page";

/// The names of this machine that a listener answers to. None for buckets: clients of 127.0.0.1 use
/// path style.
const HOST_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The port that a `Host` may leave out.
const HTTP_PORT: u16 = 80;

/// Says whether a page of the same origin, another one or no page sent the request; browsers set
/// it.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Serves until this future is dropped.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve_router(listener: TcpListener, router: Router) -> io::Result<()> {
    let names = Arc::new(ListenerNames::of_port(listener.local_addr()?.port()));
    let guard = middleware::from_fn_with_state(names, refuse_foreign_request);
    axum::serve(listener, router.layer(guard)).await
}

async fn refuse_foreign_request(
    State(names): State<Arc<ListenerNames>>,
    request: Request,
    next: Next,
) -> Response {
    match names.find_refusal(request.uri(), request.headers()) {
        None => next.run(request).await,
        Some(cause) => problem_response(StatusCode::FORBIDDEN, FOREIGN_PAGE_RULE, &cause),
    }
}

/// The hosts, with their port, that mean one listener.
struct ListenerNames(Vec<String>);

impl ListenerNames {
    fn of_port(port: u16) -> Self {
        let with_port = HOST_NAMES.map(|name| format!("{name}:{port}"));
        let mut names = with_port.to_vec();
        if port == HTTP_PORT {
            names.extend(HOST_NAMES.map(str::to_owned));
        }
        Self(names)
    }

    /// Why a request is refused; none for one that a program of this machine sent.
    fn find_refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        if !self.has_own_host(uri, headers) {
            let names = self.0.join(", ");
            return Some(format!(
                "the request's Host is none of {names}: a page may have had its own name \
                 resolved to this machine"
            ));
        }
        if headers
            .get_all(ORIGIN)
            .iter()
            .any(|origin| !self.is_own_origin(origin))
        {
            return Some(
                "the request's Origin is another one: a web page sent it, and the local platform \
                 serves programs"
                    .to_owned(),
            );
        }
        if headers
            .get_all(SEC_FETCH_SITE)
            .iter()
            .any(is_from_another_site)
        {
            return Some(
                "the request's Sec-Fetch-Site is neither same-origin nor none: a web page of \
                 another origin caused it"
                    .to_owned(),
            );
        }
        None
    }

    /// Whether `Host` is there once and names the listener, and so does a target in absolute form.
    fn has_own_host(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let target = uri.authority().map(Authority::as_str);
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };

        host.to_str().is_ok_and(|host| self.is_own_name(host))
            && target.is_none_or(|target| self.is_own_name(target))
    }

    fn is_own_name(&self, name: &str) -> bool {
        self.0.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    fn is_own_origin(&self, origin: &HeaderValue) -> bool {
        let origin = origin.to_str().ok();
        let name = origin.and_then(|origin| origin.strip_prefix("http://"));
        name.is_some_and(|name| self.is_own_name(name))
    }
}

/// `none` is an address that the user typed; every value that is not known counts as foreign.
fn is_from_another_site(site: &HeaderValue) -> bool {
    site != "same-origin" && site != "none"
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const PORT: u16 = 8470;

    fn refusal_on(port: u16, target: &str, headers: &[(&str, &str)]) -> Option<String> {
        let pairs = headers.iter().map(|(name, value)| {
            let name = name.parse::<HeaderName>().unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        let mut map = HeaderMap::new();
        pairs.for_each(|(name, value)| {
            map.append(name, value);
        });
        ListenerNames::of_port(port).find_refusal(&target.parse().unwrap(), &map)
    }

    fn refusal(headers: &[(&str, &str)]) -> Option<String> {
        refusal_on(PORT, "/v1/x/events", headers)
    }

    #[test]
    fn a_listener_answers_to_the_names_of_this_machine_with_its_own_port() {
        for host in [
            "127.0.0.1:8470",
            "localhost:8470",
            "LocalHost:8470",
            "[::1]:8470",
        ] {
            assert_eq!(refusal(&[("host", host)]), None, "{host}");
        }
        let foreign = [
            "evil.example",
            "evil.example:8470",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:8471",
            "0.0.0.0:8470",
            "localhost.:8470",
            "127.0.0.1:8470.evil.example",
            "evil@127.0.0.1:8470",
            "127.1:8470",
            "127.0.0.2:8470",
            "raw.localhost:8470",
            "raw.127.0.0.1:8470",
            "::1:8470",
            " 127.0.0.1:8470",
            "",
            "127.0.0.1:08470",
            "\u{e9}",
        ];
        for host in foreign {
            let cause = refusal(&[("host", host)]).unwrap_or_else(|| host.to_owned());
            assert!(
                cause.starts_with("the request's Host is none of 127.0.0.1:8470,"),
                "{cause}"
            );
            assert!(
                !cause.contains("evil"),
                "what was sent is not repeated: {cause}"
            );
        }
        assert!(refusal(&[]).is_some(), "a request that names no host");
        let own = ("host", "127.0.0.1:8470");
        assert!(refusal(&[own, own]).is_some(), "two hosts");
        assert!(refusal(&[own, ("host", "evil.example")]).is_some());
    }

    #[test]
    fn a_target_in_absolute_form_counts_too_and_port_80_may_be_left_out() {
        let own = [("host", "127.0.0.1:8470")];
        assert_eq!(refusal_on(PORT, "http://localhost:8470/v1", &own), None);
        assert!(refusal_on(PORT, "http://evil.example:8470/v1", &own).is_some());
        assert_eq!(refusal_on(80, "/", &[("host", "localhost")]), None);
        assert!(refusal_on(80, "/", &[("host", "evil.example")]).is_some());
    }

    #[test]
    fn no_page_of_another_origin_gets_through() {
        let host = ("host", "127.0.0.1:8470");
        for origin in ["http://127.0.0.1:8470", "http://localhost:8470"] {
            assert_eq!(refusal(&[host, ("origin", origin)]), None, "{origin}");
        }
        let foreign = [
            "null",
            "",
            "http://evil.example",
            "http://127.0.0.1:8471",
            "http://127.0.0.1",
            "https://127.0.0.1:8470",
            "http://127.0.0.1:8470.evil.example",
            "file://",
            "chrome-extension://abc",
            "http://127.0.0.1:8470 null",
            "127.0.0.1:8470",
        ];
        for origin in foreign {
            let cause = refusal(&[host, ("origin", origin)]).unwrap_or_else(|| origin.to_owned());
            assert!(
                cause.starts_with("the request's Origin is another one"),
                "{cause}"
            );
        }
        let both = [
            host,
            ("origin", "http://127.0.0.1:8470"),
            ("origin", "null"),
        ];
        assert!(refusal(&both).is_some());
    }

    #[test]
    fn what_the_browser_says_of_the_sender_counts_without_an_origin() {
        let host = ("host", "127.0.0.1:8470");
        for site in ["same-origin", "none"] {
            assert_eq!(refusal(&[host, ("sec-fetch-site", site)]), None, "{site}");
        }
        for site in [
            "cross-site",
            "same-site",
            "",
            "Same-Origin",
            "none, cross-site",
        ] {
            let cause =
                refusal(&[host, ("sec-fetch-site", site)]).unwrap_or_else(|| site.to_owned());
            assert!(cause.starts_with("the request's Sec-Fetch-Site"), "{cause}");
        }
    }
}
