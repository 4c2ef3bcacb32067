"""`polelake up` over a Kafka, an S3 and a Glue of other authors, in place of its embedded parts.

Its Kafka asks for TLS and a login, as the properties file of a Java client has them.

`run(context)` is what the suite calls. The platform is killed between two pushes; its tables must
be those of the embedded demonstration all the same.
"""

import datetime
import io
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import processes
import pyarrow.parquet
from context import CheckFailed, Context

from path import demo, tables
from path.aws import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    call_aws,
    list_keys,
    read_object,
    topics_of_contracts,
)
from path.broker import create_topic
from path.mapping import read_topic
from path.secure_broker import MECHANISM, SecureListener
from path.stage import KAFKA, START_SECONDS, Stage

# People of the synthetic council.
PEOPLE, PEOPLE_IN_SOAK = 300, 5_000

# What the checks need at least, warm and with debug builds.
NEEDS_SECONDS = 60

# How long a command may take, and how often a request is sent until it is accepted.
COMMAND_SECONDS = 300
ATTEMPTS_MAX = 60

# Events of one request: small ones, so that the kill cuts every topic.
REQUEST_EVENTS = 50

# Of so many requests one is sent again after the kill.
REPEAT_EVERY = 4

START = "parts: a platform starts over Kafka, S3 and moto"
LOSS = "parts: a platform that is killed between two pushes lands every record once"
AUDIT = "parts: the audit finds the same parts, and nothing to say"
TABLES = "parts: every table equals the embedded demo's last day"
OTHERS = "parts: a used folder refuses other parts"

NAMES = [START, LOSS, AUDIT, TABLES, OTHERS]


def run(context: Context) -> None:
    """Runs every check. Each needs what the one before it has left."""
    if any(context.is_wanted(name) for name in NAMES):
        OwnParts(context).run()


class OwnParts:
    """A platform over parts of other authors, and the demonstration that it is compared with."""

    def __init__(self, context: Context) -> None:
        self.context = context
        work = context.work / "own-parts"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        self.demo_folder = work / "demo"
        self.folder = work / "lake"
        self.stage = Stage(context.processes, work / "external", context.repository)
        self.listener = SecureListener(work / "listener")
        self.port = processes.free_row_of_ports(5)
        self.up: processes.Running | None = None
        self.topics: dict[str, str] = {}
        self.requests = 0
        self.broken: str | None = None

    def run(self) -> None:
        self.step(START, self.start)
        self.step(LOSS, self.push_and_kill)
        self.step(AUDIT, self.audit)
        self.step(TABLES, self.compare_tables)
        self.step(OTHERS, self.refuse_others)

    def step(self, name: str, function: Any) -> None:
        """Runs a check, unless one before it did not pass."""
        if self.broken is not None:
            self.context.not_run(name, f"it needs `{self.broken}`")
            return
        needs = NEEDS_SECONDS if name == START else 0
        self.context.check(name, function, needs, always=True)
        if self.context.outcomes[-1].state != "passed":
            self.broken = name

    # --- the platform -----------------------------------------------------------------------

    def start(self) -> str:
        """Starts the parts, runs the embedded demonstration, and starts the platform."""
        self.stage.begin_kafka(KAFKA, self.listener.amend_settings)
        self.stage.start_store()
        self.stage.begin_moto(processes.free_ports()[0])
        people = PEOPLE_IN_SOAK if self.context.soak else PEOPLE
        context = self.context
        demo.run_demo(context.polelake, context.repository, self.demo_folder, people)
        self.stage.wait_for_kafka()
        self.stage.wait_for_moto()
        self.topics = topics_of_contracts(self.read_pack())
        for topic in set(self.topics.values()):
            create_topic(self.stage.bootstrap, topic, message_timestamp_type="LogAppendTime")
        # Ids are made under the key: with another one no row would equal the demonstration's.
        self.folder.mkdir(mode=0o700)
        shutil.copy(self.demo_folder / "identity-key", self.folder / "identity-key")
        self.start_up(self.options())
        made = self.count_databases()
        kafka = f"Kafka {self.stage.kafka_version} by TLS and {MECHANISM}"
        return f"over {kafka}, versitygw and moto: {made} databases"

    def count_databases(self) -> int:
        """What the platform has made in the external Glue at its start."""
        made = call_aws(self.stage.moto, "AWSGlue.GetDatabases", {})["DatabaseList"]
        if not made:
            raise CheckFailed("the Glue of another author has no database")
        return len(made)

    def options(self) -> list[str]:
        """The options that name the parts."""
        named = {"--kafka": self.listener.bootstrap, "--s3": f"http://{self.stage.store}"}
        named["--kafka-config"] = str(self.listener.client)
        named["--glue"] = self.stage.moto
        return [word for pair in named.items() for word in pair]

    def read_pack(self) -> list[dict[str, Any]]:
        """The contracts as the demonstration has packed them."""
        return json.loads((self.demo_folder / "contracts.json").read_text(encoding="utf-8"))

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
        }

    def start_up(self, options: list[str]) -> None:
        """Starts the platform and waits until its API answers."""
        command = [self.context.polelake, "up", "--dir", self.folder, "--port", str(self.port)]
        self.up = self.context.processes.start(
            "polelake-up",
            [*command, *options],
            ready=lambda: processes.answers(f"http://{processes.LOOPBACK}:{self.port}/"),
            seconds=START_SECONDS,
            environment=self.environment(),
            folder=self.context.repository,
        )

    def kill_up(self) -> None:
        """Ends the platform without a word, as a lost machine does."""
        os.killpg(self.up.process.pid, signal.SIGKILL)
        self.up.process.wait(10)
        self.context.processes.running.remove(self.up)

    def run_command(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.context.polelake), *words, "--dir", str(self.folder)]
        return subprocess.run(
            command,
            cwd=self.context.repository,
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    # --- the checks -------------------------------------------------------------------------

    def push_and_kill(self) -> str:
        """Pushes half of the requests, kills the platform at once, and pushes the others."""
        requests = list(self.split_requests())
        half = len(requests) // 2
        for source, events in requests[:half]:
            self.push(source, events)
        self.kill_up()
        # No option: the folder keeps its parts.
        self.start_up([])
        for source, events in requests[half:] + requests[:half:REPEAT_EVERY]:
            self.push(source, events)
        self.run_day()
        return self.compare_landed()

    def split_requests(self) -> Iterator[tuple[str, list[bytes]]]:
        """The demonstration's events in requests; the topics take turns, so that all are cut."""
        sources = {topic: source for source, topic in self.topics.items()}
        events = demo.read_events(self.demo_folder)
        waiting = {sources[topic]: cut_requests(values) for topic, values in events.items()}
        while waiting:
            for source in list(waiting):
                request = next(waiting[source], None)
                if request is None:
                    del waiting[source]
                else:
                    yield source, request

    def push(self, source: str, events: list[bytes]) -> None:
        """Sends a request until it is accepted, as every client does."""
        self.requests += 1
        url = f"http://{processes.LOOPBACK}:{self.port}/v1/{source}/events"
        headers = {
            "content-type": "application/x-ndjson",
            "idempotency-key": f"own-parts-{self.requests}",
        }
        why = ""
        for _ in range(ATTEMPTS_MAX):
            try:
                request = urllib.request.Request(url, b"\n".join(events), headers)
                with urllib.request.urlopen(request, timeout=60) as answer:
                    if answer.status == 202:
                        return
                    why = f"{answer.status} {answer.read()[:300]!r}"
            except urllib.error.HTTPError as refused:
                why = f"{refused.code} {refused.read()[:300]!r}"
            except OSError as error:
                why = str(error)
            time.sleep(0.5)
        raise CheckFailed(f"{source}: a request was not accepted: {why}")

    def run_day(self) -> None:
        """Waits until everything is transformed, and merges the day of today."""
        self.day = datetime.datetime.now(datetime.UTC).date().isoformat()
        done = self.run_command("run-day", self.day, "--json")
        if done.returncode not in (0, 1):
            raise CheckFailed(f"run-day fails: {done.stderr[-1000:]}")

    def compare_landed(self) -> str:
        """Each record of Kafka is in the raw zone once, and no other is."""
        faults, total = [], 0
        for topic in sorted(set(self.topics.values())):
            sent = {(one.partition(), one.offset()) for one in self.read_topic(topic)}
            landed = self.read_places(topic)
            total += len(landed)
            if len(set(landed)) != len(landed):
                faults.append(f"{topic}: {len(landed) - len(set(landed))} records are there twice")
            if lost := sent - set(landed):
                faults.append(f"{topic}: {len(lost)} records are lost, such as {min(lost)}")
            if strange := set(landed) - sent:
                faults.append(f"{topic}: {len(strange)} records were never in Kafka")
        if faults or not total:
            raise CheckFailed("; ".join(faults) or "nothing is landed")
        return f"{total} records of {self.requests} requests, each once"

    def read_topic(self, topic: str) -> Any:
        return read_topic(self.stage.bootstrap, topic)

    def read_places(self, topic: str) -> list[tuple[int, int]]:
        """Partition and offset of each record that the raw zone has of a topic."""
        places: list[tuple[int, int]] = []
        for key in list_keys(self.stage.objects, "raw", f"raw/{topic}"):
            body = io.BytesIO(read_object(self.stage.objects, "raw", key))
            rows = pyarrow.parquet.read_table(body, columns=["partition", "offset"])
            places += zip(*(column.to_pylist() for column in rows.columns), strict=True)
        return places

    def audit(self) -> str:
        """The audit reads the external parts, and the embedded ones do not exist."""
        done = self.run_command("audit", "--deep", "--json")
        if done.returncode != 0:
            raise CheckFailed(f"the audit ends with {done.returncode}: {done.stdout[-1000:]}"
                              f"{done.stderr[-1000:]}")
        embedded = [name for name in ("s3", "kafka", "glue.json") if (self.folder / name).exists()]
        if embedded:
            raise CheckFailed(f"embedded parts were made: {', '.join(embedded)}")
        return "no finding, no embedded part"

    def compare_tables(self) -> str:
        """Every row is equal but for its place in the log."""
        expected = tables.last_days(demo.list_curated(self.demo_folder))
        found = tables.last_days(list_keys(self.stage.objects, "curated", "curated/_manifests"))
        if not expected or expected.keys() != found.keys():
            raise CheckFailed(f"other tables: {sorted(expected.keys() ^ found.keys())}")
        differences = []
        for table, manifest in expected.items():
            left = tables.read_table(self.read_demo_object, manifest)
            right = tables.read_table(self.read_curated_object, found[table])
            differences.append(tables.compare_rows(table, left, right))
        if wrong := [one for one in differences if not one.is_none()]:
            raise CheckFailed("\n".join(map(str, wrong)))
        return f"{len(differences)} tables, {sum(one.rows for one in differences)} rows"

    def read_demo_object(self, key: str) -> bytes:
        return demo.read_curated(self.demo_folder, key)

    def read_curated_object(self, key: str) -> bytes:
        return read_object(self.stage.objects, "curated", key)

    def refuse_others(self) -> str:
        """Another Kafka would be read from offsets of the old one."""
        self.kill_up()
        return self.start_over_another()

    def start_over_another(self) -> str:
        """Starts the platform that is stopped over another Kafka, which it must refuse."""
        other = self.run_command("up", "--kafka", f"{processes.LOOPBACK}:9")
        named = ["keeps its parts", self.listener.bootstrap, "another --dir"]
        missing = [word for word in named if word not in other.stderr]
        if other.returncode != 2 or missing:
            raise CheckFailed(f"{other.returncode}, without {missing}: {other.stderr[-500:]}")
        return "with exit code 2 and the parts that it has"


def cut_requests(events: list[bytes]) -> Iterator[list[bytes]]:
    """The events in requests of the same length."""
    for begin in range(0, len(events), REQUEST_EVENTS):
        yield events[begin : begin + REQUEST_EVENTS]


def change_object(own: OwnParts, bucket: str, key: str, body: bytes | None) -> Path:
    """Puts another object, or none, in the place of one; gives where the old one is."""
    file = own.stage.folder / "objects" / bucket / key
    # The store keeps an object's metadata with its file: a copy would lack them.
    aside = file.rename(own.stage.folder / "aside")
    if body is not None:
        with own.stage.objects.open_output_stream(f"{bucket}/{key}") as stream:
            stream.write(body)
    return aside
