"""How many requests a query may make.

The limit of a query: 10 LIST requests, one for each partition that passes its filter, and one for
each 1,000 objects of such a partition beyond the first; and no key of an object that its filter
leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

ALLOWED_LISTS, KEYS_OF_A_LIST = 10, 1_000


@dataclass(frozen=True)
class Query:
    """One query, and how many objects each partition has that passes its filter."""

    name: str
    sql: str
    partitions: list[int]
    # What the first column of the only row must be, where it is known.
    count: int | None = None
    # Data objects that pass the filter, where the query must open no other.
    objects: int | None = None

    @property
    def limit(self) -> int:
        """The LIST requests that the query may make."""
        further = sum(max(objects - 1, 0) // KEYS_OF_A_LIST for objects in self.partitions)
        return ALLOWED_LISTS + len(self.partitions) + further
