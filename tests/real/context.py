"""What every check of the suite is given, and how its outcome is kept."""

from __future__ import annotations

import pathlib
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from parts import DigestMismatch, PartUnavailable
from processes import NotReady, Processes


class CheckFailed(Exception):
    """What a check found, where it is not what must be."""


class EngineFailed(CheckFailed):
    """What an engine says against a query."""


# Errors whose words say enough; of any other the place is printed too.
SAID = (CheckFailed, DigestMismatch, NotReady)


@dataclass
class Outcome:
    """One line of the report."""

    name: str
    state: str
    seconds: float
    words: str = ""


@dataclass
class Context:
    """The repository, the binaries, a folder to work in, the clock and the outcomes so far.

    `check(name, function)` runs one check: it passes when the function returns (what it returns is
    printed beside it), fails with any error, and is not run when a part is unavailable or no time
    is left.
    """

    repository: pathlib.Path
    polelake: pathlib.Path
    work: pathlib.Path
    processes: Processes
    soak: bool = False
    minutes: float = 3
    only: str | None = None
    begun: float = field(default_factory=time.monotonic)
    outcomes: list[Outcome] = field(default_factory=list)
    # After Ctrl-C everything is stopped, and what fails then is no outcome.
    interrupted: bool = False
    # Checks of two engines run at once.
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def binaries(self) -> pathlib.Path:
        """The folder of the five functions' binaries."""
        return self.polelake.parent

    def seconds_left(self) -> float:
        """What is left of the run's time; a soak has no limit."""
        return float("inf") if self.soak else self.minutes * 60 - (time.monotonic() - self.begun)

    def is_wanted(self, name: str) -> bool:
        """Whether `--only` names this check."""
        return self.only is None or self.only in name

    def check(
        self,
        name: str,
        function: Callable[[], str | None],
        needs_seconds: float = 0,
        always: bool = False,
    ) -> bool:
        """Runs one check and keeps its outcome; `always` is for what others need.

        False when it was to run and has not passed.
        """
        if not always and not self.is_wanted(name):
            return True
        if self.seconds_left() < max(needs_seconds, 1):
            self.not_run(
                name, f"{max(self.seconds_left(), 0):.0f} s are left of {self.minutes:g} minutes"
            )
            return False
        begun = time.monotonic()
        try:
            words = function() or ""
            self.keep(Outcome(name, "passed", time.monotonic() - begun, words))
            return True
        except PartUnavailable as missing:
            self.not_run(name, str(missing))
        except SAID as failed:
            self.keep(Outcome(name, "FAILED", time.monotonic() - begun, str(failed)))
        except Exception:  # noqa: BLE001 - any other error is a failed check too, with its place
            self.keep(Outcome(name, "FAILED", time.monotonic() - begun, traceback.format_exc()))
        return False

    def not_run(self, name: str, reason: str) -> None:
        """Says aloud that a check did not run, and why."""
        self.keep(Outcome(name, "NOT RUN", 0, reason))

    def leave_out(self, name: str, reason: str) -> None:
        """Says that something is not for this suite, and why."""
        self.keep(Outcome(name, "LEFT OUT", 0, reason))

    def know_fault(self, name: str, words: str) -> None:
        """Says what does not hold and is known not to; the list beside the check has the reason."""
        self.keep(Outcome(name, "KNOWN FAULT", 0, words))

    def keep(self, outcome: Outcome) -> None:
        """Prints and keeps an outcome."""
        text = outcome.words.strip().replace("\n", "\n    ")
        if outcome.state in ("passed", "FAILED"):
            line = f"{outcome.state:7} {outcome.seconds:6.1f} s  {outcome.name}  {text}".rstrip()
        else:
            line = f"{outcome.state}: {outcome.name}: {text}"
        with self.lock:
            if self.interrupted:
                return
            self.outcomes.append(outcome)
            print(line, flush=True)
