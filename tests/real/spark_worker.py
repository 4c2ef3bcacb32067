"""Runs in Spark's own virtual environment: a query a line comes in, a line of JSON goes out."""

import json
import os
import sys

from pyspark.sql import SparkSession


def open_session(settings: dict) -> SparkSession:
    """A session of one process with the settings given."""
    builder = SparkSession.builder.master("local[2]").appName("polelake-real")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def answer(session: SparkSession, sql: str) -> dict:
    """The rows of a query as JSON values, or what Spark says against it."""
    try:
        rows = session.sql(sql).collect()
        return {
            "rows": [[None if value is None else plain(value) for value in row] for row in rows]
        }
    except Exception as refused:  # noqa: BLE001 - the other side decides what an error means
        return {"error": f"{type(refused).__name__}: {str(refused)[:1500]}"}


def plain(value: object) -> object:
    """A value that JSON has, else its text."""
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def main() -> None:
    """Answers until the input ends."""
    # Java's own output would stand between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    session = open_session(json.loads(sys.stdin.readline()))
    answers.write(json.dumps({"rows": []}) + "\n")
    for line in sys.stdin:
        answers.write(json.dumps(answer(session, json.loads(line))) + "\n")
    session.stop()


if __name__ == "__main__":
    main()
