"""What AWS hands to the functions: batches of Kafka, messages of SQS, requests of API Gateway."""

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

# Lambda's limit for a payload, less room for what stands around the records.
PAYLOAD_BYTES_MAX = 6 * 1024 * 1024 - 64 * 1024

# The event source mapping's batch size, as infra/modules/kafka_source sets it.
BATCH_RECORDS_MAX = 10_000

# The batch size of the transform's queue, as infra/pole-transform.tf sets it.
QUEUE_BATCH_MAX = 10

# Who signs the requests: a principal that every source of the demo admits.
CALLER = "arn:aws:iam::000000000000:role/local-developer"

REGION = "eu-west-2"
ACCOUNT = "000000000000"

# confluent_kafka's numbers of a message's kind of timestamp, under Lambda's names.
TIMESTAMP_TYPES = {1: "CREATE_TIME", 2: "LOG_APPEND_TIME"}


def encode_base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def encode_header(name: str, value: bytes | None) -> dict[str, list[int] | None]:
    """A header as Java writes it: a list of signed bytes."""
    if value is None:
        return {name: None}
    return {name: [byte - 256 if byte > 127 else byte for byte in value]}


def encode_record(message: Any) -> dict[str, Any]:
    """A consumer's message as the event source mapping writes it."""
    kind, timestamp = message.timestamp()
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": timestamp,
        "timestampType": TIMESTAMP_TYPES[kind],
        "key": encode_base64(message.key()),
        "value": encode_base64(message.value()),
        "headers": [encode_header(name, value) for name, value in message.headers() or []],
    }


def kafka_batches(records: Iterable[dict[str, Any]], bootstrap: str) -> Iterator[dict[str, Any]]:
    """The records in batches that the mapping would send, each within Lambda's limits."""
    batch: list[dict[str, Any]] = []
    used = 0
    for record in records:
        size = len(json.dumps(record)) + 2
        if batch and (used + size > PAYLOAD_BYTES_MAX or len(batch) == BATCH_RECORDS_MAX):
            yield kafka_batch(batch, bootstrap)
            batch, used = [], 0
        batch.append(record)
        used += size
    if batch:
        yield kafka_batch(batch, bootstrap)


def kafka_batch(records: list[dict[str, Any]], bootstrap: str) -> dict[str, Any]:
    by_partition: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        stream = f"{record['topic']}-{record['partition']}"
        by_partition.setdefault(stream, []).append(record)
    return {
        "eventSource": "SelfManagedKafka",
        "bootstrapServers": bootstrap,
        "records": by_partition,
    }


def object_batches(bucket: str, keys: list[str]) -> Iterator[dict[str, Any]]:
    """The queue's messages of new objects: S3 puts a notification into each."""
    for begin in range(0, len(keys), QUEUE_BATCH_MAX):
        places = enumerate(keys[begin : begin + QUEUE_BATCH_MAX], begin)
        yield {"Records": [queue_message(place, bucket, key) for place, key in places]}


def queue_message(place: int, bucket: str, key: str) -> dict[str, Any]:
    # S3 encodes keys as forms do.
    encoded = urllib.parse.quote_plus(key, safe="/")
    notification = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": encoded}},
    }
    return {
        "messageId": f"message-{place}",
        "receiptHandle": f"handle-{place}",
        "body": json.dumps({"Records": [notification]}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:pole-transform",
        "awsRegion": REGION,
    }


def push_request(source: str, events: list[bytes], request: str) -> dict[str, Any]:
    """A signed POST of some events, as API Gateway hands it over in version 2.0."""
    path = f"/v1/{source}/events"
    return {
        "version": "2.0",
        "routeKey": "POST /v1/{source}/events",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/x-ndjson"},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "real",
            "authorizer": {"iam": {"accountId": ACCOUNT, "userArn": CALLER}},
            "domainName": "real.invalid",
            "domainPrefix": "real",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "tests/real",
            },
            "requestId": request,
            "routeKey": "POST /v1/{source}/events",
            "stage": "$default",
            "time": "02/Mar/2026:00:00:00 +0000",
            "timeEpoch": 1772409600000,
        },
        "pathParameters": {"source": source},
        "body": base64.b64encode(b"\n".join(events)).decode(),
        "isBase64Encoded": True,
    }
