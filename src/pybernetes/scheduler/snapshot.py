"""The cluster as NumPy columns, one row a node, kept up to date in place by informer events.

It is never rebuilt: an event touches one row. Filters and scores read whole columns. Assumed Pods
(decided, their binding not yet observed) are in it like bound ones, so the next decision counts them.
One event loop owns it; a scheduling cycle does not yield, so it sees one state.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.apimachinery.node_selector import RequiredAffinity
from pybernetes.scheduler.columns import Bools, Ints, LabelColumn, SparseColumn, grown
from pybernetes.scheduler.kept_rows import KeptRows, Vector
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.pod_info import HostPort, PodInfo
from pybernetes.scheduler.pod_terms import NO_TERMS, ExistingTerms
from pybernetes.scheduler.priority_columns import PriorityColumns
from pybernetes.scheduler.resources import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, node_allocatable

Taint = tuple[str, str, str]
"""(key, value, effect)."""

PodPredicate = Callable[[str, Mapping[str, str], bool], bool]
"""(namespace, labels, whether it is terminating) of a placed Pod."""

_Labelled = tuple[str, frozenset[tuple[str, str]], bool]
"""(namespace, labels, whether terminating) that placed Pods have in common."""

_START_ROWS = 16
_TRACKED_SELECTORS = 256
_CHANGES_KNOWN = 256


@dataclass(slots=True)
class _Placed:
    info: PodInfo
    node_name: str
    row: int
    """-1: the node is not known (yet)."""


class Snapshot:
    def __init__(self) -> None:
        self._capacity = _START_ROWS
        self.rows = 0
        """Rows in use or once used: every vector a plugin sees has this length."""
        self.node_count = 0
        self.live: Bools = np.zeros(_START_ROWS, np.bool_)
        self.nodes: list[Node | None] = []
        self.row_of: dict[str, int] = {}
        self._free_rows: list[int] = []
        self._names: tuple[str, ...] | None = None
        self._name_of: list[str] = []
        self.changes = 0
        """How often anything has changed about a node, the Pods that count there, or who it is promised to."""
        self._changed: Ints = np.zeros(_START_ROWS, np.int64)
        self._changed_last: deque[int] = deque(maxlen=_CHANGES_KNOWN)
        """The rows of the last changes."""
        self._kept_rows = KeptRows()
        self._room_seen: tuple[int, int, Hashable] = (-1, -1, ())
        """(changes, row, its room): what was asked for last, for the vectors that are mended one after the other."""

        self._allocatable: dict[str, Ints] = {}
        self._requested: dict[str, Ints] = {}
        for name in (CPU, MEMORY, EPHEMERAL_STORAGE, PODS):
            self._add_resource(name)
        self.non_zero_cpu: Ints = np.zeros(_START_ROWS, np.int64)
        self.non_zero_memory: Ints = np.zeros(_START_ROWS, np.int64)
        self.unschedulable: Bools = np.zeros(_START_ROWS, np.bool_)
        self.labels: dict[str, LabelColumn] = {}
        self.taints: dict[Taint, Bools] = {}
        self._taint_nodes: dict[Taint, int] = {}
        self.ports: dict[HostPort, Ints] = {}
        self._port_users: dict[HostPort, int] = {}
        self.images: dict[str, SparseColumn] = {}
        self.image_sizes: dict[str, int] = {}
        self.labels_generation = 0
        """Rises with every change of names or labels of nodes; verdicts that depend on nothing else may be kept."""
        self.label_masks: dict[RequiredAffinity, tuple[int, Bools]] = {}
        """Kept by `node_masks.py`: the generation a mask was made at, and the mask."""

        self.by_priority = PriorityColumns()
        self.existing_terms = ExistingTerms()
        self.nominations = Nominations(self._promises_changed)

        self.claim_users: dict[str, set[str]] = {}
        """uids of the placed Pods by the key of a claim they name."""
        self.disk_users: set[str] = set()
        """uids of the placed Pods that have volumes which cannot always be shared (`PodInfo.disks`)."""

        self._pods: dict[str, _Placed] = {}
        self._pods_of: dict[str, dict[str, None]] = {}
        """uids by node, in the order in which they came."""
        self._label_sets: dict[_Labelled, SparseColumn] = {}
        self._tracked: OrderedDict[object, tuple[PodPredicate, Ints]] = OrderedDict()

    # Nodes

    def set_node(self, node: Node) -> int:
        """Adds a node, or brings its row up to date; returns the row."""
        name = node.metadata.name or ""
        row = self.row_of.get(name)
        old: Node | None = None
        if row is None:
            row = self._take_row(name)
        else:
            old = self.nodes[row]
        self.nodes[row] = node
        self._note(row)
        if old is None or old.status.allocatable != node.status.allocatable:
            self._set_allocatable(row, node)
        if old is None or old.metadata.labels != node.metadata.labels:
            self._set_labels(row, old.metadata.labels if old is not None else {}, node.metadata.labels)
        if old is None or old.spec.taints != node.spec.taints:
            self._set_taints(row, _taints(old), _taints(node))
        if old is None or old.status.images != node.status.images:
            self._set_images(row, _images(old), _images(node))
        self.unschedulable[row] = bool(node.spec.unschedulable)
        if old is None:
            for uid in self._pods_of.get(name, ()):
                placed = self._pods[uid]
                placed.row = row
                self._count_pod(placed, 1)
        return row

    def remove_node(self, name: str) -> None:
        """Frees the node's row. Its Pods are remembered, in case the node comes back before they go."""
        row = self.row_of.pop(name, None)
        if row is None:
            return
        node = self.nodes[row]
        assert node is not None
        for uid in self._pods_of.get(name, ()):
            placed = self._pods[uid]
            self._count_pod(placed, -1)
            placed.row = -1
        self._set_labels(row, node.metadata.labels, {})
        self._set_taints(row, _taints(node), set())
        self._set_images(row, _images(node), {})
        for column in (*self._allocatable.values(), *self._requested.values()):
            column[row] = 0
        self.unschedulable[row] = False
        self.live[row] = False
        self._note(row)
        self.nodes[row] = None
        self._name_of[row] = ""
        self.node_count -= 1
        self._names = None
        self._free_rows.append(row)

    def names(self) -> tuple[str, ...]:
        """Node names by row, "" for a free one; immutable, so a diagnosis can keep it."""
        if self._names is None:
            self._names = tuple(self._name_of)
        return self._names

    def changed(self) -> Ints:
        """Per node, the value of `changes` when it changed last."""
        return self._changed[: self.rows]

    def kept(self, key: Hashable, compute: Callable[[Ints], Vector]) -> Vector:
        """A vector over all nodes, of what `compute` says of rows and which depends on nothing but the rows."""
        return self._kept_rows.get(key, self.rows, self.changes, self._changed_since, compute)

    def kept_of_room(self, key: Hashable, compute: Callable[[Ints], Vector]) -> Vector:
        """Such a vector that depends on nothing but what nodes offer and what is taken of it; to be read only."""
        return self._kept_rows.get(key, self.rows, self.changes, self._changed_since, compute, self._room_of)

    def _room_of(self, row: int) -> Hashable:
        """What a node offers and what is taken of it."""
        if self._room_seen[:2] != (self.changes, row):
            columns = (*self._allocatable.values(), *self._requested.values(), self.non_zero_cpu, self.non_zero_memory)
            self._room_seen = self.changes, row, tuple([column[row] for column in columns])
        return self._room_seen[2]

    def _note(self, row: int) -> None:
        self.changes += 1
        self._changed[row] = self.changes
        self._changed_last.append(row)

    def _changed_since(self, changes: int) -> Ints:
        """The rows that changed since there were so many changes: looked up while these are few."""
        count = self.changes - changes
        if count > len(self._changed_last):
            return np.flatnonzero(self.changed() > changes)
        rows = set(itertools.islice(reversed(self._changed_last), count))
        return np.fromiter(rows, np.int64, len(rows))

    def _promises_changed(self, node_name: str) -> None:
        row = self.row_of.get(node_name)
        if row is not None:
            self._note(row)

    def live_rows(self) -> Bools:
        return self.live[: self.rows]

    def label(self, key: str) -> LabelColumn | None:
        """The column of a label, or None when no node has it."""
        return self.labels.get(key)

    def allocatable(self, resource: str) -> Ints | None:
        """What each node offers of a resource, or None when none offers any."""
        column = self._allocatable.get(resource)
        return None if column is None else column[: self.rows]

    def requested(self, resource: str) -> Ints:
        """What the Pods on each node take. The resource must be one that `allocatable` knows."""
        return self._requested[resource][: self.rows]

    # Pods

    def place(self, info: PodInfo, node_name: str) -> None:
        """Counts a Pod on a node, bound or assumed; replaces what was counted for the same uid."""
        self.unplace(info.uid)
        placed = _Placed(info, node_name, self.row_of.get(node_name, -1))
        self._pods[info.uid] = placed
        self._pods_of.setdefault(node_name, {})[info.uid] = None
        if info.pod.spec.volumes:
            for claim in info.claims:
                self.claim_users.setdefault(claim, set()).add(info.uid)
            if info.disks:
                self.disk_users.add(info.uid)
        if placed.row >= 0:
            self._count_pod(placed, 1)

    def place_pod(self, pod: Pod) -> None:
        """Counts a bound Pod on its node; a newer version of a Pod that takes the same place costs little."""
        node_name = pod.spec.nodeName or ""
        placed = self._pods.get(pod.metadata.uid or "")
        if placed is not None and placed.node_name == node_name:
            info = placed.info.newer(pod)
            if info is not None:
                placed.info = info
                if placed.row >= 0:
                    self._note(placed.row)
                return
        self.place(PodInfo(pod), node_name)

    def unplace(self, uid: str) -> None:
        placed = self._pods.pop(uid, None)
        if placed is None:
            return
        on_node = self._pods_of[placed.node_name]
        del on_node[uid]
        if not on_node:
            del self._pods_of[placed.node_name]
        if placed.info.pod.spec.volumes:
            for claim in placed.info.claims:
                users = self.claim_users.get(claim, set())
                users.discard(uid)
                if not users:
                    self.claim_users.pop(claim, None)
            self.disk_users.discard(uid)
        if placed.row >= 0:
            self._count_pod(placed, -1)

    def node_of(self, uid: str) -> str | None:
        """The node a Pod is counted on."""
        placed = self._pods.get(uid)
        return None if placed is None else placed.node_name

    def placed(self, uid: str) -> tuple[PodInfo, int]:
        """A Pod that is counted, and its row (-1: its node is not known)."""
        found = self._pods[uid]
        return found.info, found.row

    def pods_on(self, node_name: str) -> list[PodInfo]:
        return [self._pods[uid].info for uid in self._pods_of.get(node_name, ())]

    @property
    def pod_count(self) -> int:
        return len(self._pods)

    def matching_pods(self, namespace: str, key: object, matches: Callable[[Mapping[str, str]], bool]) -> Ints:
        """How many Pods of a namespace match a selector, per node; terminating ones are not counted.

        `key` names the selector.
        """

        def predicate(of_namespace: str, labels: Mapping[str, str], terminating: bool) -> bool:
            return not terminating and of_namespace == namespace and matches(labels)

        return self.pods_where((namespace, key), predicate)

    def pods_where(self, key: object, predicate: PodPredicate) -> Ints:
        """How many Pods satisfy the predicate named by `key`, per node.

        The answer is kept and updated with every Pod, so asking again is free.
        """
        tracked = self._tracked.get(key)
        if tracked is None:
            counts = np.zeros(self._capacity, np.int64)
            for (namespace, labels, terminating), column in self._label_sets.items():
                if predicate(namespace, dict(labels), terminating):
                    counts[column.rows()] += column.values()
            tracked = predicate, counts
            self._tracked[key] = tracked
            if len(self._tracked) > _TRACKED_SELECTORS:
                self._tracked.popitem(last=False)
        else:
            self._tracked.move_to_end(key)
        return tracked[1][: self.rows]

    def _count_pod(self, placed: _Placed, sign: int) -> None:
        row, info = placed.row, placed.info
        self._note(row)
        self._requested[PODS][row] += sign
        for name, amount in info.requests.items():
            column = self._requested.get(name)
            if column is None:
                column = self._add_resource(name)
            column[row] += sign * amount
        cpu, memory = info.non_zero_requests
        self.non_zero_cpu[row] += sign * cpu
        self.non_zero_memory[row] += sign * memory
        for port in info.host_ports:
            column = self.ports.get(port)
            if column is None:
                column = self.ports[port] = np.zeros(self._capacity, np.int64)
            column[row] += sign
            users = self._port_users.get(port, 0) + sign
            self._port_users[port] = users
            if not users:
                del self.ports[port], self._port_users[port]
        self.by_priority.count(info, row, sign, self._capacity)
        self._count_labels(info, row, sign)
        if info.pod_terms is not NO_TERMS:
            self.existing_terms.count(info.pod_terms, row, sign, self.labels, self.labels_generation)

    def _count_labels(self, info: PodInfo, row: int, sign: int) -> None:
        namespace = info.pod.metadata.namespace or ""
        labels = info.pod.metadata.labels
        label_set = namespace, frozenset(labels.items()), info.terminating
        counts = self._label_sets.get(label_set)
        if counts is None:
            counts = self._label_sets[label_set] = SparseColumn()
        counts.add(row, sign)
        if not counts.entries:
            del self._label_sets[label_set]
        for predicate, vector in self._tracked.values():
            if predicate(namespace, labels, info.terminating):
                vector[row] += sign

    # Rows

    def _take_row(self, name: str) -> int:
        if self._free_rows:
            row = self._free_rows.pop()
        else:
            if self.rows == self._capacity:
                self._grow()
            row = self.rows
            self.rows += 1
            self.nodes.append(None)
            self._name_of.append("")
        self.row_of[name] = row
        self._name_of[row] = name
        self.live[row] = True
        self.node_count += 1
        self._names = None
        self.labels_generation += 1
        return row

    def _grow(self) -> None:
        capacity = self._capacity = self._capacity * 2
        self.live = grown(self.live, capacity)
        self._changed = grown(self._changed, capacity)
        self.unschedulable = grown(self.unschedulable, capacity)
        self.non_zero_cpu = grown(self.non_zero_cpu, capacity)
        self.non_zero_memory = grown(self.non_zero_memory, capacity)
        for columns in (self._allocatable, self._requested, self.ports):
            for key in columns:
                columns[key] = grown(columns[key], capacity)  # type: ignore[index]
        for taint in self.taints:
            self.taints[taint] = grown(self.taints[taint], capacity)
        for label in self.labels.values():
            label.codes = grown(label.codes, capacity)
        self.by_priority.grow(capacity)
        for tracked, (predicate, counts) in self._tracked.items():
            self._tracked[tracked] = predicate, grown(counts, capacity)

    def _add_resource(self, name: str) -> Ints:
        self._allocatable[name] = np.zeros(self._capacity, np.int64)
        self._requested[name] = np.zeros(self._capacity, np.int64)
        return self._requested[name]

    def _set_allocatable(self, row: int, node: Node) -> None:
        offered = node_allocatable(node)
        for name in offered:
            if name not in self._allocatable:
                self._add_resource(name)
        for name, column in self._allocatable.items():
            column[row] = offered.get(name, 0)

    def _set_labels(self, row: int, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        self.labels_generation += 1
        for key, value in new.items():
            column = self.labels.get(key)
            if column is None:
                column = self.labels[key] = LabelColumn(self._capacity)
            column.set(row, value)
        for key in old:
            if key not in new:
                column = self.labels[key]
                column.set(row, None)
                if not column.present:
                    del self.labels[key]

    def _set_taints(self, row: int, old: set[Taint], new: set[Taint]) -> None:
        for taint in old - new:
            self.taints[taint][row] = False
            self._taint_nodes[taint] -= 1
            if not self._taint_nodes[taint]:
                del self.taints[taint], self._taint_nodes[taint]
        for taint in new - old:
            column = self.taints.get(taint)
            if column is None:
                column = self.taints[taint] = np.zeros(self._capacity, np.bool_)
            column[row] = True
            self._taint_nodes[taint] = self._taint_nodes.get(taint, 0) + 1

    def _set_images(self, row: int, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        for name in old.keys() - new.keys():
            column = self.images[name]
            column.set(row, 0)
            if not column.entries:
                del self.images[name], self.image_sizes[name]
        for name in new.keys() - old.keys():
            column = self.images.setdefault(name, SparseColumn())
            column.set(row, 1)
            self.image_sizes.setdefault(name, new[name])


def _taints(node: Node | None) -> set[Taint]:
    if node is None:
        return set()
    return {(taint.key, taint.value or "", taint.effect) for taint in node.spec.taints}


def _images(node: Node | None) -> dict[str, int]:
    if node is None:
        return {}
    return {name: image.sizeBytes or 0 for image in node.status.images for name in (image.names or [])}
