"""Processes on loopback and free ports: ready within a time limit, and all of them stopped."""

from __future__ import annotations

import atexit
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

LOOPBACK = "127.0.0.1"
BETWEEN_LOOKS = 0.1


class NotReady(Exception):
    """A process that ended, or was not ready in its time. The message holds the end of its log."""


def free_ports(count: int = 1) -> list[int]:
    """Ports that nothing listens on now; each is held until all are found, so none comes twice."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def free_row_of_ports(count: int) -> int:
    """The first of several ports side by side, none of them in use."""
    for first in range(free_ports()[0] & ~0xF, 60_000, 16):
        if all(not listens(port) for port in range(first, first + count)):
            return first
    return free_row_of_ports(count)


def listens(port: int) -> bool:
    """Whether something on loopback takes connections at a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def answers(url: str) -> bool:
    """Whether a server answers at all, with whatever status."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


class Running:
    """One process, its log, and how it is stopped."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: pathlib.Path):
        self.name = name
        self.process = process
        self.log = log

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until it is ready, no longer than its time limit."""
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise NotReady(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > end:
                raise NotReady(f"{self.name} was not ready after {seconds:.0f} s:\n{self.tail()}")
            time.sleep(BETWEEN_LOOKS)

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, seconds: float = 10, first: signal.Signals = signal.SIGTERM) -> None:
        """Ends it and all that it started: asked first, then by force."""
        for sign, patience in ((first, seconds), (signal.SIGKILL, 5)):
            signal_group(self.process.pid, sign)
            try:
                self.process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue
        # Its children are of the same group, and may outlive it.
        signal_group(self.process.pid, signal.SIGKILL)


def signal_group(group: int, sign: signal.Signals) -> None:
    """Sends a signal to a group of processes that may have ended."""
    try:
        os.killpg(group, sign)
    except (ProcessLookupError, PermissionError):
        pass


class Processes:
    """All processes of a run. The end of the `with`, an error, Ctrl-C and SIGTERM stop them."""

    def __init__(self, logs: pathlib.Path):
        self.logs = logs
        self.running: list[Running] = []
        logs.mkdir(parents=True, exist_ok=True)
        atexit.register(self.stop_all)

    def start(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        *,
        ready: Callable[[], bool] | None = None,
        seconds: float = 60,
        environment: Mapping[str, str] | None = None,
        folder: pathlib.Path | None = None,
        talks: bool = False,
    ) -> Running:
        """Starts a process in a group of its own and waits until it is ready.

        With `talks`, its standard input and output are pipes, and the log has its errors only.
        """
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [os.fspath(part) for part in command],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                start_new_session=True,
            )
        running = Running(name, process, log)
        self.running.append(running)
        if ready is not None:
            running.wait_until(ready, seconds)
        return running

    def stop(self, running: Running) -> None:
        """Stops one of them."""
        running.stop()
        self.running.remove(running)

    def stop_all(self) -> None:
        """Stops the last that was started first: what it talks to is still there."""
        while self.running:
            self.running.pop().stop()

    def __enter__(self) -> Processes:
        # A SIGTERM would end Python without its clean-up, and leave every engine running. A job in
        # a script's background begins with SIGINT ignored.
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, lambda *_: raise_interrupt())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()


def raise_interrupt() -> None:
    """Turns a signal into the error that Ctrl-C raises."""
    raise KeyboardInterrupt
