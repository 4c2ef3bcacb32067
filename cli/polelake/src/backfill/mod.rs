//! Backfill: records of old systems become events, and go through the same API as every event.
//!
//! An event that is made of a record has the record's own time and an id made of its bytes: sending
//! it again changes nothing, and older state never overwrites newer. So a run that broke off can
//! simply continue.

pub(crate) mod batch;
mod csv_parser;
mod csv_rows;
mod doubles;
pub mod dynamo;
mod header;
pub mod journal;
pub mod json_documents;
pub mod pages;
pub mod record;
pub mod records;
pub mod sniffer;
mod table_row;
mod table_rows;
mod text_decoder;
pub mod xlsx;
