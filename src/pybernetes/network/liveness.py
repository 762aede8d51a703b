"""Pure: which nodes have let their Lease run out, as one of them sees it.

Expiry is judged by how long a Lease has been seen unchanged, never by comparing clocks of machines. A node that does
not see its own renewed cannot judge the others: then the API is away, or it is the one that is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.coordination.v1 import Lease

_DURATION_S = 40
"""Of a Lease that does not say it, as the kubelet's default has it."""


@dataclass(slots=True)
class _Seen:
    renewed: str
    at_s: float
    duration_s: float
    given_up: bool


class Liveness:
    def __init__(self, me: str) -> None:
        self._me = me
        self._seen: dict[str, _Seen] = {}
        self._able_since_s = 0.0
        """Since when this node has seen its own Lease renewed in time."""
        self._lost: frozenset[str] = frozenset()

    def observe(self, lease: Lease, now_s: float) -> bool:
        """Whether `lost` or `next_s` say something else now."""
        name, spec = lease.metadata.name or "", lease.spec
        known = self._seen.get(name)
        if known is not None and known.renewed == spec.renewTime and known.given_up == (not spec.holderIdentity):
            return False
        made = _Seen(spec.renewTime or "", now_s, spec.leaseDurationSeconds or _DURATION_S, not spec.holderIdentity)
        self._seen[name] = made
        if name != self._me:
            return known is None or made.given_up != (name in self._lost)
        able_again = known is None or now_s > known.at_s + known.duration_s
        if able_again:
            self._able_since_s = now_s
        return able_again

    def forget(self, name: str) -> None:
        """Of a Lease that is no more: nothing is held against the node."""
        self._seen.pop(name, None)

    def lost(self, now_s: float) -> frozenset[str]:
        """Names of nodes that gave their Lease up or did not renew it in time; never this node's own."""
        mine = self._seen.get(self._me)
        if mine is not None and now_s <= mine.at_s + mine.duration_s:
            self._lost = frozenset(
                name
                for name, seen in self._seen.items()
                if name != self._me and (seen.given_up or now_s > self._due_s(seen))
            )
        return self._lost

    def next_s(self, now_s: float) -> float | None:
        """When the next one runs out, if it is not renewed."""
        due = [self._due_s(seen) for name, seen in self._seen.items() if name != self._me and not seen.given_up]
        return min((each for each in due if each >= now_s), default=None)

    def _due_s(self, seen: _Seen) -> float:
        return max(seen.at_s, self._able_since_s) + seen.duration_s
