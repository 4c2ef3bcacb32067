//! The landing of Kafka's records, with its event source mapping.

use std::collections::BTreeMap;

use local_platform::kafka::{LogRecord, PartitionLog};
use local_platform::kafka_mapping::encode_lambda_record;
use raw_landing::KafkaFailureMode;

use crate::kafka_parts::KafkaParts;
use crate::stages::{hour_budget, invoke_with_faults};
use crate::world::{SOURCE, World, WorldTransport};

/// Kafka of a world that has it.
pub(crate) fn kafka_of(world: &World) -> &KafkaParts {
    let kafka = match &world.transport {
        WorldTransport::Kafka(kafka) => Some(kafka),
        WorldTransport::Queue(_) => None,
    };
    kafka.unwrap()
}

/// The landing with its event source mapping of Kafka.
pub(crate) struct KafkaLandingStage {
    sandbox: raw_landing::Context,
    /// Kafka on demand: a partial answer does not exist, and the whole batch fails.
    is_on_demand: bool,
    committed: BTreeMap<i32, i64>,
}

impl KafkaLandingStage {
    pub(crate) fn new(world: &World) -> Self {
        let is_on_demand = world.injector.is_drawn(300);
        Self {
            sandbox: sandbox_of(world, is_on_demand),
            is_on_demand,
            committed: BTreeMap::new(),
        }
    }

    fn new_sandbox(&self, world: &World) -> raw_landing::Context {
        sandbox_of(world, self.is_on_demand)
    }

    /// Records that are not committed yet.
    pub(crate) fn offset_lag(&self, world: &World) -> i64 {
        let logs = kafka_of(world).topics.get_or_create_topic(SOURCE).unwrap();
        (0..)
            .zip(logs.iter())
            .map(|(partition, log)| log.next_offset() - self.committed_offset(partition))
            .sum()
    }

    fn committed_offset(&self, partition: i32) -> i64 {
        self.committed.get(&partition).copied().unwrap_or_default()
    }

    /// One invocation, perhaps with a zombie beside it that was given other batches.
    pub(crate) async fn run_once(&mut self, world: &World) {
        if world.injector.inject_fault("landing starts cold", 100) {
            self.sandbox = self.new_sandbox(world);
        }
        let (payload, ends) = self.next_batch(world);
        if world
            .injector
            .inject_fault("zombie beside the landing", 100)
        {
            let (other, _) = self.next_batch(world);
            let zombie = self.new_sandbox(world);
            let mine = invoke_with_faults(
                world,
                raw_landing::handle(&payload, &self.sandbox, hour_budget()),
            );
            let theirs =
                invoke_with_faults(world, raw_landing::handle(&other, &zombie, hour_budget()));
            let (mine, _) = tokio::join!(mine, theirs);
            self.settle_answer(world, mine, ends);
            return;
        }
        let answer = invoke_with_faults(
            world,
            raw_landing::handle(&payload, &self.sandbox, hour_budget()),
        )
        .await;
        self.settle_answer(world, answer, ends);
    }

    fn settle_answer(
        &mut self,
        world: &World,
        answer: Option<Result<trigger::BatchFailures, host::Failure>>,
        mut ends: BTreeMap<i32, i64>,
    ) {
        let Some(answer) = answer else {
            self.sandbox = self.new_sandbox(world);
            return;
        };
        let Ok(failures) = answer else { return };
        let failures = serde_json::to_value(failures).unwrap();
        for failure in failures["batchItemFailures"].as_array().unwrap() {
            let item = &failure["itemIdentifier"];
            let partition = item["partition"]
                .as_str()
                .unwrap()
                .rsplit('-')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            ends.insert(partition, item["offset"].as_i64().unwrap());
        }
        self.committed.extend(ends);
    }

    /// Some records of some partitions, as Lambda cuts them; sometimes from before what was
    /// committed.
    fn next_batch(&self, world: &World) -> (String, BTreeMap<i32, i64>) {
        let logs = kafka_of(world).topics.get_or_create_topic(SOURCE).unwrap();
        let (mut parts, mut ends) = (Vec::new(), BTreeMap::new());
        for (partition, log) in (0..).zip(logs.iter()) {
            let mut from = self.committed_offset(partition);
            if world.injector.inject_fault("records delivered again", 150) {
                from = (from - world.injector.random_below(12) as i64).max(0);
            }
            if !world.injector.faults_stopped() && world.injector.is_drawn(200) {
                continue;
            }
            let records = cut_records(world, log, from);
            if let Some(last) = records.last() {
                ends.insert(partition, last.offset + 1);
                parts.push((partition, records));
            }
        }
        (kafka_payload(&parts), ends)
    }

    /// Everything from the beginning, in one batch and a new sandbox.
    pub(crate) async fn reland_everything(world: &World) {
        let logs = kafka_of(world).topics.get_or_create_topic(SOURCE).unwrap();
        let all: Vec<_> = (0..)
            .zip(logs.iter())
            .map(|(partition, log)| (partition, log.read_records(0, usize::MAX).unwrap()))
            .collect();
        let failures = raw_landing::handle(
            &kafka_payload(&all),
            &world.landing_context(),
            hour_budget(),
        )
        .await
        .unwrap();
        assert!(failures.is_empty(), "everything lands again");
    }
}

fn sandbox_of(world: &World, is_on_demand: bool) -> raw_landing::Context {
    let mode = match is_on_demand {
        true => KafkaFailureMode::WholeBatch,
        false => KafkaFailureMode::Partial,
    };
    world.landing_context().with_kafka_failures(mode)
}

fn cut_records(world: &World, log: &PartitionLog, from: i64) -> Vec<LogRecord> {
    let mut records = log.read_records(from, usize::MAX).unwrap();
    if !world.injector.faults_stopped() {
        records.truncate(1 + world.injector.random_below(20));
    }
    records
}

fn kafka_payload(parts: &[(i32, Vec<LogRecord>)]) -> String {
    let part = |(partition, records): &(i32, Vec<LogRecord>)| {
        let records: Vec<String> = records
            .iter()
            .map(|record| encode_lambda_record(SOURCE, *partition, record))
            .collect();
        format!("\"{SOURCE}-{partition}\":[{}]", records.join(","))
    };
    format!(
        "{{\"eventSource\":\"aws:kafka\",\"records\":{{{}}}}}",
        parts.iter().map(part).collect::<Vec<_>>().join(",")
    )
}
