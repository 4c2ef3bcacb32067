"""Spark with Iceberg's Glue catalogue over a lake, in a process of its own."""

from __future__ import annotations

import json
import pathlib
import select
import time

import parts
from context import EngineFailed
from lake import KEY, REGION, SECRET, Lake
from processes import LOOPBACK, NotReady, Running

LEAST_JAVA, MOST_JAVA = 17, 21
START_SECONDS, QUERY_SECONDS = 120, 300
WORKER = pathlib.Path(__file__).with_name("spark_worker.py")


def session_settings(lake: Lake, s3_port: int, jars: pathlib.Path) -> dict[str, str]:
    """A catalogue named `glue`, as docs/snapshots.md names it."""
    catalog = "spark.sql.catalog.glue"
    return {
        "spark.jars": ",".join(str(jar) for jar in sorted(jars.glob("*.jar"))),
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "glue",
        f"{catalog}.glue.endpoint": lake.glue,
        f"{catalog}.s3.endpoint": f"http://{LOOPBACK}:{s3_port}",
        f"{catalog}.s3.path-style-access": "true",
        f"{catalog}.client.region": REGION,
        f"{catalog}.warehouse": "s3://curated/warehouse",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.memory": "2g",
        # Half of the processor's time: a run is too short for the second compiler to pay.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }


class Spark:
    """A running session."""

    name = "Spark"

    def __init__(self, running: Running):
        self.running = running

    def rows(self, sql: str) -> list[list]:
        """The rows of a query."""
        self.send(sql)
        return self.receive(QUERY_SECONDS, sql)

    def send(self, value: object) -> None:
        """One line for the worker."""
        self.running.process.stdin.write(json.dumps(value).encode() + b"\n")
        self.running.process.stdin.flush()

    def receive(self, seconds: float, sql: str = "") -> list[list]:
        """The worker's next answer."""
        output, end = self.running.process.stdout, time.monotonic() + seconds
        while not select.select([output], [], [], 1)[0]:
            if time.monotonic() > end:
                raise NotReady(f"Spark has not answered in {seconds:.0f} s:\n{self.running.tail()}")
        line = output.readline()
        if not line:
            raise NotReady(f"Spark ended:\n{self.running.tail()}")
        answer = json.loads(line)
        if error := answer.get("error"):
            raise EngineFailed(f"{error}\n{sql[:300]}")
        return answer["rows"]


def start_spark(lake: Lake, s3_port: int) -> Spark:
    """Starts the session without waiting for it."""
    environment = {
        "JAVA_HOME": str(parts.java_home("spark", LEAST_JAVA, MOST_JAVA)),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "SPARK_LOCAL_IP": LOOPBACK,
    }
    python = parts.fetch("spark") / "bin" / "python"
    folder = lake.context.work / "spark"
    folder.mkdir(parents=True, exist_ok=True)
    running = lake.context.processes.start(
        "spark", [python, WORKER], environment=environment, folder=folder, talks=True
    )
    spark = Spark(running)
    spark.send(session_settings(lake, s3_port, parts.fetch("spark-iceberg")))
    return spark


def wait_for_spark(spark: Spark) -> None:
    """Waits until the session takes queries."""
    spark.receive(START_SECONDS)
