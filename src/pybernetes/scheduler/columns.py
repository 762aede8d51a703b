"""Growing NumPy columns: one row a node, and integer codes for strings.

The building blocks of `snapshot.py`. A column's rows are reused, never moved; capacity doubles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]


def grown(column: NDArray[Any], capacity: int) -> NDArray[Any]:
    """A copy with more rows, zero in the new ones."""
    result = np.zeros(capacity, column.dtype)
    result[: len(column)] = column
    return result


def at_rows(column: NDArray[Any], rows: Ints) -> NDArray[Any]:
    """The elements of some rows, which are ascending; to be read only, as they may be the column itself."""
    return column if len(rows) == len(column) else column[rows]


class LabelColumn:
    """One label key over all nodes: each row holds the code of the node's value, 0 when the node lacks the label."""

    def __init__(self, capacity: int) -> None:
        self.codes: Codes = np.zeros(capacity, np.int32)
        self.values: list[str | None] = [None]
        """By code; None is the missing label."""
        self._code_of: dict[str, int] = {}
        self.present = 0
        """How many nodes have the label; a column that reaches 0 is dropped."""

    def code(self, value: str) -> int:
        """The code of a value, or -1 when no node ever had it."""
        return self._code_of.get(value, -1)

    def set(self, row: int, value: str | None) -> None:
        if value is None:
            code = 0
        else:
            code = self._code_of.setdefault(value, len(self.values))
            if code == len(self.values):
                self.values.append(value)
        self.present += (code != 0) - (int(self.codes[row]) != 0)
        self.codes[row] = code

    def where(self, predicate: Callable[[str | None], bool], rows: int) -> Bools:
        """The rows whose value satisfies the predicate, which is asked once a distinct value, not once a node."""
        table = np.fromiter((predicate(value) for value in self.values), np.bool_, len(self.values))
        found: Bools = table[self.codes[:rows]]
        return found

    def among(self, values: Iterable[str], rows: int) -> Bools:
        """The rows whose value is one of `values`."""
        codes = [code for value in values if (code := self.code(value)) > 0]
        if not codes:
            return np.zeros(rows, np.bool_)
        result: Bools = np.equal(self.codes[:rows], codes[0])
        for code in codes[1:]:
            result |= self.codes[:rows] == code
        return result


class SparseColumn:
    """A number for a few rows, zero for all others; as a vector on demand.

    For things that exist by the thousand but concern few nodes each: images, label sets of Pods.
    """

    __slots__ = ("_rows", "_values", "entries")

    def __init__(self) -> None:
        self.entries: dict[int, int] = {}
        self._rows: Ints | None = None
        self._values: Ints | None = None

    def set(self, row: int, value: int) -> None:
        if value:
            self.entries[row] = value
        else:
            self.entries.pop(row, None)
        self._rows = self._values = None

    def add(self, row: int, delta: int) -> None:
        self.set(row, self.entries.get(row, 0) + delta)

    def rows(self) -> Ints:
        if self._rows is None:
            self._rows = np.fromiter(self.entries.keys(), np.int64, len(self.entries))
        return self._rows

    def values(self) -> Ints:
        if self._values is None:
            self._values = np.fromiter(self.entries.values(), np.int64, len(self.entries))
        return self._values
