"""What the engines read must be what PyArrow reads, and their changes those of `snapshot diff`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator

import pyarrow

from checksums import Sums, checksum_query, keys_of, sums_of_answer, sums_of_table
from context import CheckFailed
from lake import CURATED, Lake
from spark import Spark
from trino import Trino


class Expected:
    """PyArrow's reading of the days and polelake's differences, made once for both engines."""

    def __init__(self, lake: Lake):
        self.lake = lake
        # Both engines ask at once, and the second waits for what the first has made.
        self.lock = threading.Lock()
        self.of = functools.cache(self.read_sums)
        self.difference = functools.cache(lake.difference)

    def read_sums(self, table: str, day: str) -> tuple[pyarrow.Schema, Sums]:
        """The schema and the sums of a table's day."""
        read = self.lake.read(table, day)
        return read.schema, sums_of_table(read)

    def sums(self, table: str, day: str) -> tuple[pyarrow.Schema, Sums]:
        """The same, from memory where it was read before."""
        with self.lock:
            return self.of(table, day)

    def changes(self, table: str, before: str, after: str) -> dict[str, int]:
        """What `snapshot diff` counts between two days."""
        with self.lock:
            return self.difference(table, before, after)


def trino_sources(lake: Lake, table: str, day: str) -> Iterator[str]:
    """The ways to a day in Trino."""
    yield f"hive.{CURATED}.{table}_history WHERE snapshot_date = '{day}'"
    yield f"iceberg.{CURATED}.{table}_iceberg FOR VERSION AS OF '{day}'"
    if day == lake.days(table)[-1]:
        yield f"hive.{CURATED}.{table}"
        yield f"iceberg.{CURATED}.{table}_iceberg"


def spark_sources(lake: Lake, table: str, day: str) -> Iterator[str]:
    """The ways to a day in Spark."""
    yield f"glue.{CURATED}.{table}_iceberg VERSION AS OF '{day}'"
    if day == lake.days(table)[-1]:
        yield f"glue.{CURATED}.{table}_iceberg"


def read_sums(engine: Trino | Spark, schema, source: str) -> Sums:
    """What an engine reads of a source."""
    [answer] = engine.rows(checksum_query(engine.name, schema, source))
    return sums_of_answer(schema, answer)


def compare_day(engine: Trino | Spark, expected: Expected, table: str, day: str) -> str:
    """Compares every way to a day with PyArrow's reading."""
    schema, sums = expected.sums(table, day)
    ways = trino_sources if engine.name == "Trino" else spark_sources
    sources = list(ways(expected.lake, table, day))
    for source in sources:
        compare_sums(source, read_sums(engine, schema, source), sums)
    return f"{sums.rows} rows, {len(sums.columns)} columns, {len(sources)} ways"


def compare_sums(source: str, read: Sums, expected: Sums) -> None:
    """Fails with every column that differs."""
    if found := read.differences(expected):
        raise CheckFailed(f"{source}: the engine and PyArrow differ:\n" + "\n".join(found))


def compare_changes(
    engine: Trino | Spark, expected: Expected, table: str, before: str, after: str
) -> str:
    """Compares the changes between two days with `snapshot diff`."""
    snapshots = find_snapshots(engine, table, before, after)
    schema, _ = expected.sums(table, after)
    count = count_trino_changes if engine.name == "Trino" else count_spark_changes
    found = count(engine, table, snapshots, schema)
    if found != (wanted := expected.changes(table, before, after)):
        raise CheckFailed(
            f"{table}, {before} to {after}: {engine.name} has {found}, snapshot diff has {wanted}"
        )
    return ", ".join(f"{count} {kind}" for kind, count in found.items())


def find_snapshots(engine: Trino | Spark, table: str, before: str, after: str) -> tuple[int, int]:
    """The snapshots that the tags of two days name."""
    name = (
        f'iceberg.{CURATED}."{table}_iceberg$refs"'
        if engine.name == "Trino"
        else f"glue.{CURATED}.{table}_iceberg.refs"
    )
    tags = {
        tag: int(number) for tag, number in engine.rows(f"SELECT name, snapshot_id FROM {name}")
    }
    for day in (before, after):
        if day not in tags:
            raise CheckFailed(f"{table}_iceberg has no tag {day}; it has {', '.join(sorted(tags))}")
    return tags[before], tags[after]


def count_spark_changes(
    spark: Spark, table: str, snapshots: tuple[int, int], schema
) -> dict[str, int]:
    """Counts the rows of Spark's changelog by their type."""
    keys = ", ".join(f"'{name}'" for name in keys_of(schema))
    view = f"changes_of_{table}"
    spark.rows(
        f"CALL glue.system.create_changelog_view(table => '{CURATED}.{table}_iceberg', "
        f"options => map('start-snapshot-id', '{snapshots[0]}', "
        f"'end-snapshot-id', '{snapshots[1]}'), "
        f"identifier_columns => array({keys}), changelog_view => '{view}')"
    )
    counted = dict(spark.rows(f"SELECT _change_type, count(*) FROM {view} GROUP BY 1"))
    return {
        "added": counted.get("INSERT", 0),
        "changed": counted.get("UPDATE_AFTER", 0),
        "removed": counted.get("DELETE", 0),
    }


def count_trino_changes(
    trino: Trino, table: str, snapshots: tuple[int, int], schema
) -> dict[str, int]:
    """Pairs the rows that Trino has as deleted and inserted: a row in a new file is both."""
    changes = (
        f"TABLE(iceberg.system.table_changes('{CURATED}', '{table}_iceberg', "
        f"{snapshots[0]}, {snapshots[1]}))"
    )
    keys, others = keys_of(schema), [name for name in schema.names if name not in keys_of(schema)]
    # An equality, for a join by IS NOT DISTINCT FROM compares every row with every other.
    same_row = " AND ".join(
        f"coalesce(b.\"{name}\", '') = coalesce(a.\"{name}\", '')" for name in keys
    )
    differs = " OR ".join(f'b."{name}" IS DISTINCT FROM a."{name}"' for name in others)
    [[added, changed, removed]] = trino.rows(
        f"WITH c AS (SELECT * FROM {changes}), "
        "b AS (SELECT *, true AS there FROM c WHERE _change_type = 'delete'), "
        "a AS (SELECT *, true AS there FROM c WHERE _change_type = 'insert') "
        "SELECT count_if(b.there IS NULL), "
        f"count_if(a.there AND b.there AND ({differs})), count_if(a.there IS NULL) "
        f"FROM b FULL JOIN a ON {same_row}"
    )
    return {"added": added, "changed": changed, "removed": removed}
