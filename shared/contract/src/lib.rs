//! Contracts and mappings: what a source promises, what a table holds, and how the one becomes the other.
//!
//! Pure: texts in, plans out. [`Catalogue::compile`] takes every file of `contracts/` and gives the compiled
//! whole, or every fault with its file, line and remedy. [`Plan::evaluate`] turns one event into POLE rows.

mod catalogue;
mod cell;
mod compile;
mod evaluate;
mod event;
mod expression;
mod fault;
mod fetch;
mod mapping;
mod odcs;
mod path;
mod source;
mod table;
mod time;

pub use catalogue::{Catalogue, File, Lists};
pub use cell::Cell;
pub use compile::Plan;
pub use evaluate::{Fault, Outcome, Row};
pub use event::{Event, ID_CHARS_MAX, KEY_CHARS_MAX, depth_exceeds};
pub use fault::Problem;
pub use fetch::{FETCHED, Fetch, FetchVersion, key_is_safe};
pub use odcs::{Document, Property, Quality};
pub use source::{Caller, Claims, EventOp, SourceContract};
pub use table::{Column, ColumnType, TableContract};
pub use time::{parse_date, parse_timestamp};

/// The deepest nesting of an event that is read. A deeper one is a mistake or an attack.
pub const NESTING_MAX: usize = 64;

/// The largest event, in bytes: 1 MiB, what a Kafka broker takes by default.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
