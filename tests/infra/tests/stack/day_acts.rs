//! What each part does on a day.

use crate::acts::{
    ANALYST, Act, Actor, ERASURE, ERASURES, LANDING, MERGE, QUEUED, RAW, RECEIPT, RELAY, REPORT,
    SCHEDULE, STATES, TRANSFORM, bucket, function, key_arn, queue,
};
use crate::stack_under_test::ACCOUNT;

/// An object that is read: the read itself, and the key.
fn reads(actor: Actor, zone: &str, key: &str) -> [Act; 2] {
    [
        Act::on_object(actor, "s3:GetObject", zone, key),
        Act::on_key(actor, "kms:Decrypt", zone, "s3"),
    ]
}

/// An object that is written: the write itself, and the key.
fn writes(actor: Actor, zone: &str, key: &str) -> [Act; 2] {
    [
        Act::on_object(actor, "s3:PutObject", zone, key),
        Act::on_key(actor, "kms:GenerateDataKey", zone, "s3"),
    ]
}

/// The key of the lake's ids, and the key that it is stored under.
fn reads_identity_key(actor: Actor) -> [Act; 2] {
    let secret =
        format!("arn:aws:secretsmanager:eu-west-2:{ACCOUNT}:secret:polelake/identity-key-AbCdEf");
    [
        Act::new(actor, "secretsmanager:GetSecretValue", secret),
        Act::on_key(actor, "kms:Decrypt", "operations", "secretsmanager"),
    ]
}

/// A queue that is emptied, and the key of its messages.
fn empties(actor: Actor, name: &str, key: &str) -> Vec<Act> {
    let mut acts = vec![Act::on_key(actor, "kms:Decrypt", key, "sqs")];
    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage"] {
        acts.push(Act::new(actor, action, queue(name)).over_tls());
    }
    acts
}

/// What the parts of every stack do on a day.
pub(crate) fn acts_of_a_day() -> Vec<Act> {
    [
        acts_of_landing(),
        acts_of_transform(),
        acts_of_merge(),
        acts_of_report(),
        acts_of_erasure(),
        acts_of_analysts(),
        acts_of_schedules(),
        acts_of_services(),
    ]
    .concat()
}

/// Raw objects, and hints of where logs end, which are overwritten.
fn acts_of_landing() -> Vec<Act> {
    let mut acts = Vec::new();
    acts.extend(writes(LANDING, "raw", RAW));
    acts.extend(reads(LANDING, "raw", RAW));
    acts.push(Act::new(LANDING, "s3:ListBucket", bucket("raw")).over_tls());
    acts.push(
        Act::on_object(LANDING, "s3:PutObject", "raw", "raw/_log/t.json")
            .without("s3:if-none-match"),
    );
    acts
}

/// Raw objects in; refined and refused records, and receipts, out.
fn acts_of_transform() -> Vec<Act> {
    let mut acts = Vec::new();
    acts.extend(reads(TRANSFORM, "raw", RAW));
    for key in [
        "refined/person/1.parquet",
        RECEIPT,
        "refined/_identity.json",
    ] {
        acts.extend(writes(TRANSFORM, "refined", key));
    }
    acts.extend(writes(TRANSFORM, "refined", "quarantine/s/1.parquet"));
    for key in [RECEIPT, ERASURES, "refined/_identity.json"] {
        acts.extend(reads(TRANSFORM, "refined", key));
    }
    acts.push(Act::on_object(
        TRANSFORM,
        "s3:DeleteObject",
        "refined",
        "refined/person/1.parquet",
    ));
    acts.extend(reads_identity_key(TRANSFORM));
    acts.extend(empties(TRANSFORM, "pole-transform", "operations"));
    acts.push(
        Act::new(
            TRANSFORM,
            "sqs:ChangeMessageVisibility",
            queue("pole-transform"),
        )
        .over_tls(),
    );
    acts
}

/// Increments in, snapshots out.
fn acts_of_merge() -> Vec<Act> {
    let mut acts = Vec::new();
    acts.extend(reads_identity_key(MERGE));
    acts.extend(reads(MERGE, "refined", "refined/person/1.parquet"));
    acts.extend(reads(MERGE, "curated", "curated/person/1.parquet"));
    acts.extend(writes(MERGE, "curated", "curated/_manifests/1.json"));
    acts.push(Act::on_object(
        MERGE,
        "s3:DeleteObject",
        "curated",
        "curated/person/1.parquet",
    ));
    for zone in ["refined", "curated"] {
        acts.push(Act::new(MERGE, "s3:ListBucket", bucket(zone)).over_tls());
    }
    acts.push(
        Act::new(MERGE, "s3:ListBucket", bucket("raw"))
            .over_tls()
            .with("s3:prefix", "raw/t/"),
    );
    acts
}

/// Snapshots and receipts in, pages and measures out.
fn acts_of_report() -> Vec<Act> {
    let mut acts = Vec::new();
    acts.extend(reads(REPORT, "curated", "curated/person/1.parquet"));
    acts.extend(reads(REPORT, "refined", RECEIPT));
    acts.extend(writes(REPORT, "site", "index.html"));
    acts.extend(writes(REPORT, "curated", "quality/1.json"));
    acts
}

/// Every zone with records, old versions as well.
fn acts_of_erasure() -> Vec<Act> {
    let mut acts = Vec::new();
    for (zone, key) in [
        ("raw", RAW),
        ("refined", ERASURES),
        ("refined", "quarantine/s/1.parquet"),
        ("curated", "curated/_erasures/1.json"),
    ] {
        acts.extend(reads(ERASURE, zone, key));
        acts.extend(writes(ERASURE, zone, key));
        acts.push(Act::on_object(ERASURE, "s3:DeleteObjectVersion", zone, key));
    }
    acts
}

/// Tables without personal columns, and results of queries.
fn acts_of_analysts() -> Vec<Act> {
    let mut acts = Vec::new();
    acts.extend(reads(ANALYST, "curated", "curated/object/1.parquet"));
    let glue = format!("arn:aws:glue:eu-west-2:{ACCOUNT}:table/polelake_curated_pole/object");
    acts.push(Act::new(ANALYST, "glue:GetTable", glue));
    let workgroup =
        format!("arn:aws:athena:eu-west-2:{ACCOUNT}:workgroup/polelake-housing-analyst");
    acts.push(Act::new(ANALYST, "athena:StartQueryExecution", workgroup));
    acts.extend(
        writes(ANALYST, "results", "housing-analyst/1.csv").map(|act| {
            let resource = act.resource.replace("key/results", "key/curated");
            Act { resource, ..act }
        }),
    );
    acts
}

/// A function is started; what cannot be started is kept.
fn acts_of_schedules() -> Vec<Act> {
    let started = function("quality-report");
    let kept = queue("failed-invocations");
    vec![
        Act::new(SCHEDULE, "lambda:InvokeFunction", started),
        Act::new(SCHEDULE, "sqs:SendMessage", kept),
        Act::on_key(SCHEDULE, "kms:GenerateDataKey", "operations", "sqs"),
    ]
}

/// What services do with queues, keys and pages.
fn acts_of_services() -> Vec<Act> {
    let s3 = Actor::Service("s3.amazonaws.com");
    let logs = Actor::Service("logs.eu-west-2.amazonaws.com");
    let of_account = |act: Act| act.with("aws:SourceAccount", ACCOUNT);
    let deliveries = Actor::Service("delivery.logs.amazonaws.com");
    let own_logs = format!("arn:aws:logs:eu-west-2:{ACCOUNT}:*");
    let group = format!("arn:aws:logs:eu-west-2:{ACCOUNT}:log-group:/aws/lambda/x");
    vec![
        Act::new(s3, "sqs:SendMessage", queue("pole-transform"))
            .over_tls()
            .with("aws:SourceArn", bucket("raw")),
        of_account(Act::on_key(s3, "kms:GenerateDataKey", "operations", "sqs")),
        Act::new(deliveries, "kms:Decrypt", key_arn("operations"))
            .with("kms:EncryptionContext:SourceArn", own_logs),
        Act::new(logs, "kms:GenerateDataKey", key_arn("operations"))
            .with("kms:EncryptionContext:aws:logs:arn", group),
    ]
}

/// What the parts of a stack with the state machine, Kafka and the site do besides.
pub(crate) fn acts_over_kafka() -> Vec<Act> {
    let site = Actor::Service("cloudfront.amazonaws.com");
    let cluster = "arn:aws:kafka:eu-west-2:123456789012";
    let topic =
        format!("{cluster}:topic/polelake/11111111-2222-3333-4444-555555555555-2/housing-person");
    let mut acts = vec![
        Act::new(LANDING, "kafka-cluster:ReadData", &topic),
        Act::new(LANDING, "kafka-cluster:DescribeTopic", &topic),
        Act::new(RELAY, "kafka-cluster:WriteData", &topic),
        Act::new(STATES, "lambda:InvokeFunction", function("snapshot-merge")),
        Act::new(STATES, "lambda:InvokeFunction", function("quality-report")),
        Act::on_object(site, "s3:GetObject", "site", "index.html").with(
            "aws:SourceArn",
            format!("arn:aws:cloudfront::{ACCOUNT}:distribution/SITE"),
        ),
        Act::new(site, "kms:Decrypt", key_arn("site")).with("aws:SourceAccount", ACCOUNT),
    ];
    // Lambda keeps with the function's role what its mapping gives up.
    acts.extend(writes(LANDING, "failures", "aws/lambda/x/1").map(|act| {
        let resource = act.resource.replace("key/failures", "key/raw");
        Act { resource, ..act }
    }));
    acts
}

/// What the parts of a stack with the events queue do besides.
pub(crate) fn acts_over_the_queue() -> Vec<Act> {
    let mut acts = vec![
        Act::new(RELAY, "sqs:SendMessage", queue("events")).over_tls(),
        Act::on_key(RELAY, "kms:GenerateDataKey", "events", "sqs"),
    ];
    acts.extend(writes(RELAY, "raw", QUEUED));
    acts.extend(reads(LANDING, "raw", QUEUED));
    acts.extend(empties(LANDING, "events", "events"));
    acts
}
