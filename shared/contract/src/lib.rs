//! Contracts and mappings: what a source promises, what a table holds, and how the one becomes the
//! other.
//!
//! Pure: it does no input or output. [`Catalogue::compile`] takes every file of `contracts/` and
//! gives the compiled catalogue, or every fault with its file, line, column and remedy.
//! [`CompiledMapping::evaluate`] turns one event into POLE rows.

mod absent_day;
mod backfill;
mod backfill_event;
mod calendar;
mod caller;
mod catalogue;
mod catalogue_clash;
mod cell;
mod column;
mod compatibility;
mod compile;
mod dialect;
mod draft;
mod evaluate;
mod event;
mod event_paths;
mod event_time;
mod expression;
mod extension;
mod fault;
mod fetch;
mod field_extension;
mod file;
mod file_record;
mod foreign_contract;
mod format;
mod incident;
mod info;
mod json;
mod list;
mod locator;
mod logical_type;
mod mapping;
mod namespace;
mod number;
mod number_format;
mod odcs;
mod open_decision;
mod outbound;
mod pack;
mod parser_message;
mod path;
mod path_tree;
mod person_naming;
mod place;
mod problem;
mod record_key;
mod record_table;
mod reserved_names;
mod rule;
mod schema;
mod source;
mod statement;
mod structure;
mod table;
mod time;
mod walked_path;
mod yaml;

pub use absent_day::{MONTH_NAMES, describe_absent_day};
pub use backfill::{CompiledBackfill, FilePlace};
pub use catalogue::Catalogue;
pub use cell::Cell;
pub use column::{Column, ColumnType};
pub use compatibility::{ChangeImpact, ContractChange, compare_files};
pub use compile::{CompiledMapping, GroupedRecord, RecordGroup};
pub use dialect::{
    FileDialect, FileFormat, FileTrailer, HeaderCase, RaggedRows, StrayQuotes, TextEncoding,
};
pub use draft::{DraftRequest, SourceDraft, SourceSamples, confirm_draft, draft_source};
pub use evaluate::{EvaluatedEvent, EventStatement, PoleRow};
pub use event::{Event, ID_CHARS_MAX, KEY_CHARS_MAX};
pub use extension::{EventOp, Family, TokenClaims, Transport};
pub use fault::EventFault;
pub use fetch::{FETCHED_MEMBER, Fetch, FetchUrl, FetchVersion, SourceSecret, percent_encode};
pub use file::DeclaredFile;
pub use file_record::{FileColumn, FileRecord};
pub use incident::Incident;
pub use info::ContractInfo;
pub use json::{depth_exceeds, read_json, render_json};
pub use list::{ReferenceList, ReferenceLists};
pub use number::{exact_number, number_text};
pub use odcs::{
    AuthoritativeDefinition, ContractDocument, Property, Quality, Role, SchemaObject, ServiceLevel,
    Support,
};
pub use open_decision::{UnfinishedDraft, find_unfinished_drafts};
pub use outbound::{AddressClass, AllowedNetworks, OutboundUrl, UrlFault, classify_address};
pub use pack::{pack_files, unpack_files};
pub use person_naming::PersonNaming;
pub use problem::{Location, Problem, ProblemLevel, nearest_name_hint};
pub use record_table::{RECORD_TABLES_PREFIX, record_table_name};
pub use rule::{Expectation, Operand, Operator, ReferenceTarget, Rule, Severity, Tolerance};
pub use schema::published_schemas;
pub use source::{Caller, SourceContract, is_source_name};
pub use statement::{Statement, apply_patch, join_covers, uncovered_patch};
pub use structure::ContractFindings;
pub use table::TableContract;
pub use time::{parse_date, parse_timestamp};
pub use walked_path::looks_like_field_name;

/// The deepest nesting of an event that is read. A deeper event is a mistake or an attack.
pub const NESTING_MAX: usize = 64;

/// The largest event, in bytes: 1 MiB, which a Kafka broker accepts by default.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
