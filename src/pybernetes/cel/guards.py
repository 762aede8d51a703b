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


UNEXPECTED = (TypeError, AttributeError)
"""What work raises that is given values of other types than were declared: those of an older schema."""


def guarded(name: str, work: Work, overloads: Sequence[Overload]) -> Work:
    """A function's work, after a look at the types of what it is given."""
    if name in _DYNAMIC:
        return work

    def work_if_it_fits(run: Run, *given: Any) -> Any:
        if (problem := misfit(name, overloads, given)) is not None:
            raise problem
        return work(run, *given)

    return work_if_it_fits


def misfit(name: str, overloads: Sequence[Overload], given: Sequence[Any]) -> CelError | None:
    """Why none of the overloads takes what was given; None where one does."""
    kinds = [values.type_of(each) for each in given]
    return None if any(_fits(kinds, overload.takes) for overload in overloads) else _unfit(name, kinds)


def no_overload(_run: Run, *_given: Any) -> Any:
    """For functions that have nothing to work on: those of the authorizer, where there is none."""
    raise CelError(NO_OVERLOAD)


def _unfit(name: str, kinds: list[types.Type]) -> CelError:
    if name in _TERSE:
        return CelError(NO_OVERLOAD)
    given = "" if name in _BY_TRAIT else f"({', '.join(kind.runtime_name for kind in kinds)})"
    return CelError(f"{NO_OVERLOAD}: {name}{given}")


def _fits(kinds: Sequence[types.Type], wanted: Sequence[types.Type]) -> bool:
    return len(kinds) == len(wanted) and all(map(_is, kinds, wanted))


def _is(kind: types.Type, wanted: types.Type) -> bool:
    if wanted.kind in ("dyn", "parameter"):
        return True
    return kind.kind == wanted.kind and (kind.kind not in ("struct", "opaque") or kind.name == wanted.name)
