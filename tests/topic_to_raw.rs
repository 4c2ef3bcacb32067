//! Topic to raw: whatever a Kafka client writes is landed, once, byte for byte.

use krafka::{Kafka, Record};
use lake::{Chunk, decode_raw};

use crate::lake_under_test::LakeUnderTest;

#[tokio::test(flavor = "multi_thread")]
async fn odd_records_are_landed_as_they_are_and_block_nothing() {
    let lake = LakeUnderTest::start().await;
    let kafka = Kafka::builder(&lake.platform.kafka)
        .connect()
        .await
        .unwrap();
    let producer = kafka.producer().build().await.unwrap();
    let topic = "housing-person";
    let odd = [
        Record::tombstone(topic, "gone"),
        Record::new(topic, vec![0xff, 0x00, 0xfe]),
        Record::new(topic, "{}")
            .header("h", vec![0x80, 0x00])
            .header("h", "again")
            .null_header("n"),
        Record::new(topic, Vec::new()).key(vec![0xc3, 0x28]),
    ];
    for record in odd {
        drop(producer.send(record.partition(1)).await.unwrap());
    }
    producer.close().await.unwrap();
    lake.platform.running.wait_until_settled().await.unwrap();
    let (mut values, mut headers) = (Vec::new(), Vec::new());
    let mut expected = 0;
    for (key, bytes) in lake.read_objects("raw", "raw/housing-person/epoch=1/partition=1") {
        let chunk = Chunk::from_raw_key(&key).unwrap();
        assert_eq!(chunk.offset, expected, "the chain has no gap");
        for batch in decode_raw(bytes.into()).unwrap() {
            for row in 0..batch.len() {
                assert_eq!(batch.offset(row), expected);
                expected += 1;
                values.push(batch.value(row).map(<[u8]>::to_vec));
                headers.push(batch.headers(row).map(str::to_owned));
            }
        }
    }
    assert_eq!(
        values,
        [
            None,
            Some(vec![0xff, 0x00, 0xfe]),
            Some(b"{}".to_vec()),
            Some(Vec::new())
        ]
    );
    assert_eq!(
        headers[2].as_deref(),
        Some(r#"[["h","gAA="],["h","YWdhaW4="],["n",null]]"#)
    );
    let (_, report) = lake.run_day("2026-03-02").await;
    let quarantined = &report["sources"]["housing-person"]["quarantined"];
    assert_eq!(quarantined["event.tombstone"], 1, "{quarantined}");
    assert_eq!(quarantined["event.json"], 2, "{quarantined}");
    assert_eq!(quarantined["event.id"], 1, "{quarantined}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_survives_the_platform() {
    let lake = LakeUnderTest::start().await;
    let kafka = Kafka::builder(&lake.platform.kafka)
        .connect()
        .await
        .unwrap();
    let producer = kafka.producer().build().await.unwrap();
    for number in 0..50 {
        drop(
            producer
                .send(Record::new("housing-asset", format!("{number}")).partition(0))
                .await
                .unwrap(),
        );
    }
    producer.close().await.unwrap();
    // Nothing is waited for: what was acknowledged is landed by the next platform on the folder.
    let lake = lake.restart("2026-03-02").await;
    lake.platform.running.wait_until_settled().await.unwrap();
    let objects = lake.read_objects("raw", "raw/housing-asset/epoch=1/partition=0");
    let landed: usize = objects
        .into_values()
        .flat_map(|bytes| decode_raw(bytes.into()).unwrap())
        .map(|b| b.len())
        .sum();
    assert_eq!(landed, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn librdkafka_writes_and_reads_too() {
    if !crate::readers::has("confluent_kafka", "confluent-kafka") {
        return;
    }
    let lake = LakeUnderTest::start().await;
    let script = "
import sys, json, time
from confluent_kafka import Producer, Consumer, TopicPartition
servers = {'bootstrap.servers': sys.argv[1]}
producer = Producer({**servers, 'enable.idempotence': True, 'acks': 'all', 'linger.ms': 5})
errors = []
for number in range(2000):
    producer.produce('housing-asset', value=f'{number}', key='k', partition=2, callback=lambda e, m: errors.append(str(e)) if e else None)
producer.flush(20)
consumer = Consumer({**servers, 'group.id': 'none', 'enable.auto.commit': False})
consumer.assign([TopicPartition('housing-asset', 2, 0)])
values, end = [], time.time() + 20
while len(values) < 2000 and time.time() < end:
    message = consumer.poll(0.5)
    if message is not None and message.error() is None:
        values.append(int(message.value()))
print(json.dumps({'errors': errors, 'in_order': values == list(range(2000)), 'count': len(values)}))
";
    let answer = crate::readers::python(script, std::slice::from_ref(&lake.platform.kafka));
    assert_eq!(
        answer,
        serde_json::json!({"errors": [], "in_order": true, "count": 2000})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_of_a_group_is_told_and_settings_are_true() {
    if !crate::readers::has("confluent_kafka", "confluent-kafka") {
        return;
    }
    let lake = LakeUnderTest::start().await;
    let script = "
import sys, json, time
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, ConfigResource
servers = {'bootstrap.servers': sys.argv[1]}
admin = AdminClient(servers)
admin.list_topics('housing-asset', timeout=10)
topic = ConfigResource(ConfigResource.Type.TOPIC, 'housing-asset')
settings = admin.describe_configs([topic])[topic].result(timeout=10)
consumer = Consumer({**servers, 'group.id': 'mine', 'auto.offset.reset': 'earliest'})
consumer.subscribe(['housing-asset'])
said, end = None, time.time() + 10
while said is None and time.time() < end:
    message = consumer.poll(0.5)
    if message is not None and message.error() is not None:
        said = message.error().name()
print(json.dumps({'said': said, 'stamped': settings['message.timestamp.type'].value}))
";
    let answer = crate::readers::python(script, std::slice::from_ref(&lake.platform.kafka));
    assert_eq!(
        answer,
        serde_json::json!({"said": "GROUP_AUTHORIZATION_FAILED", "stamped": "LogAppendTime"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_librdkafka_writes_is_landed_bit_by_bit() {
    if !crate::readers::has("confluent_kafka", "confluent-kafka") {
        return;
    }
    let lake = LakeUnderTest::start().await;
    let script = "
import sys, json
from confluent_kafka import Producer
errors = []
def told(error, message):
    if error: errors.append(str(error))
plain = Producer({'bootstrap.servers': sys.argv[1], 'acks': 'all'})
zstd = Producer({'bootstrap.servers': sys.argv[1], 'acks': 'all', 'compression.type': 'zstd', 'linger.ms': 50})
gzip = Producer({'bootstrap.servers': sys.argv[1], 'acks': 'all', 'compression.type': 'gzip', 'message.timeout.ms': 3000, 'retries': 0})
for producer in (plain, zstd):
    say = lambda **record: producer.produce('housing-asset', partition=1, callback=told, **record)
    say(key=None, value=None)
    say(key=b'\\xff\\x00', value=b'\\x00\\xfe', headers=[('h', b'1'), ('h', b'\\x80'), ('n', None), ('h', b'')])
    say(key=b'', value=b'', headers=[])
    producer.flush(20)
refused = []
gzip.produce('housing-asset', partition=1, value=b'x' * 2000, callback=lambda e, m: refused.append(e is not None))
gzip.flush(10)
print(json.dumps({'errors': errors, 'gzip_refused': refused}))
";
    let answer = crate::readers::python(script, std::slice::from_ref(&lake.platform.kafka));
    assert_eq!(
        answer,
        serde_json::json!({"errors": [], "gzip_refused": [true]})
    );
    lake.platform.running.wait_until_settled().await.unwrap();
    let mut records = Vec::new();
    for bytes in lake
        .read_objects("raw", "raw/housing-asset/epoch=1/partition=1")
        .into_values()
    {
        for batch in decode_raw(bytes.into()).unwrap() {
            for row in 0..batch.len() {
                let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                records.push((
                    bytes(batch.key(row)),
                    bytes(batch.value(row)),
                    batch.headers(row).map(str::to_owned),
                ));
            }
        }
    }
    let headers = r#"[["h","MQ=="],["h","gA=="],["n",null],["h",""]]"#.to_owned();
    let odd = (
        Some(vec![0xff, 0x00]),
        Some(vec![0x00, 0xfe]),
        Some(headers),
    );
    for records in records.chunks(3) {
        assert_eq!((&records[0].0, &records[0].1), (&None, &None));
        assert_eq!(records[1], odd);
        assert_eq!(
            (&records[2].0, &records[2].1),
            (&Some(Vec::new()), &Some(Vec::new()))
        );
    }
    assert_eq!(records.len(), 6);
}
