//! Acts: who does what, with which condition keys.

use crate::stack_under_test::ACCOUNT;

/// A role of the stack by the address of its policy, or a service by its name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Actor {
    /// The role of a function, by its module.
    Function(&'static str),
    /// The role whose policy has this address.
    Role(&'static str),
    /// A service of AWS.
    Service(&'static str),
    /// An administrator of the account: every action is allowed to it, if no policy denies it.
    Administrator,
}

/// What is done.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) actor: Actor,
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    pub(crate) context: Vec<(String, String)>,
}

impl Act {
    pub(crate) fn new(actor: Actor, action: &'static str, resource: impl Into<String>) -> Self {
        Self {
            actor,
            action,
            resource: resource.into(),
            context: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.retain(|(name, _)| name != key);
        self.context.push((key.to_owned(), value.into()));
        self
    }

    /// An act on an object of a zone, over TLS; a write is conditional, and names no key.
    pub(crate) fn on_object(actor: Actor, action: &'static str, zone: &str, key: &str) -> Self {
        let act = Self::new(actor, action, format!("{}/{key}", bucket(zone))).over_tls();
        match action {
            "s3:PutObject" => act.with("s3:if-none-match", "*"),
            _ => act,
        }
    }

    pub(crate) fn on_key(actor: Actor, action: &'static str, zone: &str, service: &str) -> Self {
        let via = format!("{service}.eu-west-2.amazonaws.com");
        Self::new(actor, action, key_arn(zone)).with("kms:ViaService", via)
    }

    pub(crate) fn over_tls(self) -> Self {
        self.with("aws:SecureTransport", "true")
            .with("s3:TlsVersion", "1.3")
    }

    /// The act without a condition key, as where the caller leaves a header out.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.context.retain(|(name, _)| name != key);
        self
    }
}

pub(crate) fn bucket(zone: &str) -> String {
    format!("arn:aws:s3:::polelake-{zone}-{ACCOUNT}-eu-west-2")
}

pub(crate) fn key_arn(zone: &str) -> String {
    format!("arn:aws:kms:eu-west-2:{ACCOUNT}:key/{zone}")
}

pub(crate) fn queue(name: &str) -> String {
    format!("arn:aws:sqs:eu-west-2:{ACCOUNT}:polelake-{name}")
}

pub(crate) fn function(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-2:{ACCOUNT}:function:polelake-{name}")
}

pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

pub(crate) const RELAY: Actor = Actor::Function("event_relay");
pub(crate) const LANDING: Actor = Actor::Function("raw_landing");
pub(crate) const TRANSFORM: Actor = Actor::Function("pole_transform");
pub(crate) const MERGE: Actor = Actor::Function("snapshot_merge");
pub(crate) const REPORT: Actor = Actor::Function("quality_report");
pub(crate) const ERASURE: Actor = Actor::Role("aws_iam_role_policy.erasure[0]");
pub(crate) const ANALYST: Actor =
    Actor::Role("module.catalogue.aws_iam_policy.readers[\"housing-analyst\"]");
pub(crate) const STATES: Actor = Actor::Role("module.state_machine[0].aws_iam_role_policy.this");
pub(crate) const SCHEDULE: Actor = Actor::Role("module.report_schedule.aws_iam_role_policy.this");

pub(crate) const RAW: &str = "raw/t/epoch=1/partition=0/1.parquet";
pub(crate) const QUEUED: &str = "raw/_queue/t/a.0.zst";
pub(crate) const RECEIPT: &str = "refined/_receipts/t/epoch=1/partition=0/1.json";
pub(crate) const LOSS: &str = "refined/_losses/t/epoch=1/partition=0/1.json";
pub(crate) const ERASURES: &str = "refined/_erasures.json";
