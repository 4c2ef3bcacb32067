"""A copy of a lake with one fault in one file, for PyArrow to read instead of the engines' one."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable

import pyarrow
import pyarrow.parquet

from lake import Lake


def spoil_lake(
    lake: Lake, table: str, day: str, change: Callable[[pyarrow.Table], pyarrow.Table]
) -> Lake:
    """A copy of the lake of which one file of one day is another; the engines read the first."""
    copy = Lake(lake.context, lake.context.work / "spoilt", lake.port)
    shutil.rmtree(copy.folder, ignore_errors=True)
    shutil.copytree(lake.curated(), copy.curated())
    path: pathlib.Path = copy.files(table, day)[0]
    pyarrow.parquet.write_table(change(pyarrow.parquet.read_table(path, partitioning=None)), path)
    return copy


def pick_column(table: pyarrow.Table) -> str:
    """The first column of texts that has nulls and two different values."""
    for field in table.schema:
        column = table.column(field.name)
        if pyarrow.types.is_string(field.type) and column.null_count and len(column.unique()) > 2:
            return field.name
    raise LookupError("no column is fit to be spoilt")


def set_column(table: pyarrow.Table, values: list) -> pyarrow.Table:
    """The table with other values of the column."""
    place = table.schema.get_field_index(pick_column(table))
    field = table.schema.field(place)
    return table.set_column(place, field, pyarrow.array(values, field.type))


def change_value(table: pyarrow.Table) -> pyarrow.Table:
    """One value with another last letter."""
    values = table.column(pick_column(table)).to_pylist()
    place = next(index for index, value in enumerate(values) if value)
    values[place] = values[place][:-1] + "#"
    return set_column(table, values)


def swap_values(table: pyarrow.Table) -> pyarrow.Table:
    """Two rows with each other's value: the same values in sum."""
    values = table.column(pick_column(table)).to_pylist()
    one = next(index for index, value in enumerate(values) if value)
    two = next(index for index, value in enumerate(values) if value != values[one])
    values[one], values[two] = values[two], values[one]
    return set_column(table, values)


def empty_null(table: pyarrow.Table) -> pyarrow.Table:
    """An empty text in the place of one null."""
    values = table.column(pick_column(table)).to_pylist()
    values[values.index(None)] = ""
    return set_column(table, values)


def double_row(table: pyarrow.Table) -> pyarrow.Table:
    """The first row twice."""
    return pyarrow.concat_tables([table, table.slice(0, 1)])
