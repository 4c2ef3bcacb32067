"""Puts a fault before each check of the path, and sees the check fail and name it."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet
from context import CheckFailed, Context

from path import checks, machine, payloads, push, tables
from path.aws import list_keys, read_object
from path.router import Router
from path.stage import KAFKA


def run(context: Context) -> None:
    """Runs every check, and between them every fault. What fails here has not seen its fault."""
    with ThreadPoolExecutor(3) as background, Router() as router:
        walk = Faults(context, checks.Preparation(context, background), KAFKA, router)
        try:
            walk.run()
        finally:
            walk.stop()


def expect_failure(function: Callable[[], Any], telling: str) -> str:
    """The words with which a check fails; an error when it does not, or for another reason."""
    try:
        function()
    except CheckFailed as failed:
        if telling in str(failed):
            return str(failed).splitlines()[0][:200]
        raise CheckFailed(f"`{telling}` is not in: {failed}") from failed
    raise CheckFailed(f"nothing was found; `{telling}` was expected")


def change_cell(body: bytes, column: str) -> bytes:
    """A Parquet file with one other value: a byte of the first that is not empty."""
    rows = pyarrow.parquet.read_table(io.BytesIO(body))
    values = rows.column(column).to_pylist()
    place = next(place for place, value in enumerate(values) if value)
    value = values[place]
    if isinstance(value, str):
        # A text may be JSON, which begins with a bracket.
        begin = next(begin for begin, sign in enumerate(value) if sign.isalnum())
        other = "y" if value[begin] == "x" else "x"
        values[place] = value[:begin] + other + value[begin + 1 :]
    else:
        values[place] = value[:-1] + bytes([value[-1] ^ 1])
    field = rows.schema.field(column)
    rows = rows.set_column(
        rows.column_names.index(column), field, pa.array(values, type=field.type)
    )
    file = io.BytesIO()
    pyarrow.parquet.write_table(rows, file)
    return file.getvalue()


class Lying:
    """A relay that acknowledges the last event of a request, and drops it."""

    def __init__(self, relay: Any) -> None:
        self.relay = relay

    def invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        body = payloads.base64.b64decode(request["body"]).rpartition(b"\n")[0]
        self.relay.invoke(request | {"body": payloads.encode_base64(body)})
        return {"statusCode": push.ACCEPTED, "body": "{}"}


class Faults(checks.Walk):
    """The walk with the faults of each check behind it, or before it where it could not go back."""

    def run(self) -> None:
        self.step(checks.START, self.start)
        self.step(checks.AWKWARD, self.check_awkward_records)
        self.see(self.spoil_raw_zone)
        self.step(checks.PUSH, lambda: self.journey.push_events())
        self.see(self.spoil_push)
        self.step(checks.LAND, lambda: self.journey.land_events(self.landing))
        self.see(self.spoil_landing)
        self.see(self.spoil_notifications)
        self.step(checks.TRANSFORM, lambda: self.journey.transform_objects())
        self.see(self.spoil_machine)
        self.step(checks.MACHINE, lambda: self.journey.execute_day())
        self.check_fan_out()
        self.step(checks.AT_ONCE, self.compare_at_once)
        self.see(self.spoil_curated)
        self.step(checks.TABLES, self.compare_tables)
        self.see(self.spoil_rows)
        self.see(self.spoil_failure)

    def see(self, faults: Callable[[], None]) -> None:
        if self.broken is None:
            faults()

    def expect(self, fault: str, function: Callable[[], Any], telling: str) -> None:
        name = f"path, self-test: {fault}"
        self.context.check(name, lambda: expect_failure(function, telling), always=True)

    @contextmanager
    def altered(self, bucket: str, key: str, body: bytes | None) -> Iterator[None]:
        """Puts another object, or none, in the place of one; puts the old one back."""
        file = self.stage.folder / "objects" / bucket / key
        # The store keeps an object's metadata with its file: a copy would lack them.
        aside = file.rename(self.stage.folder / "aside")
        try:
            if body is not None:
                self.put(bucket, key, body)
            yield
        finally:
            aside.rename(file)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        with self.stage.objects.open_output_stream(f"{bucket}/{key}") as stream:
            stream.write(body)

    def first_object(self, bucket: str, prefix: str) -> tuple[str, bytes]:
        key = next(
            key for key in list_keys(self.stage.objects, bucket, prefix) if key.endswith(".parquet")
        )
        return key, read_object(self.stage.objects, bucket, key)

    # --- the raw zone -----------------------------------------------------------------------

    def spoil_raw_zone(self) -> None:
        key, body = self.first_object("raw", "raw/awkward-create")
        compare = self.compare_awkward_records
        with self.altered("raw", key, change_cell(body, "value")):
            self.expect("a byte of a value", compare, "differs in value")
        with self.altered("raw", key, change_cell(body, "headers")):
            self.expect("a byte of a header", compare, "differs in headers")
        with self.altered("raw", key, None):
            self.expect("a raw object is gone", compare, "records are lost")
        again = key.replace(".parquet", "-again.parquet")
        self.put("raw", again, body)
        self.expect("records land twice", compare, "are there twice")
        self.stage.objects.delete_file(f"raw/{again}")
        transactions = self.topics[-1]
        committed = dict(transactions.kept)
        place = next(iter(committed))
        transactions.aborted.add(place)
        del transactions.kept[place]
        self.expect("an aborted record lands", compare, "1 of them aborted")
        transactions.kept = committed
        transactions.aborted.discard(place)

    def spoil_push(self) -> None:
        """A relay that drops what it acknowledges; what it does send has been sent before."""
        topic, event = next(iter(self.journey.push.acknowledged))
        relay = Lying(self.stage.start_function("event-relay", self.journey.unpacked))
        kept = self.journey.push.acknowledged.copy()
        dropped = event.replace(b"{", b"{ ", 1)
        source = self.journey.sources[topic]
        self.journey.push.push_request(relay, source, topic, [event, dropped])
        compare = self.journey.compare_pushed
        self.expect("a message is dropped", compare, "1 acknowledged events are not in Kafka")
        self.journey.push.acknowledged = kept
        self.journey.push.acknowledged[(topic, event)] += 1

    def spoil_landing(self) -> None:
        topic = next(iter(self.journey.landed))
        key, body = self.first_object("raw", f"raw/{topic}")
        with self.altered("raw", key, None):
            self.expect("a batch does not land", self.journey.count_landed, "were sent")
        again = key.replace(".parquet", "-again.parquet")
        self.put("raw", again, body)
        self.expect("a batch lands twice", self.journey.count_landed, "were sent")
        self.stage.objects.delete_file(f"raw/{again}")

    def spoil_notifications(self) -> None:
        def forget_last(bucket: str, keys: list[str]) -> Iterator[dict[str, Any]]:
            left = [key for key in keys if key != keys[-1]]
            return payloads.object_batches(bucket, left)

        with mock.patch("path.journey.object_batches", forget_last):
            self.expect("a notification is lost", self.journey.transform_objects, "receipts")

    # --- the day ----------------------------------------------------------------------------

    def spoil_machine(self) -> None:
        definition = machine.shorten_waits(machine.read_definition(self.stage.infra, "curated"))
        with mock.patch("path.machine.read_definition", lambda *_: definition):
            self.router.failing = {"quality-report"}
            self.expect("the report fails", self.journey.execute_day, "ended FAILED: ")
            self.router.failing = set()
            if self.journey.shard_setting is not None:
                with mock.patch("path.router.read_object", self.read_without_shard):
                    self.expect("a shard is skipped", self.journey.execute_day, "DayIncomplete")
        self.router.forget()

    def read_without_shard(self, objects: Any, bucket: str, key: str) -> bytes:
        body = read_object(objects, bucket, key)
        if not key.endswith("/shards.json"):
            return body
        return payloads.json.dumps(payloads.json.loads(body)[:-1]).encode()

    def spoil_curated(self) -> None:
        compare = self.journey.compare_manifests
        key = tables.last_days(list_keys(self.stage.objects, "curated", "curated"))["link"]
        body = read_object(self.stage.objects, "curated", key)
        with self.altered("curated", key, body.replace(b'"inserted": 1', b'"inserted": 2', 1)):
            self.expect("a number of a manifest", compare, "1 manifests differ")
        with self.altered("curated", key, None):
            self.expect("a table is not published", compare, "other manifests")
        key, body = self.first_object("curated", "curated/link")
        with self.altered("curated", key, change_cell(body, "role")):
            self.expect("a byte of a shard", compare, "1 files differ")

    def spoil_rows(self) -> None:
        key, body = self.first_object("curated", "curated/person")
        with self.altered("curated", key, change_cell(body, "pole_id")):
            self.expect("a byte of a row", self.compare_tables, "(pole_id 1)")

    def spoil_failure(self) -> None:
        def succeed(_: Any) -> str:
            self.router.failing = set()
            return definition

        definition = machine.read_definition(self.stage.infra, "curated")
        with mock.patch("path.machine.shorten_waits", succeed):
            without = self.journey.execute_without_entities
            self.expect("`entity` does not fail", without, "the execution ended SUCCEEDED")
