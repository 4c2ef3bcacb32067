"""Consumer groups, plain readers and settings: Java's tools over the broker of `polelake up`."""

import re
from collections.abc import Callable

from confluent_kafka import Producer
from context import CheckFailed, Context
from lake import Lake

from broker.tools import CONFIGS, CONSUMER, run_tool

START = "broker: `polelake up` has a broker, and it takes records"
GROUP = "broker: Java's console consumer in a group shows the refusal"
NEW_GROUP = "broker: with the group protocol of Kafka 4 it shows a refusal too"
READ = "broker: Java's console consumer reads a partition"
TOPIC_SETTINGS = "broker: Java's kafka-configs shows the settings of a topic"
BROKER_SETTINGS = "broker: Java's kafka-configs shows the settings of the broker"

NAMES = [START, GROUP, NEW_GROUP, READ, TOPIC_SETTINGS, BROKER_SETTINGS]

# What the checks need, warm and with a debug build.
NEEDS_SECONDS = 30

TOPIC = "housing-person"
RECORDS = [f"record {number}" for number in range(5)]

# A person at a terminal waits no longer for the word that something is wrong.
REFUSAL_SECONDS = 10

# The broker's port is the one after the API's.
BROKER_PORT = 1


def run(context: Context) -> None:
    """Runs every check."""
    if not any(context.is_wanted(name) for name in NAMES):
        return
    started: list[str] = []

    def start() -> str:
        started.append(start_broker(context))
        return started[0]

    context.check(START, start, NEEDS_SECONDS, always=True)
    for name, check in CHECKS.items():
        if started:
            context.check(name, lambda check=check: check(started[0]))
        else:
            context.not_run(name, f"it needs `{START}`")


def start_broker(context: Context) -> str:
    """Starts the platform on a new folder, and sends some records; gives the broker's address."""
    lake = Lake(context, context.work / "broker")
    lake.start()
    bootstrap = f"127.0.0.1:{lake.port + BROKER_PORT}"
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 3})
    failed: list[str] = []

    def keep_failure(error: object, _: object) -> None:
        if error is not None:
            failed.append(str(error))

    for value in RECORDS:
        producer.produce(TOPIC, value, partition=0, on_delivery=keep_failure)
    if producer.flush(20) or failed:
        raise CheckFailed(f"records were not acknowledged: {failed}")
    return bootstrap


def refuse_group(bootstrap: str) -> str:
    """A consumer that waits in silence tells its owner nothing: it must end with the error."""
    return expect_error(bootstrap, "GroupAuthorizationException: Not authorized to access group")


def refuse_new_group(bootstrap: str) -> str:
    """The protocol in which the broker assigns partitions has an error of its own."""
    words = "does not support the new CONSUMER group protocol"
    return expect_error(bootstrap, words, "--command-property", "group.protocol=consumer")


def expect_error(bootstrap: str, words: str, *options: str) -> str:
    """Joins a group; the tool must end with these words. Its exit code is 0 whatever happened."""
    group = ["--topic", TOPIC, "--group", "real", "--from-beginning"]
    ended = run_tool(bootstrap, CONSUMER, *group, *options, seconds=REFUSAL_SECONDS)
    if words not in ended.errors:
        raise CheckFailed(f"no `{words}`: {ended.tail()}")
    return f"`{words}` after {ended.seconds:.1f} s"


def read_partition(bootstrap: str) -> str:
    """A consumer whose partition is named needs no group, and commits nothing."""
    place = ["--topic", TOPIC, "--partition", "0", "--offset", "earliest"]
    ended = run_tool(bootstrap, CONSUMER, *place, "--max-messages", str(len(RECORDS)))
    if ended.output.splitlines() != RECORDS:
        raise CheckFailed(f"other records than were sent: {ended.tail()}")
    if found := re.findall(r"^.*(?:ERROR|Exception).*$", ended.errors, re.MULTILINE):
        raise CheckFailed(f"it reads, and complains: {' | '.join(found)[:800]}")
    return f"{len(RECORDS)} records after {ended.seconds:.1f} s"


def describe_topic(bootstrap: str) -> str:
    """What a topic of the local broker is set to."""
    wanted = ["cleanup.policy=delete", "message.timestamp.type=LogAppendTime", "retention.ms=-1"]
    return describe(bootstrap, "topics", TOPIC, wanted)


def describe_broker(bootstrap: str) -> str:
    """What the local broker is set to."""
    wanted = ["auto.create.topics.enable=", "log.message.timestamp.type=LogAppendTime"]
    return describe(bootstrap, "brokers", "1", wanted)


def describe(bootstrap: str, kind: str, name: str, wanted: list[str]) -> str:
    """Asks for all settings of one thing."""
    place = ["--entity-type", kind, "--entity-name", name]
    ended = run_tool(bootstrap, CONFIGS, "--describe", "--all", *place)
    missing = [setting for setting in wanted if f" {setting}" not in ended.output]
    if missing or ended.code:
        raise CheckFailed(f"no {', '.join(missing)}, exit code {ended.code}: {ended.tail()}")
    return f"{ended.output.count('sensitive=')} settings after {ended.seconds:.1f} s"


CHECKS: dict[str, Callable[[str], str]] = {
    GROUP: refuse_group,
    NEW_GROUP: refuse_new_group,
    READ: read_partition,
    TOPIC_SETTINGS: describe_topic,
    BROKER_SETTINGS: describe_broker,
}
