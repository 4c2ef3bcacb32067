//! The lake's layout: where each object is stored, and what is in it.
//!
//! Pure: bytes and keys, no storage. No other crate writes or parses a key: those of raw and
//! refined objects are in `chunk.rs` ([`Chunk`]), those of snapshots in `curated_keys.rs`
//! ([`ShardVersion`]), those of reports and pages in `report_keys.rs`. The same holds for Arrow
//! schemas ([`schema`]), Parquet settings ([`mod@file`]), rows to columns ([`TableBuilder`]), the
//! small JSON documents by which records are accounted for ([`Receipt`], [`SnapshotManifest`],
//! [`ErasedSubjects`]), and the same as Iceberg's metadata ([`iceberg`]).

mod batch_columns;
mod bounds;
mod chunk;
mod chunk_digests;
mod columns;
mod curated_keys;
mod database_name;
mod day;
mod day_root;
mod declared_loss;
mod digest;
mod erasure;
mod event_filter;
mod event_id;
mod event_index;
pub mod file;
mod file_origin;
mod footer;
mod format;
mod group_writer;
pub mod iceberg;
mod id_columns;
mod identity_record;
mod lane_state;
pub mod limits;
mod manifest;
mod metric;
mod provenance;
mod quarantine;
mod raw;
mod receipt;
mod record_times;
mod redrive;
mod repair;
mod replacement;
mod report_keys;
pub mod schema;
mod shard;
mod statements;
mod swept_days;

pub use bounds::BoundedBatches;
pub use chunk::Chunk;
pub use columns::TableBuilder;
pub use curated_keys::{
    ShardVersion, WORK_PREFIX, iceberg_hint_key, iceberg_metadata_key, iceberg_prefix,
    is_named_iceberg_content, is_statements_key, manifest_key, manifest_prefix,
    parse_iceberg_content, parse_manifest_day, parse_raw_table_topic, parse_shard_version,
    parse_version_day, raw_table_name, sorted_run_key, state_prefix, table_prefix, version_name,
    work_document_key, work_prefix,
};
pub use database_name::database_name;
pub use day::Day;
pub use day_root::DayRoot;
pub use declared_loss::DeclaredLoss;
pub use digest::{FileDigest, NamedFile, NamedObject, ObjectDigest, Sha256Digest, check_size};
pub use erasure::{
    ERASURES_KEY, ErasedObject, ErasedSubject, ErasedSubjects, ErasureReceipt, SearchedFreeText,
    erasure_receipt_key, erasure_receipt_prefix,
};
pub use event_filter::{EventIdFilter, EventIdHash};
pub use event_id::{EVENT_ID_HEADER, accepted_event_id};
pub use event_index::{EventIndexPart, IndexedChunk};
pub use file_origin::{FILE_NAME_HEADER, FILE_PLACE_HEADER, FileOrigin};
pub use footer::{FileWindow, ParquetFooter, RowGroup};
pub use format::{DOCUMENT_FORMAT, decode_document, encode_document, encode_pretty_document};
pub use group_writer::RowGroupWriter;
pub use id_columns::id_columns;
pub use identity_record::{IDENTITY_RECORD_KEY, IdentityRecord};
pub use lane_state::{LaneEnd, LaneState, LaneTopic, NumberRange, SenderMessages};
pub use manifest::{
    ColumnProfile, CommittedOffset, ManifestShard, RuleResult, RuleVerdict, SnapshotManifest,
};
pub use metric::{
    METRIC_COLUMNS, METRICS_TABLE, QualityMetric, RULE_COLUMNS, RULES_TABLE, decode_metrics,
    encode_metrics, encode_rules, history_key, history_location_template, history_prefix,
    parse_history_day,
};
pub use provenance::RowProvenance;
pub use quarantine::{QuarantinedRecord, RefusedRecord, decode_quarantine, encode_quarantine};
pub use raw::{LOG_APPEND_TIME, RawBatch, RawRecord, decode_raw, encode_raw, read_raw_headers};
pub use receipt::{
    DayStart, LAG_BOUNDS, LostRows, Receipt, RedrivenRecord, RefinedObject, StreamKey, lag_bound,
};
pub use record_times::{RecordTimes, TimeSpan};
pub use redrive::{
    ERASED_HEADER, FIRST_LANE_PARTITION, REDRIVE_HEADER, REDRIVE_PARTITION, RedriveOrigin,
    encode_headers, erased_headers, find_header_text, has_erased_header, header_values,
    headers_with_origin,
};
pub use repair::repair_hint;
pub use replacement::Replacement;
pub use report_keys::{
    REPORTS_PREFIX, alert_key, datacontract_run_key, day_page_key, is_contract_page_key, junit_key,
    openlineage_key, parse_report_day, report_day_prefix, report_key, source_page_key,
    table_export_key, table_page_key,
};
pub use shard::{OwnerRange, shard_count};
pub use statements::redact_statements;
pub use swept_days::SweptDays;

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
    /// The document has another format than this version of polelake reads.
    #[error(
        "the {kind} has format {found}: {reader}; polelake {} reads format {DOCUMENT_FORMAT}",
        env!("CARGO_PKG_VERSION")
    )]
    Format {
        /// What kind of document it is, such as `receipt`.
        kind: &'static str,
        /// The number that was found, or `none`.
        found: String,
        /// Which polelake wrote it and reads it.
        reader: &'static str,
    },
    /// The object is not what its key says.
    #[error("{0}")]
    Unexpected(String),
    /// The object holds more than is read, by [`limits`].
    #[error("{0}")]
    OverLimit(String),
}
