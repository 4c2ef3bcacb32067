"""Trino and Spark over the local platform: readings, changes, documents' examples, and requests."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import examples
import query_requests
import reader_counts
import readings
from context import CheckFailed, Context
from lake import CURATED, Lake
from parts import DigestMismatch, PartUnavailable
from proxy import CountingProxy
from spark import start_spark, wait_for_spark
from trino import start_trino, wait_for_trino

# Tables of CI: the one that most examples name, and the one with most rows.
TABLES = ("link", "person")
DAYS = 2
# CI's lake fits into its three minutes; a soak has the demonstration's own size.
PEOPLE = 1_000
READY = "starts"


class Engine:
    """An engine that is started beside the others, or the reason why it is not there."""

    def __init__(
        self, context: Context, name: str, start: Callable[[], Any], wait: Callable[[Any], None]
    ):
        self.context = context
        self.name = name
        self.wait = wait
        self.missing: Exception | None = None
        try:
            self.begun = start()
        except (PartUnavailable, DigestMismatch) as refused:
            self.missing = refused

    def wait_until_ready(self) -> None:
        """Waits for it; that is a check too."""

        def ready() -> None:
            if self.missing:
                raise self.missing
            self.wait(self.begun)

        if not self.context.check(f"{self.name} {READY}", ready, always=True) and not self.missing:
            self.missing = CheckFailed(f"{self.name} has not started")

    def require(self) -> Any:
        """The engine, for a check that needs it."""
        if self.missing:
            raise self.missing
        return self.begun


def run(context: Context) -> None:
    """Runs every check of the readers."""
    lake = Lake(context, context.work / "lake")
    proxy = CountingProxy(lake.s3_port)
    try:
        # Engines take longest to start, and need no lake for that.
        engines = start_engines(context, lake, proxy)
        if not context.check(
            "a lake of the demonstration, served", lambda: serve_lake(lake), always=True
        ):
            context.not_run("Trino and Spark", "there is no lake")
            return
        trino, spark = engines
        expected = readings.Expected(lake)
        run_at_once(
            lambda: run_trino(context, lake, proxy, expected, trino),
            lambda: run_spark(context, lake, expected, spark),
        )
    finally:
        proxy.close()


def start_engines(context: Context, lake: Lake, proxy: CountingProxy) -> list[Engine]:
    """Starts both without waiting."""
    return [
        Engine(context, "Trino", lambda: start_trino(lake, proxy.port), wait_for_trino),
        Engine(context, "Spark", lambda: start_spark(lake, lake.s3_port), wait_for_spark),
    ]


def serve_lake(lake: Lake) -> str:
    """Makes the demonstration's days and starts the services over them."""
    if not lake.folder.exists():
        lake.make_days(None if lake.context.soak else PEOPLE)
    lake.start()
    return f"{len(lake.tables())} tables, {len(lake.days('person'))} days"


def run_at_once(*functions: Callable[[], None]) -> None:
    """Runs functions in threads; Ctrl-C ends the wait, and what they wait for is stopped."""
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_trino(
    context: Context, lake: Lake, proxy: CountingProxy, expected: readings.Expected, trino: Engine
) -> None:
    """Everything that Trino does, one after the other, for its requests are counted."""
    trino.wait_until_ready()
    run_readings(context, expected, trino)
    run_examples(context, trino)
    reader_counts.run(context, lake, trino.require, TABLES)
    query_requests.run(context, lake, proxy, trino.require)


def run_spark(context: Context, lake: Lake, expected: readings.Expected, spark: Engine) -> None:
    """Everything that Spark does."""
    spark.wait_until_ready()
    run_readings(context, expected, spark)
    run_examples(context, spark)


def run_readings(context: Context, expected: readings.Expected, engine: Engine) -> None:
    """Days and changes."""
    lake = expected.lake
    for table in [name for name in lake.tables() if context.soak or name in TABLES]:
        days = lake.days(table) if context.soak else lake.days(table)[-DAYS:]
        for day in days:
            context.check(
                f"{engine.name} reads {table} of {day} as PyArrow does",
                lambda table=table, day=day: readings.compare_day(
                    engine.require(), expected, table, day
                ),
            )
        for before, after in itertools.pairwise(days):
            context.check(
                f"{engine.name} sees the changes of {table}, {before} to {after}",
                lambda table=table, pair=(before, after): readings.compare_changes(
                    engine.require(), expected, table, *pair
                ),
            )


def run_examples(context: Context, engine: Engine) -> None:
    """The documents' examples for this engine; Trino's thread tells those that are left out."""
    for example in examples.find_examples(context.repository):
        if example.engine is None and engine.name == "Trino":
            context.leave_out(f"example {example.place}", examples.LEFT_OUT[example.named])
        if example.engine == engine.name:
            named = example.named or "no engine named"
            context.check(
                f"example {example.place} ({named}) in {engine.name}",
                lambda example=example: examples.run_example(example, engine.require(), CURATED),
            )
