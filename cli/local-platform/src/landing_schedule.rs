//! The schedule that starts the landing of the events queue, in place of a mapping.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::lambda::LambdaFunction;
use super::queue::LocalQueue;

/// How long an empty queue is left alone; messages that failed become visible by time alone.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The time between a first message and the invocation: minutes on AWS, and here so short that a
/// user does not wait.
const WINDOW: Duration = Duration::from_millis(200);

/// What the schedule sends, as Terraform writes it.
const EMPTY_QUEUE_ORDER: &str = r#"{"empty_queue":true}"#;

/// What starts the landing of the events queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueLanding {
    /// Lambda's event source mapping, which hands over batches.
    #[default]
    Mapping,
    /// A schedule, whose invocation empties the queue.
    Schedule,
}

impl FromStr for QueueLanding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mapping" => Ok(Self::Mapping),
            "schedule" => Ok(Self::Schedule),
            _ => Err("it is `mapping` or `schedule`".to_owned()),
        }
    }
}

/// Starts the function whenever messages wait, until the platform ends. `done` is told of every
/// invocation that ended well.
pub(crate) async fn run_landing_schedule(
    queue: Arc<LocalQueue>,
    function: Arc<LambdaFunction>,
    done: Arc<Notify>,
) {
    loop {
        if !queue.has_visible_message() {
            queue.wait_for_message(LOOK_EVERY).await;
            continue;
        }

        tokio::time::sleep(WINDOW).await;
        let order = Bytes::from_static(EMPTY_QUEUE_ORDER.as_bytes());
        match function.invoke(order).await {
            Ok(_) => done.notify_one(),
            Err(error) => {
                tracing::warn!(%error, function = function.name(), "the queue was not emptied");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}
