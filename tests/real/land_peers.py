#!/usr/bin/env python3
"""The peer of `polelake-bench land`: one Kafka, one S3, and two platforms that land its topic.

`polelake-bench land --peers connect` calls it. Standard output's last line is JSON: what each
platform cost and what it left, or the part that is not to be had.

    python3 tests/real/land_peers.py --bench target/release/polelake-bench --events 300000
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import parts  # noqa: E402 - found beside this file
from parts import DigestMismatch, PartUnavailable  # noqa: E402

WITHIN = "POLELAKE_REAL_WITHIN"
NEEDED = ["suite", "kafka", "versitygw", "connect"]

TOPIC = "housing-tenure"
PARTITIONS = 4

# Until when our worker must have landed everything.
LAND_SECONDS = 300

# Messages that the producer keeps at most before it waits for Kafka.
QUEUED_MAX = 50_000


def read_arguments() -> argparse.Namespace:
    """What the benchmark wants."""
    reader = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    reader.add_argument("--bench", required=True, type=pathlib.Path, help="the polelake-bench")
    reader.add_argument("--events", type=int, default=300_000, help="events of the topic")
    reader.add_argument("--keep", metavar="DIR", help="work in this folder and leave it there")
    return reader.parse_args()


def enter_environment() -> None:
    """Goes on in the virtual environment of the suite, with every other part in the cache."""
    if os.environ.get(WITHIN):
        return
    for name in NEEDED:
        print(f"{name}: {parts.fetch(name)}", file=sys.stderr, flush=True)
    python = parts.fetch("suite") / "bin" / "python"
    os.environ[WITHIN] = "1"
    os.execv(python, [str(python), str(pathlib.Path(__file__).resolve()), *sys.argv[1:]])


def measure_both(bench: pathlib.Path, events: int, work: pathlib.Path) -> dict[str, Any]:
    """Fills the topic, and lets one platform land it after the other."""
    from path.broker import create_topic
    from path.stage import KAFKA, Stage
    from peers import connect
    from processes import Processes

    with Processes(work / "logs") as started:
        stage = Stage(started, work / "stage", HERE.parent.parent)
        stage.begin_kafka(KAFKA)
        stage.start_store()
        stage.wait_for_kafka()
        create_topic(stage.bootstrap, TOPIC, PARTITIONS, message_timestamp_type="LogAppendTime")
        create_topic(stage.bootstrap, connect.CONTROL_TOPIC, 1)
        sent = fill_topic(bench, stage.bootstrap, events)
        print(f"{events} events, {sent / 1e6:.0f} MB", file=sys.stderr, flush=True)
        ours = measure_ours(bench, stage, events)
        theirs = measure_sink(stage, events)
    return {"event_bytes": sent / max(events, 1), "polelake": ours, "connect": theirs}


def fill_topic(bench: pathlib.Path, bootstrap: str, events: int) -> int:
    """Sends the events, keyed and with headers as the relay sends them; gives their bytes."""
    from confluent_kafka import Producer

    settings = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 50}
    producer = Producer(settings | {"compression.type": "zstd", "log_level": 3})
    failed: list[str] = []

    def keep_failure(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(str(error))

    command = [bench, "land-events", "--events", str(events)]
    written = sent = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as source:
        for line in source.stdout:
            value = line.rstrip(b"\n")
            event = json.loads(value)
            headers = [("source", TOPIC), ("event-id", event["id"])]
            while len(producer) >= QUEUED_MAX:
                producer.poll(0.1)
            producer.produce(
                TOPIC, value, event["entityId"], headers=headers, on_delivery=keep_failure
            )
            producer.poll(0)
            written, sent = written + 1, sent + len(value)
    left = producer.flush(60)
    if source.returncode or failed or left or written != events:
        raise RuntimeError(f"{written} events were written, {left} not sent: {failed[:3]}")
    return sent


def measure_ours(bench: pathlib.Path, stage: Any, events: int) -> dict[str, Any]:
    """Our consumer and raw-landing, each a process."""
    from path.aws import ACCESS_KEY, SECRET_KEY
    from path.payloads import REGION
    from peers import measure

    settings = {
        "RAW_BUCKET": "raw",
        "TOPIC_EPOCH": "1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL_S3": f"http://{stage.store}",
        "AWS_LAMBDA_LOG_LEVEL": "warn",
    }
    command = [str(bench), "land-topic", "--bootstrap", stage.bootstrap, "--topic", TOPIC]
    command += ["--records", str(events), "--log", str(stage.folder / "raw-landing.log")]
    for name, value in settings.items():
        command += ["--setting", f"{name}={value}"]
    begun = time.monotonic()
    run = subprocess.run(command, stdout=subprocess.PIPE, timeout=LAND_SECONDS, text=True)
    wall = time.monotonic() - begun
    if run.returncode:
        raise RuntimeError(f"{command[1]} ended with {run.returncode}")
    said = json.loads(run.stdout.splitlines()[-1])
    kept = measure.read_back(stage.objects, "raw", ["partition", "offset"])
    measure.require_all(kept, events, "polelake")
    cost = measure.Cost(said["cpu"], said["peak_mb"], wall)
    return measure.join_figures(cost, kept)


def measure_sink(stage: Any, events: int) -> dict[str, Any]:
    """Kafka Connect with Iceberg's sink, one process."""
    from peers import connect, measure

    cost, start_cpu = connect.run_sink(stage, TOPIC, events)
    kept = measure.read_back(stage.objects, connect.BUCKET, ["id"])
    measure.require_all(kept, events, "Kafka Connect")
    figures = measure.join_figures(cost, kept)
    return figures | {"version": connect.describe_version(), "start_cpu": start_cpu}


def main() -> int:
    """The whole run."""
    arguments = read_arguments()
    try:
        enter_environment()
    except (PartUnavailable, DigestMismatch) as missing:
        print(json.dumps({"not_had": str(missing)}))
        return 1
    bench = arguments.bench.resolve()
    if arguments.keep:
        figures = measure_both(bench, arguments.events, pathlib.Path(arguments.keep).resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="polelake-land-") as folder:
            figures = measure_both(bench, arguments.events, pathlib.Path(folder))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
