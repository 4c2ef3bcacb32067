"""The SQL examples of the documents, run by the engines that they are for.

The rule, for each statement of a block fenced as sql in README.md and docs/*.md:

1. The engine is DuckDB where the statement calls a function that DuckDB alone has; else the one
   named in the comment above the statement; else in the paragraph before the block; else in the
   heading of the section; else none is named.
2. DuckDB, PyIceberg, Polars or Redshift: left out, with the reason. tests/readers.rs runs DuckDB's.
3. Spark: Spark. Trino, Athena or none named: Trino, which is of the family of Athena's engine.
4. A table without a database is looked up in the catalogue: in the database that has it; the
   catalogue is `iceberg` for a table whose name ends in `_iceberg`, and `hive` for the others.
5. The statement must run and give at least one row, but for those of WITHOUT_ROWS.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

from context import CheckFailed

FENCE = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
LEFT_OUT = {
    "DuckDB": "DuckDB's; tests/readers.rs runs it",
    "PyIceberg": "PyIceberg's; tests/readers.rs runs it",
    "Polars": "Polars has no SQL of the lake here",
    "Redshift": "Redshift is an account's only",
}
# Parts of the statements that ask for what the demonstration has not, and why.
WITHOUT_ROWS = {"source_count > 1": "no two sources of the demonstration know the same thing"}
OF_DUCKDB = re.compile(
    r"\b(?:iceberg_scan|read_parquet|getvariable)\(|^set variable", re.IGNORECASE
)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ENGINES = ("Trino", "Spark", "Athena")


@dataclass(frozen=True)
class Example:
    """One statement of a document and where it stands."""

    document: str
    line: int
    sql: str
    named: str | None

    @property
    def engine(self) -> str | None:
        """The engine that runs it; none when it is left out."""
        if self.named in LEFT_OUT:
            return None
        return "Spark" if self.named == "Spark" else "Trino"

    @property
    def place(self) -> str:
        """Where a reader finds it."""
        return f"{self.document}:{self.line}"


def find_examples(repository: pathlib.Path) -> list[Example]:
    """All statements, in the order of the documents."""
    documents = [repository / "README.md", *sorted((repository / "docs").glob("*.md"))]
    return [
        example
        for document in documents
        for example in examples_of(str(document.relative_to(repository)), document.read_text())
    ]


def examples_of(document: str, text: str) -> list[Example]:
    """The statements of one document."""
    found = []
    for block in FENCE.finditer(text):
        before = text[: block.start()]
        line = before.count("\n") + 2
        for offset, comment, sql in split_statements(block.group(1)):
            of_duckdb = "DuckDB" if OF_DUCKDB.search(sql) else None
            named = of_duckdb or engine_of(comment) or engine_of_place(before)
            found.append(Example(document, line + offset, sql, named))
    return found


def split_statements(block: str) -> list[tuple[int, str, str]]:
    """Each statement of a block with the lines before it and the comment above it."""
    found, comment, lines, begun = [], "", [], 0
    for number, line in enumerate(block.splitlines()):
        if not lines and line.startswith("--"):
            comment = line
            continue
        if not lines and not line.strip():
            continue
        begun = begun if lines else number
        lines.append(line)
        if line.rstrip().endswith(";"):
            found.append((begun, comment, "\n".join(lines).rstrip().rstrip(";")))
            comment, lines = "", []
    if lines:
        found.append((begun, comment, "\n".join(lines)))
    return found


def engine_of_place(before: str) -> str | None:
    """The engine that the paragraph before a block names, else the heading of its section."""
    # A comment in a block of properties looks like a heading.
    before = BLOCK.sub("", before)
    paragraph = before.rstrip().rsplit("\n\n", 1)[-1]
    headings = re.findall(r"^#+ (.*)$", before, re.MULTILINE)
    return engine_of(paragraph) or engine_of(headings[-1] if headings else "")


def engine_of(text: str) -> str | None:
    """The engine that a text names; the last of several, which stands nearest to the statement."""
    places = [(text.rfind(name), name) for name in (*ENGINES, *LEFT_OUT)]
    place, name = max(places)
    return name if place >= 0 else None


def tables_of(sql: str) -> list[str]:
    """The names after FROM and JOIN."""
    return re.findall(r"\b(?:from|join)\s+([a-z_][\w.]*)", sql, re.IGNORECASE)


def run_example(example: Example, engine, schema: str) -> str:
    """Runs an example; no row is a failure too."""
    if engine.name == "Spark":
        rows = engine.rows(example.sql)
    else:
        catalog, database = find_place(example, engine, schema)
        rows = engine.rows(example.sql, catalog, database)
    if not rows:
        return explain_no_rows(example)
    return f"{len(rows)} rows"


def explain_no_rows(example: Example) -> str:
    """Why an example gives no row; without a reason that is known, a failure."""
    for part, reason in WITHOUT_ROWS.items():
        if part in example.sql:
            return f"no row: {reason}"
    raise CheckFailed(f"{example.place} gives no row:\n{example.sql}")


def find_place(example: Example, trino, schema: str) -> tuple[str, str]:
    """The catalogue and database in which an example's names without them are."""
    tables = tables_of(example.sql)
    catalog = "iceberg" if any(name.endswith("_iceberg") for name in tables) else "hive"
    plain = [name for name in tables if "." not in name]
    if not plain:
        return catalog, schema
    there = {
        database
        for [database] in trino.rows(
            f"SELECT table_schema FROM {catalog}.information_schema.tables "
            f"WHERE table_name = '{plain[0]}'"
        )
    }
    if not there:
        raise CheckFailed(f"{example.place}: no database has the table {plain[0]}")
    return catalog, schema if schema in there else min(there)
