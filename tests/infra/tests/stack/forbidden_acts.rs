//! Acts that every policy must refuse.

use crate::acts::{
    ANALYST, Act, Actor, ERASURE, ERASURES, LANDING, LOSS, MERGE, QUEUED, RAW, RECEIPT, RELAY,
    REPORT, SCHEDULE, STATES, TRANSFORM, bucket, function, key_arn, queue,
};
use crate::stack_under_test::ACCOUNT;

/// Acts that every policy must refuse.
pub(crate) fn forbidden_acts() -> Vec<Act> {
    let mut acts = forbidden_writes();
    acts.extend(forbidden_reads());
    acts.extend(forbidden_ways());
    acts.extend(forbidden_senders());
    acts
}

fn forbidden_writes() -> Vec<Act> {
    let put = |actor, zone, key| Act::on_object(actor, "s3:PutObject", zone, key);
    let delete = |actor, zone, key| Act::on_object(actor, "s3:DeleteObject", zone, key);
    vec![
        put(RELAY, "raw", RAW),
        put(RELAY, "refined", "refined/person/1.parquet"),
        put(LANDING, "raw", QUEUED),
        put(LANDING, "refined", "refined/person/1.parquet"),
        put(TRANSFORM, "raw", RAW),
        put(TRANSFORM, "refined", LOSS),
        put(TRANSFORM, "refined", ERASURES),
        put(TRANSFORM, "curated", "curated/person/1.parquet"),
        put(MERGE, "refined", "refined/person/1.parquet"),
        put(MERGE, "curated", "curated/_erasures/1.json"),
        put(MERGE, "curated", "curated/_replaced/1.json"),
        put(MERGE, "site", "index.html"),
        put(REPORT, "curated", "curated/person/1.parquet"),
        put(REPORT, "refined", RECEIPT),
        put(ERASURE, "site", "index.html"),
        put(ERASURE, "elsewhere", "x"),
        put(ANALYST, "curated", "curated/object/1.parquet"),
        delete(LANDING, "raw", RAW),
        delete(TRANSFORM, "raw", RAW),
        delete(TRANSFORM, "refined", ERASURES),
        delete(TRANSFORM, "refined", LOSS),
        delete(MERGE, "refined", RECEIPT),
        delete(REPORT, "curated", "curated/person/1.parquet"),
        delete(ANALYST, "curated", "curated/object/1.parquet"),
        delete(Actor::Administrator, "raw", RAW),
        Act::on_object(Actor::Administrator, "s3:DeleteObjectVersion", "raw", RAW),
    ]
}

fn forbidden_reads() -> Vec<Act> {
    let get = |actor, zone, key| Act::on_object(actor, "s3:GetObject", zone, key);
    let secret = format!("arn:aws:secretsmanager:eu-west-2:{ACCOUNT}:secret:other-AbCdEf");
    let person = format!("arn:aws:glue:eu-west-2:{ACCOUNT}:table/polelake_curated_pole/person");
    vec![
        get(RELAY, "raw", RAW),
        get(RELAY, "curated", "curated/person/1.parquet"),
        get(LANDING, "refined", RECEIPT),
        get(TRANSFORM, "refined", "refined/person/1.parquet"),
        get(TRANSFORM, "curated", "curated/person/1.parquet"),
        get(MERGE, "raw", RAW),
        get(REPORT, "raw", RAW),
        get(REPORT, "refined", "refined/person/1.parquet"),
        get(ANALYST, "curated", "curated/person/1.parquet"),
        get(ANALYST, "curated", "curated/_manifests/1.json"),
        get(ANALYST, "refined", "refined/object/1.parquet"),
        get(ANALYST, "raw", RAW),
        get(ANALYST, "results", "safeguarding/1.csv"),
        Act::new(ANALYST, "s3:ListBucket", bucket("curated"))
            .over_tls()
            .with("s3:prefix", "curated/person/"),
        Act::new(ANALYST, "glue:GetTable", person),
        Act::new(RELAY, "secretsmanager:GetSecretValue", &secret),
        Act::new(TRANSFORM, "secretsmanager:GetSecretValue", &secret),
        Act::new(STATES, "lambda:InvokeFunction", function("event-relay")),
        Act::new(SCHEDULE, "lambda:InvokeFunction", function("event-relay")),
        Act::on_key(RELAY, "kms:Decrypt", "curated", "s3"),
        Act::on_key(LANDING, "kms:Decrypt", "refined", "s3"),
        Act::on_key(TRANSFORM, "kms:Decrypt", "curated", "s3"),
        Act::on_key(ANALYST, "kms:Decrypt", "raw", "s3"),
        // Messages that have not landed are under a key of their own.
        Act::on_key(MERGE, "kms:Decrypt", "events", "sqs"),
        Act::on_key(ANALYST, "kms:Decrypt", "events", "sqs"),
    ]
}

/// The same acts as those of a day, another way.
fn forbidden_ways() -> Vec<Act> {
    let land = Act::on_object(LANDING, "s3:PutObject", "raw", RAW);
    let seal = "s3:x-amz-server-side-encryption-aws-kms-key-id";
    let merge = Act::on_object(MERGE, "s3:PutObject", "curated", "curated/person/1.parquet");
    vec![
        land.clone().without("s3:if-none-match"),
        land.clone().with("aws:SecureTransport", "false"),
        // S3's own encryption, by a request that names no key.
        land.clone()
            .with("s3:x-amz-server-side-encryption", "AES256"),
        land.clone().with("s3:TlsVersion", "1.1"),
        land.with(seal, key_arn("site")),
        merge.clone().with(seal, key_arn("site")),
        merge.with("aws:SecureTransport", "false"),
        Act::on_object(MERGE, "s3:GetObject", "curated", "curated/person/1.parquet")
            .with("aws:SecureTransport", "false"),
        Act::on_key(MERGE, "kms:Decrypt", "curated", "dynamodb"),
        Act::on_key(TRANSFORM, "kms:Decrypt", "raw", "lambda"),
        Act::on_key(ANALYST, "kms:Decrypt", "curated", "dynamodb"),
    ]
}

/// Services that act for another account, bucket or distribution.
fn forbidden_senders() -> Vec<Act> {
    let s3 = Actor::Service("s3.amazonaws.com");
    let site = Actor::Service("cloudfront.amazonaws.com");
    let logs = Actor::Service("logs.eu-west-2.amazonaws.com");
    let other_group = "arn:aws:logs:eu-west-2:210987654321:log-group:/aws/lambda/x";
    let send = Act::new(s3, "sqs:SendMessage", queue("pole-transform")).over_tls();
    vec![
        send.clone().with("aws:SourceArn", bucket("elsewhere")),
        send.clone(),
        send.with("aws:SourceArn", bucket("raw"))
            .with("aws:SecureTransport", "false"),
        Act::on_key(s3, "kms:GenerateDataKey", "operations", "sqs")
            .with("aws:SourceAccount", "210987654321"),
        Act::new(logs, "kms:GenerateDataKey", key_arn("operations"))
            .with("kms:EncryptionContext:aws:logs:arn", other_group),
        Act::on_object(site, "s3:GetObject", "site", "index.html").with(
            "aws:SourceArn",
            format!("arn:aws:cloudfront::{ACCOUNT}:distribution/OTHER"),
        ),
        Act::on_object(site, "s3:GetObject", "curated", "curated/person/1.parquet").with(
            "aws:SourceArn",
            format!("arn:aws:cloudfront::{ACCOUNT}:distribution/SITE"),
        ),
        Act::new(site, "kms:GenerateDataKey", key_arn("site")).with("aws:SourceAccount", ACCOUNT),
        Act::new(site, "kms:Decrypt", key_arn("site")).with("aws:SourceAccount", "210987654321"),
        Act::new(site, "kms:Decrypt", key_arn("curated")).with("aws:SourceAccount", ACCOUNT),
    ]
}

/// Acts on queues that the policies must refuse, where events go through one.
pub(crate) fn forbidden_acts_on_queues() -> Vec<Act> {
    let on_queue = |actor, action, name| Act::new(actor, action, queue(name)).over_tls();
    vec![
        on_queue(RELAY, "sqs:SendMessage", "pole-transform"),
        on_queue(RELAY, "sqs:SendMessage", "elsewhere"),
        on_queue(RELAY, "sqs:ReceiveMessage", "events"),
        on_queue(LANDING, "sqs:SendMessage", "events"),
        on_queue(LANDING, "sqs:ReceiveMessage", "pole-transform"),
        on_queue(TRANSFORM, "sqs:ReceiveMessage", "events"),
        on_queue(MERGE, "sqs:ReceiveMessage", "events"),
    ]
}
