"""The queries that `polelake smoke --readers` would send to Athena, run on Trino as they are."""

from __future__ import annotations

import json
from collections.abc import Callable

from context import CheckFailed, Context
from lake import CURATED, Lake
from trino import Trino

FACES = ("", "_history", "_iceberg")

# The rows of a table's day.
RowsOf = Callable[[str, str], int]


def run(
    context: Context, lake: Lake, find_trino: Callable[[], Trino], few: tuple[str, ...]
) -> None:
    """The newest days of a few tables; in a soak those of every table, and every day of it too."""
    chosen = [(), ("--all-days",)] if context.soak else [("--tables", ",".join(few))]
    tables = lake.tables() if context.soak else list(few)
    for options in chosen:
        name = " ".join(("smoke --readers", *options))
        context.check(
            f"counts of `{name}` in Trino",
            lambda options=options: count_all(find_trino(), lake, tables, plan(lake, *options)),
        )


def plan(lake: Lake, *options: str) -> list[dict]:
    """The queries, as the command prints them."""
    return json.loads(lake.command("smoke", "--readers", "--print-sql", "--json", *options))


def count_all(trino: Trino, lake: Lake, tables: list[str], queries: list[dict]) -> str:
    """Runs all queries; each of the tables must be asked for by each of its names."""
    asked = sorted(query["reads"] for query in queries)
    wanted = sorted(f"{CURATED}.{table}{face}" for table in tables for face in FACES)
    if asked != wanted:
        raise CheckFailed(f"not the tables that there are: {set(asked) ^ set(wanted)}")
    days = sum(count_one(trino, query, lake.rows) for query in queries)
    return f"{len(queries)} queries, {days} days"


def count_one(trino: Trino, query: dict, rows_of: RowsOf) -> int:
    """Runs one query; the days and rows must be those of the manifests."""
    table = table_of(query)
    # In Athena one catalogue has both kinds of tables; here each has the name of its format.
    counted = dict(trino.rows(query["sql"], catalog=query["format"]))
    days = sorted(query["expected"] | counted)
    for day in days:
        manifest = rows_of(table, day)
        if counted.get(day, 0) != manifest or query["expected"].get(day) != manifest:
            raise CheckFailed(
                f"{query['reads']} of {day}: Trino counts {counted.get(day, 0)}, the command "
                f"expects {query['expected'].get(day)}, the manifest has {manifest}\n{query['sql']}"
            )
    return len(days)


def table_of(query: dict) -> str:
    """The table whose days a query counts."""
    name = query["reads"].split(".")[1]
    return name.removesuffix("_history").removesuffix("_iceberg")
