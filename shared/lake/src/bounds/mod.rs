//! Reads Parquet within bounds: what a file would take in memory is known, and refused, before
//! anything of it is decoded.
//!
//! Three things say how large a page becomes, and each may lie: the footer, the page's own header,
//! and the page. All headers are read before the first page ([`page_headers`]), each page before
//! its values are decoded ([`page_reader`]), and the rows of a batch are as few as the largest
//! value asks for ([`batches`]).

mod batches;
mod checked_group;
mod footer_walk;
mod page_headers;
mod page_reader;
mod page_values;
mod row_width;
mod thrift;

pub use batches::BoundedBatches;
pub(crate) use batches::{check_file_footer, collect_batches};

#[cfg(test)]
mod tests;
