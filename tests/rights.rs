//! What each function may do, beside what it does: every call of a day is allowed by its policy,
//! and little else is.

pub(crate) mod calls;
mod policy;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use calls::Call;
use policy::Policy;
use store::{ObjectStore, S3Store};

use crate::catalogue::Moto;
use crate::endpoints::s3_at;
use crate::lake_under_test::MONDAY;
use crate::readers::has;

/// What is allowed and was not seen on the days of the test, each with its reason.
const UNSEEN: [(&str, &str, &str, &str); 7] = [
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
        "receipts and who is forgotten lie below refined/_",
    ),
    (
        "snapshot-merge",
        "s3:GetObject",
        "refined",
        "any table's increments",
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

/// Keys that stand for all that lie beside them.
const PROBES: [&str; 16] = [
    "raw/t/epoch=1/partition=0/1.parquet",
    "raw/_log/t.json",
    "refined/person/x.parquet",
    "refined/_receipts/t.json",
    "refined/_erasures.json",
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
        let policy = Policy::parse(text);
        // The catalogue and the secrets are an account's; which one, its policy says.
        let account = ["glue", "secretsmanager"].iter().find_map(|service| {
            let after = text
                .split(&format!("arn:aws:{service}:eu-west-2:"))
                .nth(1)?;
            after.split(':').next().map(str::to_owned)
        });
        let calls: BTreeSet<Call> = calls
            .iter()
            .map(|call| call.of_account(account.as_deref().unwrap_or_default()))
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
    }
    faults
}

/// What a policy allows that the function never did, and that no reason is given for.
fn too_much(
    function: &str,
    calls: &BTreeSet<Call>,
    policy: &Policy,
    buckets: &Value,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (zone, bucket) in buckets.as_object().unwrap() {
        let bucket = format!("arn:aws:s3:::{}", bucket.as_str().unwrap());
        for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
            let done = calls.iter().any(|call| {
                call.action == action && call.resource.starts_with(&format!("{bucket}/"))
            });
            let reason = UNSEEN
                .iter()
                .any(|(f, a, z, _)| (*f, *a, *z) == (function, action, zone));
            for probe in PROBES {
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

/// Policies as Terraform writes them, cut to what a day needs.
fn outputs() -> Value {
    let bucket = |zone: &str| format!("polelake-{zone}");
    let arn = |zone: &str, path: &str| format!("arn:aws:s3:::polelake-{zone}{path}");
    let allow = |actions: &[&str], resources: &[String]| {
        json!({
            "Effect": "Allow", "Action": actions, "Resource": resources
        })
    };
    let policy =
        |statements: Value| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let secrets = "arn:aws:secretsmanager:eu-west-2:000000000000:secret";
    let glue = ["catalog", "database/polelake_*", "table/polelake_*"]
        .map(|part| format!("arn:aws:glue:eu-west-2:000000000000:{part}"));
    let buckets: BTreeMap<&str, String> = ["raw", "refined", "curated", "site"]
        .into_iter()
        .map(|zone| (zone, bucket(zone)))
        .collect();
    json!({
        "buckets": buckets,
        "function_environments": {
            "raw-landing": {"RAW_BUCKET": bucket("raw"), "TOPIC_EPOCH": "1"},
            "pole-transform": {
                "RAW_BUCKET": bucket("raw"), "REFINED_BUCKET": bucket("refined"), "CONTRACTS": "",
                "IDENTITY_KEY_SECRET": "polelake/identity-key"
            },
            "snapshot-merge": {
                "RAW_BUCKET": bucket("raw"), "REFINED_BUCKET": bucket("refined"),
                "CURATED_BUCKET": bucket("curated"), "GLUE_DATABASES": "polelake", "CONTRACTS": "",
                "IDENTITY_KEY_SECRET": "polelake/identity-key"
            },
            "quality-report": {
                "RAW_BUCKET": bucket("raw"), "REFINED_BUCKET": bucket("refined"),
                "CURATED_BUCKET": bucket("curated"), "SITE_BUCKET": bucket("site"), "CONTRACTS": ""
            },
        },
        "function_policies": {
            "raw-landing": policy(json!([
                allow(&["s3:GetObject", "s3:PutObject"], &[arn("raw", "/raw/*")]),
                allow(&["s3:ListBucket"], &[arn("raw", "")]),
            ])),
            "pole-transform": policy(json!([
                allow(&["s3:GetObject"], &[arn("raw", "/raw/*"), arn("refined", "/refined/_*")]),
                allow(
                    &["s3:PutObject", "s3:DeleteObject"],
                    &[arn("refined", "/refined/*"), arn("refined", "/quarantine/*")],
                ),
                allow(&["s3:ListBucket"], &[arn("refined", "")]),
                allow(
                    &["secretsmanager:GetSecretValue"],
                    &[format!("{secrets}:polelake/identity-key-AbCdEf")],
                ),
            ])),
            "snapshot-merge": policy(json!([
                allow(
                    &["secretsmanager:GetSecretValue"],
                    &[format!("{secrets}:polelake/identity-key-AbCdEf")],
                ),
                {
                    "Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn("raw", ""),
                    "Condition": {"StringLike": {"s3:prefix": ["raw/*"]}}
                },
                allow(&["s3:ListBucket"], &[arn("refined", ""), arn("curated", "")]),
                allow(&["s3:GetObject"], &[arn("refined", "/refined/*")]),
                allow(
                    &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                    &[arn("curated", "/curated/*")],
                ),
                allow(
                    &["glue:Batch*Partition", "glue:CreateTable", "glue:Get*", "glue:Update*"],
                    &glue,
                ),
            ])),
            "quality-report": policy(json!([
                allow(
                    &["s3:ListBucket"],
                    &[arn("raw", ""), arn("refined", ""), arn("curated", ""), arn("site", "")],
                ),
                allow(
                    &["s3:GetObject"],
                    &[
                        arn("refined", "/refined/_receipts/*"), arn("curated", "/curated/*"),
                        arn("site", "/data/*"), arn("site", "/pages.json"),
                        arn("site", "/schemas.json")
                    ],
                ),
                allow(&["s3:GetObject", "s3:PutObject"], &[arn("curated", "/quality/*")]),
                allow(&["s3:PutObject"], &[arn("site", "/*")]),
                allow(&["sns:Publish"], &["*".to_owned()]),
            ])),
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_policies_are_held_against_each_other() {
    let outputs = outputs();
    let none: Vec<String> = Vec::new();
    let calls = calls::of_days(&outputs).await;
    assert_eq!(held(&calls, &outputs), none);
    // A right that is missing, and one too many.
    let changed = |function: &str, from: &str, to: &str| {
        let mut outputs = outputs.clone();
        let text = outputs["function_policies"][function]
            .as_str()
            .unwrap()
            .replace(from, to);
        assert_ne!(outputs["function_policies"][function], json!(text));
        outputs["function_policies"][function] = json!(text);
        outputs
    };
    let faults = held(&calls, &changed("raw-landing", "/raw/*", "/raw/other/*"));
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("raw-landing may not s3:PutObject")),
        "{faults:?}"
    );
    let faults = held(&calls, &changed("quality-report", "s3:PutObject", "s3:*"));
    assert!(
        faults
            .iter()
            .any(|fault| fault.contains("quality-report may s3:DeleteObject")
                && fault.contains("curated")),
        "{faults:?}"
    );
    let faults = held(
        &calls,
        &changed("pole-transform", "identity-key-", "other-secret-"),
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("pole-transform may not secretsmanager:GetSecretValue")),
        "{faults:?}"
    );
    let faults = held(
        &calls,
        &changed("snapshot-merge", "glue:CreateTable", "glue:Nothing"),
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("snapshot-merge may not glue:CreateTable")),
        "{faults:?}"
    );
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
