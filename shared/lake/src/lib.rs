//! The lake's layout: which object lies where, and what is in it.
//!
//! Pure: bytes and keys, no storage. Keys are built and parsed here and nowhere else ([`Chunk`], [`Snapshot`]);
//! so are Arrow schemas ([`schema`]), Parquet settings ([`mod@file`]), rows to columns ([`TableBuilder`]),
//! the small JSON documents that hold the books ([`Receipt`], [`Manifest`], [`Erasures`]), and the same in Iceberg's words ([`iceberg`]).

mod chunk;
mod columns;
mod erasure;
pub mod file;
mod footer;
mod group_writer;
pub mod iceberg;
mod manifest;
mod metric;
mod quarantine;
mod raw;
mod receipt;
mod redrive;
pub mod schema;
mod shard;
mod site;
mod snapshot;

pub use chunk::{Chunk, Day};
pub use columns::TableBuilder;
pub use erasure::{
    ERASURES_KEY, ErasedObject, Erasure, ErasureReceipt, Erasures, erasure_key, erasure_prefix,
};
pub use footer::{Footer, Group, Window};
pub use group_writer::GroupWriter;
pub use manifest::{ColumnProfile, Manifest, ManifestShard, Progress, RuleResult, Verdict};
pub use metric::{
    METRIC_COLUMNS, METRICS, Metric, RULE_COLUMNS, RULES, day_of_history, decode_metrics,
    encode_metrics, encode_rules, history_key, history_prefix, history_template,
};
pub use quarantine::{
    Quarantined, Refused, decode as decode_quarantine, encode as encode_quarantine,
};
pub use raw::{RawBatch, RawRecord, decode as decode_raw, encode as encode_raw};
pub use receipt::{DayStart, LAG_BOUNDS, Receipt, Redriven, RefinedObject, StreamKey, lag_bound};
pub use redrive::{
    ERASED_HEADER, Origin, REDRIVE_HEADER, REDRIVE_PARTITION, erased_headers, header, is_erased,
    with_origin,
};
pub use shard::{Owners, shard_count};
pub use site::{
    REPORTS, alert_key, day_of_report, day_page_key, junit_key, openlineage_key, report_key,
    run_key,
};
pub use snapshot::{
    Snapshot, WORK, day_of_manifest, day_of_version, has_content, iceberg_hint_key, iceberg_prefix,
    manifest_key, manifest_prefix, state_prefix, swept_key, table_prefix, version, work_prefix,
};

use thiserror::Error;

/// Why a document or file of the lake could not be read or written.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The Parquet file is damaged or cannot be written.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The columns do not fit together.
    #[error("arrow: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// The JSON document is damaged.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// The object is not what its key says.
    #[error("{0}")]
    Unexpected(String),
}
