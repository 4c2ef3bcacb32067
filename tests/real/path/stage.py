"""The parts of the path, started on loopback: Kafka, S3, moto, and emulators of the functions."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import parts
import processes

from path.aws import (
    ACCESS_KEY,
    BUCKETS,
    DATABASES,
    REGION,
    SECRET_KEY,
    call_aws,
    open_objects,
    required_databases,
)
from path.broker import (
    ZOOKEEPER_FORGETS_SECONDS,
    answers,
    format_storage,
    java_command,
    write_settings,
)
from path.functions import Emulator, Sandboxes, declared_settings

# Until when each part has to answer.
START_SECONDS = 60

IDENTITY_SECRET = "polelake-real/identity-key"

# Kafka's versions by the names of their parts: the newest, one of KRaft's first, the last of 2.
KAFKA = "kafka"
KAFKA_IN_SOAK = ["kafka", "kafka-3", "kafka-2"]
KAFKA_WITH_ZOOKEEPER = "kafka-2"

# The oldest and the newest Java on which each of them runs.
JAVA_RANGES = {"kafka": (17, 1000), "kafka-3": (11, 21), "kafka-2": (8, 17)}

# Lambda's memory and timeout of each function, as infra/*.tf sets them.
LIMITS = {
    "event-relay": (512, 29),
    "raw-landing": (512, 120),
    "pole-transform": (1024, 300),
    "snapshot-merge": (2048, 840),
    "quality-report": (2048, 840),
}


class Stage:
    """Everything that runs beside the functions, and the functions over it."""

    def __init__(self, started: processes.Processes, folder: Path, repository: Path) -> None:
        self.processes = started
        self.folder = folder
        self.infra = repository / "infra"
        self.part = ""
        self.kafka_version = ""
        self.bootstrap = ""
        self.moto = ""
        self.catalogue = ""
        self.store = ""
        self.kafka: processes.Running | None = None
        self.kills = 0
        self.start_kafka_again: Any = None

    def begin_kafka(self, part: str, amend: Callable[[Path], list[str]] | None = None) -> None:
        """Starts a Kafka of a version; `wait_for_kafka` says when it answers.

        `amend` changes the broker's settings, and gives options of the formatting.
        """
        jars, java = parts.fetch(part), parts.java_home(part, *JAVA_RANGES[part])
        self.part = part
        self.kafka_version = parts.read_parts()[part]["version"]
        port, controller = processes.free_ports(2)
        kraft = part != KAFKA_WITH_ZOOKEEPER
        folder = self.folder / part
        settings = write_settings(folder, port, controller, kraft)
        if kraft:
            format_storage(java, jars, settings, amend(settings) if amend else [])
        else:
            quorum = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
            file = str(folder / "zookeeper.properties")
            self.processes.start(
                "zookeeper",
                java_command(java, jars, quorum, file),
                ready=lambda: processes.listens(controller),
            )
        command = java_command(java, jars, "kafka.Kafka", str(settings))
        self.bootstrap = f"{processes.LOOPBACK}:{port}"
        self.start_kafka_again = lambda: self.processes.start(part, command)
        self.kafka = self.start_kafka_again()

    def wait_for_kafka(self) -> None:
        self.kafka.wait_until(lambda: answers(self.bootstrap), START_SECONDS)

    def kill_kafka(self) -> None:
        """Ends the broker without a word, as a lost machine does, and starts it again."""
        os.killpg(self.kafka.process.pid, signal.SIGKILL)
        self.kafka.process.wait(10)
        self.processes.running.remove(self.kafka)
        if self.part == KAFKA_WITH_ZOOKEEPER:
            time.sleep(ZOOKEEPER_FORGETS_SECONDS)
        self.kafka = self.start_kafka_again()
        self.kills += 1

    def start_store(self) -> None:
        """Starts the S3 of another author, with the buckets."""
        [port] = processes.free_ports()
        objects = self.folder / "objects"
        objects.mkdir(parents=True)
        self.store = f"{processes.LOOPBACK}:{port}"
        options = ["--port", self.store, "--region", REGION, "--quiet"]
        self.processes.start(
            "versitygw",
            [parts.fetch("versitygw"), *options, "posix", objects],
            ready=lambda: processes.answers(f"http://{self.store}"),
            seconds=START_SECONDS,
            environment={"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
        )
        self.objects = open_objects(self.store)
        for bucket in BUCKETS:
            self.objects.create_dir(bucket)

    def begin_moto(self, router_port: int) -> None:
        """Starts moto; its Step Functions look for Lambda and S3 at the router's port."""
        [port] = processes.free_ports()
        self.moto = f"http://{processes.LOOPBACK}:{port}"
        self.catalogue = f"http://{processes.LOOPBACK}:{router_port}"
        python = parts.fetch("moto") / "bin" / "python"
        self.moto_process = self.processes.start(
            "moto",
            [python, "-m", "moto.server", "-H", processes.LOOPBACK, "-p", str(port)],
            environment={"MOTO_PORT": str(router_port)},
        )

    def wait_for_moto(self) -> None:
        self.moto_process.wait_until(lambda: processes.answers(self.moto), START_SECONDS)

    def fill_moto(self, pack: list[dict[str, Any]], identity_key: str) -> None:
        """Makes what Terraform makes: the secret of the key, and the catalogue's databases."""
        secret = {"Name": IDENTITY_SECRET, "SecretString": identity_key}
        call_aws(self.moto, "secretsmanager.CreateSecret", secret)
        for prefix in DATABASES.values():
            for database in sorted(required_databases(pack, prefix)):
                named = {"DatabaseInput": {"Name": database}}
                call_aws(self.moto, "AWSGlue.CreateDatabase", named)

    def function_settings(self, function: str, package: Path, curated: str) -> dict[str, str]:
        """The settings that Terraform gives to the function, for the parts on loopback."""
        known = {
            "RAW_BUCKET": "raw",
            "REFINED_BUCKET": "refined",
            "CURATED_BUCKET": curated,
            "SITE_BUCKET": curated.replace("curated", "site"),
            "GLUE_DATABASES": DATABASES[curated],
            "CONTRACTS": str(package / "contracts.json"),
            "TOPIC_EPOCH": "1",
            "IDENTITY_KEY_SECRET": IDENTITY_SECRET,
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "KAFKA_AUTH": "none",
            "FETCH_LOOPBACK": "refused",
            # Not set where there is none, as Terraform leaves empty settings out.
            "ALERT_TOPIC_ARN": "",
            "SITE_URL": "",
            "QUEUE_SOURCES": "",
            "FETCH_ORIGINS": "",
        }
        names = declared_settings(self.infra, function) & known.keys()
        return {name: known[name] for name in sorted(names) if known[name]}

    def start_function(
        self,
        function: str,
        unpacked: Path,
        *,
        count: int = 1,
        curated: str = "curated",
        settings: dict[str, str] | None = None,
    ) -> Sandboxes:
        """Starts emulators of a function; each begins its program with the first invocation."""
        package = unpacked / function
        memory, seconds = LIMITS[function]
        environment = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.moto,
            "AWS_ENDPOINT_URL_S3": f"http://{self.store}",
            "AWS_ENDPOINT_URL_GLUE": self.catalogue,
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds),
            "AWS_LAMBDA_LOG_LEVEL": "warn",
        }
        environment |= self.function_settings(function, package, curated) | (settings or {})
        emulators = []
        for number in range(count):
            port, runtime = processes.free_ports(2)
            address = f"{processes.LOOPBACK}:{port}"
            self.processes.start(
                f"{function}-{curated}-{number}",
                [
                    parts.fetch("lambda-emulator"),
                    "--runtime-interface-emulator-address",
                    address,
                    "--runtime-api-address",
                    f"{processes.LOOPBACK}:{runtime}",
                    package / "bootstrap",
                ],
                ready=lambda port=port: processes.listens(port),
                seconds=START_SECONDS,
                environment=environment,
                folder=package,
            )
            emulators.append(Emulator(function, address, seconds))
        return Sandboxes(function, emulators)


def read_pack(unpacked: Path) -> list[dict[str, Any]]:
    """The contracts as they were packed beside the functions."""
    return json.loads((unpacked / "event-relay" / "contracts.json").read_text(encoding="utf-8"))
