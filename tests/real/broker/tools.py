"""Apache Kafka's own tools in Java, against one broker."""

import subprocess
import time
from dataclasses import dataclass

import parts
from context import CheckFailed

from path.broker import JAVA_OPTIONS

# Until when a tool must have ended, the start of Java included: two seconds on an idle machine, and
# more than ten on one that six builds share.
SECONDS = 30

CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
CONFIGS = "kafka.admin.ConfigCommand"

PART, LOG_PART = "kafka", "kafka-tools-log"
JAVA_RANGE = (17, 1000)

# As the tools of a Kafka that was downloaded log.
LOG_OPTIONS = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]


@dataclass
class Ended:
    """A tool that has ended."""

    code: int
    output: str
    errors: str
    seconds: float

    def tail(self) -> str:
        """The end of all that it said."""
        return f"{self.output}{self.errors}"[-800:]


def java_command() -> list[str]:
    """Java with the tools, and with a log that goes to the standard error."""
    java = parts.java_home(PART, *JAVA_RANGE) / "bin" / "java"
    jars = f"{parts.fetch(PART)}/lib/*:{parts.fetch(LOG_PART)}/slf4j-simple.jar"
    return [str(java), *JAVA_OPTIONS, *LOG_OPTIONS, "-cp", jars]


def run_tool(bootstrap: str, main: str, *arguments: str, seconds: float = SECONDS) -> Ended:
    """Runs a tool, which must end in its time."""
    command = [*java_command(), main, "--bootstrap-server", bootstrap, *arguments]
    begun = time.monotonic()
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        # What it had said is bytes, whatever was asked for.
        said = (late.stdout or b"") + (late.stderr or b"")
        name = main.rpartition(".")[2]
        words = said.decode(errors="replace")[-500:]
        raise CheckFailed(f"{name} had not ended after {seconds} s: {words}") from None
    return Ended(run.returncode, run.stdout, run.stderr, time.monotonic() - begun)
