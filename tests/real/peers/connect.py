"""Kafka Connect with Apache Iceberg's sink, one task, over the suite's Kafka and S3."""

import json
import sqlite3
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import parts
import processes
from context import CheckFailed

from path.aws import ACCESS_KEY, SECRET_KEY, read_object
from path.payloads import REGION
from peers.measure import Cost, cpu_seconds, peak_megabytes

BUCKET = "connect"
CONTROL_TOPIC = "control-iceberg"
NAMESPACE, TABLE = "peer", "tenure"

# Hadoop 3.4 asks for the subject of a security manager, which Java 24 has no more.
JAVA_RANGE = (17, 23)

# What Kafka's own start script gives to Connect.
JAVA_OPTIONS = [
    "-Xms256M",
    "-Xmx2G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
]

# The sink's own default is five minutes; this one lets a run end, and still gives large files.
COMMIT_MILLIS = 10_000

# Until when everything must be committed.
COMMIT_SECONDS = 300

# While a topic is idle, the sink is called only when offsets are flushed. A scan of all jars for
# plugins would cost another 12 CPU-seconds and hold 1 GB.
WORKER = """\
bootstrap.servers={bootstrap}
listeners=http://127.0.0.1:{port}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.file.filename={folder}/offsets
offset.flush.interval.ms=1000
plugin.discovery=service_load
"""

CONNECTOR = """\
name=peer
connector.class=org.apache.iceberg.connect.IcebergSinkConnector
tasks.max=1
topics={topic}
iceberg.tables={namespace}.{table}
iceberg.tables.auto-create-enabled=true
iceberg.tables.evolve-schema-enabled=true
iceberg.tables.auto-create-props.write.parquet.compression-codec=zstd
iceberg.control.topic={control}
iceberg.control.commit.interval-ms={commit_millis}
iceberg.catalog=peer
iceberg.catalog.catalog-impl=org.apache.iceberg.jdbc.JdbcCatalog
iceberg.catalog.uri=jdbc:sqlite:{folder}/catalogue.db
iceberg.catalog.warehouse=s3://{bucket}/warehouse
iceberg.catalog.io-impl=org.apache.iceberg.aws.s3.S3FileIO
iceberg.catalog.s3.endpoint=http://{store}
iceberg.catalog.s3.path-style-access=true
iceberg.catalog.s3.access-key-id={key}
iceberg.catalog.s3.secret-access-key={secret}
iceberg.catalog.client.region={region}
"""

LOG = """\
log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c{1}: %m%n
"""


def write_settings(folder: Path, stage: Any, topic: str, port: int) -> list[Path]:
    """Writes the files of the worker, of the connector and of the log."""
    texts = {
        "worker.properties": WORKER.format(bootstrap=stage.bootstrap, port=port, folder=folder),
        "connector.properties": CONNECTOR.format(
            topic=topic,
            namespace=NAMESPACE,
            table=TABLE,
            control=CONTROL_TOPIC,
            commit_millis=COMMIT_MILLIS,
            folder=folder,
            bucket=BUCKET,
            store=stage.store,
            key=ACCESS_KEY,
            secret=SECRET_KEY,
            region=REGION,
        ),
        "log4j.properties": LOG,
    }
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def start_command(worker: Path, connector: Path, log: Path) -> list[str]:
    """The command of a worker with this one connector."""
    jars, java = parts.fetch("connect"), parts.java_home("connect", *JAVA_RANGE)
    return [
        str(java / "bin" / "java"),
        *JAVA_OPTIONS,
        f"-Dlog4j.configuration=file:{log}",
        "-cp",
        f"{jars}/lib/*",
        "org.apache.kafka.connect.cli.ConnectStandalone",
        str(worker),
        str(connector),
    ]


def run_sink(stage: Any, topic: str, events: int) -> tuple[Cost, float]:
    """Runs the sink until its table has every event.

    Gives what its process cost until then, and the CPU until its task ran.
    """
    folder = stage.folder / "connect"
    stage.objects.create_dir(BUCKET)
    [port] = processes.free_ports()
    command = start_command(*write_settings(folder, stage, topic, port))
    begun = time.monotonic()
    running = stage.processes.start("connect", command, ready=lambda: task_runs(port))
    pid = running.process.pid
    start_cpu = cpu_seconds(pid)

    def is_committed() -> bool:
        # Each look costs the worker an answer.
        time.sleep(1)
        if failure := describe_failure(port):
            raise CheckFailed(f"the sink's task failed: {failure}")
        return count_committed(stage.objects, folder / "catalogue.db") >= events

    running.wait_until(is_committed, COMMIT_SECONDS)
    cost = Cost(cpu_seconds(pid), peak_megabytes(pid), time.monotonic() - begun)
    stage.processes.stop(running)
    return cost, start_cpu


def read_task(port: int) -> dict[str, Any]:
    """What the worker says of the connector's one task; nothing while there is none."""
    address = f"http://{processes.LOOPBACK}:{port}/connectors/peer/status"
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            tasks = json.loads(response.read())["tasks"]
    except OSError:
        return {}
    return tasks[0] if tasks else {}


def task_runs(port: int) -> bool:
    """Whether the task has been started; one that has failed since is told by the next look."""
    return bool(read_task(port))


def describe_failure(port: int) -> str:
    """The error that ended the task."""
    return read_task(port).get("trace", "")[:500]


def count_committed(objects: Any, catalogue: Path) -> int:
    """The records of the table's newest snapshot, as its metadata says."""
    if not catalogue.exists():
        return 0
    with closing(sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True)) as opened:
        try:
            rows = opened.execute("SELECT metadata_location FROM iceberg_tables").fetchall()
        except sqlite3.OperationalError:
            # The tables of the catalogue are being made.
            return 0
    if not rows:
        return 0
    bucket, _, key = rows[0][0].removeprefix("s3://").partition("/")
    metadata = json.loads(read_object(objects, bucket, key))
    current = metadata.get("current-snapshot-id")
    for snapshot in metadata.get("snapshots", []):
        if snapshot["snapshot-id"] == current:
            return int(snapshot["summary"]["total-records"])
    return 0


def describe_version() -> str:
    """The versions of Connect and of the sink."""
    jars = [jar.split(":") for jar in parts.read_parts()["connect"]["jars"]]
    sink = next(version for _, name, version in jars if name == "iceberg-kafka-connect")
    runtime = next(version for _, name, version in jars if name == "connect-runtime")
    return f"{runtime} with Iceberg's sink {sink}"
