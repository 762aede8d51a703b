"""How long nodes may keep what they read, by their number. Pure. Source: pkg/controller/ttl/ttl_controller.go."""

from __future__ import annotations

from dataclasses import dataclass

ANNOTATION = "node.alpha.kubernetes.io/ttl"
_STEPS = ((0, 100, 0), (90, 500, 15), (450, 1000, 30), (900, 2000, 60), (1800, 2**31, 300))
"""(fewest nodes, most nodes, seconds): the bounds overlap, so that a node more or less changes little."""


@dataclass(slots=True)
class Size:
    """The step that the number of nodes has led to."""

    step: int = 0

    def changed(self, nodes: int) -> None:
        while nodes > _STEPS[self.step][1]:
            self.step += 1
        while nodes < _STEPS[self.step][0]:
            self.step -= 1

    @property
    def seconds(self) -> int:
        return _STEPS[self.step][2]


def is_right(annotations: dict[str, str], seconds: int) -> bool:
    try:
        return int(annotations[ANNOTATION]) == seconds
    except (KeyError, ValueError):
        return False
