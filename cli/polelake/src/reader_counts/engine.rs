//! An engine of an account that counts rows: it takes a query, is looked at until it has the
//! counts, and gives them in pages.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_athena::error::{ProvideErrorMetadata, SdkError};
use serde::Serialize;

use crate::error::{CliError, describe_causes};

/// Rows by day.
pub(crate) type DayCounts = BTreeMap<String, u64>;

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReaderEngine {
    Athena,
    Redshift,
}

impl fmt::Display for ReaderEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Athena => "Athena",
            Self::Redshift => "Redshift",
        })
    }
}

/// How a query stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryStage {
    /// It waits or runs.
    Open,
    /// Its counts can be read.
    Answered,
    /// The engine ended it, with the engine's reason.
    Failed(String),
}

/// What a look at a query shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryLook {
    pub(crate) stage: QueryStage,
    /// Bytes scanned so far, where the engine tells them.
    pub(crate) scanned: Option<u64>,
}

/// A page of an answer: days and counts as the engine writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CountPage {
    pub(crate) rows: Vec<(String, String)>,
    /// The token of the next page.
    pub(crate) next: Option<String>,
}

/// An engine. Each call is one request to its API.
#[async_trait]
pub(crate) trait CountEngine: Send + Sync {
    /// Which one.
    fn engine(&self) -> ReaderEngine;

    /// Whom the command asks, in words.
    fn described(&self) -> String;

    /// Starts a query; gives its id.
    async fn start_query(&self, sql: &str) -> Result<String, CliError>;

    /// Looks at it.
    async fn look_at_query(&self, id: &str) -> Result<QueryLook, CliError>;

    /// Ends it.
    async fn cancel_query(&self, id: &str) -> Result<(), CliError>;

    /// Reads a page of its counts; without a token the first.
    async fn read_page(&self, id: &str, token: Option<String>) -> Result<CountPage, CliError>;
}

/// What an API says against a request: its code and words where it answered.
pub(crate) fn describe_refusal<E, R>(error: &SdkError<E, R>) -> CliError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    let said = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => describe_causes(error),
    };
    said.into()
}
