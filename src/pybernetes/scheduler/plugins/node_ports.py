"""NodePorts: two Pods on one node cannot hold the same host port."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from pybernetes.scheduler.events import Action, ClusterEvent, EventResource, Registration
from pybernetes.scheduler.framework import CycleState, PreFilterResult, Refusal, Trial, Verdict
from pybernetes.scheduler.pod_info import HostPort, PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS

REASON = "node(s) didn't have free ports for the requested pod ports"
_ALL_ADDRESSES = "0.0.0.0"


class NodePorts:
    name = "NodePorts"

    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult:
        return PreFilterResult(SUCCESS if info.host_ports else SKIP)

    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        failed = np.zeros(snapshot.rows, np.bool_)
        for taken, users in snapshot.ports.items():
            if any(_clash(wanted, taken) for wanted in info.host_ports):
                failed |= users[: snapshot.rows] > 0
        return Verdict.of(failed, REASON, unresolvable=False)

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial:
        taken = sum(
            int(users[row])
            for port, users in snapshot.ports.items()
            if any(_clash(wanted, port) for wanted in info.host_ports)
        )
        return _PortTrial(info.host_ports, taken)

    def trial_key(self, info: PodInfo) -> Hashable:
        return info.host_ports

    def events_to_register(self) -> Sequence[Registration]:
        return [
            Registration(ClusterEvent(EventResource.POD, Action.DELETE), _port_freed),
            Registration(ClusterEvent(EventResource.NODE, Action.ADD)),
        ]


class _PortTrial:
    """How many ports in use on one node clash with a wanted one."""

    def __init__(self, wanted: tuple[HostPort, ...], taken: int) -> None:
        self._wanted = wanted
        self._taken = taken

    def add(self, other: PodInfo) -> None:
        self._taken += self._clashes(other)

    def remove(self, other: PodInfo) -> None:
        self._taken -= self._clashes(other)

    def _clashes(self, other: PodInfo) -> int:
        return sum(any(_clash(wanted, port) for wanted in self._wanted) for port in other.host_ports)

    def refusal(self) -> Refusal | None:
        return Refusal((REASON,)) if self._taken else None


def _clash(wanted: HostPort, taken: HostPort) -> bool:
    """Same protocol and port, and the same address or all addresses on either side."""
    return wanted[1:] == taken[1:] and (wanted[0] == taken[0] or _ALL_ADDRESSES in (wanted[0], taken[0]))


def _port_freed(info: PodInfo, old: Any, new: Any) -> bool:
    if not old.spec.nodeName and not old.status.nominatedNodeName:
        return False
    freed = PodInfo(old).host_ports
    return any(_clash(wanted, taken) for wanted in info.host_ports for taken in freed)
