//! A paged HTTP API as origin: by page number, or by the cursor that each page gives.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ETAG, HeaderMap, IF_NONE_MATCH, RETRY_AFTER};
use serde_json::Value;

use super::journal::JournalPage;
use crate::error::CliError;

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
    /// Its records, its ETag, and what leads to the next page.
    Records(Vec<Value>, JournalPage),
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
                    return self.read_page(answer, number).await;
                }
                Ok(answer) if is_transient(answer.status()) => (
                    format!("{address} answered {}", answer.status()),
                    retry_after(answer.headers()),
                ),
                Ok(answer) => return Err(format!("{address} answered {}", answer.status()).into()),
                Err(error) => (format!("{address}: {}", error.without_url()), None),
            };
            if attempt == ATTEMPTS_MAX {
                return Err(failure.into());
            }
            tokio::time::sleep(wait.unwrap_or(Duration::from_millis(250 << attempt))).await;
        }
        Err("the API does not answer".into())
    }

    async fn read_page(
        &self,
        answer: reqwest::Response,
        number: u64,
    ) -> Result<FetchedPage, CliError> {
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok())
            .map(str::to_owned);
        let bytes = answer
            .bytes()
            .await
            .map_err(|error| format!("a page broke off: {}", error.without_url()))?;
        let page =
            contract::read_json(&bytes).map_err(|fault| format!("a page is {}", fault.reason))?;
        let pointer = &self.paging.items;
        let items = page
            .pointer(pointer)
            .and_then(Value::as_array)
            .ok_or_else(|| {
                format!("a page has no list at `{pointer}`; name its place with --items")
            })?;
        let next = match &self.paging.cursor {
            Some(pointer) => page.pointer(pointer).and_then(cursor_text),
            None => (!items.is_empty()).then(|| (number + 1).to_string()),
        };
        Ok(FetchedPage::Records(
            items.clone(),
            JournalPage { etag, next },
        ))
    }
}

fn cursor_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(REQUEST_TIMEOUT))
}
