//! Contracts and mappings: what a source promises, what a table holds, and how the one becomes the other.
//!
//! Pure: texts in, plans out. [`Catalogue::compile`] takes every file of `contracts/` and gives the compiled
//! whole, or every fault with its file, line, column and remedy. [`Plan::evaluate`] turns one event into POLE rows.

mod about;
mod backfill;
mod catalogue;
mod cell;
mod compatibility;
mod compile;
mod draft;
mod evaluate;
mod event;
mod expression;
mod extension;
mod fault;
mod fetch;
mod file;
mod format;
mod incident;
mod list;
mod mapping;
mod odcs;
mod path;
mod rule;
mod schema;
mod shape;
mod source;
mod table;
mod time;
mod yaml;

pub use about::About;
pub use backfill::Backfill;
pub use catalogue::Catalogue;
pub use cell::Cell;
pub use compatibility::{Change, Verdict, compare};
pub use compile::Plan;
pub use draft::{Draft, draft};
pub use evaluate::{Fault, Outcome, Row};
pub use event::{Event, ID_CHARS_MAX, KEY_CHARS_MAX, depth_exceeds};
pub use extension::Family;
pub use fault::{Level, Problem, Spot};
pub use fetch::{FETCHED, Fetch, FetchVersion, key_is_safe, percent_encoded};
pub use file::{File, pack, unpack};
pub use incident::Incident;
pub use list::{List, Lists};
pub use odcs::{Document, Link, Object, Property, Quality, Role, ServiceLevel, Support};
pub use rule::{Demand, Operand, Operator, Rule, Severity, Target, Tolerance};
pub use schema::schemas;
pub use shape::Findings;
pub use source::{Caller, Claims, EventOp, SourceContract};
pub use table::{Column, ColumnType, TableContract};
pub use time::{parse_date, parse_timestamp};

/// The deepest nesting of an event that is read. A deeper one is a mistake or an attack.
pub const NESTING_MAX: usize = 64;

/// The largest event, in bytes: 1 MiB, what a Kafka broker takes by default.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
