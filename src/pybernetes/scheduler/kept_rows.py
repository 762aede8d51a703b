"""Vectors that depend, node by node, on the node and what is on it alone: kept, and mended where nodes changed. Pure.

This is how Pods that are alike share the work: the second of them asks only about the node that the first one took.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybernetes.scheduler.columns import Ints

Vector = NDArray[Any]
_KEPT = 32
_STATES_KNOWN = 1024
_FEW = 4
"""Rows that are mended one by one: for more, computing all at once costs less than looking each up."""


@dataclass(slots=True)
class _Kept:
    vector: Vector
    at: int
    known: dict[Hashable, Any] = field(default_factory=dict)
    """The element by the state of the row."""


class KeptRows:
    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def get(
        self,
        key: Hashable,
        count: int,
        changes: int,
        changed_since: Callable[[int], Ints],
        compute: Callable[[Ints], Vector],
        state: Callable[[int], Hashable] | None = None,
    ) -> Vector:
        """The vector named by `key`, to be read only; `compute` gives its elements for some rows.

        `count`: of the rows. `changed_since`: the rows that changed since so many of the `changes` so far.
        `state`: all of a row that its element depends on; nodes that are alike fill up alike, so it is often known.
        """
        kept = self._kept.pop(key, None)
        if kept is None or len(kept.vector) != count:
            kept = _Kept(compute(np.arange(count)), changes)
        elif kept.at != changes:
            rows = changed_since(kept.at)
            if state is None or len(rows) > _FEW:
                kept.vector[rows] = compute(rows)
            else:
                for row in rows:
                    kept.vector[row] = _element(kept.known, state(row), row, compute)
            kept.at = changes
        self._kept[key] = kept
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept.vector


def _element(known: dict[Hashable, Any], state: Hashable, row: int, compute: Callable[[Ints], Vector]) -> Any:
    found = known.get(state)
    if found is None:
        if len(known) >= _STATES_KNOWN:
            known.clear()
        found = known[state] = compute(np.array([row]))[0]
    return found
