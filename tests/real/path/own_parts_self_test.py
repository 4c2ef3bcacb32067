"""Puts a fault before each check of the external parts, and sees the check fail and name it."""

from collections.abc import Callable
from typing import Any
from unittest import mock

from context import Context

from path import own_parts
from path.aws import list_keys, read_object
from path.self_test import change_cell, expect_failure


def run(context: Context) -> None:
    """Runs every check, and behind each its faults."""
    Faults(context).run()


class Faults(own_parts.OwnParts):
    """The checks with their faults."""

    def run(self) -> None:
        self.step(own_parts.START, self.start)
        self.step(own_parts.LOSS, self.push_and_kill)
        self.see(self.spoil_raw_zone)
        self.step(own_parts.AUDIT, self.audit)
        self.see(self.spoil_audit)
        self.step(own_parts.TABLES, self.compare_tables)
        self.see(self.spoil_rows)
        self.step(own_parts.OTHERS, self.refuse_others)
        self.see(self.spoil_record)

    def start_up(self, options: list[str]) -> None:
        if self.up is None:
            self.expect("no database is made", self.count_databases, "has no database")
        super().start_up(options)

    def see(self, faults: Callable[[], None]) -> None:
        if self.broken is None:
            faults()

    def expect(self, fault: str, function: Callable[[], Any], telling: str) -> None:
        name = f"parts, self-test: {fault}"
        self.context.check(name, lambda: expect_failure(function, telling), always=True)

    def first_object(self, bucket: str, prefix: str) -> str:
        keys = list_keys(self.stage.objects, bucket, prefix)
        return next(key for key in keys if key.endswith(".parquet"))

    def spoil_raw_zone(self) -> None:
        key = self.first_object("raw", "raw")
        aside = own_parts.change_object(self, "raw", key, None)
        self.expect("a raw object is gone", self.compare_landed, "records are lost")
        aside.rename(self.stage.folder / "objects" / "raw" / key)
        again = key.replace(".parquet", "-again.parquet")
        with self.stage.objects.open_output_stream(f"raw/{again}") as stream:
            stream.write(read_object(self.stage.objects, "raw", key))
        self.expect("records land twice", self.compare_landed, "are there twice")
        self.stage.objects.delete_file(f"raw/{again}")
        with mock.patch.object(self, "read_topic", self.read_all_but_last):
            self.expect("a record from elsewhere", self.compare_landed, "were never in Kafka")

    def read_all_but_last(self, topic: str) -> list[Any]:
        return list(super().read_topic(topic))[:-1]

    def spoil_audit(self) -> None:
        (self.folder / "s3").mkdir()
        self.expect("an embedded S3 is made", self.audit, "embedded parts were made: s3")
        (self.folder / "s3").rmdir()
        key = self.first_object("raw", "raw")
        aside = own_parts.change_object(self, "raw", key, None)
        self.expect("the audit misses an object", self.audit, "the audit ends with 1")
        aside.rename(self.stage.folder / "objects" / "raw" / key)

    def spoil_rows(self) -> None:
        key = self.first_object("curated", "curated/person")
        body = read_object(self.stage.objects, "curated", key)
        aside = own_parts.change_object(self, "curated", key, change_cell(body, "pole_id"))
        self.expect("a byte of a row", self.compare_tables, "(pole_id 1)")
        aside.rename(self.stage.folder / "objects" / "curated" / key)

    def spoil_record(self) -> None:
        record = self.folder / "parts.json"
        aside = record.rename(self.stage.folder / "aside")
        again = self.start_over_another
        self.expect("a folder forgets its parts", again, "without ['keeps its parts'")
        aside.rename(record)
