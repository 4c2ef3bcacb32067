#!/usr/bin/env python3
"""Opens a lake folder with DuckDB and answers two questions about the newest day.

    tenancies.py [LAKE_FOLDER] [--date YYYY-MM-DD]

A manifest names the files of one table on one day. Reading exactly these files gives that day, whatever is being
written meanwhile. It needs `pip install duckdb`. Exit code 1 when the day is not there or holds no tenancy.
"""

import argparse
import json
import sys
from pathlib import Path

import duckdb

TABLES = ["person", "object_tenancy", "link"]

PEOPLE_WITH_SEVERAL_TENANCIES = """
    select person.pole_id as person, count(distinct link.to_id) as tenancies
    from link
    join person on person.pole_id = link.from_id
    where link.link_type = 'holds_tenancy' and link.to_table = 'object_tenancy'
    group by person.pole_id
    having count(distinct link.to_id) > 1
    order by tenancies desc, person
"""

TENANCIES_BY_TYPE = """
    select
        coalesce(tenure_type, 'not known') as tenure_type,
        count(*) as tenancies,
        round(avg(rent), 2) as average_rent
    from object_tenancy
    group by 1
    order by tenancies desc, tenure_type
"""


class LakeError(Exception):
    """The lake does not have what was asked for."""


def manifests_folder(curated, table):
    return curated / "curated" / "_manifests" / table


def newest_date(curated):
    """The newest day that every table has a manifest of: a day is merged table by table."""
    days = [{path.stem for path in manifests_folder(curated, table).glob("*.json")} for table in TABLES]
    common = set.intersection(*days)
    if not common:
        raise LakeError(f"no day with all of {', '.join(TABLES)} below {curated}; run a day first")
    return max(common)


def snapshot_files(curated, table, date):
    """The Parquet files of a table's day, one for each shard."""
    path = manifests_folder(curated, table) / f"{date}.json"
    if not path.is_file():
        raise LakeError(f"{table} has no manifest of {date}")
    manifest = json.loads(path.read_text())
    if not manifest["passed"]:
        print(f"note: a blocking quality rule failed for {table} on {date}", file=sys.stderr)
    return [str(curated / shard["rows_file"]["key"]) for shard in manifest["shards"]]


def open_day(curated, date):
    """A connection in which each table of the day is a view."""
    connection = duckdb.connect()
    for table in TABLES:
        rows = connection.read_parquet(snapshot_files(curated, table, date), hive_partitioning=False)
        rows.create_view(table)
    return connection


def print_answer(question, rows, limit=5):
    print(f"\n{question}")
    for row in rows[:limit]:
        print("  " + "  ".join(str(value) for value in row))
    if len(rows) > limit:
        print(f"  … {len(rows)} in all")


def answer_questions(lake, date):
    curated = lake / "s3" / "curated"
    date = date or newest_date(curated)
    connection = open_day(curated, date)
    print(f"The day is {date}.")

    people = connection.sql(PEOPLE_WITH_SEVERAL_TENANCIES).fetchall()
    print_answer("People with more than one tenancy: person, tenancies", people)

    types = connection.sql(TENANCIES_BY_TYPE).fetchall()
    print_answer("Tenancies by type: type, tenancies, average rent", types, limit=20)
    if not types:
        raise LakeError(f"{date} holds no tenancy")


def parse_arguments():
    parser = argparse.ArgumentParser(description="Two questions to a lake folder, answered with DuckDB.")
    parser.add_argument("lake", type=Path, nargs="?", default=Path("polelake-data"), help="the lake's folder")
    parser.add_argument("--date", help="the day, YYYY-MM-DD; the newest without it")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    try:
        answer_questions(arguments.lake, arguments.date)
    except (LakeError, OSError, duckdb.Error) as error:
        print(f"tenancies.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
