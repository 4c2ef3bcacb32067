"""Records that a platform has lost or doubled: the benchmark must not compare such figures."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
from context import CheckFailed, Context

from peers import measure

BUCKET, WHO = "raw", "a platform"
COLUMNS = ["partition", "offset"]
PLACES = [(partition, offset) for partition in range(2) for offset in range(3)]


def run(context: Context) -> None:
    """Counts what is there, with every record, without one, and with one twice."""
    cases: list[tuple[str, list[tuple[int, int]], str | None]] = [
        ("every record is there", PLACES, None),
        ("a record is lost", PLACES[1:], f"5 records are there, and {len(PLACES)} were sent"),
        ("a record is there twice", [*PLACES, PLACES[0]], "only 6 different ones"),
    ]
    for fault, places, telling in cases:
        name = f"peers, self-test: {fault}"
        context.check(name, count_places(context.work / fault, places, telling))


def count_places(
    folder: Path, places: list[tuple[int, int]], telling: str | None
) -> Callable[[], str]:
    """A check that these places, in two files, are counted; or refused with these words."""

    def count() -> str:
        objects = write_files(folder, places)
        try:
            measure.require_all(measure.read_back(objects, BUCKET, COLUMNS), len(PLACES), WHO)
        except CheckFailed as seen:
            if telling is None or telling not in str(seen):
                raise
            return f"seen: {seen}"
        if telling is not None:
            raise CheckFailed("the fault is not seen")
        return f"{len(places)} records"

    return count


def write_files(folder: Path, places: list[tuple[int, int]]) -> pyarrow.fs.FileSystem:
    """A bucket with two files of records, and one that is none."""
    bucket = folder / BUCKET / "some" / "keys"
    bucket.mkdir(parents=True)
    for number, part in enumerate((places[:2], places[2:])):
        rows = pa.table([list(column) for column in zip(*part, strict=True)], names=COLUMNS)
        pyarrow.parquet.write_table(rows, bucket / f"{number}.parquet")
    (bucket / "metadata.json").write_text("{}")
    return pyarrow.fs.SubTreeFileSystem(str(folder), pyarrow.fs.LocalFileSystem())
