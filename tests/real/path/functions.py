"""The functions as they are deployed: zipped, unpacked, each under Lambda's own emulator."""

import json
import queue
import re
import shutil
import subprocess
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

FUNCTIONS = ["event-relay", "raw-landing", "pole-transform", "snapshot-merge", "quality-report"]

INVOKE = "/2015-03-31/functions/function/invocations"


class FunctionFailed(Exception):
    """A function's own error."""

    def __init__(self, name: str, answer: dict[str, Any]) -> None:
        super().__init__(f"{name}: {answer.get('errorType')}: {answer.get('errorMessage')}")
        self.answer = answer


def package_functions(polelake: Path, binaries: Path, contracts: Path, folder: Path) -> Path:
    """Zips the binaries as `infra/package --binaries` does, and unpacks them as Lambda does."""
    zips = folder / "packages"
    binaries = strip_binaries(binaries, folder / "stripped")
    # What infra/package calls once it has nothing to build, without a build of the command.
    arguments = ["package", "--binaries", binaries, "--out", zips, "--contracts", contracts]
    # Its exit code is 1 where a zip is too large for a direct upload, as those of debug builds are.
    done = subprocess.run(
        [polelake, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    missing = [name for name in FUNCTIONS if not (zips / f"{name}.zip").is_file()]
    if done.returncode not in (0, 1) or missing:
        raise RuntimeError(f"the package fails: {done.stdout}{done.stderr}")
    for name in FUNCTIONS:
        unpack_function(zips / f"{name}.zip", folder / "unpacked" / name)
    return folder / "unpacked"


def strip_binaries(binaries: Path, folder: Path) -> Path:
    """The binaries without symbols, as release builds have none: in debug builds they are half."""
    tool = shutil.which("strip")
    if tool is None:
        return binaries
    folder.mkdir()
    for name in FUNCTIONS:
        command = [tool, "-o", str(folder / name), str(binaries / name)]
        subprocess.run(command, check=True, timeout=60)
    return folder


def unpack_function(package: Path, folder: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
        for entry in archive.infolist():
            # extractall drops the modes that the zip holds; Lambda keeps them.
            (folder / entry.filename).chmod((entry.external_attr >> 16) & 0o777)


def declared_settings(infra: Path, function: str) -> set[str]:
    """The names of the environment that Terraform gives to a function."""
    text = (infra / f"{function}.tf").read_text(encoding="utf-8")
    block = re.search(r"^  environment = \{\n(.*?)^  \}", text, re.M | re.S)
    if block is None:
        raise RuntimeError(f"infra/{function}.tf has no environment that can be read")
    return set(re.findall(r"^    ([A-Z_]+)\s*=", block[1], re.M))


class Emulator:
    """One function under `aws-lambda-rie`: one invocation at a time, as in one sandbox."""

    def __init__(self, name: str, address: str, seconds: int) -> None:
        self.name = name
        self.address = address
        self.seconds = seconds

    def invoke(self, payload: Any) -> Any:
        request = urllib.request.Request(
            f"http://{self.address}{INVOKE}", json.dumps(payload).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=self.seconds) as response:
            answer = json.loads(response.read() or b"null")
        if isinstance(answer, dict) and "errorMessage" in answer:
            raise FunctionFailed(self.name, answer)
        return answer


class Sandboxes:
    """Several emulators of one function: as many invocations at once as there are of them."""

    def __init__(self, name: str, emulators: list[Emulator]) -> None:
        self.name = name
        self.idle: queue.SimpleQueue[Emulator] = queue.SimpleQueue()
        for emulator in emulators:
            self.idle.put(emulator)

    def invoke(self, payload: Any) -> Any:
        emulator = self.idle.get()
        try:
            return emulator.invoke(payload)
        finally:
            self.idle.put(emulator)
