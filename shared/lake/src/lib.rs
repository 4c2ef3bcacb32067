//! The lake's layout: which object lies where, and what is in it.
//!
//! Pure: bytes and keys, no storage. Keys are built and parsed here and nowhere else ([`Chunk`], [`ShardVersion`]);
//! so are Arrow schemas ([`schema`]), Parquet settings ([`mod@file`]), rows to columns ([`TableBuilder`]),
//! the small JSON documents that hold the books ([`Receipt`], [`SnapshotManifest`], [`ErasedSubjects`]), and the same in Iceberg's words ([`iceberg`]).

mod chunk;
mod columns;
mod curated_keys;
mod database_name;
mod erasure;
pub mod file;
mod footer;
mod group_writer;
pub mod iceberg;
mod id_columns;
mod manifest;
mod metric;
mod quarantine;
mod raw;
mod receipt;
mod redrive;
mod report_keys;
pub mod schema;
mod shard;

pub use chunk::{Chunk, Day};
pub use columns::TableBuilder;
pub use curated_keys::{
    ShardVersion, WORK_PREFIX, iceberg_hint_key, iceberg_prefix, manifest_key, manifest_prefix,
    parse_manifest_day, parse_version_day, state_has_content, state_prefix, swept_days_key,
    table_prefix, version_name, work_prefix,
};
pub use database_name::database_name;
pub use erasure::{
    ERASURES_KEY, ErasedObject, ErasedSubject, ErasedSubjects, ErasureReceipt, erasure_receipt_key,
    erasure_receipt_prefix,
};
pub use footer::{FileWindow, ParquetFooter, RowGroup};
pub use group_writer::RowGroupWriter;
pub use id_columns::id_columns;
pub use manifest::{
    ColumnProfile, CommittedOffset, ManifestShard, RuleResult, RuleVerdict, SnapshotManifest,
};
pub use metric::{
    METRIC_COLUMNS, METRICS_TABLE, QualityMetric, RULE_COLUMNS, RULES_TABLE, decode_metrics,
    encode_metrics, encode_rules, history_key, history_location_template, history_prefix,
    parse_history_day,
};
pub use quarantine::{QuarantinedRecord, RefusedRecord, decode_quarantine, encode_quarantine};
pub use raw::{RawBatch, RawRecord, decode_raw, encode_raw};
pub use receipt::{
    DayStart, LAG_BOUNDS, Receipt, RedrivenRecord, RefinedObject, StreamKey, lag_bound,
};
pub use redrive::{
    ERASED_HEADER, REDRIVE_HEADER, REDRIVE_PARTITION, RedriveOrigin, erased_headers,
    find_header_text, has_erased_header, headers_with_origin,
};
pub use report_keys::{
    REPORTS_PREFIX, alert_key, datacontract_run_key, day_page_key, junit_key, openlineage_key,
    parse_report_day, report_key,
};
pub use shard::{OwnerRange, shard_count};

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
