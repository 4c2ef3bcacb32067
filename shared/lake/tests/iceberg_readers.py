"""What PyIceberg or DuckDB sees of an Iceberg table, as JSON: `iceberg_readers.py READER METADATA FOLDER OWNER`.

`READER can` says whether the reader is here at all: it ends with 3 and the reason where it is not.
"""

import json
import sys


def day(milliseconds):
    """The date of an instant in UTC."""
    from datetime import datetime, timezone

    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%d")


def texts(rows):
    """Rows as texts, sorted, for readers have types of their own."""
    return sorted([None if value is None else str(value) for value in row] for row in rows)


def arrow(table):
    """An Arrow table's own columns by name."""
    columns = [name for name in ("pole_id", "full_name", "alive", "born", "fee", "added") if name in table.column_names]
    return texts(zip(*(table[name].to_pylist() for name in columns)))


class PyIceberg:
    """Reads with PyIceberg."""

    @staticmethod
    def can():
        import pyarrow  # noqa: F401
        import pyiceberg.table  # noqa: F401

    def see(self, metadata, folder, owner):
        from pyiceberg.expressions import EqualTo
        from pyiceberg.table import StaticTable

        table = StaticTable.from_metadata(metadata)
        snapshots = table.snapshots()
        entries = table.inspect.entries().to_pylist()
        born = table.schema().find_field("born").field_id
        files = table.inspect.files().to_pylist()

        def counted(member):
            return sum(count for it in files for field, count in it[member] if field == born)

        return {
            "counts_of_born": {
                "bytes": counted("column_sizes"),
                "values": counted("value_counts"),
                "nulls": counted("null_value_counts"),
            },
            "found": StaticTable.from_metadata(folder).metadata_location,
            "types": {field.name: str(field.field_type) for field in table.schema().fields},
            "required": [field.name for field in table.schema().fields if field.required],
            "now": arrow(table.scan().to_arrow()),
            "days": {
                day(it.timestamp_ms): arrow(table.scan(snapshot_id=it.snapshot_id).to_arrow()) for it in snapshots
            },
            "as_of": {
                day(it.timestamp_ms): table.snapshot_as_of_timestamp(it.timestamp_ms + 43_200_000).snapshot_id
                == it.snapshot_id
                for it in snapshots
            },
            "history": [day(it.timestamp_ms) for it in table.history()],
            "operations": [it.summary.operation.value for it in snapshots],
            "parents": [it.parent_snapshot_id for it in snapshots],
            "ids": [it.snapshot_id for it in snapshots],
            "tags": {
                day(it.timestamp_ms): table.snapshot_by_name(day(it.timestamp_ms)).snapshot_id for it in snapshots
            },
            "statuses": sorted([it["status"], it["sequence_number"], it["snapshot_id"]] for it in entries),
            "total": [it.summary["total-records"] for it in snapshots],
            "files_of_owner": len(list(table.scan(row_filter=EqualTo("owner_id", owner)).plan_files())),
            "rows_of_owner": table.scan(row_filter=EqualTo("owner_id", owner)).to_arrow().num_rows,
        }


class DuckDB:
    """Reads with DuckDB and its extension, from its host or, where that is out of reach, from PyPI."""

    @staticmethod
    def connect():
        import glob
        import importlib
        import os

        import duckdb

        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        for name in ("avro", "iceberg"):
            try:
                package = os.path.dirname(importlib.import_module(f"duckdb_extension_{name}").__file__)
                source = glob.glob(f"{package}/extensions/v{duckdb.__version__}/*.duckdb_extension")[0]
            except (ImportError, IndexError):
                connection.execute(f"INSTALL {name}")
                source = name
            connection.execute(f"LOAD '{source}'")
        return connection

    @classmethod
    def can(cls):
        cls.connect()

    def see(self, metadata, folder, owner):
        connection = self.connect()

        def ask(sql, *arguments):
            return connection.execute(sql, list(arguments)).fetchall()

        def rows(table):
            names = [name for name, *_ in ask(f"DESCRIBE SELECT * FROM {table}")]
            columns = [name for name in ("pole_id", "full_name", "alive", "born", "fee", "added") if name in names]
            return texts(ask(f"SELECT {', '.join(columns)} FROM {table}"))

        scan = f"iceberg_scan('{folder}'"
        ask_snapshots = f"SELECT snapshot_id, epoch_ms(timestamp_ms), sequence_number FROM iceberg_snapshots('{folder}')"
        snapshots = sorted(ask(ask_snapshots), key=lambda it: it[2])
        noon = "TIMESTAMP '1970-01-01' + INTERVAL ({} + 43200000) MILLISECOND"
        return {
            "types": {name: kind for name, kind, *_ in ask(f"DESCRIBE SELECT * FROM {scan})")},
            "now": rows(f"iceberg_scan('{metadata}')"),
            "now_of_folder": rows(f"{scan})"),
            "days": {day(at): rows(f"{scan}, snapshot_from_id = {number})") for number, at, _ in snapshots},
            "as_of": {
                day(at): rows(f"{scan}, snapshot_from_timestamp = {noon.format(at)})") for _, at, _ in snapshots
            },
            "ids": [number for number, *_ in snapshots],
            "statuses": sorted(ask(f"SELECT status, record_count FROM iceberg_metadata('{folder}')")),
            "rows_of_owner": ask(f"SELECT count(*) FROM {scan}) WHERE owner_id = ?", owner)[0][0],
        }


def main():
    reader = {"pyiceberg": PyIceberg, "duckdb": DuckDB}[sys.argv[1]]
    if sys.argv[2] == "can":
        try:
            reader.can()
        except Exception as why:  # whatever it is: the reader cannot be used here
            print(str(why).split("\n")[0])
            sys.exit(3)
        return
    print(json.dumps(reader().see(*sys.argv[2:])))


main()
