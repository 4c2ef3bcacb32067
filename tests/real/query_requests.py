"""What queries ask of S3, counted between Trino and the local platform, and their limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from context import CheckFailed, Context
from lake import Lake
from proxy import CountingProxy, Counts
from queries import make_queries
from query_limits import Query
from trino import Trino

# Queries that are known to be over the limit: the query's name, and why. A fault that has gone
# fails, so that its line is taken out.
KNOWN_FAULTS: dict[str, str] = {}


@dataclass(frozen=True)
class Measured:
    """What a query asked for."""

    query: Query
    counts: Counts
    seconds: float
    # Data objects that were read.
    objects: int = 0

    def excess(self) -> list[str]:
        """What is over the limit."""
        found = []
        if self.counts.list > self.query.limit:
            found.append(f"{self.counts.list} LIST requests, and {self.query.limit} are allowed")
        objects = sum(self.query.partitions)
        if self.counts.keys > objects:
            found.append(f"{self.counts.keys} keys listed, and {objects} objects pass the filter")
        if self.query.objects is not None and self.objects > self.query.objects:
            found.append(
                f"{self.objects} objects opened, and {self.query.objects} pass the filter"
            )
        return found


def run(
    context: Context, lake: Lake, proxy: CountingProxy, find_trino: Callable[[], Trino]
) -> None:
    """Runs every query, prints the table, and compares each with its limit."""
    measured: list[Measured] = []

    def measure_all() -> str:
        trino = find_trino()
        for query in make_queries(lake, trino):
            measured.append(measure_query(trino, proxy, query))
        print(format_table(measured), flush=True)
        return f"{len(measured)} queries"

    # One query's check needs the counts as well.
    named = context.only is not None and "requests of queries" in context.only
    context.check("requests of queries, counted", measure_all, always=named)
    for one in measured:
        name = f"requests of queries: {one.query.name}"
        if reason := KNOWN_FAULTS.get(one.query.name):
            tell_known_fault(context, name, reason, one)
        else:
            context.check(name, lambda one=one: require_limit(one))


def tell_known_fault(context: Context, name: str, reason: str, measured: Measured) -> None:
    """A fault that is known is told; a fault that has gone must leave the list."""
    if excess := measured.excess():
        context.know_fault(name, f"{'; '.join(excess)}: {reason}")
        return

    def remind() -> None:
        raise CheckFailed("within its limit now: take it out of KNOWN_FAULTS")

    context.check(name, remind)


def measure_query(trino: Trino, proxy: CountingProxy, query: Query) -> Measured:
    """Runs a query and takes what it asked for; its answer must be right too."""
    before, begun, opened = proxy.now(), time.monotonic(), len(proxy.opened)
    rows = trino.rows(query.sql)
    counts, seconds = proxy.now().minus(before), time.monotonic() - begun
    if query.count is not None and rows[0][0] != query.count:
        raise CheckFailed(
            f"{query.name}: {rows[0][0]}, and the files have {query.count}\n{query.sql}"
        )
    return Measured(query, counts, seconds, len(proxy.objects_opened(opened)))


def require_limit(measured: Measured) -> str:
    """Fails when a query asked for more than it may."""
    if excess := measured.excess():
        raise CheckFailed(f"{'; '.join(excess)}\n{measured.query.sql}")
    counts = measured.counts
    size = counts.bytes // 1024
    opened = f"{measured.objects} objects"
    return f"{counts.list} LIST of {measured.query.limit}, {counts.get} GET, {opened}, {size} KiB"


def format_table(measured: list[Measured]) -> str:
    """The table of what all queries asked for."""
    head = ("query", "LIST", "limit", "keys", "GET", "HEAD", "files", "KiB", "s")
    return "\n".join(format_line(line) for line in (head, *map(row_of_table, measured)))


def row_of_table(measured: Measured) -> tuple[str, ...]:
    """One query's cells."""
    counts = measured.counts
    numbers = (counts.list, measured.query.limit, counts.keys, counts.get, counts.head)
    numbers = (*numbers, measured.objects)
    size = f"{counts.bytes / 1024:.0f}"
    return (measured.query.name, *map(str, numbers), size, f"{measured.seconds:.1f}")


def format_line(cells: tuple[str, ...]) -> str:
    """One line of the table."""
    return f"{cells[0]:30}" + "".join(f" {cell:>5}" for cell in cells[1:])
