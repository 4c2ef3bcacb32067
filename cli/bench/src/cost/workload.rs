//! A month: how many events come, how they are carried and batched, and what is set up to watch.

use contract::Transport;
use serde::Serialize;

use super::assumptions as assumed;
use super::measure::CostMeasurements;

/// How much of a deployment is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Watching {
    /// One alarm for each thing that an operator must act on, metrics without source and topic, no
    /// traces, no dashboard, one key.
    Small,
    /// Alarms for each source, topic, function and queue, metrics of each source and table, traces,
    /// a dashboard, a key for each zone.
    Full,
}

impl Watching {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Full];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Full => "full",
        }
    }

    /// Customer's keys in KMS.
    pub(crate) fn usual_keys(self) -> f64 {
        match self {
            Self::Small => 1.0,
            Self::Full => 6.0,
        }
    }
}

/// A month of a deployment.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct MonthlyWorkload {
    /// Events.
    pub(crate) events: f64,
    /// Partitions of a topic of Kafka.
    pub(crate) partitions: f64,
    /// Rows of all snapshots together.
    pub(crate) rows: f64,
    /// Seconds for which Lambda gathers a batch.
    pub(crate) window: f64,
    /// Events of one request.
    pub(crate) per_request: f64,
    /// What carries them.
    #[serde(serialize_with = "serialize_transport")]
    pub(crate) transport: Transport,
    /// How much is watched.
    pub(crate) watching: Watching,
    /// Keys in KMS; none are AWS's own keys, which cost nothing.
    pub(crate) keys: f64,
    /// Batches of the events queue in a window.
    pub(crate) batches_of_a_window: f64,
    /// Months for which refined objects are kept.
    pub(crate) refined_months: f64,
    /// Whether requests come by API Gateway, and not by a function URL.
    pub(crate) has_http_api: bool,
    /// Whether the rows of a raw object are one refined object, whatever their tables.
    pub(crate) tables_together: bool,
    /// Whether a schedule starts the landing once in a window, which then empties the events queue
    /// itself, and not a mapping.
    pub(crate) is_landing_scheduled: bool,
}

fn serialize_transport<S: serde::Serializer>(
    transport: &Transport,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(transport.name())
}

/// What lands in a month.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LandedMonth {
    /// Invocations of raw-landing.
    pub(crate) invocations: f64,
    /// Raw objects.
    pub(crate) objects: f64,
}

impl MonthlyWorkload {
    /// A month of so many events, with partitions and rows as one of that size has them, deployed
    /// as `infra/` does it.
    pub(crate) fn of(events: f64, transport: Transport, watching: Watching) -> Self {
        let (partitions, rows) = match events {
            events if events <= 1e6 => (1.0, 1e6),
            events if events <= 7e7 => (2.0, 1e7),
            _ => (6.0, 5e7),
        };
        Self {
            events,
            partitions,
            rows,
            window: 300.0,
            per_request: 10.0,
            transport,
            watching,
            keys: watching.usual_keys(),
            batches_of_a_window: assumed::BATCHES_OF_A_WINDOW,
            refined_months: assumed::MONTHS_RETAINED,
            has_http_api: true,
            tables_together: false,
            is_landing_scheduled: false,
        }
    }

    /// Requests to the relay.
    pub(crate) fn requests(&self) -> f64 {
        self.events / self.per_request
    }

    /// Partitions of all topics together.
    pub(crate) fn streams(&self) -> f64 {
        assumed::SOURCES * self.partitions
    }

    /// Refined objects of a raw object.
    pub(crate) fn tables_of_an_object(&self, measured: &CostMeasurements) -> f64 {
        match self.tables_together {
            true => 1.0,
            false => measured.tables_of_an_object,
        }
    }

    /// What lands: an object for each stream, or topic, and batch in which something came; more
    /// where one payload cannot hold it.
    pub(crate) fn landed(&self, measured: &CostMeasurements) -> LandedMonth {
        match self.transport {
            Transport::Kafka => self.landed_from_kafka(measured),
            Transport::Queue => self.landed_from_queue(measured),
        }
    }

    /// Windows of a month.
    pub(crate) fn windows(&self) -> f64 {
        assumed::DAYS_PER_MONTH * 86_400.0 / self.window
    }

    /// Each partition is a batch of its own; the events of a request lie in several of its topic's.
    fn landed_from_kafka(&self, measured: &CostMeasurements) -> LandedMonth {
        let batches = self.streams() * self.windows();
        let missed = (1.0 - 1.0 / self.partitions).powf(self.per_request);
        let arrivals = self.requests() * self.partitions * (1.0 - missed) / batches;
        let bytes = self.events / batches * measured.event_bytes;
        let payloads = (bytes / assumed::BATCH_BYTES).ceil();
        let objects = batches * share_not_empty(arrivals) * payloads.max(1.0);
        LandedMonth {
            invocations: objects,
            objects,
        }
    }

    /// A batch holds messages of all topics, and gives an object for each of them.
    fn landed_from_queue(&self, measured: &CostMeasurements) -> LandedMonth {
        let batches = match self.is_landing_scheduled {
            true => self.windows(),
            false => self.windows() * self.batches_of_a_window,
        };
        let messages = self.requests() / batches;
        let message_bytes = measured.message_bytes(self.per_request) + assumed::ENVELOPE_BYTES;
        let by_bytes = messages * message_bytes / assumed::INVOCATION_BYTES;
        let payloads = by_bytes.max(messages / assumed::INVOCATION_MESSAGES).ceil();
        let payloads = payloads.max(1.0);

        let of_a_topic = messages / assumed::SOURCES;
        LandedMonth {
            invocations: match self.is_landing_scheduled {
                // A schedule starts the function whether something waits or not.
                true => batches * payloads,
                false => batches * share_not_empty(messages) * payloads,
            },
            objects: batches * assumed::SOURCES * share_not_empty(of_a_topic) * payloads,
        }
    }
}

/// The share of batches in which something comes, when so much comes on average.
fn share_not_empty(mean: f64) -> f64 {
    1.0 - (-mean).exp()
}

/// Requests to SQS for the events queue: messages are sent, received and deleted, in units of
/// 64 KB, and empty polls go on for ever.
pub(crate) fn queue_requests(
    month: &MonthlyWorkload,
    measured: &CostMeasurements,
    landed: &LandedMonth,
) -> f64 {
    let messages = month.requests();
    let bytes = measured.message_bytes(month.per_request);
    let units = (bytes / assumed::SQS_REQUEST_BYTES).ceil().max(1.0);
    let sent = messages * units;
    // The notice of a message is sent with it, and comes as a message of its own.
    let delivered = 2.0 * messages;
    let tens = delivered / assumed::MESSAGES_OF_A_REQUEST + landed.invocations;
    // Tens are up to ten units, as their bytes are.
    let tens_units = tens.max(messages * bytes / assumed::SQS_REQUEST_BYTES);
    let (received, idle) = match month.is_landing_scheduled {
        true => (tens_units, 0.0),
        false => (
            messages * (units + 1.0) / assumed::RECEIVED_AT_ONCE,
            assumed::IDLE_POLLS,
        ),
    };
    sent + received + tens.min(delivered) + idle
}
