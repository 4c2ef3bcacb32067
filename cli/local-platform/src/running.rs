//! The platform while it runs: its functions, queues and mappings, and what waits in them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::clock::Clock;
use super::kafka_mapping::KafkaMapping;
use super::lambda::{InvokeError, LambdaFunction};
use super::landed_records::LandedRecords;
use super::operator_token::OperatorToken;
use super::queue::LocalQueue;
use super::raw_object_watch::RawObjectWatch;
use super::request_counts::{RequestCounters, RequestCounts};
use super::run_contracts::RunContracts;
use super::services::{EVENTS_QUEUE, RAW_OBJECTS_QUEUE};
use super::tokens::TokenIssuer;

/// The parts of the platform that requests reach while it runs.
pub struct RunningPlatform {
    /// The clock that stamps records.
    pub clock: Arc<Clock>,
    pub(super) relay: Arc<LambdaFunction>,
    pub(super) tokens: TokenIssuer,
    pub(super) operator: OperatorToken,
    /// What the raw zone holds of the embedded log; none where Kafka is external.
    pub(super) landed: Option<LandedRecords>,
    pub(super) functions: Vec<Arc<LambdaFunction>>,
    pub(super) queues: BTreeMap<String, Arc<LocalQueue>>,
    pub(super) mappings: Vec<Arc<KafkaMapping>>,
    /// Finds the raw objects of an external S3.
    pub(super) watch: Option<Arc<RawObjectWatch>>,
    /// The contracts that the functions run.
    pub(super) contracts: Arc<RunContracts>,
    /// The addresses that `/_local/status` answers with.
    pub(super) endpoints: Value,
    /// How many requests the embedded S3 and SQS were sent.
    pub(super) requests: RequestCounters,
}

impl RunningPlatform {
    /// The function of that name.
    #[must_use]
    pub fn find_function(&self, name: &str) -> Option<&Arc<LambdaFunction>> {
        self.functions
            .iter()
            .find(|function| function.name() == name)
    }

    /// The queue of that name.
    #[must_use]
    pub fn find_queue(&self, name: &str) -> Option<&Arc<LocalQueue>> {
        self.queues.get(name)
    }

    /// Invokes a function with a payload.
    ///
    /// # Errors
    /// As the function's; an unknown name is one too.
    pub async fn invoke_function(&self, name: &str, payload: &Value) -> Result<Value, InvokeError> {
        let function = self
            .find_function(name)
            .ok_or_else(|| InvokeError::Function(format!("there is no function `{name}`")))?;
        let answer = function.invoke(Bytes::from(payload.to_string())).await?;
        serde_json::from_slice(&answer).map_err(|error| InvokeError::Function(error.to_string()))
    }

    /// Records that are not in the raw zone yet, and messages that are not done.
    ///
    /// They are counted in the order in which an event goes, so that none is missed on its way from
    /// one to the next.
    ///
    /// # Errors
    /// When an external part does not answer.
    pub async fn pending_counts(&self) -> io::Result<(u64, u64)> {
        let to_relay = self.count_waiting(|name| name != RAW_OBJECTS_QUEUE && name != EVENTS_QUEUE);
        let events = self.count_waiting(|name| name == EVENTS_QUEUE);
        let lags = self.mappings.iter().map(|mapping| mapping.offset_lag());
        let lag: u64 = try_join_all(lags).await?.into_iter().sum();

        if let Some(watch) = &self.watch {
            watch.tell_new_objects().await?;
        }
        let raw_objects = self.count_waiting(|name| name == RAW_OBJECTS_QUEUE);
        Ok((lag, (to_relay + events + raw_objects) as u64))
    }

    /// Messages that are not done, of the queues of such a name.
    fn count_waiting(&self, is_counted: impl Fn(&str) -> bool) -> usize {
        let counted = self.queues.iter().filter(|(name, _)| is_counted(name));
        counted.map(|(_, queue)| queue.pending_count()).sum()
    }

    /// Waits until everything that was accepted is transformed.
    ///
    /// # Errors
    /// As [`Self::pending_counts`].
    pub async fn wait_until_settled(&self) -> io::Result<()> {
        while self.pending_counts().await? != (0, 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// How many requests the embedded S3 and SQS were sent since the platform started. Polls of the
    /// queues by the mappings are none: here they need no request.
    #[must_use]
    pub fn request_counts(&self) -> RequestCounts {
        self.requests.read_counts()
    }

    /// The folder's secret, which requests to `/_local/…` carry.
    #[must_use]
    pub fn operator_token(&self) -> &OperatorToken {
        &self.operator
    }

    /// The contracts that the functions run.
    #[must_use]
    pub fn contracts(&self) -> &RunContracts {
        &self.contracts
    }

    /// What the events queue holds; null without one.
    fn events_queue_json(&self) -> Value {
        let Some(queue) = self.find_queue(EVENTS_QUEUE) else {
            return Value::Null;
        };
        let counts = queue.count_messages();
        json!({
            "waiting": counts.waiting,
            "in_flight": counts.in_flight,
            "delayed": counts.delayed,
            "dead_letters": queue.dead_letter_count(),
            "oldest_age": counts.oldest_age,
        })
    }

    pub(super) async fn status_json(&self) -> Value {
        let pending = self.pending_counts().await;
        let counts = pending.as_ref().ok();
        let dead: usize = self
            .queues
            .values()
            .map(|queue| queue.dead_letter_count())
            .sum();
        let working: BTreeMap<&str, Vec<u32>> = self
            .functions
            .iter()
            .map(|function| (function.name(), function.busy_pids()))
            .collect();
        json!({
            "records_to_land": counts.map(|(records, _)| records),
            "messages_waiting": counts.map(|(_, messages)| messages),
            "unknown": pending.as_ref().err().map(ToString::to_string),
            "dead_letters": dead,
            "events_queue": self.events_queue_json(),
            "clock_millis": self.clock.now_millis(),
            "working": working,
            "places": self.endpoints,
            "contracts": {"folder": self.contracts.folder, "digests": self.contracts.digests},
        })
    }
}
