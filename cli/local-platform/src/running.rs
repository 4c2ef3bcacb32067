//! The platform while it runs: its functions, queues and mappings, and what waits in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::clock::Clock;
use super::kafka_mapping::KafkaMapping;
use super::lambda::{InvokeError, LambdaFunction};
use super::landed_records::LandedRecords;
use super::operator_token::OperatorToken;
use super::queue::LocalQueue;
use super::run_contracts::RunContracts;
use super::tokens::TokenIssuer;

/// The parts of the platform that requests reach while it runs.
pub struct RunningPlatform {
    /// The clock that stamps records.
    pub clock: Arc<Clock>,
    pub(super) relay: Arc<LambdaFunction>,
    pub(super) tokens: TokenIssuer,
    pub(super) operator: OperatorToken,
    pub(super) landed: LandedRecords,
    pub(super) functions: Vec<Arc<LambdaFunction>>,
    pub(super) queues: BTreeMap<String, Arc<LocalQueue>>,
    pub(super) mappings: Vec<Arc<KafkaMapping>>,
    /// The contracts that the functions run.
    pub(super) contracts: Arc<RunContracts>,
    /// The addresses that `/_local/status` answers with.
    pub(super) endpoints: Value,
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
    #[must_use]
    pub fn pending_counts(&self) -> (u64, u64) {
        let lag: i64 = self
            .mappings
            .iter()
            .map(|mapping| mapping.offset_lag())
            .sum();
        let waiting: usize = self
            .queues
            .values()
            .map(|queue| queue.pending_count())
            .sum();
        (lag.unsigned_abs(), waiting as u64)
    }

    /// Waits until everything that was accepted is transformed.
    pub async fn wait_until_settled(&self) {
        while self.pending_counts() != (0, 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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

    pub(super) fn status_json(&self) -> Value {
        let (records, messages) = self.pending_counts();
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
            "records_to_land": records,
            "messages_waiting": messages,
            "dead_letters": dead,
            "clock_millis": self.clock.now_millis(),
            "working": working,
            "places": self.endpoints,
            "contracts": {"folder": self.contracts.folder, "digests": self.contracts.digests},
        })
    }
}
