//! The landing of the events queue, with two consumers: messages come in any order, twice, to both
//! at once, and again when an invocation takes too long.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fault_queue::FaultQueue;
use crate::guards::Guard;
use crate::stages::{failed_messages, hour_budget, invoke_with_faults};
use crate::world::{World, WorldTransport};

/// Consumers at once.
const CONSUMERS: usize = 2;

/// The events queue of a world that has it.
pub(crate) fn queue_of(world: &World) -> &FaultQueue {
    let queue = match &world.transport {
        WorldTransport::Queue(queue) => Some(queue.as_ref()),
        WorldTransport::Kafka(_) => None,
    };
    queue.unwrap()
}

/// What a schedule sends to the landing.
const EMPTY_QUEUE_ORDER: &str = r#"{"empty_queue": true}"#;

pub(crate) struct QueueLandingStage {
    sandboxes: [raw_landing::Context; CONSUMERS],
    /// Whether a schedule starts the landing, and no mapping.
    is_scheduled: bool,
}

impl QueueLandingStage {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            sandboxes: [world.landing_context(), world.landing_context()],
            is_scheduled: world.injector.is_drawn(300),
        }
    }

    /// One invocation, perhaps with the other consumer's at the same time: each with its own
    /// batch, or with a message of the other's, which was visible again too early.
    pub(crate) async fn run_once(&mut self, world: &World) {
        let place = world.injector.random_below(CONSUMERS);
        if world.injector.inject_fault("landing starts cold", 100) {
            self.sandboxes[place] = world.landing_context();
        }
        if self.is_scheduled {
            self.empty_queue(world, place).await;
            return;
        }
        let (mut mine, mut theirs) = split_waiting(world);
        if mine.is_empty() {
            return;
        }
        if world.injector.inject_fault("message delivered again", 150) {
            mine.extend(any_stored(world));
        }
        if !world.injector.is_drawn(300) {
            self.invoke(world, place, &mine).await;
            return;
        }

        let is_shared = world.injector.inject_fault("visible too early", 200);
        theirs.extend(mine.first().filter(|_| is_shared));
        let other = (place + 1) % CONSUMERS;
        let (mine, theirs) = (deduplicated(mine), deduplicated(theirs));
        let outcomes = tokio::join!(
            land(world, &self.sandboxes[place], &mine),
            land(world, &self.sandboxes[other], &theirs)
        );
        self.settle(world, (place, &mine), outcomes.0);
        self.settle(world, (other, &theirs), outcomes.1);
    }

    /// A schedule's invocation, perhaps with the next one's at the same time.
    async fn empty_queue(&mut self, world: &World, place: usize) {
        if !world.injector.inject_fault("messages still hidden", 200) {
            queue_of(world).show_hidden();
        }
        let other = (place + 1) % CONSUMERS;
        let overlaps = world.injector.inject_fault("schedules overlap", 200);
        let (mine, theirs) = tokio::join!(empty_queue_once(world, &self.sandboxes[place]), async {
            match overlaps {
                true => empty_queue_once(world, &self.sandboxes[other]).await,
                false => true,
            }
        });
        for (place, outlived) in [(place, mine), (other, theirs)] {
            if !outlived {
                self.sandboxes[place] = world.landing_context();
            }
        }
    }

    async fn invoke(&mut self, world: &World, place: usize, numbers: &[usize]) {
        let numbers = deduplicated(numbers.to_vec());
        let answer = land(world, &self.sandboxes[place], &numbers).await;
        self.settle(world, (place, &numbers), answer);
    }

    /// Deletes what the answer does not name. An invocation that was killed deletes nothing, and
    /// its sandbox is gone.
    fn settle(
        &mut self,
        world: &World,
        (place, numbers): (usize, &[usize]),
        answer: Option<Result<Value, host::Failure>>,
    ) {
        let failed = match answer {
            None => {
                self.sandboxes[place] = world.landing_context();
                return;
            }
            Some(Err(_)) => return,
            Some(Ok(_)) if world.broken == Some(Guard::PartialAnswer) => BTreeSet::new(),
            Some(Ok(answer)) => failed_messages(&answer),
        };
        for number in numbers {
            let is_deleted = !failed.contains(&number.to_string());
            if is_deleted && !world.injector.inject_fault("message not deleted", 50) {
                queue_of(world).delete_message(*number);
            }
        }
    }

    /// Every message that was ever stored, to a new sandbox: none of them lands again.
    pub(crate) async fn reland_everything(world: &World) {
        let all: Vec<usize> = queue_of(world).stored_messages().into_keys().collect();
        let answer = land(world, &world.landing_context(), &all).await;
        let answer = answer.unwrap().unwrap();
        assert!(
            failed_messages(&answer).is_empty(),
            "everything lands again"
        );
    }

    /// Messages that the landing misses, as it would tell them an hour later.
    pub(crate) async fn missing_messages(world: &World) -> Result<u64, String> {
        let sandbox = world.landing_context();
        let now = host::now_micros() / 1_000;
        let mut missing = 0;
        // The first look notes since when.
        for moment in [now, now + 3_600_000] {
            let found = raw_landing::count_missing_messages(&sandbox, moment).await;
            missing = found.map_err(|failure| failure.to_string())?;
        }
        Ok(missing)
    }
}

/// Empties the queue as far as faults let it; false when the sandbox was killed.
async fn empty_queue_once(world: &World, sandbox: &raw_landing::Context) -> bool {
    let landing = raw_landing::handle(EMPTY_QUEUE_ORDER, sandbox, hour_budget());
    invoke_with_faults(world, landing).await.is_some()
}

async fn land(
    world: &World,
    sandbox: &raw_landing::Context,
    numbers: &[usize],
) -> Option<Result<Value, host::Failure>> {
    let payload = queue_of(world).encode_batch(numbers);
    let landing = raw_landing::handle(&payload, sandbox, hour_budget());
    let answer = invoke_with_faults(world, landing).await?;
    Some(answer.map(|failures| serde_json::to_value(failures).unwrap()))
}

/// The batches of two consumers: some of what waits, in any order.
fn split_waiting(world: &World) -> (Vec<usize>, Vec<usize>) {
    let mut waiting = queue_of(world).waiting();
    world.injector.shuffle(&mut waiting);
    if !world.injector.faults_stopped() {
        waiting.truncate(1 + world.injector.random_below(12));
    }
    let theirs = waiting.split_off(waiting.len().div_ceil(2));
    (waiting, theirs)
}

/// A message that was stored once, deleted or not: SQS may deliver it all the same.
fn any_stored(world: &World) -> Option<usize> {
    let stored = queue_of(world).stored_messages();
    let kept: Vec<usize> = stored
        .into_iter()
        .filter(|(_, message)| !message.is_lost())
        .map(|(number, _)| number)
        .collect();
    let place = world.injector.random_below(kept.len());
    kept.get(place).copied()
}

fn deduplicated(mut numbers: Vec<usize>) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    numbers.retain(|number| seen.insert(*number));
    numbers
}
