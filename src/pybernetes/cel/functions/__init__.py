"""What the functions of expressions do: work(meter, *arguments), by name.

A function is given values of one of its overloads' types. It raises CelError, and says to the meter what it does beyond
what it costs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

Work = Callable[..., Any]


@functools.cache
def table() -> Mapping[str, Work]:
    from pybernetes.cel.functions import formatting, kubernetes, lists, networks, standard, texts, times

    parts = (standard.TABLE, times.TABLE, texts.TABLE, formatting.TABLE, lists.TABLE, kubernetes.TABLE, networks.TABLE)
    return {name: work for part in parts for name, work in part.items()}
