"""Pure: the conditions of the Gateway API's statuses, as they are put together."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta.v1 import Condition
from pybernetes.apimachinery.conditions import with_condition


class Conditions:
    """What is said of one object: a type once, the first word about what is wrong with it counts."""

    def __init__(self, generation: int | None, **good: str) -> None:
        """`good`: types, and the reason each has while nothing is wrong."""
        self._generation = generation
        self._good = good
        self._absent: dict[str, str] = {}
        self._bad: dict[str, tuple[str, str, str]] = {}

    def wrong(self, kind: str, reason: str, message: str) -> None:
        self._bad.setdefault(kind, ("False", reason, message))

    def noted(self, kind: str, reason: str, message: str) -> None:
        """True all the same, for another reason."""
        self._bad.setdefault(kind, ("True", reason, message))

    def absent(self, kind: str, reason: str) -> None:
        """False, and that is good."""
        self._absent[kind] = reason

    def holds(self, kind: str) -> bool:
        return kind not in self._bad or self._bad[kind][0] == "True"

    def list(self) -> list[Condition]:
        good = {kind: ("True", reason, "") for kind, reason in self._good.items()}
        good |= {kind: ("False", reason, "") for kind, reason in self._absent.items()}
        return [
            Condition(type=kind, status=status, reason=reason, message=message, observedGeneration=self._generation)
            for kind, (status, reason, message) in (good | self._bad).items()
        ]


def merged(known: list[Condition], told: Iterable[Condition], now: float) -> list[Condition]:
    """`known` with what is `told`, whose times move only with the status."""
    for condition in told:
        known = with_condition(known, condition, now)
    return known
