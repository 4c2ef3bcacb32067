//! What each function may do, beside what it does: every call of a day is allowed by its policy,
//! and little else is.

pub(crate) mod calls;
mod queue;
mod recorder;
mod synthetic_outputs;

use std::collections::{BTreeMap, BTreeSet};

use infra_tests::PolicyDocument;
use lake::{Chunk, DeclaredLoss};
use serde_json::{Value, json};
use store::{ObjectStore, S3Store};

use calls::{ACCOUNT, Call};
use queue::{QUEUE_ACTIONS, events_queue_name};
use synthetic_outputs::synthetic_outputs;

use crate::catalogue::Moto;
use crate::endpoints::s3_at;
use crate::lake_under_test::MONDAY;
use crate::readers::has;

/// What is allowed and was not seen on the days of the test, each with its reason.
const UNSEEN: [(&str, &str, &str, &str); 9] = [
    (
        "pole-transform",
        "s3:GetObject",
        "raw/_queue",
        "the same; it reads the same events once they have landed",
    ),
    (
        "pole-transform",
        "s3:DeleteObject",
        "refined",
        "refined objects that a fixed mapping no longer writes",
    ),
    (
        "pole-transform",
        "s3:PutObject",
        "refined",
        "quarantine, and tables that these events do not fill",
    ),
    (
        "pole-transform",
        "s3:GetObject",
        "refined",
        "receipts, and who is forgotten",
    ),
    (
        "snapshot-merge",
        "s3:GetObject",
        "refined",
        "any table's increments",
    ),
    (
        "snapshot-merge",
        "s3:GetObject",
        "refined/_losses",
        "looked up where the receipts of a stream have a gap",
    ),
    (
        "snapshot-merge",
        "s3:DeleteObject",
        "curated",
        "a sweep deletes what no kept day names",
    ),
    (
        "quality-report",
        "s3:GetObject",
        "site",
        "earlier reports, for trends",
    ),
    (
        "quality-report",
        "s3:DeleteObject",
        "site",
        "pages of tables and sources that are gone",
    ),
];

/// A batch that was too large for a message of the events queue.
const QUEUED_BATCH: &str = "raw/_queue/t/a.0.zst";

/// A loss that an operator declared.
const DECLARED_LOSS: &str = "refined/_losses/t/epoch=1/partition=0/1.json";

/// Keys that stand for all that lie beside them.
const PROBES: [&str; 18] = [
    "raw/t/epoch=1/partition=0/1.parquet",
    "raw/_log/t.json",
    QUEUED_BATCH,
    "refined/person/x.parquet",
    "refined/_receipts/t.json",
    "refined/_erasures.json",
    DECLARED_LOSS,
    "quarantine/x.parquet",
    "curated/person/x.parquet",
    "curated/_manifests/x.json",
    "curated/_state/x.parquet",
    "curated/_records/x.parquet",
    "curated/_erasures/x.json",
    "curated/_work/x.parquet",
    "quality/x.parquet",
    "data/x.json",
    "index.html",
    "elsewhere/x",
];

/// Changes of a policy, each with the beginning and a part of the fault that it is: function, text,
/// other text.
const CHANGED_RIGHTS: [(&str, &str, &str, &str, &str); 18] = [
    (
        "raw-landing",
        "/raw/*",
        "/raw/other/*",
        "raw-landing may not s3:PutObject",
        "",
    ),
    (
        "quality-report",
        "s3:PutObject",
        "s3:*",
        "quality-report may s3:DeleteObject",
        "curated",
    ),
    (
        "pole-transform",
        "identity-key-",
        "other-secret-",
        "pole-transform may not secretsmanager:GetSecretValue",
        "",
    ),
    (
        "snapshot-merge",
        "glue:CreateTable",
        "glue:Nothing",
        "snapshot-merge may not glue:CreateTable",
        "",
    ),
    // The relay sends, and stores what is too large for a message; no more.
    (
        "event-relay",
        "sqs:SendMessage",
        "sqs:Nothing",
        "event-relay may not sqs:SendMessage",
        "polelake-events",
    ),
    (
        "event-relay",
        "sqs:SendMessage",
        "sqs:*Message",
        "event-relay may sqs:ReceiveMessage",
        "polelake-events",
    ),
    (
        "event-relay",
        ":polelake-events",
        ":polelake-*",
        "event-relay may sqs:SendMessage",
        "polelake-events-elsewhere",
    ),
    (
        "event-relay",
        "s3:PutObject",
        "s3:Nothing",
        "event-relay may not s3:PutObject",
        "raw/_queue/housing-person/",
    ),
    (
        "event-relay",
        "/raw/_queue/*",
        "/raw/*",
        "event-relay may s3:PutObject",
        "raw/t/epoch=1/partition=0/1.parquet",
    ),
    (
        "event-relay",
        "s3:PutObject",
        "s3:*Object",
        "event-relay may s3:GetObject",
        QUEUED_BATCH,
    ),
    // The landing takes messages, and reads such batches.
    (
        "raw-landing",
        "sqs:ReceiveMessage",
        "sqs:Nothing",
        "raw-landing may not sqs:ReceiveMessage",
        "polelake-events",
    ),
    (
        "raw-landing",
        "sqs:DeleteMessage",
        "sqs:Nothing",
        "raw-landing may not sqs:DeleteMessage",
        "polelake-events",
    ),
    (
        "raw-landing",
        "sqs:ReceiveMessage",
        "sqs:*Message",
        "raw-landing may sqs:SendMessage",
        "polelake-events",
    ),
    (
        "raw-landing",
        "s3:GetObject",
        "s3:Nothing",
        "raw-landing may not s3:GetObject",
        "raw/_queue/housing-person/",
    ),
    // Only an operator declares a loss, and only the relay stores batches.
    (
        "pole-transform",
        "/refined/_losses/",
        "/refined/_elsewhere/",
        "pole-transform may s3:PutObject",
        DECLARED_LOSS,
    ),
    (
        "pole-transform",
        "/refined/_erasures.json",
        "/refined/_elsewhere.json",
        "pole-transform may s3:DeleteObject",
        "refined/_erasures.json",
    ),
    (
        "raw-landing",
        "\"Deny\"",
        "\"Allow\"",
        "raw-landing may s3:PutObject",
        QUEUED_BATCH,
    ),
    (
        "snapshot-merge",
        "/refined/*",
        "/refined/*\",\"arn:aws:s3:::polelake-raw/raw/*",
        "snapshot-merge may s3:GetObject",
        QUEUED_BATCH,
    ),
];

/// Actions that no role may use.
const NEVER: [&str; 7] = [
    "s3:DeleteObjectVersion",
    "s3:PutBucketPolicy",
    "s3:PutLifecycleConfiguration",
    "iam:PassRole",
    "lambda:InvokeFunction",
    "glue:DeleteTable",
    "glue:DeleteDatabase",
];

/// What the policies do not allow of the calls, and what they allow beyond them.
fn held(calls: &BTreeMap<&str, BTreeSet<Call>>, outputs: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for (function, calls) in calls {
        let text = outputs["function_policies"][function].as_str().unwrap();
        let policy = PolicyDocument::parse(text).unwrap();
        // The catalogue, the secrets and the queues are an account's; which one, its policy says.
        let account = ["glue", "secretsmanager", "sqs"]
            .iter()
            .find_map(|service| {
                let after = text
                    .split(&format!("arn:aws:{service}:eu-west-2:"))
                    .nth(1)?;
                after.split(':').next().map(str::to_owned)
            });
        let account = account.unwrap_or_else(|| ACCOUNT.to_owned());
        let calls: BTreeSet<Call> = calls
            .iter()
            .map(|call| call.of_account(&account))
            .map(|call| call.of_secret_in(text))
            .collect();
        for call in calls
            .iter()
            .filter(|call| !policy.allows(&call.action, &call.resource, &call.context()))
        {
            faults.push(format!(
                "{function} may not {} {}",
                call.action, call.resource
            ));
        }
        faults.extend(too_much(function, &calls, &policy, &outputs["buckets"]));
        let events = Call::on_queue(String::new(), &events_queue_name(outputs));
        let events = events.of_account(&account).resource;
        faults.extend(too_much_on_queues(function, &calls, &policy, &events));
    }
    faults.extend(readers_of_queued_batches(outputs));
    faults
}

/// What a policy allows that the function never did, and that no reason is given for.
fn too_much(
    function: &str,
    calls: &BTreeSet<Call>,
    policy: &PolicyDocument,
    buckets: &Value,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (zone, bucket) in buckets.as_object().unwrap() {
        let bucket = format!("arn:aws:s3:::{}", bucket.as_str().unwrap());
        for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
            for probe in PROBES {
                let part = part_of(zone, probe);
                let done = calls.iter().any(|call| {
                    let key = call.resource.strip_prefix(&format!("{bucket}/"));
                    call.action == action && key.is_some_and(|key| part_of(zone, key) == part)
                });
                let reason = UNSEEN
                    .iter()
                    .any(|(f, a, z, _)| (*f, *a, *z) == (function, action, part));
                if policy.allows(action, &format!("{bucket}/{probe}"), &[]) && !done && !reason {
                    faults.push(format!(
                        "{function} may {action} {bucket}/{probe}, and never does"
                    ));
                }
            }
            // Beside its prefixes, whatever it does within them. The site is its pages and nothing
            // else.
            if zone != "site" && policy.allows(action, &format!("{bucket}/elsewhere/x"), &[]) {
                faults.push(format!("{function} may {action} {bucket}/elsewhere"));
            }
        }
    }
    let anything = NEVER
        .iter()
        .filter(|action| policy.allows(action, "arn:aws:s3:::polelake-raw/raw/x", &[]));
    faults.extend(anything.map(|action| format!("{function} may {action}")));
    faults
}

/// The part of a zone in which an action counts as done. What a function does with raw objects does
/// not explain a right on the batches that were too large for a message; nor do refined objects
/// explain one on what only operators write.
fn part_of<'z>(zone: &'z str, key: &str) -> &'z str {
    match zone {
        "raw" if key.starts_with(Chunk::QUEUED_BATCHES_PREFIX) => "raw/_queue",
        "refined" if key.starts_with(DeclaredLoss::prefix()) => "refined/_losses",
        "refined" if key == lake::ERASURES_KEY => "refined/_erasures",
        _ => zone,
    }
}

/// What a policy allows on queues that the function never did: on the events queue, and beside it.
fn too_much_on_queues(
    function: &str,
    calls: &BTreeSet<Call>,
    policy: &PolicyDocument,
    events: &str,
) -> Vec<String> {
    let mut faults = Vec::new();
    for queue in [events, &format!("{events}-elsewhere")] {
        for action in QUEUE_ACTIONS {
            let done = calls
                .iter()
                .any(|call| (call.action.as_str(), call.resource.as_str()) == (action, queue));
            if policy.allows(action, queue, &[]) && !done {
                faults.push(format!("{function} may {action} {queue}, and never does"));
            }
        }
    }
    faults
}

/// What roles of analysts may do with batches that were too large for a message: nothing.
fn readers_of_queued_batches(outputs: &Value) -> Vec<String> {
    let batch = format!(
        "arn:aws:s3:::{}/{QUEUED_BATCH}",
        outputs["buckets"]["raw"].as_str().unwrap()
    );
    let mut faults = Vec::new();
    for (role, text) in outputs["readers"].as_object().into_iter().flatten() {
        let policy = PolicyDocument::parse(text.as_str().unwrap()).unwrap();
        for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
            if policy.allows(action, &batch, &[]) {
                faults.push(format!("the readers of {role} may {action} {batch}"));
            }
        }
    }
    faults
}

/// The outputs with a text in a function's policy replaced.
fn with_right(outputs: &Value, function: &str, from: &str, to: &str) -> Value {
    let mut changed = outputs.clone();
    let policy = &mut changed["function_policies"][function];
    let text = policy.as_str().unwrap();
    let other = text.replace(from, to);
    assert_ne!(text, other, "{from} is not in the policy of {function}");
    *policy = json!(other);
    changed
}

/// Checks that a fault begins with `begin` and names `part`.
#[track_caller]
fn assert_fault(faults: &[String], begin: &str, part: &str) {
    let found = faults
        .iter()
        .any(|fault| fault.starts_with(begin) && fault.contains(part));
    assert!(found, "{begin} … {part}: {faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_policies_are_held_against_each_other() {
    let outputs = synthetic_outputs();
    let none: Vec<String> = Vec::new();
    let calls = calls::of_days(&outputs).await;
    assert_eq!(held(&calls, &outputs), none);

    // A right that is missing, and one too many.
    for (function, from, to, begin, part) in CHANGED_RIGHTS {
        let faults = held(&calls, &with_right(&outputs, function, from, to));
        assert_fault(&faults, begin, part);
    }
    let mut changed = outputs.clone();
    let reader = &mut changed["readers"]["housing-analyst"];
    let text = reader.as_str().unwrap();
    *reader = json!(text.replace("polelake-curated/curated/object", "polelake-raw/raw"));
    let begin = "the readers of housing-analyst may s3:GetObject";
    assert_fault(&held(&calls, &changed), begin, QUEUED_BATCH);
}

/// What `cargo test -p infra-tests` deployed to an emulator, as it was told; none where that was
/// not run.
fn deployed() -> Option<Value> {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("infra-outputs.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        let message = "skipped: nothing is deployed; `cargo test -p infra-tests` does it first";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        println!("{message}");
        return None;
    };
    let told: Value = serde_json::from_str(&text).unwrap();
    let outputs = told.as_object().unwrap().iter();
    Some(
        outputs
            .map(|(name, output)| (name.clone(), output["value"].clone()))
            .collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn days_go_through_what_terraform_deployed_and_within_its_rights() {
    if !has("moto.server", "'moto[server,glue]'") {
        return;
    }
    let Some(outputs) = deployed() else { return };
    let moto = Moto::start().await;
    let calls = calls::of_emulated_days(&outputs, &moto.endpoint).await;
    let none: Vec<String> = Vec::new();
    assert_eq!(held(&calls, &outputs), none);
    let curated = outputs["buckets"]["curated"].as_str().unwrap();
    let store = S3Store::new(s3_at(&moto.endpoint).await, curated);
    let day = lake::Day(lake::Day::parse(MONDAY).unwrap().0 + 1);
    let manifest = store.get(&lake::manifest_key("person", day)).await.unwrap();
    let manifest = lake::SnapshotManifest::from_json(&manifest.body).unwrap();
    assert_eq!(
        (manifest.rows, manifest.updated, manifest.passed),
        (1, 1, true)
    );
}
