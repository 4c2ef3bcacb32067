"""A checksum of each column of a table, the same for every engine.

For each row: CRC-32 of the row's key and the column's value as a text; the checksum is their sum.
So a value that stands in another row, a value that differs in its last digit and a null in the
place of an empty text are all seen, and the order of the rows is not.
"""

from __future__ import annotations

import datetime
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow

KEYS = ("owner_id", "pole_id", "source")
# A double is compared to a millionth: engines print the same double in different ways.
MILLION = 1_000_000


@dataclass(frozen=True)
class Sums:
    """What is compared of a table."""

    rows: int
    columns: dict[str, int]

    def differences(self, other: Sums) -> list[str]:
        """Where the other reading has something else."""
        found = [] if self.rows == other.rows else [f"rows: {self.rows} and {other.rows}"]
        for column in self.columns | other.columns:
            one, two = self.columns.get(column), other.columns.get(column)
            if one != two:
                found.append(f"column {column}: {one} and {two}")
        return found


def kind_of(column: pyarrow.Field) -> str:
    """How a column's values become texts."""
    kind = column.type
    if pyarrow.types.is_timestamp(kind):
        return "timestamp"
    if pyarrow.types.is_floating(kind):
        return "double"
    if pyarrow.types.is_boolean(kind):
        return "boolean"
    if (
        pyarrow.types.is_string(kind)
        or pyarrow.types.is_large_string(kind)
        or pyarrow.types.is_date(kind)
        or pyarrow.types.is_decimal(kind)
        or pyarrow.types.is_integer(kind)
    ):
        return "plain"
    raise ValueError(f"column {column.name}: no text is agreed for the type {kind}")


def text_of(kind: str) -> Callable[[object], str]:
    """The text of a value that is not null, as the engines' expressions below make it."""
    if kind == "timestamp":
        return lambda value: value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if kind == "double":
        return lambda value: str(math.floor(value * MILLION))
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    return lambda value: value.isoformat() if isinstance(value, datetime.date) else str(value)


TRINO = {
    "timestamp": "CAST(CAST({} AS timestamp(6)) AS varchar)",
    "double": "CAST(CAST(floor({} * 1000000) AS bigint) AS varchar)",
    "boolean": "CAST({} AS varchar)",
    "plain": "CAST({} AS varchar)",
}
SPARK = {
    "timestamp": "date_format({}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')",
    "double": "CAST(CAST(floor({} * 1000000) AS bigint) AS string)",
    "boolean": "CAST({} AS string)",
    "plain": "CAST({} AS string)",
}


def checksum_query(engine: str, schema: pyarrow.Schema, source: str) -> str:
    """The query that gives the rows and each column's checksum, in the order of the schema."""
    texts, crc = (TRINO, "crc32(to_utf8({}))") if engine == "Trino" else (SPARK, "crc32({})")
    quote = '"{}"' if engine == "Trino" else "`{}`"
    key = (
        " || '|' || ".join(f"coalesce({quote.format(name)}, '')" for name in keys_of(schema))
        or "''"
    )
    sums = []
    for column in schema:
        text = texts[kind_of(column)].format(quote.format(column.name))
        marked = f"{key} || '|' || coalesce('v' || {text}, 'n')"
        sums.append(f"sum({crc.format(marked)})")
    return f"SELECT count(*), {', '.join(sums)} FROM {source}"


def keys_of(schema: pyarrow.Schema) -> list[str]:
    """The columns that name a row."""
    return [name for name in KEYS if name in schema.names]


def sums_of_answer(schema: pyarrow.Schema, answer: Sequence) -> Sums:
    """What an engine answered to a checksum query."""
    rows, *sums = answer
    return Sums(
        int(rows), {name: int(value or 0) for name, value in zip(schema.names, sums, strict=True)}
    )


def sums_of_table(table: pyarrow.Table) -> Sums:
    """The same of a table that PyArrow read."""
    keys = [table.column(name).to_pylist() for name in keys_of(table.schema)]
    begun = [
        zlib.crc32(("|".join(value or "" for value in key) + "|").encode())
        for key in zip(*keys, strict=True)
    ]
    begun = begun or [zlib.crc32(b"|")] * table.num_rows
    sums = {
        column.name: sum_column(begun, table.column(column.name), kind_of(column))
        for column in table.schema
    }
    return Sums(table.num_rows, sums)


def sum_column(begun: list[int], values: pyarrow.ChunkedArray, kind: str) -> int:
    """The sum of the rows' CRC-32, each continued from that of the row's key."""
    text = text_of(kind)
    return sum(
        zlib.crc32(b"n" if value is None else b"v" + text(value).encode(), start)
        for start, value in zip(begun, values.to_pylist(), strict=True)
    )
