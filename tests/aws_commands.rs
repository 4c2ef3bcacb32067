//! Every command that an operator runs with `--aws`, over moto: each works with exactly the
//! environment that the runbook sets, and writes its result and nothing else to standard output.

mod count_front;
mod events_queue;
mod reader_counts;
mod runbook;
mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use lake::{Day, SnapshotManifest, manifest_key};
use local_platform::s3::{ACCESS_KEY, SECRET_KEY};
use serde_json::{Value, json};
use store::ObjectStore;

use crate::lake_under_test::{MONDAY, contracts_with, parquet_rows, person_event, repository_root};
use crate::readers::has;
use runbook::{aws_commands, command_name, exported_variables, runbook};
use stack::Stack;

const TUESDAY: &str = "2026-03-03";
const ADA: &str = "0b5e7a4c-1d2f-4e3a-9b8c-7d6e5f4a3b2c";
const BEN: &str = "1c6f8b5d-2e3a-4f4b-8c9d-8e7f6a5b4c3d";

/// Commands with `--aws` that the runbook does not name.
const BESIDE_THE_RUNBOOK: [&str; 5] = [
    "erase",
    "quality report",
    "quality rescan",
    "snapshot ls",
    "snapshot sweep",
];

/// Runs commands with the runbook's environment, and remembers which.
struct OperatorSession {
    stack: Arc<Stack>,
    environment: BTreeMap<String, String>,
    done: BTreeSet<String>,
}

impl OperatorSession {
    fn new(stack: &Arc<Stack>) -> Self {
        let mut environment: BTreeMap<String, String> = exported_variables(&runbook())
            .into_iter()
            .map(|name| (name.clone(), stack.variable(&name)))
            .collect();
        let sign_in = [
            ("AWS_ENDPOINT_URL", stack.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ];
        environment.extend(sign_in.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Self {
            stack: Arc::clone(stack),
            environment,
            done: BTreeSet::new(),
        }
    }

    /// Runs a command to success; gives the one JSON document that it prints.
    #[track_caller]
    fn run(&mut self, command: &str) -> Value {
        self.run_within(&repository_root(), command)
    }

    /// The same in another working folder.
    #[track_caller]
    fn run_within(&mut self, folder: &Path, command: &str) -> Value {
        let document = self.run_to(0, folder, command);
        self.done.insert(command_name(command.split(' ')));
        document
    }

    /// Runs a command to an exit code; gives the one JSON document that it prints.
    #[track_caller]
    fn run_to(&self, code: i32, folder: &Path, command: &str) -> Value {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
            .args(command.split(' '))
            .args(["--aws", "--json"])
            .current_dir(folder)
            .env_clear()
            .envs(&self.environment)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let noted = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "polelake {command}\n{printed}\n{noted}"
        );
        let document = serde_json::from_str(&printed);
        assert!(document.is_ok(), "polelake {command} printed {printed}");
        document.unwrap()
    }

    /// A person's row of the newest day, by the record's key.
    async fn person(&self, key: &str) -> Option<BTreeMap<String, String>> {
        let curated = self.stack.store("curated").await;
        let manifest = curated
            .get(&manifest_key("person", day(TUESDAY)))
            .await
            .unwrap();
        let mut rows = Vec::new();
        for shard in SnapshotManifest::from_json(&manifest.body).unwrap().shards {
            rows.extend(parquet_rows(
                curated.get(&shard.rows_file.key).await.unwrap().body,
            ));
        }
        rows.into_iter()
            .find(|row| row["source_record_id"].as_str() == key)
    }
}

fn day(date: &str) -> Day {
    Day::parse(date).unwrap()
}

fn noon_millis(date: &str) -> i64 {
    day(date).start_micros() / 1_000 + 12 * 3_600_000
}

fn created(key: &str, name: &str, minute: u32) -> Value {
    let new = json!({"firstName": name, "surname": "Sample"});
    person_event("PersonCreatedEvent", key, minute, new)
}

fn updated(key: &str, surname: &str, minute: u32) -> Value {
    person_event(
        "PersonUpdatedEvent",
        key,
        minute,
        json!({"surname": surname}),
    )
}

/// Two days of two people. The contracts of Monday do not know updates: Ada's is refused.
async fn fill(stack: &Stack) {
    let monday = [
        created(ADA, "Ada", 1),
        created(BEN, "Ben", 2),
        updated(ADA, "Specimen", 3),
    ];
    stack
        .land("housing-person", &monday, noon_millis(MONDAY))
        .await;
    stack.transform("refusing-transform").await;
    let tuesday = [updated(BEN, "Specimen", 4)];
    for date in [MONDAY, TUESDAY] {
        if date == TUESDAY {
            stack
                .land("housing-person", &tuesday, noon_millis(TUESDAY))
                .await;
            stack.transform("pole-transform").await;
        }
        let payload = json!({"date": date});
        let merged = stack.invoke("snapshot-merge", &payload).await;
        assert!(merged["tables"].is_array(), "{merged}");
        stack.invoke("quality-report", &payload).await;
    }
}

/// The table's entry of a list.
#[track_caller]
fn of_table<'v>(list: &'v Value, table: &str) -> &'v Value {
    let mut entries = list.as_array().unwrap().iter();
    entries.find(|entry| entry["table"] == table).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works_on_a_deployed_stack_with_the_runbooks_environment() {
    if !has("moto.server", "'moto[server,glue]'") {
        return;
    }
    let refusing = contracts_with(
        "aws-refusing",
        "sources/housing/person/contract.odcs.yaml",
        |text| text.replace("PersonUpdatedEvent:", "PersonRevisedEvent:"),
    );
    let stack = Stack::deploy(&refusing).await;
    fill(&stack).await;
    let mut operator = OperatorSession::new(&stack);

    look_at_days(&mut operator);
    measure_days(&mut operator);
    reader_counts::count_by_engines(&mut operator).await;
    look_at_records(&mut operator);
    stack.transform_in_background();
    follow_an_event(&mut operator).await;
    redrive(&mut operator).await;
    assert_eq!(operator.run("audit")["findings"], json!([]));
    assert_eq!(operator.run("repair")["repaired"], json!([]));
    look_in_the_morning(&mut operator);
    events_queue::look_at_queue(&mut operator).await;
    rebuild(&mut operator).await;
    erase(&mut operator).await;
    sweep(&mut operator);
    drop_day(&mut operator);

    let mut expected = aws_commands(&runbook());
    assert!(expected.contains("audit") && expected.contains("smoke"));
    expected.extend(BESIDE_THE_RUNBOOK.map(str::to_owned));
    let untested: Vec<&String> = expected.difference(&operator.done).collect();
    assert!(untested.is_empty(), "no test runs {untested:?} with --aws");
}

fn look_at_days(operator: &mut OperatorSession) {
    let listed = operator.run("snapshot ls --table person");
    let days: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["date"].as_str().unwrap())
        .collect();
    assert_eq!(days, [MONDAY, TUESDAY]);
    let shown = operator.run(&format!("snapshot show person {TUESDAY}"));
    assert_eq!(shown["manifest"]["rows"], 2);
    assert!(
        shown["reading"]
            .to_string()
            .contains("s3://polelake-test-curated/"),
        "{shown}"
    );
    let diff = operator.run(&format!("snapshot diff {MONDAY} {TUESDAY} --table person"));
    let person = of_table(&diff["tables"], "person");
    assert_eq!(
        (&person["added"], &person["changed"], &person["removed"]),
        (&json!(0), &json!(1), &json!(0))
    );
}

fn measure_days(operator: &mut OperatorSession) {
    let report = operator.run(&format!("quality report {TUESDAY}"));
    assert_eq!(
        (&report["date"], &report["rules"]["failed"]),
        (&json!(TUESDAY), &json!(0))
    );
    let rescanned = operator.run(&format!("quality rescan {TUESDAY} --tables person"));
    let person = of_table(&rescanned, "person");
    assert_eq!(
        (&person["rows"], &person["differences"]),
        (&json!(2), &json!([]))
    );
    // What is right already is not written again.
    let rebuilt = operator.run(&format!("rebuild --from {MONDAY} --to {TUESDAY}"));
    assert_eq!(
        (&rebuilt["raw_objects"], &rebuilt["manifests_written"]),
        (&json!(0), &json!(0))
    );
}

/// Nothing needs attention, and an event is found.
fn look_in_the_morning(operator: &mut OperatorSession) {
    let status = operator.run("status");
    assert_eq!(status["attention"], json!([]), "{status}");
    assert_eq!(
        status["dead_letters"],
        Value::Null,
        "the other queues are not asked"
    );

    let id = format!("PersonCreatedEvent-{ADA}-1-Ada");
    let traced = operator.run(&format!("trace {id} --source housing-person"));
    let event = &traced["event"];
    assert_eq!(
        (&event["fate"], &event["offset"]),
        (&json!("refined"), &json!(0))
    );
    let person = of_table(&event["tables"], "_records/housing-person");
    assert_eq!(
        (&person["rows"], &person["first_day"]),
        (&json!(1), &json!(MONDAY))
    );
}

fn look_at_records(operator: &mut OperatorSession) {
    let audit = operator.run("audit");
    assert_eq!(audit["findings"], json!([]));
    let sources = audit["sources"].as_array().unwrap();
    let person = sources
        .iter()
        .find(|source| source["source"] == "housing-person")
        .unwrap();
    assert_eq!(
        (&person["accepted"], &person["streams"][0]["landed"]),
        (&Value::Null, &json!(4)),
        "Kafka is not asked: {person}"
    );
    let monday = operator.run(&format!("audit --date {MONDAY} --deep"));
    assert_eq!(monday["findings"], json!([]));
    let refused = operator.run(&format!("quarantine ls --since {MONDAY}"));
    assert_eq!(
        (&refused[0]["records"], &refused[0]["status"]),
        (&json!(1), &json!("open"))
    );
    let rule = refused[0]["rule"].as_str().unwrap();
    let shown = operator.run(&format!(
        "quarantine show --source housing-person --rule {rule}"
    ));
    assert_eq!(
        (&shown[0]["offset"], &shown[0]["status"]),
        (&json!(2), &json!("open"))
    );
}

async fn follow_an_event(operator: &mut OperatorSession) {
    let api = operator.stack.serve_api().await;
    let outcome = operator.run(&format!("smoke --url {api} --wait 120"));
    let steps = outcome["steps"].as_array().unwrap();
    let hops: Vec<&Value> = steps.iter().map(|step| &step["hop"]).collect();
    assert_eq!(hops, ["accepted", "landed", "refined", "ended"]);
    operator.stack.settle().await;
}

async fn redrive(operator: &mut OperatorSession) {
    let rule = operator.run("quarantine ls")[0]["rule"].clone();
    let rule = rule.as_str().unwrap();
    let outcome = operator.run(&format!("quarantine redrive --rule {rule} --wait 120"));
    assert_eq!(
        (&outcome["open"], &outcome["outcomes"][0]["outcome"]),
        (&json!(1), &json!("refined")),
        "{outcome}"
    );
    operator.stack.settle().await;
    assert_eq!(operator.run("quarantine ls")[0]["status"], json!("refined"));
}

/// Both the transform and the merge work under the contracts of `--contracts`, wherever the command
/// runs.
async fn rebuild(operator: &mut OperatorSession) {
    let titled = contracts_with(
        "aws-titled",
        "sources/housing/person/mapping.yaml",
        |text| {
            text.replace(
                "title: $.title\n",
                "title: {coalesce: [$.title, {constant: Mx}]}\n",
            )
        },
    );
    let command = format!(
        "rebuild --from {MONDAY} --to {TUESDAY} --raw --contracts {}",
        titled.display()
    );
    let rebuilt = operator.run_within(&std::env::temp_dir(), &command);
    assert_eq!(rebuilt["raw_objects"], json!(2), "{rebuilt}");
    let ada = operator.person(ADA).await.unwrap();
    assert_eq!(
        (ada["title"].as_str(), ada["surname"].as_str()),
        ("Mx", "Specimen")
    );
    assert_eq!(operator.run("audit")["findings"], json!([]));
}

async fn erase(operator: &mut OperatorSession) {
    let command = format!("erase --source housing-person --key {BEN}");
    let planned = operator.run(&format!("{command} --dry-run"));
    assert_eq!(
        (&planned["found"], &planned["dry_run"]),
        (&json!(true), &json!(true))
    );
    assert!(
        operator.person(BEN).await.is_some(),
        "a dry run erases nothing"
    );
    let erased = operator.run(&format!("{command} --yes"));
    assert_eq!(erased["by_hand"], json!([]));
    assert!(erased["versions_purged"].as_u64().unwrap() > 0, "{erased}");
    assert!(operator.person(BEN).await.is_none());
    assert!(operator.person(ADA).await.is_some());
    assert_eq!(operator.run("audit --deep")["findings"], json!([]));
}

fn drop_day(operator: &mut OperatorSession) {
    let command = format!("snapshot drop-day {TUESDAY}");
    let planned = operator.run(&format!("{command} --dry-run"));
    let dropped = operator.run(&format!("{command} --yes"));
    assert_eq!(of_table(&dropped["tables"], "person")["snapshot"], true);
    assert_eq!(planned["tables"], dropped["tables"]);
    assert_eq!(operator.run("snapshot ls --table person"), json!([]));
}

fn sweep(operator: &mut OperatorSession) {
    let command = "snapshot sweep --daily 1 --monthly 1 --yearly 1";
    let planned = operator.run(&format!("{command} --dry-run"));
    let swept = operator.run(command);
    for outcome in [&planned, &swept] {
        assert_eq!(
            of_table(&outcome["tables"], "person")["dropped"],
            json!([MONDAY])
        );
    }
    let listed = operator.run("snapshot ls --table person");
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["date"]),
        (1, &json!(TUESDAY))
    );
    assert_eq!(operator.run("audit")["findings"], json!([]));
}
