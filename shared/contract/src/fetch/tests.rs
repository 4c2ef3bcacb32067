use proptest::prelude::*;
use serde_json::json;
use url::Position;

use super::*;

const SOURCE: &str = "housing-person";

fn compile(members: serde_json::Value) -> Result<Fetch, FetchFault> {
    let document: FetchDocument = serde_json::from_value(members).unwrap();
    document.compile(SOURCE, Some("$.entity"))
}

fn part_of_fault(url: &str) -> &'static str {
    FetchUrl::parse(url).unwrap_err().part
}

#[test]
fn the_key_stands_once_and_in_the_path() {
    for url in [
        "https://api.example/{key}",
        "https://api.example:8443/people/{key}/state?expand=all",
        "https://api.example/people/p-{key}.json",
        "http://127.0.0.1:8080/{key}",
    ] {
        assert!(FetchUrl::parse(url).is_ok(), "{url}");
    }
    for (url, part) in [
        ("https://api.example/people", "path"),
        ("https://api.example/{key}/{key}", "path"),
        ("https://{key}.example/people", "host"),
        ("https://{key}/people", "host"),
        ("https://api.example{key}/people", "host"),
        ("https://api.example:{key}/people", "port"),
        ("https://{key}@api.example/people", "host"),
        ("https://api.example/people?id={key}", "query"),
        ("https://api.example?{key}", "query"),
        ("https://api.example/people#{key}", "fragment"),
        ("https://api.example/?a#/{key}", "fragment"),
        ("{key}://api.example/people", "scheme"),
        ("https:///{key}", "host"),
        ("https://api.example/{key}#x", "fragment"),
        ("https://api.example/{KEY}/{key}", "path"),
        ("https://api.example/../{key}", "path"),
    ] {
        assert_eq!(part_of_fault(url), part, "{url}");
    }
}

#[test]
fn keys_stay_within_their_part_of_the_path() {
    let url = FetchUrl::parse("https://api.example/people/{key}").unwrap();
    for (key, filled) in [
        ("a/b", "a%2Fb"),
        ("?q", "%3Fq"),
        ("#f", "%23f"),
        ("%2e%2e", "%252e%252e"),
        ("a\\b", "a%5Cb"),
        ("a b\r\n", "a%20b%0D%0A"),
        ("é", "%C3%A9"),
        ("@evil.example", "%40evil.example"),
        ("{key}", "%7Bkey%7D"),
        ("a/b..c", "a%2Fb..c"),
    ] {
        let expected = format!("https://api.example/people/{filled}");
        assert_eq!(url.for_key(key).unwrap().as_url().as_str(), expected);
    }
    for key in ["", ".", "..", "../x", "a/../b", "a//b", "/a", "a/"] {
        assert!(url.for_key(key).is_none(), "{key}");
    }
    // What stands around the key can make it one that walks.
    let dotted = FetchUrl::parse("https://api.example/.{key}").unwrap();
    assert!(dotted.for_key(".").is_none());
    assert!(dotted.for_key("a").is_some());
}

#[test]
fn literal_addresses_are_checked_when_the_contract_compiles() {
    for url in [
        "https://10.0.0.5/{key}",
        "https://[fd12::1]/{key}",
        "https://169.254.169.254/{key}",
        "https://[fe80::1]/{key}",
        "https://0.0.0.0/{key}",
    ] {
        assert_eq!(compile(json!({"url": url})).unwrap_err().0, "url", "{url}");
    }
    let private =
        |url: &str| compile(json!({"url": url, "private_network": true})).map(|fetch| fetch.url);
    assert!(private("https://10.0.0.5/{key}").is_ok());
    assert!(private("https://169.254.170.2/{key}").is_err());
    assert!(private("https://[fd00:ec2::254]/{key}").is_err());
}

#[test]
fn a_secret_belongs_to_its_source() {
    let secret = |name: &str| compile(json!({"url": "https://api.example/{key}", "secret": name}));
    let fetch = secret("polelake/housing-person/api").unwrap();
    assert_eq!(fetch.secret.unwrap().name(), "polelake/housing-person/api");
    for name in [
        "",
        "person-api",
        "housing-person/api",
        "polelake/housing-person",
        "polelake/housing-person/",
        "polelake/housing-tenure/api",
        "polelake/housing-person-2/api",
        "polelake/housing-person/../housing-tenure/api",
        "polelake/housing-person/a/b",
        "polelake/housing-person/*",
        "polelake/housing-person/a?",
        "Polelake/housing-person/api",
        " polelake/housing-person/api",
        "arn:aws:secretsmanager:eu-west-2:1:secret:polelake/housing-person/api",
    ] {
        assert_eq!(secret(name).unwrap_err().0, "secret", "{name}");
    }
}

#[test]
fn a_secret_goes_into_no_header_that_says_where_a_request_goes() {
    let header = |name: &str| compile(json!({"url": "https://api.example/{key}", "header": name}));
    assert!(header("x-api-key").is_ok());
    for name in ["Host", "transfer-encoding", "", "a:b", "a\r\nb"] {
        assert_eq!(header(name).unwrap_err().0, "header", "{name}");
    }
}

#[test]
fn a_state_has_its_member() {
    let document: FetchDocument =
        serde_json::from_value(json!({"url": "https://api.example/{key}"})).unwrap();
    assert!(document.compile(SOURCE, None).is_err());
    assert!(document.compile(SOURCE, Some("$.a.b")).is_err());
    assert!(document.compile(SOURCE, Some("$.fetched")).is_err());
}

proptest! {
    #[test]
    fn no_key_changes_anything_but_its_part_of_the_path(key in "\\PC{0,12}|[./%?#@:\\\\ ]{0,6}") {
        let url = FetchUrl::parse("https://api.example:8443/people/{key}/state?a=b").unwrap();
        if let Some(filled) = url.for_key(&key) {
            let filled = filled.as_url();
            prop_assert_eq!(&filled[..Position::BeforePath], "https://api.example:8443");
            let parts: Vec<&str> = filled.path_segments().unwrap().collect();
            prop_assert_eq!(parts.len(), 3);
            prop_assert_eq!((parts[0], parts[2]), ("people", "state"));
            prop_assert_eq!((filled.query(), filled.fragment()), (Some("a=b"), None));
        }
    }
}
