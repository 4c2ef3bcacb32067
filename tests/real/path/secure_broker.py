"""A listener of Kafka with TLS and SCRAM, beside the open one that the suite itself uses."""

import subprocess
from pathlib import Path

import processes

USER, PASSWORD = "polelake", "a secret: #1"

MECHANISM = "SCRAM-SHA-512"

# What the broker gets behind its other settings; of two lines of one name the last counts.
SETTINGS = """
{listeners},SASL_SSL://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms={mechanism}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""

# The client's file, as a Java client has it.
CLIENT = """\
security.protocol=SASL_SSL
sasl.mechanism={mechanism}
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
    username="{user}" password="{password}";
ssl.truststore.type=PEM
ssl.truststore.location=ca.pem
"""


class SecureListener:
    """The listener's address, its certificates, and the file of a client."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        [self.port] = processes.free_ports()
        self.bootstrap = f"{processes.LOOPBACK}:{self.port}"
        self.client = folder / "client.properties"
        self.make_certificates()
        text = CLIENT.format(mechanism=MECHANISM, user=USER, password=PASSWORD)
        self.client.write_text(text, encoding="utf-8")

    def make_certificates(self) -> None:
        """An authority of its own, and the broker's certificate for the loopback address."""
        subject = self.folder / "subject.cnf"
        subject.write_text("subjectAltName=IP:127.0.0.1\n", encoding="ascii")
        new_key = ["-newkey", "rsa:2048", "-nodes", "-keyout"]
        self.openssl("req", "-x509", *new_key, "ca.key", "-out", "ca.pem", "-subj", "/CN=suite")
        self.openssl("req", *new_key, "key.pem", "-out", "request.pem", "-subj", "/CN=broker")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
        self.openssl(
            "x509", "-req", "-in", "request.pem", *signed, "-extfile", subject.name,
            "-out", "certificate.pem",
        )  # fmt: skip
        parts = [(self.folder / name).read_text() for name in ("key.pem", "certificate.pem")]
        (self.folder / "keystore.pem").write_text("".join(parts))

    def openssl(self, *arguments: str) -> None:
        command = ["openssl", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]} fails: {done.stderr[-500:]}")

    def amend_settings(self, settings: Path) -> list[str]:
        """Adds the listener to a broker's settings; gives the options of its formatting."""
        text = settings.read_text(encoding="utf-8")
        listeners = next(line for line in text.splitlines() if line.startswith("listeners="))
        added = SETTINGS.format(
            listeners=listeners,
            port=self.port,
            mechanism=MECHANISM,
            keystore=self.folder / "keystore.pem",
        )
        settings.write_text(text + added, encoding="utf-8")
        return ["--add-scram", f'{MECHANISM}=[name="{USER}",password="{PASSWORD}"]']
