"""A lake of the demonstration, served by `polelake up`: the S3 and Glue that the engines read."""

from __future__ import annotations

import json
import pathlib
import subprocess
from dataclasses import dataclass, field

import pyarrow
import pyarrow.parquet

from context import CheckFailed, Context
from processes import LOOPBACK, Running, answers, free_row_of_ports

# The key of the local platform, as docs/readers.md has it.
KEY, SECRET, REGION = "local", "local-only-not-a-secret", "eu-west-2"
CURATED = "polelake_curated_pole"
# The API has the first port, S3 and Glue the third and fourth.
PORTS, S3_PORT, GLUE_PORT = 4, 2, 3


class PolelakeFailed(CheckFailed):
    """A command of polelake that failed, with what it printed."""


@dataclass
class Lake:
    """The folder of a lake, and its services once they run."""

    context: Context
    folder: pathlib.Path
    # Chosen before the services start, for engines are told of them earlier.
    port: int = field(default_factory=lambda: free_row_of_ports(PORTS))
    running: Running | None = None

    @property
    def s3_port(self) -> int:
        """Where S3 listens."""
        return self.port + S3_PORT

    @property
    def glue(self) -> str:
        """The address of Glue."""
        return f"http://{LOOPBACK}:{self.port + GLUE_PORT}"

    def command(self, *arguments: str) -> str:
        """What a command of polelake prints for this lake."""
        place = ["--dir", str(self.folder)]
        run = subprocess.run(
            [self.context.polelake, *arguments, *place],
            cwd=self.context.repository,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if run.returncode:
            shown = f"{run.stdout[-1500:]}{run.stderr[-1500:]}"
            raise PolelakeFailed(
                f"polelake {' '.join(arguments)} failed with {run.returncode}:\n{shown}"
            )
        return run.stdout

    def make_days(self, people: int | None) -> None:
        """The demonstration's three days."""
        self.command("demo", "--json", *(["--people", str(people)] if people else []))

    def start(self) -> None:
        """Starts the services."""
        command = [self.context.polelake, "up", "--dir", self.folder, "--port", str(self.port)]
        self.running = self.context.processes.start(
            "polelake-up",
            command,
            folder=self.context.repository,
            seconds=60,
            ready=lambda: answers(f"http://{LOOPBACK}:{self.s3_port}/") and answers(self.glue),
        )

    def tables(self) -> list[str]:
        """The tables that have a snapshot of some day."""
        # The records of sources with patches have manifests too, and are no table of readers.
        return sorted(
            path.name
            for path in self.manifests_folder().iterdir()
            if not path.name.startswith("_") and self.days(path.name)
        )

    def days(self, table: str) -> list[str]:
        """The days of a table that passed, oldest first."""
        return sorted(
            path.stem
            for path in (self.manifests_folder() / table).glob("*.json")
            if json.loads(path.read_text())["passed"]
        )

    def manifests_folder(self) -> pathlib.Path:
        """Where each table has a folder with a manifest for each day."""
        return self.curated() / "curated" / "_manifests"

    def curated(self) -> pathlib.Path:
        """The bucket of the curated zone, as the local platform keeps it."""
        return self.folder / "s3" / "curated"

    def files(self, table: str, day: str) -> list[pathlib.Path]:
        """The Parquet files that a day's manifest names."""
        manifest = json.loads((self.manifests_folder() / table / f"{day}.json").read_text())
        return [self.curated() / shard["rows_file"]["key"] for shard in manifest["shards"]]

    def read(self, table: str, day: str) -> pyarrow.Table:
        """A day of a table as PyArrow reads its files."""
        # The folders of the keys look like partitions, and are places only.
        files = [
            pyarrow.parquet.read_table(path, partitioning=None) for path in self.files(table, day)
        ]
        return pyarrow.concat_tables(files)

    def count(self, table: str, day: str) -> int:
        """The rows of a day's files, by their own footers."""
        return sum(pyarrow.parquet.read_metadata(path).num_rows for path in self.files(table, day))

    def rows(self, table: str, day: str) -> int:
        """The rows that readers see of a day, by its manifest: none of one that is held back."""
        path = self.manifests_folder() / table / f"{day}.json"
        manifest = json.loads(path.read_text())
        return manifest["rows"] if manifest["passed"] else 0

    def difference(self, table: str, before: str, after: str) -> dict[str, int]:
        """Rows added, changed and removed between two days, as `snapshot diff` counts them."""
        answer = json.loads(
            self.command("snapshot", "diff", before, after, "--table", table, "--json")
        )
        [one] = answer["tables"]
        return {kind: one[kind] for kind in ("added", "changed", "removed")}
