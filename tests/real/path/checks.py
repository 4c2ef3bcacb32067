"""The path of events through the functions as they are deployed, over parts of other authors.

`run(context)` is what the suite calls. In CI it takes the demonstration of a small council over one
Kafka; a soak takes a larger one, and three versions of Kafka.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from context import CheckFailed, Context

from path import awkward, demo, machine, mapping
from path.functions import Sandboxes, package_functions
from path.journey import Journey
from path.router import Router
from path.stage import KAFKA, KAFKA_IN_SOAK, Stage, read_pack

# People of the synthetic council.
PEOPLE, PEOPLE_IN_SOAK = 500, 10_000

# Rounds of all awkward records, and of ten transactions and thirty records of each key.
ROUNDS, ROUNDS_IN_SOAK = 1, 10

# What the path needs at least, warm and with debug builds.
NEEDS_SECONDS = 60

START = "path: Kafka, S3, moto and the functions' packages are there"
AWKWARD = "path: awkward records are in the raw zone bit for bit"
PUSH = "path: what was acknowledged while a broker died is in Kafka"
LAND = "path: batches that come twice land once"
TRANSFORM = "path: raw objects are transformed"
MACHINE = "path: the deployed state machine runs in moto's executor"
FAN_OUT = "path: it merges large tables shard by shard"
AT_ONCE = "path: it leaves what one invocation leaves"
TABLES = "path: every table equals the embedded demo's last day"
WITHOUT_ENTITY = "path: without `entity` the day is reported and the execution fails"

NAMES = [START, AWKWARD, PUSH, LAND, TRANSFORM, MACHINE, FAN_OUT, AT_ONCE, TABLES]
NAMES += [WITHOUT_ENTITY]


def run(context: Context) -> None:
    """Runs every check of the path."""
    if not any(context.is_wanted(name) for name in NAMES):
        return
    with ThreadPoolExecutor(3) as background:
        once = Preparation(context, background)
        for part in KAFKA_IN_SOAK if context.soak else [KAFKA]:
            with Router() as router:
                walk = Walk(context, once, part, router)
                try:
                    walk.run()
                finally:
                    walk.stop()


class Preparation:
    """What is made once for every Kafka, while the parts start: the demonstration, the packages."""

    def __init__(self, context: Context, background: ThreadPoolExecutor) -> None:
        folder = context.work / "path"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.background = background
        self.demo_folder = folder / "demo"
        people = PEOPLE_IN_SOAK if context.soak else PEOPLE
        self.demo: Future = background.submit(
            demo.run_demo, context.polelake, context.repository, self.demo_folder, people
        )
        self.packages: Future[Path] = background.submit(
            package_functions,
            context.polelake,
            context.binaries,
            context.repository / "contracts",
            folder,
        )


class Walk:
    """All checks over one Kafka. Each needs what the one before it has left."""

    def __init__(self, context: Context, once: Preparation, part: str, router: Router) -> None:
        self.context = context
        self.once = once
        self.part = part
        self.router = router
        self.rounds = ROUNDS_IN_SOAK if context.soak else ROUNDS
        self.broken: str | None = None
        self.before = list(context.processes.running)
        self.stage = Stage(context.processes, once.folder / f"over-{part}", context.repository)
        self.sent: Future[list[awkward.Topic]]
        self.topics: list[awkward.Topic]
        self.landing: Sandboxes
        self.journey: Journey

    def run(self) -> None:
        self.step(START, self.start)
        self.step(AWKWARD, self.check_awkward_records)
        self.step(PUSH, lambda: self.journey.push_events())
        self.step(LAND, lambda: self.journey.land_events(self.landing))
        self.step(TRANSFORM, lambda: self.journey.transform_objects())
        self.step(MACHINE, lambda: self.journey.execute_day())
        self.check_fan_out()
        self.step(AT_ONCE, self.compare_at_once)
        self.step(TABLES, self.compare_tables)
        self.step(WITHOUT_ENTITY, lambda: self.journey.execute_without_entities())

    def step(self, name: str, function: Callable[[], str]) -> None:
        """Runs a check, unless one before it did not pass: each needs what that one leaves."""
        name = self.full_name(name)
        if self.broken is not None:
            self.context.not_run(name, f"it needs `{self.broken}`")
            return
        needs = NEEDS_SECONDS if name.startswith(START) else 0
        self.context.check(name, function, needs, always=True)
        if self.context.outcomes[-1].state != "passed":
            self.broken = name

    def full_name(self, name: str) -> str:
        """A soak has each check over each Kafka."""
        return f"{name} ({self.part})" if self.context.soak else name

    def stop(self) -> None:
        """Ends what this walk has started; the next one has its own."""
        for running in reversed(list(self.context.processes.running)):
            if running not in self.before:
                self.context.processes.stop(running)

    def start(self) -> str:
        """Starts the parts, while the demonstration runs and the functions are packed."""
        self.stage.begin_kafka(self.part)
        self.stage.start_store()
        self.stage.begin_moto(self.router.port)
        self.stage.wait_for_kafka()
        self.sent = self.once.background.submit(self.send_awkward_records)
        unpacked = self.once.packages.result()
        self.once.demo.result()
        self.stage.wait_for_moto()
        self.stage.fill_moto(read_pack(unpacked), demo.read_identity_key(self.once.demo_folder))
        self.router.moto = self.stage.moto
        self.landing = self.stage.start_function("raw-landing", unpacked)
        self.journey = Journey(self.stage, self.router, unpacked, self.once.demo_folder)
        if self.context.soak:
            self.journey.execution_seconds = machine.EXECUTION_SECONDS_IN_SOAK
        return f"over {self.part} {self.stage.kafka_version}"

    def send_awkward_records(self) -> list[awkward.Topic]:
        """Sends them while the functions are packed; the first topic is the compacted one."""
        bootstrap = self.stage.bootstrap
        topics = [
            awkward.send_compacted(bootstrap, 30 * self.rounds),
            awkward.send_codecs(bootstrap, self.rounds, append_time=False),
            awkward.send_codecs(bootstrap, self.rounds, append_time=True),
            awkward.send_transactions(bootstrap, 10 * self.rounds),
        ]
        awkward.wait_for_compaction(bootstrap, topics[0])
        return topics

    def check_awkward_records(self) -> str:
        """Lands them twice, and compares what the raw zone has with what was sent."""
        self.topics = self.sent.result()
        for topic in self.topics:
            records = mapping.land_topic(self.stage.bootstrap, topic.name, self.landing)
            if topic.compacted:
                delivered = {(record["partition"], record["offset"]) for record in records}
                awkward.keep_delivered(topic, delivered)
        return self.compare_awkward_records()

    def compare_awkward_records(self) -> str:
        faults, kept = [], 0
        for topic in self.topics:
            rows = awkward.read_raw_rows(self.stage.objects, topic.name)
            faults += awkward.compare_landed(topic, rows)
            kept += len(rows)
        if faults:
            raise CheckFailed("\n".join(faults[:20]))
        aborted = sum(len(topic.aborted) for topic in self.topics)
        return f"{kept} records of {len(self.topics)} topics, and none of {aborted} aborted ones"

    def check_fan_out(self) -> None:
        """Runs where a setting lets a small table be cut; says aloud where none does."""
        if self.broken is None and self.journey.shard_setting is None:
            why = (
                "infra/snapshot-merge.tf gives the function no setting of a shard's size, so no"
                " table of this lake is cut"
            )
            self.context.not_run(self.full_name(FAN_OUT), why)
            return
        self.step(FAN_OUT, lambda: self.journey.check_fan_out())

    def compare_at_once(self) -> str:
        self.journey.merge_at_once()
        return self.journey.compare_manifests()

    def compare_tables(self) -> str:
        """Every row is equal but for its place in the log."""
        differences, words = self.journey.compare_tables()
        if wrong := [one for one in differences if not one.is_none()]:
            raise CheckFailed("\n".join(map(str, wrong)))
        return words
