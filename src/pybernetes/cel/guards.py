"""Whether a function can work on what it is given, where that was not known when the expression was compiled.

Source: cel-go/interpreter/interpretable.go, cel-go/common/types (what is said of values that do not fit).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.cel import types, values
from pybernetes.cel.declarations import Overload
from pybernetes.cel.functions import Work
from pybernetes.cel.macros import MAP_INSERT, SORT_BY_KEYS
from pybernetes.cel.running import Run
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import NO_OVERLOAD

_DYNAMIC = frozenset(
    [
        "_+_",
        "_-_",
        "_*_",
        "_/_",
        "_%_",
        "-_",
        "!_",
        "_<_",
        "_<=_",
        "_>_",
        "_>=_",
        "@in",
        "type",
        "dyn",
        "@not_strictly_false",
    ]
) | {MAP_INSERT}
"""Functions that look at what they are given themselves."""
_TERSE = frozenset(("contains", "startsWith", "endsWith"))
_BY_TRAIT = frozenset(("size", "matches", "sort", SORT_BY_KEYS))
"""Functions that say less of what they were given."""


def guarded(name: str, work: Work, overloads: Sequence[Overload]) -> Work:
    """A function's work, after a look at the types of what it is given."""
    if name in _DYNAMIC:
        return work
    wanted = [[(each.kind, each.name) for each in overload.takes] for overload in overloads]

    def work_if_it_fits(run: Run, *given: Any) -> Any:
        kinds = [values.type_of(each) for each in given]
        if not any(_fits(kinds, each) for each in wanted):
            raise _unfit(name, kinds)
        return work(run, *given)

    return work_if_it_fits


def no_overload(_run: Run, *_given: Any) -> Any:
    """For functions that have nothing to work on: those of the authorizer, where there is none."""
    raise CelError(NO_OVERLOAD)


def _unfit(name: str, kinds: list[types.Type]) -> CelError:
    if name in _TERSE:
        return CelError(NO_OVERLOAD)
    given = "" if name in _BY_TRAIT else f"({', '.join(kind.runtime_name for kind in kinds)})"
    return CelError(f"{NO_OVERLOAD}: {name}{given}")


def _fits(kinds: list[types.Type], wanted: list[tuple[str, str]]) -> bool:
    if len(kinds) != len(wanted):
        return False
    return all(
        kind in ("dyn", "parameter") or (each.kind == kind and (kind not in ("struct", "opaque") or each.name == name))
        for each, (kind, name) in zip(kinds, wanted, strict=True)
    )
