//! The state machine that deploys, carried out over the real functions: plan, merge each shard,
//! publish, report. What it leaves is what one invocation leaves.

#![allow(
    clippy::panic,
    reason = "what the machine uses and this does not know must stop the test"
)]

mod language;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use host::{Failure, FailureKind, TimeBudget};
use serde_json::{Value, json};
use snapshot_merge::{Context, MergeRequest, MergeSizes};
use store::{MemoryStore, ObjectStore};

use crate::closed_store::ClosedStore;
use crate::days_in_memory::{Days, objects};
use crate::lake_under_test::{MONDAY, person_event, repository_root};
use language::{StateError, TOO_MANY_FAILED};

/// Carries the machine out over the real functions.
struct Machine<'m> {
    lake: &'m Days,
    /// The context of `snapshot-merge`.
    context: Context,
    site: Arc<MemoryStore>,
    /// Whether a payload is answered as failed, without the function.
    withholds: fn(&Value) -> bool,
    /// What was invoked, in order.
    invoked: std::sync::Mutex<Vec<Value>>,
}

impl<'m> Machine<'m> {
    fn over(lake: &'m Days) -> Self {
        Self {
            lake,
            context: lake.context(),
            site: Arc::default(),
            withholds: |_| false,
            invoked: Default::default(),
        }
    }

    fn run<'f>(
        &'f self,
        machine: &'f Value,
        input: Value,
    ) -> LocalBoxFuture<'f, Result<Value, StateError>> {
        Box::pin(async move {
            let (mut input, mut name) = (input, machine["StartAt"].as_str().unwrap());
            loop {
                let state = &machine["States"][name];
                let result = match state["Type"].as_str().unwrap() {
                    "Task" => self.task(state, &input).await,
                    "Map" => self.map(state, &input).await,
                    "Pass" => Ok(language::fill(&state["Parameters"], &input)),
                    "Succeed" => return Ok(input),
                    "Fail" => return Err(language::fail(state, &input)),
                    "Choice" => {
                        name = language::choose(state, &input);
                        continue;
                    }
                    other => panic!("{name}: {other} is not known here"),
                };
                match result {
                    Ok(result) => input = language::place(input, state.get("ResultPath"), result),
                    Err(error) => {
                        (name, input) = language::catch(state, input, &error)?;
                        continue;
                    }
                }
                match state.get("Next") {
                    Some(next) => name = next.as_str().unwrap(),
                    None => return Ok(input),
                }
            }
        })
    }

    async fn task(&self, state: &Value, input: &Value) -> Result<Value, StateError> {
        assert_eq!(state["Resource"], "arn:aws:states:::lambda:invoke");
        let parameters = language::fill(&state["Parameters"], input);
        let payload = parameters["Payload"].clone();
        self.invoked.lock().unwrap().push(payload.clone());
        let function = parameters["FunctionName"].as_str().unwrap();
        let answer = self.invoke(function, payload).await;
        let answer = answer.map_err(|failure| StateError {
            error: failure.kind.error_type().to_owned(),
            cause: failure.message,
        })?;
        Ok(selected(state, &json!({"Payload": answer})))
    }

    async fn invoke(&self, function: &str, payload: Value) -> Result<Value, Failure> {
        if (self.withholds)(&payload) {
            return Err(Failure::new(FailureKind::Corrupt, "withheld by the test"));
        }
        match function {
            "${snapshot_merge}" => {
                let request: MergeRequest = serde_json::from_value(payload).unwrap();
                let budget = TimeBudget::lasting_for(Duration::from_secs(600));
                snapshot_merge::answer_request(request, &self.context, budget).await
            }
            "${quality_report}" => self.report(payload).await,
            other => panic!("no function {other}"),
        }
    }

    /// A distributed map fails with its first item; one within the execution has the item's error.
    async fn map(&self, state: &Value, input: &Value) -> Result<Value, StateError> {
        let distributed = state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED";
        let mut results = Vec::new();
        for item in self.items(state, input).await.as_array().unwrap() {
            let result = self.run(&state["ItemProcessor"], item.clone()).await;
            results.push(result.map_err(|error| match distributed {
                true => StateError {
                    error: TOO_MANY_FAILED.to_owned(),
                    ..error
                },
                false => error,
            })?);
        }
        if let Some(writer) = state.get("ResultWriter") {
            let place = json!({"Bucket": "${curated_bucket}", "Prefix": "${results_prefix}"});
            assert_eq!(writer["Parameters"], place);
        }
        Ok(selected(state, &Value::Array(results)))
    }

    async fn items(&self, state: &Value, input: &Value) -> Value {
        let Some(reader) = state.get("ItemReader") else {
            return language::read(state["ItemsPath"].as_str().unwrap(), input);
        };
        let place = language::fill(&reader["Parameters"], input);
        assert_eq!(place["Bucket"], "${curated_bucket}");
        let key = place["Key"].as_str().unwrap();
        let object = self.lake.curated.get(key).await.unwrap();
        serde_json::from_slice(&object.body).unwrap()
    }

    async fn report(&self, payload: Value) -> Result<Value, Failure> {
        let context = self.lake.report_context(&self.site);
        let schedule = serde_json::from_value(payload).unwrap();
        let report = quality_report::handle(&schedule, &context).await?;
        Ok(serde_json::to_value(report).unwrap())
    }

    fn invoked(&self) -> Vec<Value> {
        self.invoked.lock().unwrap().clone()
    }
}

/// What a state takes of its result.
fn selected(state: &Value, result: &Value) -> Value {
    let selector = state.get("ResultSelector");
    selector.map_or(result.clone(), |selector| language::fill(selector, result))
}

async fn lake(sizes: MergeSizes) -> Days {
    let mut lake = Days::new();
    lake.sizes = sizes;
    let born = |n: u32| {
        person_event(
            "PersonCreatedEvent",
            &format!("p{n}"),
            n % 60,
            json!({"firstName": "Ada"}),
        )
    };
    lake.push(
        "housing-person",
        MONDAY,
        &(0..300).map(born).collect::<Vec<_>>(),
    )
    .await;
    lake
}

fn read_machine() -> Value {
    let file = repository_root().join("infra/state-machines/snapshot.asl.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Small enough that the tables of the lake are large.
fn small_shards() -> MergeSizes {
    MergeSizes {
        shard_bytes: 10_000,
        ..MergeSizes::default()
    }
}

/// What the schedule sends on Tuesday, which merges Monday.
fn schedule() -> Value {
    json!({"scheduled_time": "2026-03-03T01:00:00Z"})
}

/// What the cause of an incomplete day names.
fn failed(ended: Result<Value, StateError>) -> Value {
    let error = ended.unwrap_err();
    assert_eq!(error.error, "DayIncomplete");
    let (_, document) = error.cause.split_once(": ").unwrap();
    serde_json::from_str(document).unwrap()
}

#[tokio::test]
async fn without_entity_the_day_is_reported_and_the_execution_fails() {
    let lake = lake(MergeSizes::default()).await;
    let curated = ClosedStore::without_writes(&lake.curated, &["curated/_manifests/entity"]);
    let runner = Machine {
        context: Context {
            curated,
            ..lake.context()
        },
        ..Machine::over(&lake)
    };
    let failed = failed(runner.run(&read_machine(), schedule()).await);
    assert_eq!(failed["entity"]["Error"], "Unavailable", "{failed}");
    assert_eq!(failed["tables"], json!({"planned": [], "merged": []}));

    let curated = objects(&lake.curated).await;
    assert!(curated.contains_key("curated/_manifests/person/2026-03-02.json"));
    assert!(curated.contains_key("curated/_roots/2026-03-02.json"));
    assert!(!objects(&runner.site).await.is_empty(), "the report");

    lake.merge(MONDAY).await.unwrap();
    let made_up = objects(&lake.curated).await;
    assert!(made_up.contains_key("curated/_manifests/entity/2026-03-02.json"));
}

#[tokio::test]
async fn a_shard_that_fails_stops_its_table_alone() {
    let lake = lake(small_shards()).await;
    let runner = Machine {
        withholds: |payload| payload["step"] == "merge" && payload["table"] == "person",
        ..Machine::over(&lake)
    };
    let failed = failed(runner.run(&read_machine(), schedule()).await);
    let merged = json!([{"table": "person", "error": TOO_MANY_FAILED}]);
    assert_eq!(failed["tables"]["merged"], merged, "{failed}");
    assert_eq!(failed["entity"]["Error"], "BadRequest", "{failed}");

    let curated = objects(&lake.curated).await;
    let has =
        |table: &str| curated.contains_key(&format!("curated/_manifests/{table}/{MONDAY}.json"));
    assert!(!has("person") && !has("entity") && has("link"));
    assert!(!objects(&runner.site).await.is_empty(), "the report");

    let again = Machine::over(&lake);
    again.run(&read_machine(), schedule()).await.unwrap();
    let curated = objects(&lake.curated).await;
    assert!(curated.contains_key("curated/_manifests/entity/2026-03-02.json"));
}

#[tokio::test]
async fn a_table_that_cannot_be_planned_stops_no_other() {
    let lake = lake(MergeSizes::default()).await;
    let curated = ClosedStore::without_writes(&lake.curated, &["curated/_manifests/person/"]);
    let runner = Machine {
        context: Context {
            curated,
            ..lake.context()
        },
        ..Machine::over(&lake)
    };
    let failed = failed(runner.run(&read_machine(), schedule()).await);
    let planned = json!([{"table": "person", "error": "Unavailable"}]);
    assert_eq!(failed["tables"]["planned"], planned, "{failed}");
    let plans = runner.invoked();
    let plans = plans.iter().filter(|payload| payload["step"] == "plan");
    let named: Vec<_> = plans.map(|payload| payload.get("name_failed")).collect();
    assert_eq!(named, [None, Some(&json!(true))]);

    let curated = objects(&lake.curated).await;
    assert!(curated.contains_key("curated/_manifests/link/2026-03-02.json"));
    assert!(!objects(&runner.site).await.is_empty(), "the report");
}

#[tokio::test]
async fn a_day_without_a_plan_is_reported_and_one_without_a_report_is_merged() {
    let unplanned = lake(MergeSizes::default()).await;
    let runner = Machine {
        withholds: |payload| payload["step"] == "plan",
        ..Machine::over(&unplanned)
    };
    let plan = failed(runner.run(&read_machine(), schedule()).await);
    assert_eq!(plan["plan"]["Error"], "Corrupt");
    assert_eq!(runner.invoked().last().unwrap(), &schedule());

    let unreported = lake(MergeSizes::default()).await;
    let runner = Machine {
        withholds: |payload| payload.get("step").is_none(),
        ..Machine::over(&unreported)
    };
    let report = failed(runner.run(&read_machine(), schedule()).await);
    assert_eq!(report["report"]["Error"], "Corrupt");
    let curated = objects(&unreported.curated).await;
    assert!(curated.contains_key("curated/_manifests/entity/2026-03-02.json"));
}

/// Every task of the machine, also those within maps.
fn tasks(machine: &Value) -> Vec<(&String, &Value)> {
    let states = machine["States"].as_object().unwrap().iter();
    states
        .flat_map(|(name, state)| match state["Type"].as_str().unwrap() {
            "Task" => vec![(name, state)],
            "Map" => tasks(&state["ItemProcessor"]),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn every_task_waits_for_lambda_and_ends() {
    let machine = read_machine();
    assert!(machine["TimeoutSeconds"].as_u64().unwrap() <= 86_400);
    let tasks = tasks(&machine);
    assert_eq!(tasks.len(), 6, "{tasks:?}");
    for (name, task) in tasks {
        let seconds = task["TimeoutSeconds"].as_u64().unwrap();
        assert!(
            (841..=960).contains(&seconds),
            "{name}: a function has 840 s"
        );
        let retries = task["Retry"].as_array().unwrap();
        let throttled = &retries[0];
        for error in ["Lambda.TooManyRequestsException", "Lambda.ServiceException"] {
            let named = throttled["ErrorEquals"].as_array().unwrap();
            assert!(named.contains(&json!(error)), "{name}: {error}");
        }
        assert!(throttled["MaxAttempts"].as_u64().unwrap() >= 6, "{name}");
        assert!(throttled["BackoffRate"].as_f64().unwrap() >= 2.0, "{name}");
        let last = retries.last().unwrap();
        assert_eq!(last["ErrorEquals"], json!(["States.ALL"]), "{name}");
        // A shard that fails ends its table, whose map catches it.
        assert!(name == "Merge" || task["Catch"].is_array(), "{name}");
    }
}

#[tokio::test]
async fn the_state_machine_leaves_what_one_invocation_leaves() {
    let machine = read_machine();
    let (stepwise, at_once) = (lake(small_shards()).await, lake(small_shards()).await);
    at_once.merge(MONDAY).await.unwrap();
    let runner = Machine::over(&stepwise);
    runner.run(&machine, schedule()).await.unwrap();
    let invoked = runner.invoked();
    let steps = |step: &str| {
        invoked
            .iter()
            .filter(|payload| payload["step"] == step)
            .count()
    };
    assert!(
        steps("merge") >= 4 && steps("publish") >= 1,
        "large tables are done shard by shard: {invoked:?}"
    );
    assert_eq!(
        (steps("plan"), steps("plan_tables")),
        (1, 1),
        "what is made of large records is planned after them"
    );
    assert_eq!(invoked.last().unwrap(), &schedule());
    let (mut stepwise, at_once) = (
        objects(&stepwise.curated).await,
        objects(&at_once.curated).await,
    );
    // The report that comes after the merge keeps its own history; the merge alone has none.
    let all = stepwise.len();
    stepwise.retain(|key, _| !key.starts_with("quality/"));
    assert_eq!(
        stepwise.len(),
        all - 2,
        "a day has its metrics and its rules"
    );
    assert_eq!(
        stepwise.keys().collect::<Vec<_>>(),
        at_once.keys().collect::<Vec<_>>()
    );
    for (key, body) in &stepwise {
        let (one, other) = (
            String::from_utf8_lossy(body),
            String::from_utf8_lossy(&at_once[key]),
        );
        let differs = one
            .lines()
            .zip(other.lines())
            .find(|(one, other)| one != other);
        assert_eq!(differs, None, "{key}");
    }
    assert!(
        !objects(&runner.site).await.is_empty(),
        "the report is written"
    );
}
