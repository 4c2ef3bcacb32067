//! Faults between a producer and the broker, for tests that inject them.

use std::sync::Arc;

/// Kafka's error code for a record that is too large.
pub const MESSAGE_TOO_LARGE: i16 = 10;

/// Kafka's error code for too few replicas in sync: a retry may succeed.
pub const NOT_ENOUGH_REPLICAS: i16 = 19;

/// Kafka's error code for a topic that the client may not use.
pub const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// Kafka's error code for a producer that another has replaced: retries with the same producer
/// fail.
pub const INVALID_PRODUCER_EPOCH: i16 = 47;

/// What happens to a produce request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProduceFault {
    /// It is appended and answered.
    NoFault,
    /// It is refused with this error code; nothing is appended.
    Refused(i16),
    /// It is appended, and answered with this error code.
    RefusedAfterAppend(i16),
    /// The connection ends before it is appended.
    LostBeforeAppend,
    /// The connection ends after it was appended.
    LostAfterAppend,
}

/// Chooses the fault of each produce request.
pub type FaultInjection = Arc<dyn Fn() -> ProduceFault + Send + Sync>;

/// Injects no faults.
#[must_use]
pub fn no_faults() -> FaultInjection {
    Arc::new(|| ProduceFault::NoFault)
}
