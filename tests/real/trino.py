"""Trino over a lake: its settings, its start, and queries by its HTTP protocol."""

from __future__ import annotations

import json
import pathlib
import time
import urllib.error
import urllib.request

import parts
from context import EngineFailed
from lake import CURATED, KEY, REGION, SECRET, Lake
from processes import LOOPBACK, Running, free_ports

# 476 says that it needs 24 or later.
LEAST_JAVA = 24
START_SECONDS = 120
PLUGINS = ("hive", "iceberg")
# A server that answers may not know yet that its own node has the catalogues.
PROBES = (
    f"SELECT source FROM hive.{CURATED}.person LIMIT 1",
    f"SELECT source FROM iceberg.{CURATED}.person_iceberg LIMIT 1",
)

CONFIG = """\
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://{host}:{port}
catalog.management=static
query.max-memory=1GB
query.max-memory-per-node=700MB
memory.heap-headroom-per-node=300MB
"""
NODE = "node.environment=real\nnode.id={node}\nnode.data-dir={data}\n"
JVM = """\
-server
-Xmx{memory}
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-Djdk.attach.allowAttachSelf=true
-Dfile.encoding=UTF-8
--add-modules=jdk.incubator.vector
"""
# The lines of docs/readers.md, and the proxy that counts.
STORE = """\
fs.native-s3.enabled=true
s3.http-proxy={host}:{proxy}
s3.endpoint=http://{host}:{s3}
s3.region={region}
s3.path-style-access=true
s3.aws-access-key={key}
s3.aws-secret-key={secret}
hive.metastore.glue.endpoint-url={glue}
hive.metastore.glue.region={region}
hive.metastore.glue.aws-access-key={key}
hive.metastore.glue.aws-secret-key={secret}
"""
# Instants have microseconds; the connector's own default reads milliseconds.
HIVE = "connector.name=hive\nhive.metastore=glue\nhive.timestamp-precision=MICROSECONDS\n"
# What an earlier query left in memory would make the count of a later one depend on the order.
ICEBERG = (
    "connector.name=iceberg\niceberg.catalog.type=glue\niceberg.metadata-cache.enabled=false\n"
)


class Trino:
    """A running Trino."""

    name = "Trino"

    def __init__(self, port: int, running: Running):
        self.port = port
        self.running = running

    def rows(self, sql: str, catalog: str = "hive", schema: str = CURATED) -> list[list]:
        """The rows of a query."""
        headers = {"X-Trino-User": "suite", "X-Trino-Catalog": catalog, "X-Trino-Schema": schema}
        url, body, rows = f"http://{LOOPBACK}:{self.port}/v1/statement", sql.encode(), []
        while True:
            answer = call_trino(urllib.request.Request(url, data=body, headers=headers))
            if error := answer.get("error"):
                raise EngineFailed(f"{error['errorName']}: {error['message']}\n{sql[:300]}")
            rows += answer.get("data", [])
            if "nextUri" not in answer:
                return rows
            url, body = answer["nextUri"], None


def call_trino(request: urllib.request.Request) -> dict:
    """One answer of the protocol; a busy server says 503 and is asked again."""
    for _ in range(60):
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            if refused.code not in (502, 503, 504):
                raise
            time.sleep(0.2)
    raise EngineFailed("the server answers 503 without end")


def write_settings(folder: pathlib.Path, port: int, lake: Lake, proxy_port: int) -> None:
    """Writes the settings of a node that is everything, with the documents' catalogues."""
    store = STORE.format(
        host=LOOPBACK,
        proxy=proxy_port,
        s3=lake.s3_port,
        glue=lake.glue,
        region=REGION,
        key=KEY,
        secret=SECRET,
    )
    files = {
        "config.properties": CONFIG.format(host=LOOPBACK, port=port),
        "node.properties": NODE.format(node="suite", data=folder / "data"),
        "jvm.config": JVM.format(memory="3G" if lake.context.soak else "2G"),
        "log.properties": "io.trino=WARN\n",
        "catalog/hive.properties": HIVE + store,
        "catalog/iceberg.properties": ICEBERG + store,
        "catalog/lake.properties": ICEBERG + store,
    }
    for name, text in files.items():
        path = folder / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def start_trino(lake: Lake, proxy_port: int) -> Trino:
    """Starts Trino without waiting: it takes a while, and others start meanwhile."""
    server = parts.fetch("trino")
    java = parts.java_home("trino", LEAST_JAVA)
    [port] = free_ports()
    folder = lake.context.work / "trino"
    write_settings(folder, port, lake, proxy_port)
    # As its launcher starts it, but for the launcher's own program for each processor.
    options = [line for line in (folder / "etc" / "jvm.config").read_text().splitlines() if line]
    settings = {
        "config": folder / "etc" / "config.properties",
        "node.environment": "real",
        "node.id": "suite",
        "node.data-dir": folder / "data",
        "log.levels-file": folder / "etc" / "log.properties",
        "plugin.dir": link_plugins(server, folder),
        "catalog.config-dir": folder / "etc" / "catalog",
    }
    command = [
        java / "bin" / "java",
        "-cp",
        f"{server}/lib/*",
        *options,
        *(f"-D{name}={value}" for name, value in settings.items()),
        "io.trino.server.TrinoServer",
    ]
    return Trino(port, lake.context.processes.start("trino", command, folder=folder))


def link_plugins(server: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Only the plugins that the catalogues need: each costs time at the start."""
    chosen = folder / "plugin"
    chosen.mkdir(exist_ok=True)
    for name in PLUGINS:
        (chosen / name).unlink(missing_ok=True)
        (chosen / name).symlink_to(server / "plugin" / name)
    return chosen


def wait_for_trino(trino: Trino) -> None:
    """Waits until Trino takes queries."""
    trino.running.wait_until(lambda: takes_queries(trino), START_SECONDS)


def takes_queries(trino: Trino) -> bool:
    """Whether a node is there that reads tables; what a table has against it, its check tells."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{trino.port}/v1/info", timeout=2) as answer:
            if json.load(answer)["starting"]:
                return False
        for probe in PROBES:
            trino.rows(probe)
        return True
    except EngineFailed as refused:
        return "NO_NODES_AVAILABLE" not in str(refused)
    except OSError:
        return False
