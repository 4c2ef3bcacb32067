"""Records that are awkward to keep, and what the landing has to keep of them."""

import base64
import io
import itertools
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow.fs
import pyarrow.parquet
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Producer

from path.aws import list_keys, read_object
from path.broker import create_topic
from path.mapping import read_topic

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]

Headers = list[tuple[str, bytes | None]]

# Where a record lies: its partition and its offset.
Place = tuple[int, int]

# How long a compaction may take once its segment is closed.
COMPACTION_SECONDS = 30


@dataclass
class Sent:
    """A record as its producer sent it; Kafka's answer says where it lies."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int = 0
    timestamp_type: str = "CREATE_TIME"

    def row(self) -> dict[str, Any]:
        """The record as a row of the raw zone."""
        headers = [[name, None if value is None else encode(value)] for name, value in self.headers]
        return {
            "key": self.key,
            "value": self.value,
            "headers": headers or None,
            "timestamp": self.timestamp,
            "timestamp_type": self.timestamp_type,
        }


@dataclass
class Topic:
    """What was sent to a topic: what has to be found, and what must not be."""

    name: str
    kept: dict[Place, Sent] = field(default_factory=dict)
    aborted: set[Place] = field(default_factory=set)
    compacted: bool = False


def encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def awkward_records(rounds: int, seed: int) -> Iterator[Sent]:
    """Every kind of key with every kind of value and of headers."""
    chance = random.Random(seed)
    texts = "Ærø ☃ 𝕏\n\0".encode()
    for _ in range(rounds):
        keys = [None, b"", b"\x00\xff\xfe", texts, chance.randbytes(40)]
        values = [None, b"", b"\x00", b'{"a":1}', texts, chance.randbytes(20_000)]
        headers: list[Headers] = [
            [],
            [("plain", b"text")],
            [("null", None)],
            [("empty", b"")],
            [("same", b"1"), ("same", b"\xff\x00"), ("other", None), ("same", b"1")],
            [('ключ "☃" \\', chance.randbytes(30)), ("", b"no name")],
        ]
        for number, parts in enumerate(itertools.product(keys, values, headers)):
            # Of the producers' own times some are long past. 0 is the producer's clock.
            yield Sent(*parts, timestamp=1 + number if number % 3 == 0 else 0)


def send_records(
    producer: Producer, topic: str, records: list[Sent], partitions: int
) -> dict[Place, Sent]:
    """Sends records, round by round to each partition; gives where they lie."""
    places: dict[Place, Sent] = {}
    failures: list[str] = []

    def note(sent: Sent, error: Any, message: Any) -> None:
        if error is not None:
            failures.append(str(error))
            return
        kind, sent.timestamp = message.timestamp()
        appended = kind == TIMESTAMP_LOG_APPEND_TIME
        sent.timestamp_type = "LOG_APPEND_TIME" if appended else "CREATE_TIME"
        places[(message.partition(), message.offset())] = sent

    for number, record in enumerate(records):
        producer.produce(
            topic,
            value=record.value,
            key=record.key,
            partition=number % partitions,
            headers=record.headers,
            timestamp=record.timestamp,
            on_delivery=lambda error, message, sent=record: note(sent, error, message),
        )
        producer.poll(0)
    left = producer.flush(60)
    if failures or left:
        raise RuntimeError(f"{topic}: {left} records not acknowledged; {failures[:3]}")
    return places


def open_producer(bootstrap: str, **settings: Any) -> Producer:
    named = {name.replace("_", "."): value for name, value in settings.items()}
    usual = {"bootstrap.servers": bootstrap, "linger.ms": 5, "acks": "all", "log_level": 3}
    return Producer(usual | named)


def send_codecs(bootstrap: str, rounds: int, append_time: bool) -> Topic:
    """Batches of every codec in one topic, after each other in the same partitions."""
    name = "awkward-append" if append_time else "awkward-create"
    kind = "LogAppendTime" if append_time else "CreateTime"
    create_topic(bootstrap, name, 2, message_timestamp_type=kind)
    topic = Topic(name)
    for seed, codec in enumerate(CODECS):
        records = list(awkward_records(rounds, seed))
        producer = open_producer(bootstrap, compression_type=codec)
        topic.kept |= send_records(producer, name, records, 2)
    return topic


def send_transactions(bootstrap: str, count: int) -> Topic:
    """Transactions of which every second one is aborted, after its records are in the log."""
    topic = Topic("awkward-transactions")
    create_topic(bootstrap, topic.name, 2)
    producer = open_producer(bootstrap, transactional_id="awkward", compression_type="lz4")
    producer.init_transactions(30)
    for number in range(count):
        records = [Sent(b"%d" % number, b"%d" % one, []) for one in range(10)]
        producer.begin_transaction()
        places = send_records(producer, topic.name, records, 2)
        if number % 2 == 0:
            producer.commit_transaction(30)
            topic.kept |= places
        else:
            producer.abort_transaction(30)
            topic.aborted |= set(places)
    return topic


def send_compacted(bootstrap: str, rounds: int) -> Topic:
    """Ten keys over and over, the last of two of them a tombstone, in a topic that compacts."""
    topic = Topic("awkward-compacted", compacted=True)
    create_topic(
        bootstrap,
        topic.name,
        1,
        cleanup_policy="compact",
        segment_ms="200",
        min_cleanable_dirty_ratio="0.001",
        max_compaction_lag_ms="1000",
    )
    producer = open_producer(bootstrap, compression_type="zstd")
    records = [
        Sent(b"key-%d" % (number % 10), b"value %d" % number, [("number", b"%d" % number)])
        for number in range(rounds * 10)
    ]
    for record in records[-2:]:
        record.value = None
    topic.kept |= send_records(producer, topic.name, records, 1)
    # A segment that is open is not compacted: a later record closes it.
    time.sleep(0.3)
    topic.kept |= send_records(producer, topic.name, [Sent(b"closes", b"", [])], 1)
    return topic


def wait_for_compaction(bootstrap: str, topic: Topic) -> None:
    """Waits until the topic has fewer records than were sent."""
    deadline = time.monotonic() + COMPACTION_SECONDS
    while time.monotonic() < deadline:
        if sum(1 for _ in read_topic(bootstrap, topic.name)) < len(topic.kept):
            return
        time.sleep(0.5)
    raise TimeoutError(f"{topic.name} was not compacted within {COMPACTION_SECONDS} s")


def keep_delivered(topic: Topic, delivered: set[Place]) -> None:
    """Of a compacted topic only Kafka knows what is left: that, and the last record of each key."""
    newest = {topic.kept[place].key: place for place in sorted(topic.kept)}
    left = delivered | set(newest.values())
    topic.kept = {place: sent for place, sent in topic.kept.items() if place in left}


def read_raw_rows(
    objects: pyarrow.fs.S3FileSystem, topic: str
) -> list[tuple[Place, dict[str, Any]]]:
    """The rows that the raw zone has of a topic, as a reader of Parquet sees them."""
    rows = []
    for key in list_keys(objects, "raw", f"raw/{topic}"):
        table = pyarrow.parquet.read_table(io.BytesIO(read_object(objects, "raw", key)))
        # PyArrow would give times as dates, and of those without a time zone none for year 1.
        table = table.set_column(
            table.column_names.index("timestamp"),
            "timestamp",
            # Raw objects have microseconds, and Kafka milliseconds.
            table.column("timestamp").cast(pyarrow.timestamp("ms", "UTC")).cast("int64"),
        )
        for row in table.to_pylist():
            headers = row["headers"] and json.loads(row["headers"])
            names = ["key", "value", "timestamp", "timestamp_type"]
            kept = {name: row[name] for name in names} | {"headers": headers}
            rows.append(((row["partition"], row["offset"]), kept))
    return rows


def compare_landed(topic: Topic, rows: list[tuple[Place, dict[str, Any]]]) -> list[str]:
    """What differs between the records of a topic and the raw zone's rows."""
    faults = []
    found = dict(rows)
    if len(found) != len(rows):
        faults.append(f"{topic.name}: {len(rows) - len(found)} records are there twice")
    if lost := set(topic.kept) - set(found):
        faults.append(f"{topic.name}: {len(lost)} records are lost, such as {min(lost)}")
    if surplus := set(found) - set(topic.kept):
        aborted = len(surplus & topic.aborted)
        faults.append(f"{topic.name}: {len(surplus)} too many, {aborted} of them aborted")
    for place in sorted(set(found) & set(topic.kept)):
        expected = topic.kept[place].row()
        if expected != found[place]:
            members = [name for name in expected if expected[name] != found[place][name]]
            faults.append(f"{topic.name}: {place} differs in {', '.join(members)}")
    return faults
