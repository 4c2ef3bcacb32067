//! What the model assumes and no benchmark has measured.

/// CPU-seconds on Lambda's Graviton for one on the measuring machine: an estimate on the safe side.
pub(crate) const GRAVITON_SLOWDOWN: f64 = 1.4;

/// Memory with which Lambda gives a function one processor, in megabytes.
pub(crate) const MEGABYTES_PER_PROCESSOR: f64 = 1_769.0;

/// Memory of relay, landing, transform, and of merge and report, in megabytes, as `infra/` sets it.
pub(crate) const MEMORY_MEGABYTES: [f64; 4] = [512.0, 512.0, 1_024.0, 1_769.0];

/// Seconds that Kafka, or the events queue, takes to acknowledge.
pub(crate) const ACKNOWLEDGE_WAIT: f64 = 0.02;
/// Seconds of a PUT to S3.
pub(crate) const PUT_WAIT: f64 = 0.04;
/// Seconds of a GET from S3.
pub(crate) const GET_WAIT: f64 = 0.02;
/// Refined objects that the transform writes at once.
pub(crate) const PUTS_AT_ONCE: f64 = 8.0;

/// Seconds that a day's merge and report wait for S3 and Glue: 20 tables, 25 requests each, eight
/// tables at once.
pub(crate) const DAY_WAIT: f64 = 2.0;

/// Sources, each with a topic of its own.
pub(crate) const SOURCES: f64 = 8.0;
/// Tables that are merged.
pub(crate) const TABLES: f64 = 20.0;
/// Bytes of events in a payload of Kafka that Lambda gathers at most: 6 MB of JSON and base64.
pub(crate) const BATCH_BYTES: f64 = 4_500_000.0;

/// Lanes of the events queue, whose states each landing reads: what `infra/` sets up.
pub(crate) const LANES: f64 = 2.0;

/// Batches of the events queue that Lambda gathers in one window. It polls with five connections
/// and says only that it starts with five batches at a time; that each gathers one for itself is
/// the dearest reading. Not measured: there is no account.
pub(crate) const BATCHES_OF_A_WINDOW: f64 = 5.0;
/// Bytes that one invocation takes from the events queue, and the messages.
pub(crate) const INVOCATION_BYTES: f64 = 6e6;
/// Messages of an invocation, at most.
pub(crate) const INVOCATION_MESSAGES: f64 = 10_000.0;
/// Bytes of JSON around a message in the invocation.
pub(crate) const ENVELOPE_BYTES: f64 = 600.0;
/// Bytes of a request to SQS that are billed as one.
pub(crate) const SQS_REQUEST_BYTES: f64 = 65_536.0;
/// Messages that a poll receives: each comes alone, which is the dearest reading. Ten is the most.
pub(crate) const RECEIVED_AT_ONCE: f64 = 1.0;
/// Messages that one request receives or deletes, at most.
pub(crate) const MESSAGES_OF_A_REQUEST: f64 = 10.0;

/// Receives that a scheduled landing has at once, as `raw-landing` makes them.
pub(crate) const RECEIVES_AT_ONCE: f64 = 4.0;
/// Seconds of a request to SQS, within a region.
pub(crate) const SQS_WAIT: f64 = 0.015;
/// Seconds for which the last receive of a scheduled landing waits.
pub(crate) const LAST_RECEIVE_WAIT: f64 = 1.0;

/// Requests of the transform for a raw object beyond its tables and its receipt: HEAD of the
/// receipt, GET of the object, GET of the erasure list.
pub(crate) const TRANSFORM_GETS: f64 = 3.0;
/// GETs of a receipt by the merge and the report.
pub(crate) const RECEIPT_GETS: f64 = 2.0;
/// PUTs of a merged table: rows, state, profile, manifest, and three files of Iceberg.
pub(crate) const TABLE_PUTS: f64 = 7.0;
/// GETs of a merged table.
pub(crate) const TABLE_GETS: f64 = 20.0;
/// Glue's requests for a merged table.
pub(crate) const TABLE_GLUE: f64 = 12.0;
/// Keys that one LIST returns.
pub(crate) const KEYS_PER_LIST: f64 = 1_000.0;

/// Long polls of SQS in a month: five pollers, each 20 s.
pub(crate) const IDLE_POLLS: f64 = 5.0 * 3.0 * 60.0 * super::prices::HOURS_PER_MONTH;
/// SQS requests of a message: sent, received, deleted.
pub(crate) const MESSAGE_REQUESTS: f64 = 3.0;

/// Months for which raw and refined objects are retained.
pub(crate) const MONTHS_RETAINED: f64 = 12.0;
/// Bytes of a row in a snapshot.
pub(crate) const ROW_BYTES: f64 = 100.0;
/// Days for which a snapshot is retained, as if no two days shared a file.
pub(crate) const DAYS_RETAINED: f64 = 55.0;

/// Bytes that CloudWatch counts for a log event beside its text.
pub(crate) const LOG_EVENT_BYTES: f64 = 26.0;
/// Bytes of the HTTP API's access log for a request.
pub(crate) const ACCESS_LOG_BYTES: f64 = 450.0;
/// Traces a second that Lambda records of all, and the share of the others, without a sampling rule
/// of one's own.
pub(crate) const TRACES_A_SECOND: f64 = 1.0;
/// Share of the other invocations that are traced.
pub(crate) const TRACED_SHARE: f64 = 0.05;
/// S3 requests for one request to KMS, with bucket keys.
pub(crate) const REQUESTS_PER_KEY_CALL: f64 = 100.0;
/// State transitions of a day that is fanned out.
pub(crate) const DAY_TRANSITIONS: f64 = 100.0;

/// An example of reading: queries a month, and megabytes of each.
pub(crate) const MONTHLY_QUERIES: (f64, f64) = (1_000.0, 100.0);

/// Days of a month.
pub(crate) const DAYS_PER_MONTH: f64 = 30.0;
