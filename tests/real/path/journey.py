"""The demonstration's events, from the relay to the day's tables, all of them as one day."""

import datetime
import io
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet
from context import CheckFailed

from path import demo, machine, mapping, push, tables
from path.aws import list_keys, object_digests, read_json, read_object, topics_of_contracts
from path.broker import create_topic
from path.functions import declared_settings
from path.payloads import object_batches
from path.router import Router
from path.stage import Stage, read_pack

# The request during which the broker is killed: others come before and after it.
KILL_AT = 3

# The size from which tables of this lake are cut, in bytes: about five hundred rows.
SHARD_BYTES = 50_000


def find_shard_setting(infra: Path) -> str | None:
    """The setting of snapshot-merge that says from which size a table is cut, where it has one."""
    names = declared_settings(infra, "snapshot-merge")
    found = sorted(name for name in names if re.search("SHARD", name))
    return found[0] if found else None


class Journey:
    """One lake: its functions, what was sent through them, and what came out."""

    def __init__(self, stage: Stage, router: Router, unpacked: Path, demo_folder: Path) -> None:
        self.stage = stage
        self.router = router
        self.unpacked = unpacked
        self.demo_folder = demo_folder
        self.pack = read_pack(unpacked)
        self.topics = topics_of_contracts(self.pack)
        self.sources = {topic: source for source, topic in self.topics.items()}
        self.push = push.Push()
        self.landed: dict[str, int] = {}
        self.shard_setting = find_shard_setting(stage.infra)
        self.day = ""
        self.execution_seconds: float = machine.EXECUTION_SECONDS

    # --- from the relay to the refined zone -------------------------------------------------

    def push_events(self) -> str:
        """Pushes the demonstration's events while the broker is killed and comes back."""
        events = demo.read_events(self.demo_folder)
        for topic in events:
            create_topic(self.stage.bootstrap, topic, message_timestamp_type="LogAppendTime")
        self.landed = dict.fromkeys(events, 0)
        relay = self.stage.start_function("event-relay", self.unpacked)
        kill = push.kill_at(KILL_AT, self.stage.kill_kafka)
        self.push.push_all(relay, events, self.sources, kill)
        self.stage.wait_for_kafka()
        if self.stage.kills != 1 or self.push.requests <= KILL_AT:
            raise CheckFailed(f"no broker died within {self.push.requests} requests")
        return self.compare_pushed()

    def compare_pushed(self) -> str:
        """What the relay acknowledged is in Kafka, and nothing else is."""
        faults, doubled = push.compare_with_topics(
            self.push, self.stage.bootstrap, list(self.landed)
        )
        if faults:
            raise CheckFailed("; ".join(faults))
        return (
            f"{self.push.acknowledged.total()} acknowledged = found, {self.push.repeated} of them"
            f" sent twice, {self.push.unavailable} refused with the broker dead and sent again,"
            f" {doubled} there once more"
        )

    def land_events(self, landing: Any) -> str:
        """Lands every topic; each batch comes twice."""
        for topic in self.landed:
            self.landed[topic] = len(mapping.land_topic(self.stage.bootstrap, topic, landing))
        return self.count_landed()

    def count_landed(self) -> str:
        """The raw zone has as many records of each topic as Kafka, and the day is their last."""
        rows, newest = 0, None
        for topic, count in self.landed.items():
            found, last = self.read_landed(topic)
            if found != count:
                raise CheckFailed(f"{topic}: {count} records were sent, {found} are landed")
            rows, newest = rows + found, max(filter(None, [newest, last]))
        # A record counts on the day on which it was appended.
        self.day = newest.astimezone(datetime.UTC).date().isoformat()
        return f"{rows} records of {len(self.landed)} topics, each batch delivered twice"

    def read_landed(self, topic: str) -> tuple[int, datetime.datetime | None]:
        """How many records the raw zone has of a topic, and when its last was appended."""
        count, newest = 0, None
        for key in list_keys(self.stage.objects, "raw", f"raw/{topic}"):
            body = io.BytesIO(read_object(self.stage.objects, "raw", key))
            times = pyarrow.parquet.read_table(body, columns=["timestamp"]).column(0).to_pylist()
            count, newest = count + len(times), max(filter(None, [newest, *times]))
        return count, newest

    def transform_objects(self) -> str:
        """Tells the transform of each raw object, and of some of them twice."""
        transform = self.stage.start_function("pole-transform", self.unpacked)
        # As the bucket's notification filters: the prefix, and not the hints of log ends.
        keys = [
            key
            for key in list_keys(self.stage.objects, "raw", "raw")
            if key.endswith(".parquet") and key.split("/")[1] in self.landed
        ]
        for batch in object_batches("raw", keys + keys[::3]):
            answer = transform.invoke(batch)
            if answer["batchItemFailures"]:
                raise CheckFailed(f"not transformed: {answer}")
        receipts = list_keys(self.stage.objects, "refined", "refined/_receipts")
        if len(receipts) != len(keys):
            raise CheckFailed(f"{len(keys)} raw objects, and {len(receipts)} receipts")
        return f"{len(keys)} raw objects, {len(keys[::3])} of them told twice"

    # --- the day ----------------------------------------------------------------------------

    def shard_settings(self) -> dict[str, str]:
        """The setting that makes the tables of a small lake large, where there is one."""
        return {self.shard_setting: str(SHARD_BYTES)} if self.shard_setting else {}

    def execute_day(self) -> str:
        """Merges and reports the day by the state machine that is deployed."""
        settings = self.shard_settings()
        self.router.objects = self.stage.objects
        self.router.functions = {
            "snapshot-merge": self.stage.start_function(
                "snapshot-merge", self.unpacked, count=2, settings=settings
            ),
            "quality-report": self.stage.start_function("quality-report", self.unpacked),
        }
        definition = machine.read_definition(self.stage.infra, "curated")
        arn = machine.create_machine(self.stage.moto, "snapshot", definition)
        ended = self.execute(arn, self.schedule_payload())
        if ended["status"] != "SUCCEEDED":
            why = machine.last_failure(self.stage.moto, ended["executionArn"])
            sizes = f"bytes of the largest answers: {self.router.largest}"
            raise CheckFailed(f"the execution ended {ended['status']}: {why}; {sizes}")
        steps = ", ".join(f"{step} {count}" for step, count in sorted(self.router.steps().items()))
        largest = max(self.router.largest.items(), key=lambda found: found[1])
        if self.router.steps()["merge"] > 0 and self.router.map_results == 0:
            raise CheckFailed("shards were merged, and no results of theirs were written")
        return (
            f"{steps}; {self.router.map_results} lists of results;"
            f" {self.router.refused} statistics refused, and the day went on;"
            f" the largest answer is of {largest[0]}: {largest[1]:,} bytes of 262,144"
        )

    def execute(self, arn: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Executes a machine to its end."""
        return machine.execute_machine(self.stage.moto, arn, payload, self.execution_seconds)

    def schedule_payload(self) -> dict[str, Any]:
        """What the schedule sends on the next day, which merges the day before it."""
        next_day = datetime.date.fromisoformat(self.day) + datetime.timedelta(days=1)
        return {"scheduled_time": f"{next_day.isoformat()}T01:00:00Z"}

    def execute_without_entities(self) -> str:
        """Where `entity` fails, the day is reported all the same, and the execution says so."""
        self.router.forget()
        self.router.failing = {"entities"}
        definition = machine.read_definition(self.stage.infra, "curated")
        arn = machine.create_machine(
            self.stage.moto, "impatient", machine.shorten_waits(definition)
        )
        payload = self.schedule_payload() | {"tables": ["person"]}
        ended = self.execute(arn, payload)
        self.router.failing = set()
        steps = self.router.steps()
        if (ended["status"], ended.get("error")) != ("FAILED", "DayIncomplete"):
            raise CheckFailed(f"the execution ended {ended['status']}: {ended.get('error')}")
        if steps["quality-report"] != 1:
            raise CheckFailed(f"the day was not reported: {dict(steps)}")
        return f"{ended['error']} after {steps['entities']} attempts, the day is reported"

    def merge_at_once(self) -> None:
        """Merges the same day by one invocation, into a bucket of its own."""
        merge = self.stage.start_function(
            "snapshot-merge",
            self.unpacked,
            curated="curated-once",
            settings=self.shard_settings(),
        )
        merge.invoke({"date": self.day})

    def compare_manifests(self) -> str:
        """The machine leaves the manifests that one invocation leaves."""
        by_machine = self.read_manifests("curated")
        at_once = self.read_manifests("curated-once")
        if not by_machine or by_machine.keys() != at_once.keys():
            raise CheckFailed(f"other manifests: {sorted(by_machine.keys() ^ at_once.keys())}")
        different = [key for key in at_once if by_machine[key] != at_once[key]]
        if different:
            raise CheckFailed(f"{len(different)} manifests differ: {different}")
        shards = sum(len(manifest["shards"]) for manifest in by_machine.values())
        files = self.compare_files()
        return f"{len(by_machine)} manifests with {shards} shards, and their {files} files"

    def read_manifests(self, bucket: str) -> dict[str, Any]:
        keys = list_keys(self.stage.objects, bucket, tables.MANIFESTS.rstrip("/"))
        return {key: read_json(self.stage.objects, bucket, key) for key in keys}

    def compare_files(self) -> int:
        """The shards' files, which manifests name, are equal too; gives how many there are."""
        left = object_digests(self.stage.objects, "curated", "curated")
        right = object_digests(self.stage.objects, "curated-once", "curated")
        named = {key for key in left.keys() | right.keys() if "/shard=" in key}
        different = sorted(key for key in named if left.get(key) != right.get(key))
        if different:
            raise CheckFailed(f"{len(different)} files differ, such as {different[0]}")
        return len(named)

    def check_fan_out(self) -> str:
        """Tables were cut, each shard by an invocation of its own, and published after."""
        steps = self.router.steps()
        manifests = self.read_manifests("curated")
        cut = {key: len(one["shards"]) for key, one in manifests.items() if len(one["shards"]) > 1}
        merged = [body for _, body in self.router.payloads if body.get("step") == "merge"]
        planned = {body["table"] for body in merged}
        # `entity` is made in one invocation, however many shards it has.
        missing = {key.removeprefix(tables.MANIFESTS).rsplit("/", 1)[0] for key in cut} - planned
        if not cut or missing - {"entity"} or steps["publish"] != len(planned):
            raise CheckFailed(f"no fan-out of {sorted(missing)}: {dict(steps)}, cut: {cut}")
        # Large records come first: what is made of them is planned after they are published.
        if steps["plan"] != 1 or steps["plan_tables"] != 1:
            raise CheckFailed(f"records were not planned before their tables: {dict(steps)}")
        return f"{len(planned)} tables in {len(merged)} shards, {steps['publish']} published"

    # --- the rows ---------------------------------------------------------------------------

    def compare_tables(self) -> tuple[list[tables.Difference], str]:
        """The last day's rows beside the demonstration's, table by table."""
        expected = tables.last_days(demo.list_curated(self.demo_folder))
        found = tables.last_days(list_keys(self.stage.objects, "curated", "curated/_manifests"))
        if not expected or expected.keys() != found.keys():
            raise CheckFailed(f"other tables: {sorted(expected.keys() ^ found.keys())}")
        differences = []
        for table, manifest in expected.items():
            left = tables.read_table(self.read_demo_object, manifest)
            right = tables.read_table(self.read_curated_object, found[table])
            differences.append(tables.compare_rows(table, left, right))
        rows = sum(one.rows for one in differences)
        return differences, f"{len(differences)} tables, {rows} rows"

    def read_demo_object(self, key: str) -> bytes:
        return demo.read_curated(self.demo_folder, key)

    def read_curated_object(self, key: str) -> bytes:
        return read_object(self.stage.objects, "curated", key)
