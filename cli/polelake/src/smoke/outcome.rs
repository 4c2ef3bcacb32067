//! What a smoke test saw: the hops of its event, and where to look when one does not happen.

use serde::Serialize;

/// A hop of the event's way through the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SmokeHop {
    /// The relay took the event, and Kafka has acknowledged it.
    Accepted,
    /// A raw object holds it.
    Landed,
    /// Its receipt is written, and its row is in the refined zone.
    Refined,
    /// The day's snapshot has committed it.
    Merged,
    /// The relay took the event that ends the test.
    Ended,
}

impl SmokeHop {
    /// The hop in one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Landed => "landed",
            Self::Refined => "refined",
            Self::Merged => "merged",
            Self::Ended => "ended",
        }
    }

    /// Where to look when it does not happen.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Accepted | Self::Ended => {
                "look at event-relay: its log and errors, its reserved concurrency, and whether \
                 Kafka answers; a 403 means that the contract of `platform-smoke` does not let the \
                 caller's role push"
            }
            Self::Landed => {
                "look at raw-landing: whether its event source mapping is enabled and reads the \
                 topic `platform-smoke`, its offset lag and its log"
            }
            Self::Refined => {
                "look at pole-transform: the queue of raw objects and its dead letters, its log; \
                 `polelake quarantine show --source platform-smoke` when it was refused"
            }
            Self::Merged => {
                "look at snapshot-merge: whether its schedule ran or an operator invoked it for \
                 this day, its log; `polelake snapshot show event DATE` says what held it back"
            }
        }
    }
}

/// A hop that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SmokeStep {
    /// The hop.
    pub hop: SmokeHop,
    /// Seconds since the hop before.
    pub seconds: f64,
    /// The object or the answer that shows it.
    pub seen: String,
}

/// The outcome of a test.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SmokeOutcome {
    /// The name of the run, which its events carry.
    pub run: String,
    /// The hops that happened, in their order.
    pub steps: Vec<SmokeStep>,
    /// The first hop that did not happen, why, and where to look.
    pub failed: Option<SmokeFailure>,
}

/// A hop that did not happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SmokeFailure {
    /// The hop.
    pub hop: SmokeHop,
    /// What the test saw instead.
    pub why: String,
    /// Where to look.
    pub remedy: &'static str,
}
