"""Tables of a lake: what a day's manifests name, and whether two lakes' rows are equal."""

import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet
from context import CheckFailed

# What a row says of its place in the log, which every run has for itself; of `entity` also what the
# merge remembers of its statements, with their places.
PLACE_COLUMNS = ["topic", "partition", "offset", "ingested_at", "_statement"]

# Reads an object of the curated zone by its key.
ReadObject = Callable[[str], bytes]

MANIFESTS = "curated/_manifests/"


@dataclass
class Difference:
    """How a table's rows differ between two lakes."""

    table: str
    rows: int = 0
    missing: int = 0
    surplus: int = 0
    # Of rows that differ in one column alone, how many for each column.
    by_column: Counter[str] = field(default_factory=Counter)

    def is_none(self) -> bool:
        return self.missing == self.surplus == 0

    def __str__(self) -> str:
        columns = ", ".join(f"{name} {count}" for name, count in self.by_column.items())
        return (
            f"{self.table}: {self.missing} rows missing and {self.surplus} too many of {self.rows}"
            f" ({columns or 'no single column explains a pair'})"
        )


def last_days(keys: list[str]) -> dict[str, str]:
    """The key of each table's last manifest; tables of records are not for readers."""
    newest: dict[str, str] = {}
    for key in sorted(keys):
        parts = key.removeprefix(MANIFESTS).split("/")
        if key.startswith(MANIFESTS) and len(parts) == 2:
            newest[parts[0]] = key
    return newest


def read_table(read: ReadObject, manifest_key: str) -> pa.Table:
    """The rows that a manifest names, without their places in the log."""
    manifest = json.loads(read(manifest_key))
    parts = []
    for shard in manifest["shards"]:
        body = read(shard["rows_file"]["key"])
        parts.append(pyarrow.parquet.read_table(io.BytesIO(body)))
    if not parts:
        raise CheckFailed(f"{manifest_key} names no shard")
    rows = pa.concat_tables(parts)
    if rows.num_rows != manifest["rows"]:
        raise CheckFailed(f"{manifest_key} has {manifest['rows']} rows, its files {rows.num_rows}")
    return rows.drop_columns([name for name in PLACE_COLUMNS if name in rows.column_names])


def compare_rows(table: str, expected: pa.Table, found: pa.Table) -> Difference:
    """Compares rows as a multiset: their order says nothing."""
    if expected.schema.names != found.schema.names or expected.schema.types != found.schema.types:
        raise CheckFailed(f"{table}: the columns differ: {expected.schema} and {found.schema}")
    difference = Difference(table, expected.num_rows)
    left, right = count_rows(expected), count_rows(found)
    missing, surplus = left - right, right - left
    difference.missing, difference.surplus = missing.total(), surplus.total()
    difference.by_column = explain_pairs(expected.column_names, missing, surplus)
    return difference


def count_rows(rows: pa.Table) -> Counter[tuple]:
    columns = [column.to_pylist() for column in rows.columns]
    return Counter(zip(*columns, strict=True))


def explain_pairs(names: list[str], missing: Counter, surplus: Counter) -> Counter[str]:
    """Pairs of a missing and a surplus row that are equal but for one column, by column."""
    pairs: Counter[str] = Counter()
    for place, name in enumerate(names):
        left = Counter({cut_out(row, place): 0 for row in missing})
        for row, count in missing.items():
            left[cut_out(row, place)] += count
        right: Counter = Counter()
        for row, count in surplus.items():
            right[cut_out(row, place)] += count
        if count := (left & right).total():
            pairs[name] = count
    return pairs


def cut_out(row: tuple, place: int) -> tuple:
    return row[:place] + row[place + 1 :]
