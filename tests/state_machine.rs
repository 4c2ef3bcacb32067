//! The state machine that deploys, carried out over the real functions: plan, merge each shard,
//! publish, report. What it leaves is what one invocation leaves.

#![allow(
    clippy::panic,
    reason = "what the machine uses and this does not know must stop the test"
)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use host::{Failure, TimeBudget};
use serde_json::{Map, Value, json};
use snapshot_merge::{Context, MergeRequest, MergeSizes};
use store::{MemoryStore, ObjectStore};

use crate::closed_store::ClosedStore;
use crate::days_in_memory::{Days, objects};
use crate::lake_under_test::{MONDAY, person_event, repository_root};

/// As much of Amazon States Language as the machine uses. What it does not know it refuses.
struct Machine<'m> {
    lake: &'m Days,
    /// The context of `snapshot-merge`.
    context: Context,
    site: Arc<MemoryStore>,
    /// What was invoked, in order.
    invoked: std::sync::Mutex<Vec<Value>>,
}

fn find<'i>(path: &str, input: &'i Value) -> Option<&'i Value> {
    input.pointer(&path.trim_start_matches('$').replace('.', "/"))
}

fn path(path: &str, input: &Value) -> Value {
    let found = find(path, input);
    found
        .unwrap_or_else(|| panic!("{path} is not in {input}"))
        .clone()
}

/// The input with the error that a task is caught with.
fn with_error(mut input: Value, catch: &Value, failure: &Failure) -> Value {
    assert_eq!(catch["ErrorEquals"], json!(["States.ALL"]));
    let member = catch["ResultPath"].as_str().unwrap();
    let error = json!({"Error": "Lambda", "Cause": failure.to_string()});
    input[member.trim_start_matches("$.")] = error;
    input
}

/// A template's value: names that end in `.$` are paths, or the one intrinsic that is used.
fn filled(template: &Value, input: &Value) -> Value {
    let Value::Object(fields) = template else {
        return template.clone();
    };
    let field = |(name, value): (&String, &Value)| match name.strip_suffix(".$") {
        Some(name) => {
            let text = value.as_str().unwrap();
            let value = match text.strip_prefix("States.JsonMerge(States.StringToJson('") {
                Some(rest) => merged(rest.split_once("'), $, false)").unwrap().0, input),
                None => path(text, input),
            };
            (name.to_owned(), value)
        }
        None => (name.clone(), filled(value, input)),
    };
    Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
}

/// The state that a choice leads to.
fn chosen<'s>(state: &'s Value, input: &Value) -> &'s str {
    let mut choices = state["Choices"].as_array().unwrap().iter();
    let fits = |choice: &&Value| {
        let variable = choice["Variable"].as_str().unwrap();
        match &choice["IsPresent"] {
            Value::Bool(present) => find(variable, input).is_some() == *present,
            _ => path(variable, input).is_null() == choice["IsNull"].as_bool().unwrap(),
        }
    };
    let next = choices
        .find(fits)
        .map_or(&state["Default"], |choice| &choice["Next"]);
    next.as_str().unwrap()
}

fn merged(text: &str, input: &Value) -> Value {
    let mut first: Map<String, Value> = serde_json::from_str(text).unwrap();
    first.extend(input.as_object().unwrap().clone());
    Value::Object(first)
}

impl Machine<'_> {
    fn run<'f>(&'f self, machine: &'f Value, input: Value) -> LocalBoxFuture<'f, Value> {
        Box::pin(async move {
            let (mut input, mut name) = (input, machine["StartAt"].as_str().unwrap());
            loop {
                let state = &machine["States"][name];
                let result = match state["Type"].as_str().unwrap() {
                    "Task" => match self.task(state, &input).await {
                        Ok(result) => result,
                        Err(failure) => {
                            let catch = &state["Catch"][0];
                            assert!(catch.is_object(), "{name}: {failure}");
                            input = with_error(input, catch, &failure);
                            name = catch["Next"].as_str().unwrap();
                            continue;
                        }
                    },
                    "Succeed" => return input,
                    "Fail" => return json!({"Error": state["Error"]}),
                    "Map" => self.map(state, &input).await,
                    "Pass" => path(state["InputPath"].as_str().unwrap(), &input),
                    "Choice" => {
                        name = chosen(state, &input);
                        continue;
                    }
                    other => panic!("{name}: {other} is not known here"),
                };
                match state.get("ResultPath") {
                    Some(Value::Null) => {}
                    None => input = result,
                    Some(other) => panic!("{name}: ResultPath {other}"),
                }
                match state.get("Next") {
                    Some(next) => name = next.as_str().unwrap(),
                    None => return input,
                }
            }
        })
    }

    async fn task(&self, state: &Value, input: &Value) -> Result<Value, Failure> {
        assert_eq!(state["Resource"], "arn:aws:states:::lambda:invoke");
        let parameters = filled(&state["Parameters"], input);
        let payload = parameters["Payload"].clone();
        self.invoked.lock().unwrap().push(payload.clone());
        let answer = match parameters["FunctionName"].as_str().unwrap() {
            "${snapshot_merge}" => {
                let request: MergeRequest = serde_json::from_value(payload).unwrap();
                let budget = TimeBudget::lasting_for(Duration::from_secs(600));
                snapshot_merge::answer_request(request, &self.context, budget).await?
            }
            "${quality_report}" => self.report(payload).await,
            other => panic!("no function {other}"),
        };
        let answer = json!({"Payload": answer});
        let selector = state.get("ResultSelector");
        Ok(selector.map_or(answer.clone(), |selector| filled(selector, &answer)))
    }

    async fn map(&self, state: &Value, input: &Value) -> Value {
        let items = match state.get("ItemReader") {
            Some(reader) => {
                let place = filled(&reader["Parameters"], input);
                assert_eq!(place["Bucket"], "${curated_bucket}");
                let object = self
                    .lake
                    .curated
                    .get(place["Key"].as_str().unwrap())
                    .await
                    .unwrap();
                serde_json::from_slice(&object.body).unwrap()
            }
            None => path(state["ItemsPath"].as_str().unwrap(), input),
        };
        let mut results = Vec::new();
        for item in items.as_array().unwrap() {
            results.push(self.run(&state["ItemProcessor"], item.clone()).await);
        }
        Value::Array(results)
    }

    async fn report(&self, payload: Value) -> Value {
        let context = self.lake.report_context(&self.site);
        let schedule = serde_json::from_value(payload).unwrap();
        serde_json::to_value(quality_report::handle(&schedule, &context).await.unwrap()).unwrap()
    }
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

#[tokio::test]
async fn without_entity_the_day_is_reported_and_the_execution_fails() {
    let lake = lake(MergeSizes::default()).await;
    let curated = ClosedStore::without_writes(&lake.curated, &["curated/_manifests/entity"]);
    let runner = Machine {
        lake: &lake,
        context: Context {
            curated,
            ..lake.context()
        },
        site: Arc::default(),
        invoked: Default::default(),
    };
    let input = json!({"scheduled_time": "2026-03-03T01:00:00Z"});
    let ended = runner.run(&read_machine(), input).await;
    assert_eq!(ended, json!({"Error": "EntitiesFailed"}));

    let curated = objects(&lake.curated).await;
    assert!(curated.contains_key("curated/_manifests/person/2026-03-02.json"));
    assert!(curated.contains_key("curated/_roots/2026-03-02.json"));
    assert!(!objects(&runner.site).await.is_empty(), "the report");

    lake.merge(MONDAY).await.unwrap();
    let made_up = objects(&lake.curated).await;
    assert!(made_up.contains_key("curated/_manifests/entity/2026-03-02.json"));
}

#[tokio::test]
async fn the_state_machine_leaves_what_one_invocation_leaves() {
    let machine = read_machine();
    let sizes = MergeSizes {
        shard_bytes: 10_000,
        ..MergeSizes::default()
    };
    let (stepwise, at_once) = (lake(sizes).await, lake(sizes).await);
    at_once.merge(MONDAY).await.unwrap();
    let runner = Machine {
        lake: &stepwise,
        context: stepwise.context(),
        site: Arc::default(),
        invoked: Default::default(),
    };
    let input = json!({"scheduled_time": "2026-03-03T01:00:00Z"});
    runner.run(&machine, input).await;
    let invoked = runner.invoked.lock().unwrap().clone();
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
    assert_eq!(invoked.last().unwrap(), &json!({"date": MONDAY}));
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
