//! What the outputs of quality results promise to other people's tools: those tools read them here.

use serde_json::json;
use store::{Notifier, SnsNotifier, StoreErrorKind};

use crate::catalogue::Moto;
use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event, repository_root};
use crate::quarantine::polelake;
use crate::readers::{has, python};

/// A sample of each output, as the unit tests of `quality-report` hold it.
fn golden(name: &str) -> String {
    repository_root()
        .join("functions/quality-report/tests/golden")
        .join(name)
        .display()
        .to_string()
}

const VALIDATE: &str = r"
import json, sys
from datacontract.model.run import Run
run = Run.model_validate(json.load(open(sys.argv[1])))
said = run.result
run.calculate_result()
print(json.dumps({'said': said.value, 'reckoned': run.result.value, 'checks': len(run.checks), 'id': str(run.runId)}))
";

#[test]
fn datacontract_cli_reads_the_results_and_reckons_the_same_outcome() {
    if !has("datacontract.model.run", "datacontract-cli") {
        return;
    }
    let read = python(VALIDATE, &[golden("thing.run.json")]);
    assert_eq!(
        (&read["said"], &read["reckoned"]),
        (&"failed".into(), &"failed".into()),
        "{read}"
    );
    assert_eq!(read["checks"], 7);
}

/// The fields that the common reader of JUnit in Python's world looks at.
const READ_JUNIT: &str = r"
import json, sys, xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot()
cases = suites.findall('./testsuite/testcase')
found = {kind: [case.get('name') for case in cases if case.find(kind) is not None] for kind in ('failure', 'error', 'skipped', 'system-out')}
print(json.dumps({**found, 'tests': int(suites.get('tests')), 'cases': len(cases)}))
";

#[test]
fn an_xml_parser_reads_the_junit_file() {
    if !has("xml.etree", "python3") {
        return;
    }
    let read = python(READ_JUNIT, &[golden("junit.xml")]);
    assert_eq!(read["tests"], read["cases"]);
    assert_eq!(read["failure"], json!(["thing-key-unique"]));
    assert_eq!(read["skipped"], json!(["thing-made-past"]));
}

/// A topic with a queue behind it; without a topic's ARN it makes both, with one it takes the
/// message out.
const QUEUE: &str = r"
import boto3, json, sys
of = lambda name: boto3.client(name, region_name='eu-west-2', endpoint_url=sys.argv[1], aws_access_key_id='key', aws_secret_access_key='secret')
sqs = of('sqs')
queue = sqs.create_queue(QueueName='duty')['QueueUrl']
if len(sys.argv) == 2:
    sns = of('sns')
    topic = sns.create_topic(Name='quality')['TopicArn']
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)
    print(json.dumps(topic))
else:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get('Messages', [])
    print(json.dumps([json.loads(message['Body']) for message in messages]))
";

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_goes_through_a_topic_to_whoever_listens() {
    if !has("moto.server", "'moto[server,sns,sqs]'") {
        return;
    }
    let moto = Moto::start().await;
    let topic = python(QUEUE, std::slice::from_ref(&moto.endpoint));
    let topic = topic.as_str().unwrap().to_owned();
    let credentials = aws_sdk_s3::config::Credentials::new("key", "secret", None, None, "test");
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region("eu-west-2")
        .endpoint_url(&moto.endpoint)
        .credentials_provider(credentials)
        .load()
        .await;
    let client = aws_sdk_sns::Client::new(&config);
    let message = std::fs::read_to_string(golden("alert.txt")).unwrap();
    let subject = "polelake 2026-03-03: 1 table held back";
    SnsNotifier::new(client.clone(), &topic)
        .notify(subject, &message)
        .await
        .unwrap();
    let received = python(QUEUE, &[moto.endpoint.clone(), topic.clone()]);
    assert_eq!(received[0]["Subject"], subject);
    assert_eq!(received[0]["Message"], message.as_str());
    let gone = SnsNotifier::new(client, topic.replace("quality", "gone"));
    let error = gone.notify(subject, &message).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "{error}");
    assert!(
        !error.to_string().contains("person"),
        "an error does not repeat the message: {error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_leaves_its_outputs_the_same_bytes_each_time_and_the_command_reads_them() {
    let lake = LakeUnderTest::start().await;
    let contracts = repository_root().join("contracts");
    lake.push_events(
        "housing-person",
        &[person_event(
            "PersonCreatedEvent",
            "p1",
            1,
            json!({"firstName": "Ada"}),
        )],
    )
    .await;
    lake.run_day(MONDAY).await;
    let written = lake.read_objects("site", "data");
    let keys: Vec<&str> = written.keys().map(String::as_str).collect();
    for name in ["person.run.json", "junit.xml", "openlineage.ndjson"] {
        let key = format!("data/{MONDAY}/{name}");
        assert!(
            keys.iter().any(|known| known.ends_with(&key)),
            "{key} is not in {keys:?}"
        );
    }
    assert!(
        written
            .iter()
            .all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains("Ada")),
        "no value is told"
    );
    lake.invoke_function("quality-report", json!({"date": MONDAY}))
        .await;
    assert!(
        written == lake.read_objects("site", "data"),
        "the same day gives the same bytes"
    );

    let (code, told, said) = polelake(&lake, &contracts, &["quality", "report", MONDAY, "--json"]);
    assert_eq!((code, &told["rules"]["failed"]), (0, &json!(0)), "{said}");
    let (code, _, xml) = polelake(
        &lake,
        &contracts,
        &["quality", "report", MONDAY, "--junit", "-"],
    );
    assert!(
        code == 0 && xml.starts_with("<?xml") && xml.contains("classname=\"person\""),
        "{xml}"
    );
    let (code, _, said) = polelake(&lake, &contracts, &["quality", "report", "2026-03-09"]);
    assert!(
        code == 2 && said.contains("polelake run-day 2026-03-09"),
        "{said}"
    );
}
