"""The steps of a program that come to a verdict though a part of them failed, and those that are taken many times.

`one` and `two` are the places of a loop's variables; `two` is negative where there is one alone.
Source: cel-go/interpreter/{interpretable,runtimecost}.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybernetes.cel import charges, costs, values
from pybernetes.cel.charges import FAILED
from pybernetes.cel.running import Run
from pybernetes.cel.syntax import CelError
from pybernetes.cel.values import NO_OVERLOAD

Step = Callable[[Run], Any]
Rounds = Callable[[Run, Any], None]
"""What goes through the items of a loop."""


def or_failed(step: Step, run: Run) -> Any:
    """The second side of what has failed already is evaluated too, and costs what it costs."""
    try:
        return step(run)
    except CelError:
        return FAILED


def decided(left: Step, right: Step, decisive: bool) -> Step:
    """&& and ||: decided by either side, though the other fails."""

    def decide(run: Run) -> Any:
        problem: CelError | None = None
        try:
            verdict = left(run)
            if verdict is decisive:
                return decisive
            if not isinstance(verdict, bool):
                problem = CelError(NO_OVERLOAD)
        except CelError as error:
            problem = error
        try:
            verdict = right(run)
            if verdict is decisive:
                return decisive
            if not isinstance(verdict, bool):
                problem = problem or CelError(NO_OVERLOAD)
        except CelError as error:
            problem = problem or error
        if problem is not None:
            raise problem
        return not decisive

    return decide


def equality(left: Step, right: Step, wanted: bool) -> Step:
    """== where equal values are `wanted`, != otherwise."""
    charge = charges.equality if wanted else charges.inequality

    def compare(run: Run) -> bool:
        try:
            one = left(run)
        except CelError:
            run.charge(charge(FAILED, or_failed(right, run)))
            raise
        try:
            other = right(run)
        except CelError:
            run.charge(charge(one, FAILED))
            raise
        run.charge(charge(one, other))
        return values.equal(one, other, run) is wanted

    return compare


def deciding(accumulator: int, one: int, two: int, body: Step, decisive: bool) -> Rounds:
    """all() and exists(): over with the first item that decides it; errors may yet be outvoted."""
    condition = 3 if decisive else 2

    def rounds(run: Run, items: Any) -> None:
        places = run.places
        for key, value in items:
            run.charge(condition)
            if places[accumulator] is decisive:
                return
            places[one] = key
            if two >= 0:
                places[two] = value
            run.cost += costs.READ
            try:
                verdict = body(run)
            except CelError as error:
                verdict = error
            if verdict is decisive:
                places[accumulator] = verdict
            elif not isinstance(verdict, bool) and not isinstance(places[accumulator], CelError):
                places[accumulator] = verdict if isinstance(verdict, CelError) else CelError(NO_OVERLOAD)

    return rounds


def building(accumulator: int, one: int, two: int, body: Step) -> Rounds:
    """What makes a value of all items."""

    def rounds(run: Run, items: Any) -> None:
        places = run.places
        for key, value in items:
            run.charge(0)
            places[one] = key
            if two >= 0:
                places[two] = value
            try:
                places[accumulator] = body(run)
            except CelError as error:
                places[accumulator] = error
            run.did(1)

    return rounds
