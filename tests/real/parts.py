"""Parts that users run (engines, brokers, emulators), by pinned version and digest.

`fetch(name)` returns where a part of `parts.toml` is, and brings it first when the cache has not
got it. The registries are those that mvn, pip and go are set up for on this machine. The cache is
`$POLELAKE_REAL_PARTS`, or `polelake-real-parts` in the user's cache folder, never in the clone.

    python3 tests/real/parts.py             fetches every part
    python3 tests/real/parts.py trino       fetches these
    python3 tests/real/parts.py --pin NAME  prints the digests of what comes, for `parts.toml`
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import fetching

HERE = pathlib.Path(__file__).resolve().parent
COMPLETE = ".complete"
LEAST_PRIORITY = 19


class PartUnavailable(Exception):
    """A part that cannot be had here; the checks that need it are not run, and that is said."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class DigestMismatch(Exception):
    """A part that came with other bytes than those pinned: an error, never a part left out."""

    def __init__(self, name: str, what: str, pinned: str, found: str):
        super().__init__(f"part {name}: {what} has SHA-256 {found}, and parts.toml pins {pinned}")


def cache_folder() -> pathlib.Path:
    """The folder that holds all parts, outside the clone."""
    if chosen := os.environ.get("POLELAKE_REAL_PARTS"):
        return pathlib.Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "polelake-real-parts"


def read_parts() -> dict[str, dict]:
    """The table of parts."""
    return tomllib.loads((HERE / "parts.toml").read_text())


def fetch(name: str) -> pathlib.Path:
    """The folder of a part, or its executable where a Go program is the part."""
    declared = read_parts().get(name)
    if declared is None:
        raise PartUnavailable(name, "parts.toml has no part of this name")
    folder = folder_of(name, declared)
    # The mark is written last, so a fetch that was interrupted is begun again.
    if not (folder / COMPLETE).exists():
        with lock_part(name):
            if not (folder / COMPLETE).exists():
                fill_folder(name, declared, folder)
    return folder / declared["program"] if "program" in declared else folder


def is_had(name: str) -> bool:
    """Whether the cache has a part."""
    return (folder_of(name, read_parts()[name]) / COMPLETE).exists()


def fetch_behind(names: Sequence[str]) -> None:
    """Begins to fetch several parts at once: most of it is waiting for registries and compilers.

    What fails here fails again, and is told, where the part is needed.
    """
    missing = [name for name in names if not is_had(name)]
    for name in missing:
        print(f"fetching {name}", flush=True)
        threading.Thread(target=fetch_quietly, args=(name,), daemon=True).start()


def fetch_quietly(name: str) -> None:
    """Fetches a part if it can be had."""
    yield_processors()
    with suppress(PartUnavailable, DigestMismatch):
        fetch(name)


def yield_processors() -> None:
    """Lets everything else go before this thread and the compilers that it starts.

    Checks begin while parts are fetched, and what some of them wait for has a limit of time. Linux
    has a priority for each thread; elsewhere nothing changes.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST_PRIORITY)


def folder_of(name: str, declared: dict) -> pathlib.Path:
    """Where a part is kept."""
    return cache_folder() / f"{name}-{identify_part(declared)}"


def identify_part(declared: dict) -> str:
    """Part of the folder's name: another pin is another folder."""
    named = fetching.digest_of_text(repr(sorted(declared.items())) + read_requirements(declared))
    return f"{declared['version']}-{named[:12]}"


def read_requirements(declared: dict) -> str:
    """The pinned requirements of a part from PyPI."""
    if declared["from"] != "pypi":
        return ""
    return (HERE / "requirements" / declared["requirements"]).read_text()


@contextmanager
def lock_part(name: str) -> Iterator[None]:
    """Lets one process at a time fetch a part."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fill_folder(name: str, declared: dict, folder: pathlib.Path) -> None:
    """Brings a part into its folder; leaves nothing when that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        FETCHERS[declared["from"]](name, declared, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / COMPLETE).touch()


def run_tool(name: str, command: list[str], seconds: int = 900, **options) -> str:
    """Runs a registry's client. What it refuses is the reason why the part is not to be had."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **options)
    except FileNotFoundError:
        raise PartUnavailable(name, f"there is no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise PartUnavailable(name, f"{command[0]} had not ended after {seconds} s") from None
    if run.returncode:
        raise PartUnavailable(name, f"{command[0]} failed: {fetching.shorten_output(run)}")
    return run.stdout


def require_digest(name: str, what: str, pinned: str, found: str) -> None:
    """Refuses bytes that are not those pinned."""
    if pinned != found:
        raise DigestMismatch(name, what, pinned, found)


def fetch_from_maven(name: str, declared: dict, folder: pathlib.Path) -> None:
    """Files one by one, or jars with all that they depend on."""
    if "files" in declared:
        for file in declared["files"]:
            place_file(name, file, folder)
        return
    jars = folder / "lib"
    run_tool(name, fetching.maven_dependencies(declared["jars"], folder, jars))
    require_digest(name, "the list of jars", declared["sha256"], fetching.digest_of_folder(jars))


def place_file(name: str, file: dict, folder: pathlib.Path) -> None:
    """One file of Maven: checked, then unpacked or put at its place."""
    arrival = folder / ".arrival"
    run_tool(name, fetching.maven_copy(file["maven"], arrival))
    [came] = arrival.iterdir()
    require_digest(name, came.name, file["sha256"], fetching.digest_of_file(came))
    if "unpack" in file:
        fetching.unpack(came, folder / file["unpack"])
    else:
        came.rename(folder / file.get("as", came.name))
    shutil.rmtree(arrival)


def fetch_from_go(name: str, declared: dict, folder: pathlib.Path) -> None:
    """Builds a program from its module's sources; the module's own go.sum pins what it needs."""
    module = f"{declared['module']}@{declared['version']}"
    answer = run_tool(name, ["go", "mod", "download", "-json", module], cwd=folder)
    archive, sources = fetching.read_go_download(answer)
    require_digest(name, module, declared["sha256"], fetching.digest_of_file(archive))
    # Modules in Go's cache cannot be written, and a build may want to.
    copy = folder / "sources"
    shutil.copytree(sources, copy)
    subprocess.run(["chmod", "-R", "u+w", copy], check=True)
    target = folder / declared["program"]
    run_tool(name, ["go", "build", "-trimpath", "-o", str(target), declared["package"]], cwd=copy)
    shutil.rmtree(copy)


def fetch_from_pypi(name: str, declared: dict, folder: pathlib.Path) -> None:
    """A virtual environment of exactly the pinned packages; pip checks the digests."""
    pinned = HERE / "requirements"
    # What packages are built with is pinned too, hence no environment of pip's own for it.
    install_requirements(
        name,
        folder,
        [
            (pinned / "build.txt", []),
            (pinned / declared["requirements"], ["--no-build-isolation"]),
        ],
    )


def install_requirements(
    name: str, folder: pathlib.Path, lists: list[tuple[pathlib.Path, list[str]]]
) -> None:
    """Makes a virtual environment and installs lists of packages, each with options of pip."""
    run_tool(name, [sys.executable, "-m", "venv", str(folder)])
    for requirements, options in lists:
        try:
            run_tool(name, fetching.pip_install(folder, requirements) + options)
        except PartUnavailable as refused:
            if found := fetching.read_pip_mismatch(refused.reason):
                raise DigestMismatch(name, *found) from None
            raise


FETCHERS = {"maven": fetch_from_maven, "go": fetch_from_go, "pypi": fetch_from_pypi}


def java_home(name: str, least: int, most: int = 1000) -> pathlib.Path:
    """The newest Java of this machine between two versions, for the part of this name."""
    fit = [
        (version, home)
        for home in fetching.find_java_homes()
        if least <= (version := fetching.java_version(home)) <= most
    ]
    if not fit:
        wanted = f"Java {least} or later" if most == 1000 else f"Java {least} to {most}"
        raise PartUnavailable(
            name, f"needs {wanted}: set JAVA_HOME, or POLELAKE_REAL_JAVA to folders"
        )
    return max(fit)[1]


def pin(name: str) -> None:
    """Prints the digests of what the registry gives, to be reviewed and written to parts.toml."""
    folder = cache_folder() / f".pin-{name}"
    try:
        with lock_part(name):
            fill_folder(name, read_parts()[name], folder)
        print(f"{name}: as pinned")
    except DigestMismatch as mismatch:
        print(mismatch)
    shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Fetches parts and says how long each took."""
    if arguments[:1] == ["--pin"]:
        for name in arguments[1:]:
            pin(name)
        return 0
    missing = 0
    for name in arguments or read_parts():
        begun = time.monotonic()
        try:
            where = str(fetch(name))
        except (PartUnavailable, DigestMismatch) as refused:
            where, missing = f"NOT HAD: {refused}", missing + 1
        print(f"{name:24} {time.monotonic() - begun:6.1f} s  {where}", flush=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
