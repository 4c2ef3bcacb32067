//! What every reader of records gives.

use serde_json::Value;

/// A record, or its location and why it cannot be read. The reason never holds a value.
pub type BackfillRecord = Result<Value, String>;

/// The records of a file, in their order.
pub(super) type RecordIterator = Box<dyn Iterator<Item = BackfillRecord> + Send>;
