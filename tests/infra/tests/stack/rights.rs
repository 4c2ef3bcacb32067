//! Who may do what: the policies of roles, buckets, queues and keys are evaluated together, as AWS
//! does, for what each part does on a day and for acts that must be refused.

use infra_tests::{AccessRequest, PolicyAnswer, PolicyDocument, StackState};

use crate::acts::{Act, Actor, LANDING, MERGE, RAW, RELAY, TRANSFORM, role_arn};
use crate::day_acts::{acts_of_a_day, acts_over_kafka, acts_over_the_queue};
use crate::forbidden_acts::{forbidden_acts, forbidden_acts_on_queues};
use crate::stack_under_test::{ACCOUNT, resource, stack};

/// Whether the policies of a stack allow an act.
fn is_allowed(stack: &StackState, act: &Act) -> bool {
    let request = access_request(act);
    let identity = identity_answer(stack, act.actor, &request);
    let (of_resource, is_key) = resource_answer(stack, &request);
    if identity == PolicyAnswer::Denies || of_resource == PolicyAnswer::Denies {
        return false;
    }
    if is_key {
        let key = key_policy(stack, &request.resource);
        let delegated = key.delegates(&request, ACCOUNT) && identity == PolicyAnswer::Allows;
        return of_resource == PolicyAnswer::Allows || delegated;
    }
    [identity, of_resource].contains(&PolicyAnswer::Allows)
}

fn access_request(act: &Act) -> AccessRequest {
    let principal = match act.actor {
        Actor::Service(name) => name.to_owned(),
        Actor::Role("aws_iam_role_policy.erasure[0]") => role_arn("polelake-erasure"),
        Actor::Function(name) | Actor::Role(name) => role_arn(name),
        Actor::Administrator => role_arn("administrator"),
    };
    let mut context = act.context.clone();
    context.push(("aws:PrincipalArn".into(), principal.clone()));
    AccessRequest {
        principal,
        action: act.action.to_owned(),
        resource: act.resource.clone(),
        context,
    }
}

fn identity_answer(stack: &StackState, actor: Actor, request: &AccessRequest) -> PolicyAnswer {
    let address = match actor {
        Actor::Function(module) => format!("module.{module}.aws_iam_role_policy.this"),
        Actor::Role(address) => address.to_owned(),
        Actor::Service(_) => return PolicyAnswer::Silent,
        Actor::Administrator => return PolicyAnswer::Allows,
    };
    let policy = resource(stack, &address).text("policy");
    PolicyDocument::parse(policy).unwrap().answer(request)
}

/// What the policy of the bucket, the queue or the key says, and whether it is a key's.
fn resource_answer(stack: &StackState, request: &AccessRequest) -> (PolicyAnswer, bool) {
    let name = request.resource.as_str();
    if name.starts_with("arn:aws:kms:") {
        return (key_answer(stack, request), true);
    }
    let policies = ["aws_s3_bucket_policy", "aws_sqs_queue_policy"]
        .into_iter()
        .flat_map(|kind| stack.of_kind(kind));
    let answers = policies
        .map(|policy| PolicyDocument::parse(policy.text("policy")).unwrap())
        .map(|policy| policy.answer(request));
    let mut answer = PolicyAnswer::Silent;
    for one in answers {
        match one {
            PolicyAnswer::Denies => return (PolicyAnswer::Denies, false),
            PolicyAnswer::Allows => answer = PolicyAnswer::Allows,
            PolicyAnswer::Silent => {}
        }
    }
    (answer, false)
}

/// A key's own answer to a principal. That the account is allowed says nothing of a role.
fn key_answer(stack: &StackState, request: &AccessRequest) -> PolicyAnswer {
    key_policy(stack, &request.resource).answer(request)
}

fn key_policy(stack: &StackState, arn: &str) -> PolicyDocument {
    let key = stack
        .of_kind("aws_kms_key")
        .find(|key| key.text("arn") == arn);
    let key = key.unwrap_or_else(|| panic!("there is no key {arn}"));
    PolicyDocument::parse(key.text("policy")).unwrap()
}

#[track_caller]
fn assert_allowed(stack: &StackState, acts: &[Act]) {
    let refused: Vec<&Act> = acts.iter().filter(|act| !is_allowed(stack, act)).collect();
    assert!(refused.is_empty(), "refused: {refused:#?}");
}

#[track_caller]
fn assert_refused(stack: &StackState, acts: &[Act]) {
    let allowed: Vec<&Act> = acts.iter().filter(|act| is_allowed(stack, act)).collect();
    assert!(allowed.is_empty(), "allowed: {allowed:#?}");
}

#[test]
fn every_part_may_do_what_it_does_on_a_day() {
    let Some(kafka) = stack("kafka") else { return };
    assert_allowed(kafka, &acts_of_a_day());
    assert_allowed(kafka, &acts_over_kafka());
    let Some(queue) = stack("queue") else { return };
    assert_allowed(queue, &acts_of_a_day());
    assert_allowed(queue, &acts_over_the_queue());
}

#[test]
fn what_is_forbidden_is_refused() {
    let acts = forbidden_acts();
    assert!(acts.len() >= 60, "{}", acts.len());
    let Some(kafka) = stack("kafka") else { return };
    assert_refused(kafka, &acts);
    let Some(queue) = stack("queue") else { return };
    assert_refused(queue, &forbidden_acts_on_queues());
}

/// The bucket refuses deletions in raw; the roles that write there have no right to delete either.
#[test]
fn what_writes_raw_objects_may_not_delete_them() {
    let Some(stack) = stack("kafka") else { return };
    for actor in [RELAY, LANDING, TRANSFORM, MERGE] {
        for action in ["s3:DeleteObject", "s3:DeleteObjectVersion"] {
            let act = Act::on_object(actor, action, "raw", RAW);
            let answer = identity_answer(stack, actor, &access_request(&act));
            assert_ne!(answer, PolicyAnswer::Allows, "{act:?}");
        }
    }
}

/// Who may take a role: the service, for this account, and people with what the role asks for.
#[test]
fn roles_are_taken_by_those_who_they_are_for() {
    let Some(stack) = stack("kafka") else { return };
    let takes = |address: &str, actor: &str, context: &[(&str, &str)]| {
        let policy = resource(stack, address).text("assume_role_policy");
        let context = context.iter();
        let request = AccessRequest {
            principal: actor.to_owned(),
            action: "sts:AssumeRole".to_owned(),
            resource: String::new(),
            context: context
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        // A trust policy names no resource.
        let text = policy.replace("\"Effect\"", "\"Resource\":\"*\",\"Effect\"");
        PolicyDocument::parse(&text).unwrap().answer(&request) == PolicyAnswer::Allows
    };

    let officer = "arn:aws:iam::123456789012:role/data-protection";
    let erasure = "aws_iam_role.erasure[0]";
    assert!(takes(
        erasure,
        officer,
        &[("aws:MultiFactorAuthPresent", "true")]
    ));
    assert!(!takes(
        erasure,
        officer,
        &[("aws:MultiFactorAuthPresent", "false")]
    ));
    assert!(!takes(erasure, officer, &[]));
    assert!(!takes(
        erasure,
        &role_arn("other"),
        &[("aws:MultiFactorAuthPresent", "true")]
    ));

    let machine = format!("arn:aws:states:eu-west-2:{ACCOUNT}:stateMachine:polelake-snapshot");
    for (address, service) in [
        (
            "module.report_schedule.aws_iam_role.this",
            "scheduler.amazonaws.com",
        ),
        (
            "module.state_machine[0].aws_iam_role.this",
            "states.amazonaws.com",
        ),
    ] {
        let here = [
            ("aws:SourceAccount", ACCOUNT),
            ("aws:SourceArn", machine.as_str()),
        ];
        assert!(takes(address, service, &here), "{address}");
        let elsewhere = [("aws:SourceAccount", "210987654321"), here[1]];
        assert!(!takes(address, service, &elsewhere), "{address}");
        assert!(!takes(address, "ec2.amazonaws.com", &here), "{address}");
    }
}
