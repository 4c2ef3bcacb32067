"""The queries whose requests are counted, each with the partitions that pass its filter."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterable

import pyarrow.parquet

from lake import CURATED, Lake
from query_limits import Query
from trino import Trino

REFINED, QUALITY = "polelake_refined_pole", "polelake_curated_quality"
EMPTY = "object_tenancy"
PERSON, HISTORY = f"hive.{CURATED}.person", f"hive.{CURATED}.person_history"
ICEBERG = f"iceberg.{CURATED}.person_iceberg"


def make_queries(lake: Lake, trino: Trino) -> list[Query]:
    """All of them."""
    return [
        *raw_queries(lake, trino),
        *refined_queries(lake),
        *quality_queries(lake),
        *day_queries(lake),
        *iceberg_queries(lake),
    ]


def raw_queries(lake: Lake, trino: Trino) -> list[Query]:
    """Raw records of the topic with most objects: all, and of the first day only."""
    raw = lake.folder / "s3" / "raw" / "raw"
    topic = max(
        (folder for folder in raw.iterdir() if any(folder.rglob("*.parquet"))), key=count_objects
    )
    schema, table = find_raw_table(trino, topic.name)
    partitions = hold_files(topic, "epoch=*/partition=*")
    day = lake.days("person")[0]
    return [
        Query(
            "raw, a source",
            f"SELECT count(*) FROM hive.{schema}.{table}",
            objects_of(partitions),
            rows_of(partitions),
        ),
        raw_of_a_day(f"iceberg.{schema}.{table}_iceberg", partitions, day),
        Query(
            "raw as Iceberg, a source",
            f"SELECT count(value) FROM iceberg.{schema}.{table}_iceberg",
            [],
            rows_of(partitions),
            sum(objects_of(partitions)),
        ),
    ]


def raw_of_a_day(table: str, partitions: list[pathlib.Path], day: str) -> Query:
    """One day of raw must neither list nor open the objects of other days."""
    after = (datetime.date.fromisoformat(day) + datetime.timedelta(days=1)).isoformat()
    where = (
        f"\"timestamp\" >= TIMESTAMP '{day} 00:00:00 UTC' "
        f"AND \"timestamp\" < TIMESTAMP '{after} 00:00:00 UTC'"
    )
    found = [[count_of_day(path, day) for path in files_of(folder)] for folder in partitions]
    return Query(
        "raw, a source, one day",
        f"SELECT count(value) FROM {table} WHERE {where}",
        [],
        sum(sum(counts) for counts in found),
        sum(1 for counts in found for count in counts if count),
    )


def refined_queries(lake: Lake) -> list[Query]:
    """Refined rows of a day, of a day and topic, and all of them."""
    day = lake.days("person")[0]
    table = lake.folder / "s3" / "refined" / "refined" / "person"
    of_day = hold_files(table, f"date={day}")
    everything = hold_files(table, "date=*")
    select = f"SELECT count(*) FROM hive.{REFINED}.person"
    topics = sorted({file.name.split(".")[0] for file in table.glob(f"date={day}/*.parquet")})
    one_topic = f"{select} WHERE in_date = '{day}' AND topic = '{topics[0]}'"
    return [
        Query("refined, all days", select, objects_of(everything), rows_of(everything)),
        Query(
            "refined, one day",
            f"{select} WHERE in_date = '{day}'",
            objects_of(of_day),
            rows_of(of_day),
        ),
        Query("refined, one day and topic", one_topic, objects_of(of_day)),
        # Its rows are made from records, so it has no refined ones: its range is the shortest.
        Query("refined, a table of no rows", f"SELECT count(*) FROM hive.{REFINED}.{EMPTY}", [], 0),
    ]


def quality_queries(lake: Lake) -> list[Query]:
    """Rules of a day, and metrics of a month."""
    day = lake.days("person")[0]
    quality = lake.curated() / "quality"
    rules = hold_files(quality / "quality_rules", f"report_date={day}")
    metrics = hold_files(quality / "quality_metrics", f"report_date={day[:7]}-*")
    return [
        Query(
            "quality rules, one day",
            f"SELECT count(*) FROM hive.{QUALITY}.quality_rules WHERE report_date = '{day}'",
            objects_of(rules),
            rows_of(rules),
        ),
        Query(
            "quality metrics, one month",
            f"SELECT count(*) FROM hive.{QUALITY}.quality_metrics "
            f"WHERE report_date BETWEEN '{day[:7]}-01' AND '{day[:7]}-31'",
            objects_of(metrics),
            rows_of(metrics),
        ),
    ]


def day_queries(lake: Lake) -> list[Query]:
    """The newest day, days of the history, and a join."""
    days = lake.days("person")
    first, newest = days[0], days[-1]
    joined = [
        size
        for table in ("person", "link", "object_tenancy")
        for size in objects_of_day(lake, table, lake.days(table)[-1])
    ]
    return [
        Query(
            "person",
            f"SELECT count(*) FROM {PERSON}",
            objects_of_day(lake, "person", newest),
            lake.count("person", newest),
        ),
        Query(
            "person, by source",
            f"SELECT source, count(*) FROM {PERSON} GROUP BY 1",
            objects_of_day(lake, "person", newest),
        ),
        Query(
            "person_history, one day",
            f"SELECT count(*) FROM {HISTORY} WHERE snapshot_date = '{first}'",
            objects_of_day(lake, "person", first),
            lake.count("person", first),
        ),
        Query(
            "person_history, by day",
            f"SELECT snapshot_date, count(*) FROM {HISTORY} GROUP BY 1",
            [size for day in days for size in objects_of_day(lake, "person", day)],
        ),
        Query(
            "person, link, tenancy joined",
            f"SELECT count(*) FROM {PERSON} p "
            f"JOIN hive.{CURATED}.link l ON l.from_id = p.pole_id "
            f"JOIN hive.{CURATED}.object_tenancy t ON t.pole_id = l.to_id",
            joined,
        ),
    ]


def iceberg_queries(lake: Lake) -> list[Query]:
    """Iceberg lists nothing: its metadata name every file."""
    days = lake.days("person")
    return [
        Query(
            "person_iceberg", f"SELECT count(*) FROM {ICEBERG}", [], lake.count("person", days[-1])
        ),
        Query(
            "person_iceberg, a tag",
            f"SELECT count(pole_id) FROM {ICEBERG} FOR VERSION AS OF '{days[0]}'",
            [],
            lake.count("person", days[0]),
        ),
    ]


def find_raw_table(trino: Trino, topic: str) -> tuple[str, str]:
    """The database and the table of a topic's raw records."""
    name = "".join(sign if sign.isalnum() else "_" for sign in topic)
    schemas = [
        schema
        for [schema] in trino.rows("SHOW SCHEMAS FROM hive")
        if schema.startswith("polelake_raw_")
    ]
    for schema in schemas:
        if [name] in trino.rows(f"SHOW TABLES FROM hive.{schema}"):
            return schema, name
    raise LookupError(f"no raw database has the table {name}: {', '.join(schemas)}")


def hold_files(root: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    """The folders of partitions that hold something."""
    return [folder for folder in sorted(root.glob(pattern)) if files_of(folder)]


def files_of(folder: pathlib.Path) -> list[pathlib.Path]:
    """The objects of a partition."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def count_objects(folder: pathlib.Path) -> int:
    """How many objects a folder has."""
    return len(files_of(folder))


def objects_of(folders: Iterable[pathlib.Path]) -> list[int]:
    """The objects of each partition."""
    return [count_objects(folder) for folder in folders]


def objects_of_day(lake: Lake, table: str, day: str) -> list[int]:
    """The objects of each folder with files of a table's day."""
    return objects_of(sorted({path.parent for path in lake.files(table, day)}))


def rows_of(folders: Iterable[pathlib.Path]) -> int:
    """The rows of all Parquet files of some partitions."""
    return sum(
        pyarrow.parquet.read_metadata(path).num_rows
        for folder in folders
        for path in files_of(folder)
    )


def count_of_day(path: pathlib.Path, day: str) -> int:
    """The records of a day in a raw object."""
    times = (
        pyarrow.parquet.read_table(path, columns=["timestamp"], partitioning=None)
        .column(0)
        .to_pylist()
    )
    return sum(1 for time in times if time.date().isoformat() == day)
