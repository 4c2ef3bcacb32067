//! A paged HTTP API as origin: by page number, or by the cursor that each page gives.

use std::collections::HashMap;
use std::time::Duration;

use contract::FileRecord;
use lake::limits::{API_PAGE_BYTES_MAX, API_PAGE_RECORDS_MAX, VALUE_BYTES_MAX};
use reqwest::StatusCode;
use reqwest::header::{ETAG, HeaderMap, IF_NONE_MATCH, RETRY_AFTER};
use serde_json::Value;
use serde_json::value::RawValue;

use super::journal::JournalPage;
use super::json_documents::line_fault;
use super::record::{BackfillRecord, RecordFault};
use crate::bounded_answer::read_answer;
use crate::error::{CliError, describe_causes};

/// What the limit of an answer is for, and how to keep to it.
const PAGE_LIMIT: &str = "a page; ask for fewer records a page";

/// How often a page is requested that is not answered.
const ATTEMPTS_MAX: u32 = 5;

/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How an API is paged.
#[derive(Clone, Debug)]
pub struct PagingOptions {
    /// The address of the first page.
    pub url: String,
    /// JSON Pointer to the list of records within a page; the page itself when it is empty.
    pub items: String,
    /// The query parameter that takes a page's number or cursor.
    pub parameter: String,
    /// JSON Pointer to the next page's cursor; pages are numbered when there is none.
    pub cursor: Option<String>,
    /// The first page's number.
    pub first: u64,
}

/// The answer to a request for a page.
pub enum FetchedPage {
    /// The page is the one that an earlier run sent.
    Unchanged,
    /// Its records as they came, its ETag, and what leads to the next page.
    Records(Vec<Box<RawValue>>, JournalPage),
}

/// A client of a paged API.
pub struct PagedApi {
    http: reqwest::Client,
    paging: PagingOptions,
}

impl PagedApi {
    /// A client that sends these headers with every request.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(paging: PagingOptions, headers: HeaderMap) -> Result<Self, CliError> {
        // A redirect could send the secret to another host.
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, paging })
    }

    /// The address of the first page.
    #[must_use]
    pub fn first_address(&self) -> String {
        match &self.paging.cursor {
            Some(_) => self.paging.url.clone(),
            None => self.page_address(&self.paging.first.to_string()),
        }
    }

    /// The address of the page that `next` leads to.
    #[must_use]
    pub fn page_address(&self, next: &str) -> String {
        let PagingOptions { url, parameter, .. } = &self.paging;
        let separator = if url.contains('?') { '&' } else { '?' };
        let value = contract::percent_encode(next);
        format!("{url}{separator}{parameter}={value}")
    }

    /// Fetches a page, unless it is the same as `known`.
    ///
    /// # Errors
    /// When the API refuses, or does not answer.
    pub async fn fetch_page(
        &self,
        address: &str,
        number: u64,
        known: Option<&JournalPage>,
    ) -> Result<FetchedPage, CliError> {
        for attempt in 1.. {
            let mut request = self.http.get(address);
            if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
                request = request.header(IF_NONE_MATCH, etag);
            }
            let (failure, wait) = match request.send().await {
                Ok(answer) if answer.status() == StatusCode::NOT_MODIFIED => {
                    return Ok(FetchedPage::Unchanged);
                }
                Ok(answer) if answer.status().is_success() => {
                    return self.read_page(answer, address, number).await;
                }
                Ok(answer) if is_transient(answer.status()) => (
                    format!("{address} answered {}", answer.status()),
                    retry_after(answer.headers()),
                ),
                Ok(answer) => return Err(describe_refusal(address, answer.status()).into()),
                Err(error) => {
                    let cause = describe_causes(&error.without_url());
                    (format!("{address} gave no answer: {cause}"), None)
                }
            };
            if attempt == ATTEMPTS_MAX {
                let why = format!("{failure}, {ATTEMPTS_MAX} times; run the same command later");
                return Err(why.into());
            }
            tokio::time::sleep(wait.unwrap_or(Duration::from_millis(250 << attempt))).await;
        }
        Err(format!("{address} does not answer; run the same command later").into())
    }

    async fn read_page(
        &self,
        answer: reqwest::Response,
        address: &str,
        number: u64,
    ) -> Result<FetchedPage, CliError> {
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok())
            .map(str::to_owned);
        let body = read_answer(answer, API_PAGE_BYTES_MAX, PAGE_LIMIT).await?;
        let page: &RawValue = serde_json::from_slice(&body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("a page is not JSON: line {line}, column {column}")
        })?;

        let pointer = &self.paging.items;
        let items = find_member(page, pointer)
            .and_then(parse_list)
            .ok_or_else(|| {
                format!("a page has no list at `{pointer}`; name its place with --items")
            })?;
        let count = items.len();
        if count > API_PAGE_RECORDS_MAX {
            let limit = API_PAGE_RECORDS_MAX;
            return Err(format!("{address} has {count} records, over the limit of {limit}").into());
        }

        let next = match &self.paging.cursor {
            Some(pointer) => find_member(page, pointer).and_then(cursor_text),
            None => (!items.is_empty()).then(|| (number + 1).to_string()),
        };
        let items = items.into_iter().map(RawValue::to_owned).collect();
        Ok(FetchedPage::Records(items, JournalPage { etag, next }))
    }
}

/// The part of a document at a JSON Pointer. Parsed values take up to ninety times the bytes of a
/// document; only names and places are kept here.
fn find_member<'p>(document: &'p RawValue, pointer: &str) -> Option<&'p RawValue> {
    if pointer.is_empty() {
        return Some(document);
    }
    let names = pointer.strip_prefix('/')?.split('/');
    names.map(unescape_name).try_fold(document, |value, name| {
        let text = value.get();
        if let Ok(members) = serde_json::from_str::<HashMap<String, &RawValue>>(text) {
            return members.get(&name).copied();
        }
        parse_list(value)?.get(name.parse::<usize>().ok()?).copied()
    })
}

fn unescape_name(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

fn parse_list(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// The record of a page.
///
/// # Errors
/// When it is over the limit of an event.
pub fn parse_page_record(record: &RawValue) -> BackfillRecord {
    let length = record.get().len();
    if length > VALUE_BYTES_MAX {
        let limit = VALUE_BYTES_MAX;
        return Err(RecordFault::of_record(format!(
            "a record of a page has {length} bytes, over the limit of {limit}"
        )));
    }
    let value = contract::read_json(record.get().as_bytes());
    value.map(FileRecord::from).map_err(|fault| {
        let why = line_fault(&fault);
        RecordFault::of_record(format!("a record of a page: {why}"))
    })
}

fn cursor_text(value: &RawValue) -> Option<String> {
    match serde_json::from_str(value.get()).ok()? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// That an API refuses a page for good, and what may let it through.
fn describe_refusal(address: &str, status: StatusCode) -> String {
    let next = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "`--header NAME=VARIABLE` sends the credentials that it asks for"
        }
        StatusCode::NOT_FOUND => "check --api, and --page-param and --first-page",
        _ => "ask those who run the API",
    };
    format!("{address} answered {status}; {next}")
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(REQUEST_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one request with `parts` of a body, one after the other; gives the address, and how
    /// many bytes went out.
    async fn serve_page(
        parts: impl Iterator<Item = Vec<u8>> + Send + 'static,
    ) -> (String, tokio::task::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket
                .read_buf(&mut Vec::with_capacity(4_096))
                .await
                .unwrap();
            let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            socket.write_all(head).await.unwrap();
            let mut sent = 0;
            for part in parts {
                if socket.write_all(&part).await.is_err() {
                    break;
                }
                sent += part.len();
            }
            sent
        });
        (address, server)
    }

    async fn fetch(address: &str) -> Result<FetchedPage, CliError> {
        let paging = PagingOptions {
            url: address.to_owned(),
            items: "/records".to_owned(),
            parameter: "page".to_owned(),
            cursor: Some("/paging/next".to_owned()),
            first: 1,
        };
        let api = PagedApi::new(paging, HeaderMap::new()).unwrap();
        api.fetch_page(address, 1, None).await
    }

    #[tokio::test]
    async fn a_page_without_an_end_is_read_up_to_the_limit() {
        let (address, server) = serve_page(std::iter::repeat(vec![b' '; 1 << 16])).await;
        let error = fetch(&address).await.err().unwrap().to_string();
        assert!(
            error.contains(&address) && error.contains("answered more than 16777216 bytes"),
            "{error}"
        );
        let sent = server.await.unwrap();
        assert!(sent < 4 * API_PAGE_BYTES_MAX, "{sent} bytes");
    }

    #[tokio::test]
    async fn a_page_of_too_many_records_is_refused_and_one_of_as_many_is_not() {
        for (count, is_refused) in [
            (API_PAGE_RECORDS_MAX, false),
            (API_PAGE_RECORDS_MAX + 1, true),
        ] {
            let body = format!("{{\"records\": [{}]}}", vec!["0"; count].join(","));
            let (address, _) = serve_page(std::iter::once(body.into_bytes())).await;
            match fetch(&address).await {
                Ok(FetchedPage::Records(records, page)) => {
                    assert!(!is_refused && records.len() == count && page.next.is_none());
                }
                Ok(FetchedPage::Unchanged) => panic!("the page is new"),
                Err(error) => {
                    let why = "has 100001 records, over the limit of 100000";
                    assert!(is_refused && error.to_string().contains(why), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_record_over_the_limit_of_an_event_is_refused() {
        let fitting = format!("\"{}\"", "x".repeat(VALUE_BYTES_MAX - 2));
        let fitting = RawValue::from_string(fitting).unwrap();
        assert!(parse_page_record(&fitting).is_ok());

        let large = format!("\"{}\"", "x".repeat(VALUE_BYTES_MAX - 1));
        let large = RawValue::from_string(large).unwrap();
        let why = parse_page_record(&large).unwrap_err();
        assert!(
            why.why.contains("1048577 bytes, over the limit of 1048576"),
            "{why}"
        );
    }

    #[test]
    fn members_are_found_as_json_pointers_say() {
        let page = r#"{"a/b": {"c~d": [1, {"next": 7}]}, "": "empty"}"#;
        let page = RawValue::from_string(page.to_owned()).unwrap();
        let known: Value = serde_json::from_str(page.get()).unwrap();
        for pointer in [
            "",
            "/",
            "/a~1b/c~0d",
            "/a~1b/c~0d/1/next",
            "/a~1b/c~0d/2",
            "/none",
            "a",
        ] {
            let found = find_member(&page, pointer).map(RawValue::get);
            let found = found.map(|text| serde_json::from_str::<Value>(text).unwrap());
            assert_eq!(found.as_ref(), known.pointer(pointer), "{pointer}");
        }
    }
}
