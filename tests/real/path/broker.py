"""Apache Kafka on loopback: one node, with KRaft or, before it was ready, with ZooKeeper."""

import base64
import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

# How long an answer of the broker may take.
ANSWER_SECONDS = 20

# Of what the topics of the demo have.
PARTITIONS = 4

# What both kinds of node have. One broker holds every topic of Kafka itself; a compaction does not
# wait; topics are made by name, so that a wrong one is an error.
SETTINGS = """\
listeners={listeners}
log.dirs={folder}/log
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=500
log.cleaner.dedupe.buffer.size=10485760
log.cleaner.min.cleanable.ratio=0.001
log.segment.delete.delay.ms=1000
"""

KRAFT = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
"""

# The longest session that twenty ticks allow: on a busy machine a broker whose session lasts two
# seconds loses it, and ends while it starts.
ZOOKEEPER_BROKER = """\
broker.id=1
zookeeper.connect=127.0.0.1:{controller}
zookeeper.session.timeout.ms=10000
zookeeper.connection.timeout.ms=30000
"""

ZOOKEEPER = """\
dataDir={folder}/zookeeper
clientPort={controller}
clientPortAddress=127.0.0.1
admin.enableServer=false
tickTime=500
"""

# A broker that comes back is refused while ZooKeeper takes the one that died for alive.
ZOOKEEPER_FORGETS_SECONDS = 12

# librdkafka tells of each failed connection, and a start has many.
QUIET = logging.getLogger("kafka-start")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False

# A small heap, and a compiler that does not compete with the functions.
JAVA_OPTIONS = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def java_command(java: Path, jars: Path, main: str, *arguments: str) -> list[str]:
    return [str(java / "bin" / "java"), *JAVA_OPTIONS, "-cp", f"{jars}/lib/*", main, *arguments]


def write_settings(folder: Path, port: int, controller: int, kraft: bool) -> Path:
    """Writes the files of a node; gives the broker's."""
    listeners = f"PLAINTEXT://127.0.0.1:{port}"
    if kraft:
        listeners += f",CONTROLLER://127.0.0.1:{controller}"
    text = SETTINGS + (KRAFT if kraft else ZOOKEEPER_BROKER)
    folder.mkdir(parents=True)
    settings = folder / "server.properties"
    settings.write_text(text.format(listeners=listeners, folder=folder, controller=controller))
    zookeeper = ZOOKEEPER.format(folder=folder, controller=controller)
    (folder / "zookeeper.properties").write_text(zookeeper)
    return settings


def format_storage(java: Path, jars: Path, settings: Path, options: Sequence[str] = ()) -> None:
    """Formats the log's folder, which KRaft wants before the first start."""
    # A random id can begin with a minus sign, which the tool takes for an option.
    cluster = base64.urlsafe_b64encode(b"polelake-real-01").decode().rstrip("=")
    arguments = ["format", "-t", cluster, "-c", str(settings), *options]
    command = java_command(java, jars, "kafka.tools.StorageTool", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"the storage is not formatted: {done.stdout}{done.stderr}"[-2000:])


def answers(bootstrap: str) -> bool:
    """Whether the broker answers with itself as a member."""
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "logger": QUIET})
    try:
        return bool(client.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def create_topic(bootstrap: str, topic: str, partitions: int = PARTITIONS, **settings: str) -> None:
    """Makes a topic; settings are Kafka's, with `_` for each dot."""
    config = {name.replace("_", "."): value for name, value in settings.items()}
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    made = client.create_topics(
        [NewTopic(topic, partitions, 1, config=config)], operation_timeout=ANSWER_SECONDS
    )
    made[topic].result(ANSWER_SECONDS)
