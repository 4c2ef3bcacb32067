"""Puts a fault before each check, and sees the check fail and name it: `run --self-test`."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from typing import Any

import examples
import parts
import peers.self_test
import queries
import query_requests
import reader_counts
import readings
import spoilt
from context import CheckFailed, Context, EngineFailed, Outcome
from lake import Lake
from parts import DigestMismatch, PartUnavailable
from processes import NotReady, Running
from proxy import CountingProxy, Counts
from query_limits import Query
from readers import Engine, serve_lake, start_engines

TABLE = "person"
# Tables whose folders of all days are more than a query of one partition may list.
SEVERAL = ["person", "link", "person_address"]
WRONG = "0" * 64
NO_DAY = "2020-01-01"


def run(context: Context) -> None:
    """Runs every fault. A check that does not see its fault is what fails here."""
    run_part_faults(context)
    run_process_faults(context)
    run_clock_faults(context)
    peers.self_test.run(context)
    lake = Lake(context, context.work / "lake")
    proxy = CountingProxy(lake.s3_port)
    engines = start_engines(context, lake, proxy)
    if context.check("a lake of the demonstration, served", lambda: serve_lake(lake), always=True):
        for engine in engines:
            engine.wait_until_ready()
        run_reader_faults(context, lake, proxy, engines)
    proxy.close()


class Silent(Context):
    """A context whose outcomes are only kept: they are what is tested."""

    def keep(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def silent(context: Context, **changes: Any) -> Silent:
    """A silent context like another, with changes."""
    names = [one.name for one in dataclasses.fields(Context)]
    return Silent(**{name: getattr(context, name) for name in names} | {"outcomes": []} | changes)


def expect_failure(function: Callable[[], Any], kind: type[Exception], *named: str) -> str:
    """What a check says of its fault; the fault must be seen, and named."""
    try:
        function()
    except kind as seen:
        said = str(seen)
        if missing := [words for words in named if words not in said]:
            raise CheckFailed(
                f"the fault is seen, and {', '.join(missing)} not named: {said}"
            ) from None
        return f"seen: {said[:160]}"
    raise CheckFailed("the fault is not seen")


def run_part_faults(context: Context) -> None:
    """Digests that are not those pinned, and parts that a registry has not."""

    def fetch_changed(name: str, change: Callable[[dict], None]) -> None:
        declared = parts.read_parts()[name]
        change(declared)
        with parts.lock_part(name):
            parts.fill_folder(name, declared, parts.cache_folder() / f".self-test-{name}")

    def spoil_file(declared: dict) -> None:
        declared["files"][0]["sha256"] = WRONG

    def spoil_archive(declared: dict) -> None:
        declared["sha256"] = WRONG

    def ask_for_none(declared: dict) -> None:
        declared["files"][0]["maven"] = "io.trino:trino-cli:0.0.0:jar:executable"

    for name, spoil in (
        ("trino-cli", spoil_file),
        ("kafka", spoil_archive),
        ("lambda-emulator", spoil_archive),
    ):
        context.check(
            f"self-test: another digest of {name}",
            lambda name=name, spoil=spoil: expect_failure(
                lambda: fetch_changed(name, spoil), DigestMismatch, name, WRONG
            ),
        )
    context.check(
        "self-test: another digest of a package of PyPI", lambda: spoil_requirement(context)
    )
    context.check(
        "self-test: a version that no registry has",
        lambda: expect_failure(
            lambda: fetch_changed("trino-cli", ask_for_none), PartUnavailable, "trino-cli", "0.0.0"
        ),
    )


def spoil_requirement(context: Context) -> str:
    """pip's own refusal must come out as the error of a digest."""
    folder = parts.HERE / "requirements"
    digests = [
        line
        for line in (folder / "build.txt").read_text().splitlines()
        if line.startswith("wheel==")
    ]
    changed = context.work / "requirements"
    changed.mkdir(exist_ok=True)
    (changed / "build.txt").write_text(f"{digests[0]}\n    --hash=sha256:{WRONG}\n")

    def fetch() -> None:
        parts.install_requirements("build", context.work / "venv", [(changed / "build.txt", [])])

    return expect_failure(fetch, DigestMismatch, "wheel", WRONG)


def run_process_faults(context: Context) -> None:
    """A process that is never ready, one that ends, and one that leaves children."""
    context.check(
        "self-test: a process that is never ready",
        lambda: expect_failure(
            lambda: context.processes.start(
                "idle", ["sleep", "60"], ready=lambda: False, seconds=1
            ),
            NotReady,
            "idle",
            "1 s",
        ),
    )
    context.check(
        "self-test: a process that ends at its start",
        lambda: expect_failure(
            lambda: context.processes.start(
                "gone", ["sh", "-c", "echo why; exit 3"], ready=lambda: False
            ),
            NotReady,
            "ended with 3",
            "why",
        ),
    )
    context.check("self-test: children of a stopped process", lambda: stop_children(context))


def stop_children(context: Context) -> str:
    """Stopping a process must end what it started."""
    parent = context.processes.start("parent", ["sh", "-c", "sleep 300 & sleep 300"])
    context.processes.stop(parent)
    left = find_group(parent)
    if left:
        raise CheckFailed(f"still there: {left}")
    return "none is left"


def find_group(running: Running) -> list[str]:
    """The processes of a group that still run."""
    listed = subprocess.run(
        ["ps", "-eo", "pgid=,pid=,stat="], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [
        pid for group, pid, state in rows if int(group) == running.process.pid and "Z" not in state
    ]


def run_clock_faults(context: Context) -> None:
    """A run without time must say what it leaves out."""

    def leave_out() -> str:
        late = silent(context, minutes=0, soak=False, only=None)
        late.check("a check without time", lambda: "")
        if [outcome.state for outcome in late.outcomes] != ["NOT RUN"]:
            raise CheckFailed("it is not said")
        return "it is said"

    context.check("self-test: no time is left", leave_out)


def run_reader_faults(
    context: Context, lake: Lake, proxy: CountingProxy, engines: list[Engine]
) -> None:
    """Faults in the data, the tags, the changes, the requests and the examples."""
    day = lake.days(TABLE)[-1]
    column = spoilt.pick_column(lake.read(TABLE, day))
    for engine in engines:
        name = engine.name
        for fault, change in (
            ("one value changed", spoilt.change_value),
            ("two values swapped", spoilt.swap_values),
            ("a row doubled", spoilt.double_row),
            ("an empty text for a null", spoilt.empty_null),
        ):
            context.check(
                f"self-test: {name}, {fault}",
                lambda engine=engine, change=change: expect_failure(
                    lambda: readings.compare_day(
                        engine.require(),
                        readings.Expected(spoilt.spoil_lake(lake, TABLE, day, change)),
                        TABLE,
                        day,
                    ),
                    CheckFailed,
                    "rows" if change is spoilt.double_row else f"column {column}",
                ),
            )
        context.check(
            f"self-test: {name}, a tag that is missing",
            lambda engine=engine: expect_failure(
                lambda: readings.read_sums(
                    engine.require(), lake.read(TABLE, day).schema, source_of_tag(engine.name)
                ),
                EngineFailed,
                "reference name",
            ),
        )
        context.check(
            f"self-test: {name}, changes between other days",
            lambda engine=engine: expect_failure(
                lambda: compare_other_days(engine.require(), lake), CheckFailed, "snapshot diff has"
            ),
        )
    trino = engines[0]
    context.check(
        "self-test: an example that does not run",
        lambda: expect_failure(
            lambda: run_text("SELECT nonsense FROM person", trino.require()),
            CheckFailed,
            "nonsense",
        ),
    )
    context.check(
        "self-test: an example that gives no row",
        lambda: expect_failure(
            lambda: run_text("SELECT * FROM person WHERE source = ''", trino.require()),
            CheckFailed,
            "no row",
        ),
    )
    for fault, tables, telling in (
        ("a query that lists too often", SEVERAL, "LIST requests, and 11 are allowed"),
        ("a query that lists other days", [TABLE], "1 objects pass the filter"),
    ):
        context.check(
            f"self-test: {fault}",
            lambda tables=tables, telling=telling: expect_failure(
                lambda: list_refined(trino.require(), proxy, tables), CheckFailed, telling
            ),
        )
    context.check(
        "self-test: a query that opens objects of other days",
        lambda: expect_failure(
            lambda: open_other_days(lake, proxy, trino.require()), CheckFailed, "objects opened"
        ),
    )
    context.check("self-test: a known fault that has gone", lambda: expect_gone(context))
    run_count_faults(context, lake, trino)


def run_count_faults(context: Context, lake: Lake, trino: Engine) -> None:
    """A manifest with a row more, a query without its filter, and a table that is not asked for."""

    def spoil(face: str, change: Callable[[dict], None]) -> dict:
        name = f"polelake_curated_pole.{TABLE}{face}"
        [query] = [one for one in reader_counts.plan(lake) if one["reads"] == name]
        change(query)
        return query

    def unfilter(query: dict) -> None:
        before, rest = query["sql"].split("WHERE")
        query["sql"] = before + rest[rest.index("GROUP BY") :]

    for face in reader_counts.FACES:
        context.check(
            f"self-test: a row more in the manifest of {TABLE}{face}",
            lambda face=face: expect_failure(
                lambda: reader_counts.count_one(
                    trino.require(),
                    spoil(face, lambda query: None),
                    lambda table, day: lake.rows(table, day) + 1,
                ),
                CheckFailed,
                f"{TABLE}{face} of ",
            ),
        )
    context.check(
        "self-test: a count of days that were not asked for",
        lambda: expect_failure(
            lambda: reader_counts.count_one(
                trino.require(), spoil("_history", unfilter), lake.rows
            ),
            CheckFailed,
            "expects None",
        ),
    )
    context.check(
        "self-test: a table that is not counted",
        lambda: expect_failure(
            lambda: reader_counts.count_all(
                trino.require(), lake, lake.tables(), reader_counts.plan(lake)[1:]
            ),
            CheckFailed,
            "_history",
        ),
    )


def list_refined(trino: Any, proxy: CountingProxy, tables: list[str]) -> None:
    """All days of refined tables, as if only one object passed the filter."""
    counts = [f"(SELECT count(*) FROM hive.polelake_refined_pole.{table})" for table in tables]
    query = Query("refined, all days", f"SELECT {' + '.join(counts)}", [1])
    query_requests.require_limit(query_requests.measure_query(trino, proxy, query))


def open_other_days(lake: Lake, proxy: CountingProxy, trino: Any) -> None:
    """The raw records of a day by the table that knows no days."""
    of_day = next(one for one in queries.make_queries(lake, trino) if "one day" in one.name)
    sql = of_day.sql.replace("iceberg.", "hive.", 1).replace("_iceberg", "", 1).replace(" UTC", "")
    slow = dataclasses.replace(of_day, sql=sql, partitions=[1_000])
    query_requests.require_limit(query_requests.measure_query(trino, proxy, slow))


def expect_gone(context: Context) -> str:
    """A fault that is known and is not there must be told, so that its line goes."""
    other = silent(context)
    within = query_requests.Measured(Query("within", "", [1]), Counts(), 0)
    query_requests.tell_known_fault(other, "inner check", "a reason", within)
    [outcome] = other.outcomes
    if outcome.state != "FAILED" or "KNOWN_FAULTS" not in outcome.words:
        raise CheckFailed(f"it is {outcome.state}: {outcome.words}")
    return "seen"


def source_of_tag(engine: str) -> str:
    """The table at a day that it has not."""
    catalog, time = (
        ("iceberg", "FOR VERSION AS OF") if engine == "Trino" else ("glue", "VERSION AS OF")
    )
    return f"{catalog}.polelake_curated_pole.{TABLE}_iceberg {time} '{NO_DAY}'"


def compare_other_days(engine: Any, lake: Lake) -> None:
    """The engine's changes of two days against polelake's of the two days before."""
    first, second, third = lake.days(TABLE)[-3:]
    expected = readings.Expected(lake)
    expected.changes = lambda table, before, after: lake.difference(table, first, second)
    readings.compare_changes(engine, expected, TABLE, second, third)


def run_text(sql: str, trino: Any) -> None:
    """A statement as if a document had it."""
    examples.run_example(
        examples.Example("a document", 1, sql, None), trino, "polelake_curated_pole"
    )
