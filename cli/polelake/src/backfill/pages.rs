//! A paged HTTP API as origin: by page number, or by the cursor that each page gives.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ETAG, HeaderMap, IF_NONE_MATCH, RETRY_AFTER};
use serde_json::Value;

use super::journal::Page;
use crate::error::Failed;

/// How often a page is asked for that is not answered.
const TRIES: u32 = 5;

/// No answer is waited for longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How an API is paged.
#[derive(Clone, Debug)]
pub struct Paging {
    /// The address of the first page.
    pub url: String,
    /// JSON Pointer to the list of records within a page; the page itself when it is empty.
    pub items: String,
    /// The parameter that a page's number or cursor goes into.
    pub parameter: String,
    /// JSON Pointer to the next page's cursor; pages are numbered when there is none.
    pub cursor: Option<String>,
    /// The first page's number.
    pub first: u64,
}

/// What a page brought.
pub enum Fetched {
    /// It is what it was when it was taken before.
    Unchanged,
    /// Its records, its ETag, and what leads to the next page.
    Records(Vec<Value>, Page),
}

/// A client of a paged API.
pub struct Pages {
    http: reqwest::Client,
    paging: Paging,
}

impl Pages {
    /// A client that sends these headers with every request.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(paging: Paging, headers: HeaderMap) -> Result<Self, Failed> {
        // A redirect could take the secret elsewhere.
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .timeout(TIMEOUT);
        let http = http.redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { http, paging })
    }

    /// The address of the first page.
    #[must_use]
    pub fn first(&self) -> String {
        match &self.paging.cursor {
            Some(_) => self.paging.url.clone(),
            None => self.with(&self.paging.first.to_string()),
        }
    }

    /// The address of the page that `next` leads to.
    #[must_use]
    pub fn with(&self, next: &str) -> String {
        let (base, joint) = (
            &self.paging.url,
            if self.paging.url.contains('?') {
                '&'
            } else {
                '?'
            },
        );
        format!(
            "{base}{joint}{}={}",
            self.paging.parameter,
            contract::percent_encoded(next)
        )
    }

    /// Fetches a page, unless it is the one that `known` was.
    ///
    /// # Errors
    /// When the API refuses, or does not answer.
    pub async fn fetch(
        &self,
        address: &str,
        number: u64,
        known: Option<&Page>,
    ) -> Result<Fetched, Failed> {
        for attempt in 1.. {
            let mut request = self.http.get(address);
            if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
                request = request.header(IF_NONE_MATCH, etag);
            }
            let (again, wait) = match request.send().await {
                Ok(answer) if answer.status() == StatusCode::NOT_MODIFIED => {
                    return Ok(Fetched::Unchanged);
                }
                Ok(answer) if answer.status().is_success() => {
                    return self.page(answer, number).await;
                }
                Ok(answer) if passing(answer.status()) => (
                    format!("{address} answered {}", answer.status()),
                    retry_after(answer.headers()),
                ),
                Ok(answer) => return Err(format!("{address} answered {}", answer.status()).into()),
                Err(error) => (format!("{address}: {}", error.without_url()), None),
            };
            if attempt == TRIES {
                return Err(again.into());
            }
            tokio::time::sleep(wait.unwrap_or(Duration::from_millis(250 << attempt))).await;
        }
        Err("the API does not answer".into())
    }

    async fn page(&self, answer: reqwest::Response, number: u64) -> Result<Fetched, Failed> {
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok())
            .map(str::to_owned);
        let page: Value = answer
            .json()
            .await
            .map_err(|error| format!("a page is not JSON: {}", error.without_url()))?;
        let items = page.pointer(&self.paging.items).and_then(Value::as_array);
        let items = items.ok_or_else(|| {
            format!(
                "a page has no list at `{}`; say where with --items",
                self.paging.items
            )
        })?;
        let next = match &self.paging.cursor {
            Some(pointer) => page.pointer(pointer).and_then(cursor),
            None => (!items.is_empty()).then(|| (number + 1).to_string()),
        };
        Ok(Fetched::Records(items.clone(), Page { etag, next }))
    }
}

fn cursor(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(TIMEOUT))
}
