//! An end point before moto's Athena and Redshift. moto runs no query: what the manifests say is
//! laid into its queue of results before a query begins, and faults are put into its answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use lake::SnapshotManifest;
use regex::Regex;
use serde_json::{Value, json};
use store::ObjectStore;

use super::stack::Stack;
use crate::rights::calls::served;

/// moto's account.
const ACCOUNT: &str = "123456789012";

/// Faults of the engines.
#[derive(Clone, Debug, Default)]
pub(super) struct CountFaults {
    /// The table of which the first day has a row more.
    pub(super) added_row: Option<&'static str>,
    /// The table of which a query fails.
    pub(super) fails: Option<&'static str>,
    /// Whether Redshift's queries stay open.
    pub(super) stays_open: bool,
}

/// The front.
pub(super) struct CountFront {
    emulator: String,
    workgroup: String,
    /// Rows that readers see, by table and day.
    rows: BTreeMap<String, BTreeMap<String, u64>>,
    pub(super) faults: Mutex<CountFaults>,
    /// The text of each query, by its id.
    queries: Mutex<BTreeMap<String, String>>,
    /// Held while a query begins, so that it takes its own results from the queue.
    begins: tokio::sync::Mutex<()>,
}

impl CountFront {
    /// Serves a front over the stack's manifests; gives it with its address.
    pub(super) async fn serve(stack: &Stack, workgroup: &str) -> (Arc<Self>, String) {
        let front = Arc::new(Self {
            emulator: stack.emulator.clone(),
            workgroup: workgroup.to_owned(),
            rows: read_rows(stack).await,
            faults: Mutex::default(),
            queries: Mutex::default(),
            begins: tokio::sync::Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer_count)
            .with_state(Arc::clone(&front));
        (front, served(router).await)
    }

    /// The tables that have a day.
    pub(super) fn tables(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn set_faults(&self, faults: CountFaults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    fn faults(&self) -> CountFaults {
        self.faults.lock().unwrap().clone()
    }

    /// What an engine that runs the query would answer: days and counts.
    fn count(&self, sql: &str) -> Vec<(String, u64)> {
        let name = table_of(sql);
        let days = dates_of(sql);
        let mut counted = if let Some(table) = name.strip_suffix("_history") {
            let kept = &self.rows[table];
            let chosen = kept.iter().filter(|(day, _)| days.contains(*day));
            let shown = chosen.filter(|(_, rows)| **rows > 0);
            shown.map(|(day, rows)| (day.clone(), *rows)).collect()
        } else {
            let kept = &self.rows[name.strip_suffix("_iceberg").unwrap_or(&name)];
            // The moment is the midnight after a day; without one it is now.
            let moment = sql.contains(" AS OF ").then(|| days[1].clone());
            let before = |day: &String| moment.as_ref().is_none_or(|moment| day < moment);
            let newest = kept.iter().rfind(|(day, _)| before(day)).unwrap();
            vec![(days[0].clone(), *newest.1)]
        };
        if self.faults().added_row == Some(name.as_str()) {
            counted[0].1 += 1;
        }
        counted
    }

    /// Lays the results of a query into moto's queue.
    async fn queue_results(&self, sql: &str) {
        let head = vec![cells(&["snapshot_date", "row_count"])];
        let counts = self.count(sql).into_iter();
        let rows = counts.map(|(day, rows)| cells(&[&day, &rows.to_string()]));
        let results = json!({
            "account_id": ACCOUNT, "region": "eu-west-2",
            "results": [{
                "rows": head.into_iter().chain(rows).collect::<Vec<Value>>(), "column_info": [],
            }],
        });
        let address = format!("{}/moto-api/static/athena/query-results", self.emulator);
        let queued = reqwest::Client::new().post(address).json(&results);
        assert_eq!(queued.send().await.unwrap().status(), 201);
    }

    /// Hands a request on; gives the status and the answer.
    async fn forward(&self, parts: &Parts, body: Bytes) -> (u16, Value) {
        let address = format!("{}{}", self.emulator, parts.uri);
        let request = reqwest::Client::new().request(parts.method.clone(), address);
        let answer = request.headers(parts.headers.clone()).body(body);
        let answer = answer.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    fn remember(&self, id: &Value, sql: &str) {
        let id = id.as_str().unwrap_or_default().to_owned();
        self.queries.lock().unwrap().insert(id, sql.to_owned());
    }

    fn query(&self, id: &Value) -> String {
        self.queries.lock().unwrap()[id.as_str().unwrap()].clone()
    }

    /// Changes moto's answer to a request for this action.
    fn change(&self, action: &str, asked: &Value, answer: &mut Value) {
        match action {
            "StartQueryExecution" => {
                let sql = asked["QueryString"].as_str().unwrap();
                self.remember(&answer["QueryExecutionId"], sql);
            }
            "GetQueryExecution" => {
                let name = table_of(&self.query(&asked["QueryExecutionId"]));
                let status = &mut answer["QueryExecution"]["Status"];
                if self.faults().fails == Some(name.as_str()) && status["State"] == "SUCCEEDED" {
                    *status = json!({
                        "State": "FAILED",
                        "StateChangeReason": "HIVE_CANNOT_OPEN_SPLIT: no such key",
                    });
                }
            }
            "ExecuteStatement" => {
                self.remember(&answer["Id"], asked["Sql"].as_str().unwrap());
                remove_times(answer);
            }
            "DescribeStatement" => {
                if !self.faults().stays_open {
                    answer["Status"] = json!("FINISHED");
                }
                remove_times(answer);
            }
            "GetStatementResult" => {
                let counts = self.count(&self.query(&asked["Id"])).into_iter();
                let record = |(day, rows)| json!([{"stringValue": day}, {"longValue": rows}]);
                let records: Vec<Value> = counts.map(record).collect();
                *answer = json!({"Records": records});
            }
            _ => {}
        }
    }
}

async fn answer_count(State(front): State<Arc<CountFront>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let target = parts.headers["x-amz-target"].to_str().unwrap();
    let action = target.rsplit('.').next().unwrap();

    let begins = front.begins.lock().await;
    if action == "StartQueryExecution" && asked["WorkGroup"] == front.workgroup.as_str() {
        front
            .queue_results(asked["QueryString"].as_str().unwrap())
            .await;
    }
    let (status, mut answer) = front.forward(&parts, body).await;
    drop(begins);
    if status == 200 {
        front.change(action, &asked, &mut answer);
    }
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .body(Body::from(answer.to_string()))
        .unwrap()
}

/// moto writes times as texts, and the API as numbers.
fn remove_times(answer: &mut Value) {
    let members = answer.as_object_mut().unwrap();
    members.retain(|name, value| !name.ends_with("At") && !value.is_null());
}

fn cells(texts: &[&str]) -> Value {
    let cells = texts.iter().map(|text| json!({"VarCharValue": text}));
    json!({"Data": cells.collect::<Vec<Value>>()})
}

/// The table that a query reads.
fn table_of(sql: &str) -> String {
    let from = Regex::new(r#"FROM "[^"]+"\."([^"]+)""#).unwrap();
    from.captures(sql).unwrap()[1].to_owned()
}

fn dates_of(sql: &str) -> Vec<String> {
    let date = Regex::new(r"'(\d{4}-\d{2}-\d{2})").unwrap();
    let found = date.captures_iter(sql);
    found.map(|one| one[1].to_owned()).collect()
}

/// The rows of every manifest, by table and day.
async fn read_rows(stack: &Stack) -> BTreeMap<String, BTreeMap<String, u64>> {
    let curated = stack.store("curated").await;
    let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for entry in curated.list("curated/_manifests/", None).await.unwrap() {
        let body = curated.get(&entry.key).await.unwrap().body;
        let manifest = SnapshotManifest::from_json(&body).unwrap();
        if !manifest.table.starts_with('_') {
            assert!(manifest.passed, "{}", entry.key);
            let days = found.entry(manifest.table).or_default();
            days.insert(manifest.date, manifest.rows);
        }
    }
    found
}
