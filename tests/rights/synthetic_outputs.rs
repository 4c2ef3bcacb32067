//! What Terraform tells of a deployment, as far as a day needs it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The events queue; its landing is started by a schedule.
const EVENTS_QUEUE_URL: &str = "https://sqs.eu-west-2.amazonaws.com/000000000000/polelake-events";

/// Policies as Terraform writes them, cut to what a day needs.
pub(super) fn synthetic_outputs() -> Value {
    let bucket = |zone: &str| format!("polelake-{zone}");
    let arn = |zone: &str, path: &str| format!("arn:aws:s3:::polelake-{zone}{path}");
    let policy =
        |statements: Value| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let queue = "arn:aws:sqs:eu-west-2:000000000000:polelake-events";
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
            "event-relay": {
                "RAW_BUCKET": bucket("raw"), "CONTRACTS": "", "TRANSPORT": "queue",
                "EVENTS_QUEUE_URL": EVENTS_QUEUE_URL, "EVENTS_QUEUE_MESSAGE_BYTES": "262144",
                "NOTICE_DELAY_SECONDS": "900"
            },
            "raw-landing": {
                "RAW_BUCKET": bucket("raw"), "TOPIC_EPOCH": "1",
                "EVENTS_QUEUE_URL": EVENTS_QUEUE_URL
            },
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
        "readers": {
            "housing-analyst": policy(json!([
                allow(&["s3:GetObject"], &[arn("curated", "/curated/object/*")]),
            ])),
        },
        "function_policies": {
            "event-relay": policy(json!([
                allow(&["sqs:SendMessage"], &[queue.to_owned()]),
                allow(&["s3:PutObject"], &[arn("raw", "/raw/_queue/*")]),
            ])),
            "raw-landing": policy(json!([
                allow(&["s3:GetObject", "s3:PutObject"], &[arn("raw", "/raw/*")]),
                deny(&["s3:PutObject"], &[arn("raw", "/raw/_queue/*")]),
                allow(&["s3:ListBucket"], &[arn("raw", "")]),
                allow(&["sqs:DeleteMessage", "sqs:ReceiveMessage"], &[queue.to_owned()]),
            ])),
            "pole-transform": policy(json!([
                allow(
                    &["s3:GetObject"],
                    &[
                        arn("raw", "/raw/*"), arn("refined", "/refined/_receipts/*"),
                        arn("refined", "/refined/_erasures.json"),
                        arn("refined", "/refined/_identity.json"),
                    ],
                ),
                allow(
                    &["s3:PutObject", "s3:DeleteObject"],
                    &[arn("refined", "/refined/*"), arn("refined", "/quarantine/*")],
                ),
                deny(
                    &["s3:PutObject", "s3:DeleteObject"],
                    &[arn("refined", "/refined/_erasures.json"), arn("refined", "/refined/_losses/*")],
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

fn allow(actions: &[&str], resources: &[String]) -> Value {
    statement("Allow", actions, resources)
}

fn deny(actions: &[&str], resources: &[String]) -> Value {
    statement("Deny", actions, resources)
}

fn statement(effect: &str, actions: &[&str], resources: &[String]) -> Value {
    json!({"Effect": effect, "Action": actions, "Resource": resources})
}
