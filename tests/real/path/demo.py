"""The demonstration, run in one process, and its events as Kafka had them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet

# Events of one request to the relay.
REQUEST_EVENTS_MAX = 500

# Bytes of one request's events: base64 makes them a third longer, and a payload has 6 MiB.
REQUEST_BYTES_MAX = 3 << 20


def run_demo(polelake: Path, repository: Path, folder: Path, people: int) -> dict[str, Any]:
    """Runs the demonstration's three days into a folder; gives what it says of them."""
    command = [polelake, "demo", "--dir", folder, "--people", people, "--json"]
    done = subprocess.run(
        [str(part) for part in command],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the demo fails: {done.stdout[-500:]}{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def read_events(folder: Path) -> dict[str, list[bytes]]:
    """The events that the demonstration's Kafka had, by topic: each partition in its order."""
    events: dict[str, list[bytes]] = {}
    raw = folder / "s3" / "raw" / "raw"
    for file in sorted(raw.glob("*/epoch=*/partition=*/*.parquet")):
        topic = file.relative_to(raw).parts[0]
        values = pyarrow.parquet.read_table(file, columns=["value"], partitioning=None)
        events.setdefault(topic, []).extend(values.column("value").to_pylist())
    return events


def read_identity_key(folder: Path) -> str:
    return (folder / "identity-key").read_text(encoding="ascii")


def read_curated(folder: Path, key: str) -> bytes:
    return (folder / "s3" / "curated" / key).read_bytes()


def list_curated(folder: Path) -> list[str]:
    root = folder / "s3" / "curated"
    return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())


def split_requests(events: list[bytes]) -> Iterator[list[bytes]]:
    """The events of a source in requests that the relay takes."""
    request: list[bytes] = []
    used = 0
    for event in events:
        full = len(request) == REQUEST_EVENTS_MAX or used + len(event) > REQUEST_BYTES_MAX
        if request and full:
            yield request
            request, used = [], 0
        request.append(event)
        used += len(event)
    if request:
        yield request
