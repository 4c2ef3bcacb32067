"""How the registries' clients are called, and how what they bring is measured and unpacked."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import zipfile

DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
TELLING = re.compile(r"error|mismatch|expected|got |hash|==\S+ from", re.IGNORECASE)
MAVEN = ["mvn", "-B", "-q"]
DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
)
PROJECT = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>polelake</groupId><artifactId>part</artifactId><version>1</version>
<packaging>pom</packaging>
<dependencies>{}</dependencies>
</project>
"""


def digest_of_text(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_file(path: pathlib.Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_folder(folder: pathlib.Path) -> str:
    """SHA-256 of a line for each file, sorted by name: its digest, two spaces, its name."""
    lines = [f"{digest_of_file(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    return digest_of_text("".join(lines))


def shorten_output(run: subprocess.CompletedProcess[str]) -> str:
    """The lines that say why a tool failed."""
    output = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout + run.stderr)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if TELLING.search(line)]
    return " | ".join((telling or lines)[:8])[:1500]


def maven_copy(coordinates: str, folder: pathlib.Path) -> list[str]:
    """The command that brings one file."""
    return [
        *MAVEN,
        f"{DEPENDENCY_PLUGIN}:copy",
        f"-Dartifact={coordinates}",
        f"-DoutputDirectory={folder}",
    ]


def maven_dependencies(jars: list[str], folder: pathlib.Path, target: pathlib.Path) -> list[str]:
    """The command that brings jars and all that they need when they run."""
    project = folder / "pom.xml"
    project.write_text(PROJECT.format("".join(DEPENDENCY.format(*jar.split(":")) for jar in jars)))
    return [
        *MAVEN,
        "-f",
        str(project),
        f"{DEPENDENCY_PLUGIN}:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={target}",
    ]


def pip_install(environment: pathlib.Path, requirements: pathlib.Path) -> list[str]:
    """The command that installs pinned packages into a virtual environment."""
    return [
        str(environment / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--no-deps",
        "--require-hashes",
        "-r",
        str(requirements),
    ]


def read_pip_mismatch(output: str) -> tuple[str, str, str] | None:
    """What pip says of a package with another digest: its name, the pinned one and that found."""
    if "Expected sha256" not in output:
        return None
    expected = re.findall(r"(?:Expected sha256|Expected\s+or)\s+(\w+)", output)
    got = re.search(r"Got\s+(\w+)", output)
    package = re.search(r"(\S+==\S+) from ", output)
    return (
        package.group(1) if package else "a package",
        " or ".join(expected),
        got.group(1) if got else "unknown",
    )


def read_go_download(answer: str) -> tuple[pathlib.Path, pathlib.Path]:
    """The archive and the unpacked sources of a module."""
    download = json.loads(answer)
    return pathlib.Path(download["Zip"]), pathlib.Path(download["Dir"])


def unpack(archive: pathlib.Path, target: pathlib.Path) -> None:
    """Unpacks an archive without the one folder that all its entries are in."""
    inside = archive.parent / "unpacked"
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(inside)
    else:
        with tarfile.open(archive) as opened:
            opened.extractall(inside, filter="data")
    [top] = inside.iterdir()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(top, target, dirs_exist_ok=True, copy_function=shutil.move)


def find_java_homes() -> list[pathlib.Path]:
    """Where a Java may be: as the variables say, that of the path, and where systems keep them."""
    named = os.environ.get("POLELAKE_REAL_JAVA", "").split(os.pathsep) + [
        os.environ.get("JAVA_HOME", "")
    ]
    homes = [pathlib.Path(name) for name in named if name]
    if java := shutil.which("java"):
        homes.append(pathlib.Path(java).resolve().parent.parent)
    for kept in ("/usr/lib/jvm", "/opt/java", "/Library/Java/JavaVirtualMachines"):
        homes += sorted(pathlib.Path(kept).glob("*"))
        homes += sorted(pathlib.Path(kept).glob("*/Contents/Home"))
    return [home for home in dict.fromkeys(homes) if (home / "bin" / "java").exists()]


def java_version(home: pathlib.Path) -> int:
    """The feature release of a Java, such as 17; 0 when it does not say."""
    release = home / "release"
    text = release.read_text() if release.exists() else ""
    found = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else 0
