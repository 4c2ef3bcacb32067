"""The event source mapping: a consumer's messages into the landing, until all are landed."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from context import CheckFailed

from path.functions import Sandboxes
from path.payloads import encode_record, kafka_batches

# How long a broker may take for its next message.
ANSWER_SECONDS = 20

# Attempts of a batch; on AWS the mapping has ten thousand.
ATTEMPTS_MAX = 5


def open_consumer(bootstrap: str) -> Consumer:
    """A consumer that reads what is committed; its partitions are assigned, so no group waits."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "real",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 50,
            "check.crcs": True,
            "log_level": 3,
        }
    )


def read_topic(bootstrap: str, topic: str) -> Iterator[Any]:
    """Every message of a topic, up to the present end of each partition."""
    consumer = open_consumer(bootstrap)
    try:
        described = consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        waiting = set(described.partitions)
        consumer.assign([TopicPartition(topic, one, OFFSET_BEGINNING) for one in waiting])
        while waiting:
            message = consumer.poll(ANSWER_SECONDS)
            if message is None:
                raise TimeoutError(f"{topic}: partitions {sorted(waiting)} do not answer")
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting.discard(message.partition())
            else:
                raise RuntimeError(f"{topic}: {error}")
    finally:
        consumer.close()


def land_topic(bootstrap: str, topic: str, landing: Sandboxes) -> list[dict[str, Any]]:
    """Lands a topic, every batch twice; gives its records as the landing got them."""
    records = [encode_record(message) for message in read_topic(bootstrap, topic)]
    for batch in kafka_batches(records, bootstrap):
        for _ in range(2):
            land_batch(batch, landing)
    return records


def land_batch(batch: dict[str, Any], landing: Sandboxes) -> None:
    """Sends a batch as long as the answer names partitions that are not landed."""
    left = dict(batch["records"])
    for _ in range(ATTEMPTS_MAX):
        answer = landing.invoke(batch | {"records": left})
        failed = {}
        for failure in answer["batchItemFailures"]:
            place = failure["itemIdentifier"]
            records = left[place["partition"]]
            failed[place["partition"]] = [
                record for record in records if record["offset"] >= place["offset"]
            ]
        if not failed:
            return
        left = failed
    raise CheckFailed(f"not landed after {ATTEMPTS_MAX} attempts: {sorted(left)}")
