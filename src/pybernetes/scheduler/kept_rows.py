"""Vectors that depend, node by node, on the node and what is on it alone: kept, and mended where nodes changed. Pure.

This is how Pods that are alike share the work: the second of them asks only about the node that the first one took.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybernetes.scheduler.columns import Ints

Vector = NDArray[Any]
_KEPT = 32


class KeptRows:
    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[int, Vector]] = OrderedDict()

    def get(
        self,
        key: Hashable,
        count: int,
        changes: int,
        changed_since: Callable[[int], Ints],
        compute: Callable[[Ints], Vector],
    ) -> Vector:
        """The vector named by `key`, to be read only; `compute` gives its elements for some rows.

        `count`: of the rows. `changed_since`: the rows that changed since so many of the `changes` so far.
        """
        at, vector = self._kept.pop(key, (-1, None))
        if vector is None or len(vector) != count:
            vector = compute(np.arange(count))
        elif at != changes:
            rows = changed_since(at)
            vector[rows] = compute(rows)
        self._kept[key] = changes, vector
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return vector
