"""What the proxy counts, in Prometheus' text form under kube-proxy's names.

Source: pkg/proxy/metrics/metrics.go, endpointschangetracker.go, servicechangetracker.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.metrics_text import Histogram, head
from pybernetes.apimachinery.services import TRIGGER_TIME
from pybernetes.apimachinery.times import TimeError, parse_time
from pybernetes.host.clock import Clock

_SYNC_BOUNDS = tuple(0.001 * 2**step for step in range(15))
_PROGRAMMING_BOUNDS = (0.25, 0.5, *map(float, (*range(1, 60), *range(60, 120, 5), *range(120, 301, 30))))
_SYNC = "kubeproxy_sync_proxy_rules"
_PROGRAMMING = "kubeproxy_network_programming_duration_seconds"
_KINDS = ("endpoint", "service")
_PROBED = ("/healthz", "/livez")

Policy = tuple[str, int]
"""Traffic policy (internal or external) and IP family."""


class ProxyFigures:
    """The rules of all families are one transaction, so the time of a sync is told as that of each."""

    def __init__(self, clock: Clock, families: Sequence[int]) -> None:
        self._clock = clock
        self._families = families
        self._started_s = clock.now()
        self._queued_s = 0.0
        self._synced_s = 0.0
        self._full, self._partial = Histogram(_SYNC_BOUNDS), Histogram(_SYNC_BOUNDS)
        self._programming = {f"IPv{family}": Histogram(_PROGRAMMING_BOUNDS) for family in families}
        self._triggers: list[tuple[str, float]] = []
        """Of changes of endpoints that are not in the kernel: their address type, and when something made them."""
        self._changes: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        """Of those, how many are in the kernel."""
        self._taken: tuple[Counter[str], int] = Counter(), 0
        """Changes, and their triggers, that the sync under way has seen."""
        self._failures = 0
        self._probes: Counter[tuple[str, int]] = Counter()

    def queued(self) -> None:
        self._queued_s = self._clock.now()

    def service_changed(self) -> None:
        self._changes["service"] += 1

    def slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """None of one that comes, or goes: that has the time of its last change, not of its end."""
        self._changes["endpoint"] += 1
        text = new.metadata.annotations.get(TRIGGER_TIME, "") if new is not None else ""
        if new is None or (old is not None and old.metadata.annotations.get(TRIGGER_TIME) == text):
            return
        try:
            changed_s = parse_time(text)
        except TimeError:
            return
        # What happened before the start says nothing of how fast changes are followed.
        if changed_s > self._started_s and new.addressType in self._programming:
            self._triggers.append((new.addressType, changed_s))

    def begin(self) -> None:
        """A sync, of all that has changed until now."""
        self._taken = self._changes.copy(), len(self._triggers)

    def end(self, took_s: float, full: bool) -> None:
        self._synced_s = self._clock.now()
        (self._full if full else self._partial).add(took_s)
        self._done, triggers = self._taken
        for kind, changed_s in self._triggers[:triggers]:
            self._programming[kind].add(self._synced_s - changed_s)
        del self._triggers[:triggers]

    def failed(self) -> None:
        self._failures += 1

    def probed(self, path: str, status: int) -> None:
        if path in _PROBED:
            self._probes[path, status] += 1

    def lines(self, without_local: Mapping[Policy, int]) -> Iterator[str]:
        """`without_local`: Services that keep traffic on this node and have no endpoint here."""
        for kind, took in (("", self._full + self._partial), ("full_", self._full), ("partial_", self._partial)):
            name = f"kubeproxy_sync_{kind}proxy_rules_duration_seconds"
            yield from head(name, "histogram", "Until the kernel had the rules.")
            for family in self._families:
                yield from took.lines(name, _family(family))
        yield from self._by_family("last_timestamp_seconds", "gauge", "When rules were synced last.", self._synced_s)
        yield from self._by_family(
            "last_queued_timestamp_seconds", "gauge", "When a sync was asked for last.", self._queued_s
        )
        yield from self._by_family(
            "nftables_sync_failures_total", "counter", "Syncs that nftables refused.", self._failures
        )
        for kind in _KINDS:
            pending, total = f"{_SYNC}_{kind}_changes_pending", f"{_SYNC}_{kind}_changes_total"
            yield from head(pending, "gauge", f"Changes of {kind}s that the kernel does not have.")
            yield f"{pending} {self._changes[kind] - self._done[kind]}"
            yield from head(total, "counter", f"Changes of {kind}s that were seen.")
            yield f"{total} {self._changes[kind]}"
        name = f"{_SYNC}_no_local_endpoints_total"
        yield from head(name, "gauge", "Services with a Local traffic policy and no endpoint here.")
        for policy in ("internal", "external"):
            for family in self._families:
                number = without_local.get((policy, family), 0)
                yield f'{name}{{{_family(family)},traffic_policy="{policy}"}} {number}'
        yield from head(_PROGRAMMING, "histogram", "From a change of Pods or Services until the kernel followed it.")
        for address_type, took in self._programming.items():
            yield from took.lines(_PROGRAMMING, f'ip_family="{address_type}"')
        for path in _PROBED:
            name = f"kubeproxy_proxy_{path[1:]}_total"
            yield from head(name, "counter", f"Answers of {path}.")
            for (asked, status), number in sorted(self._probes.items()):
                if asked == path:
                    yield f'{name}{{code="{status}"}} {number}'

    def _by_family(self, suffix: str, kind: str, about: str, value: float) -> Iterator[str]:
        yield from head(f"{_SYNC}_{suffix}", kind, about)
        for family in self._families:
            yield f"{_SYNC}_{suffix}{{{_family(family)}}} {value}"


def _family(version: int) -> str:
    return f'ip_family="IPv{version}"'
