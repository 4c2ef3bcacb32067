//! `polelake backfill`.

use std::path::PathBuf;

use clap::Args;

use super::address::parse_outbound_address;
use crate::place::PlatformArgs;

/// Which records are sent, and how fast.
#[derive(Args, Clone, Debug)]
#[group(id = "origin")]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    pub(crate) place: PlatformArgs,
    /// The source, as its contract calls it.
    pub(crate) source: String,
    /// Files: JSON lines, CSV, DynamoDB export JSON, Parquet; a `.gz` file is unpacked.
    #[arg(required_unless_present = "api")]
    pub(crate) files: Vec<PathBuf>,
    /// Events in a second at most.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Begin again, though an earlier run has sent some records already.
    #[arg(long)]
    pub(crate) restart: bool,
    /// Send to the API at this address instead. The environment's POLELAKE_TOKEN is the bearer
    /// token; without one, requests are signed with the credentials of AWS that are found.
    #[arg(long, value_parser = parse_outbound_address)]
    pub(crate) to: Option<String>,
    /// Read the pages of an HTTP API instead of files.
    #[arg(long, conflicts_with = "files", value_parser = parse_outbound_address)]
    pub(crate) api: Option<String>,
    /// JSON Pointer to the list of records within a page.
    #[arg(long, default_value = "", requires = "api")]
    pub(crate) items: String,
    /// JSON Pointer to the next page's cursor; without it, pages are numbered.
    #[arg(long, requires = "api")]
    pub(crate) cursor: Option<String>,
    /// The query parameter that takes the page's number or cursor.
    #[arg(long, default_value = "page", requires = "api")]
    pub(crate) page_param: String,
    /// The first page's number.
    #[arg(long, default_value_t = 1, requires = "api")]
    pub(crate) first_page: u64,
    /// A header for the API from an environment variable, NAME=VARIABLE, such as
    /// authorization=API_TOKEN.
    #[arg(long, requires = "api")]
    pub(crate) header: Vec<String>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
