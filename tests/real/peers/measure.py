"""What a process costs as the kernel counts it, and what it has left in a bucket."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet
from context import CheckFailed

from path.aws import list_keys

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """CPU of user and system, the peak of resident memory, and the time on the clock."""

    cpu: float
    peak_mb: float
    wall: float


@dataclass
class Kept:
    """What lies in a bucket."""

    records: int
    megabytes: float
    objects: int


def cpu_seconds(pid: int) -> float:
    """CPU of a process and of those that it started and that have ended."""
    # The second field is the name and may contain spaces; user and system time and those of ended
    # children are fields 14 to 17.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_SECOND


def peak_megabytes(pid: int) -> float:
    """The most memory that a process held at once."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


def read_back(objects: Any, bucket: str, columns: list[str]) -> Kept:
    """Reads the bucket's Parquet files and counts the records; these columns tell them apart."""
    keys = list_keys(objects, bucket)
    records, seen = 0, set()
    for key in keys:
        if not key.endswith(".parquet"):
            continue
        # The folders of the keys look like partitions, and are places only.
        with objects.open_input_file(f"{bucket}/{key}") as file:
            rows = pyarrow.parquet.ParquetFile(file).read(columns)
        records += rows.num_rows
        seen.update(zip(*(rows.column(name).to_pylist() for name in columns), strict=True))
    if len(seen) != records:
        raise CheckFailed(f"{bucket} has {records} records, and only {len(seen)} different ones")
    sizes = (objects.get_file_info(f"{bucket}/{key}").size for key in keys)
    return Kept(records, sum(sizes) / 1e6, len(keys))


def require_all(kept: Kept, events: int, who: str) -> None:
    """A platform that has lost or doubled a record is not compared."""
    if kept.records != events:
        raise CheckFailed(f"{who}: {kept.records} records are there, and {events} were sent")


def join_figures(cost: Cost, kept: Kept) -> dict[str, Any]:
    """One platform's figures for the benchmark, under the names of its other measurements."""
    joined = asdict(cost) | asdict(kept)
    return joined | {"rows": joined.pop("records")}
