"""The extension points, as arrays have them: a plugin answers for all nodes at once.

A scheduling cycle asks, in this order: PreFilter, Filter, (PostFilter), PreScore, Score with its
normalisation, Reserve, Permit; the binding that runs beside later cycles: PreBind, Bind, PostBind.
PreEnqueue and QueueSort belong to the queue. A plugin implements any number of the protocols.
Vectors have one element a row of the snapshot; rows of nodes that went away are never read.
Source: kube-scheduler/framework/interface.go. Differs: Filter and Score are asked once a Pod, not once a node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pybernetes.scheduler.columns import Bools, Ints
from pybernetes.scheduler.events import Registration
from pybernetes.scheduler.pod_info import PodInfo, QueuedPodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import Status

MAX_NODE_SCORE = 100
MOST_REASONS = 64
"""Bits of a verdict."""

T = TypeVar("T")


class CycleState:
    """What the plugins of one scheduling cycle leave for their later extension points."""

    def __init__(self) -> None:
        self._data: dict[str, Any] = {}
        self.skip_filter: set[str] = set()
        self.skip_score: set[str] = set()
        self.fixed: dict[str, Verdict | None] = {}
        """What Filter plugins without trials said: it holds for the whole cycle."""

    def write(self, key: str, value: Any) -> None:
        self._data[key] = value

    def read(self, key: str, of: type[T]) -> T:
        value = self._data[key]
        assert isinstance(value, of)
        return value

    def peek(self, key: str, of: type[T]) -> T | None:
        """None when nobody wrote it: the plugin's Filter was skipped."""
        value = self._data.get(key)
        assert value is None or isinstance(value, of)
        return value


@dataclass(slots=True)
class Verdict:
    """One Filter plugin on all nodes: bit i of `failures[row]` set means that `reasons[i]` speaks against the node."""

    reasons: tuple[str, ...]
    failures: NDArray[np.uint64]
    unresolvable: Bools | bool
    """Where preemption cannot help."""

    @staticmethod
    def of(failed: Bools, reason: str, *, unresolvable: bool) -> Verdict:
        return Verdict((reason,), failed.astype(np.uint64), unresolvable)

    def refusal(self, row: int) -> Refusal | None:
        """What it says of one node."""
        bits = int(self.failures[row])
        if not bits:
            return None
        never = self.unresolvable if isinstance(self.unresolvable, bool) else bool(self.unresolvable[row])
        return Refusal(tuple(reason for bit, reason in enumerate(self.reasons) if bits >> bit & 1), never)


@dataclass(slots=True)
class Diagnosis:
    """Why each node was refused; the first plugin that refused a node is the one that counts."""

    names: tuple[str, ...]
    """Node names by row; "" where there is no node."""
    node_count: int = 0
    refused_by: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    """Index into `verdicts` per row; -1: fits, -2: never asked (or no node)."""
    failures: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    unresolvable: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    verdicts: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """(plugin, its reasons by bit)."""
    absent: Status | None = None
    """What holds for the nodes that were never asked."""
    pre_filter_message: str = ""
    post_filter_message: str = ""
    unschedulable_plugins: set[str] = field(default_factory=set)
    pending_plugins: set[str] = field(default_factory=set)

    def resolvable(self) -> Bools:
        """The rows where removing Pods might help."""
        if self.pre_filter_message:
            possible = self.absent is not None and self.absent.code.name == "UNSCHEDULABLE"
            return np.fromiter((possible and name != "" for name in self.names), np.bool_, len(self.names))
        return (self.refused_by >= 0) & ~self.unresolvable

    def counts(self) -> Counter[str]:
        """Nodes per reason."""
        result: Counter[str] = Counter()
        for index, (_, reasons) in enumerate(self.verdicts):
            failures = self.failures[self.refused_by == index]
            for bit, reason in enumerate(reasons):
                count = int(np.count_nonzero(failures & np.uint64(1 << bit)))
                if count:
                    result[reason] += count
        if self.absent is not None:
            asked = int(np.count_nonzero(self.refused_by >= -1))
            for reason in self.absent.reasons:
                result[reason] += self.node_count - asked
        return +result

    def message(self) -> str:
        """The text of the event and the condition. Source: pkg/scheduler/framework/types.go, FitError."""
        return fit_error_message(
            self.node_count,
            Counter() if self.pre_filter_message else self.counts(),
            self.pre_filter_message,
            self.post_filter_message,
        )


def fit_error_message(
    node_count: int, counts: Counter[str], pre_filter_message: str = "", post_filter_message: str = ""
) -> str:
    text = f"0/{node_count} nodes are available:"
    if pre_filter_message:
        text += f" {pre_filter_message}."
    reasons = sorted(f"{count} {reason}" for reason, count in counts.items())
    if reasons:
        text += f" {', '.join(reasons)}."
    if post_filter_message:
        text += f" {post_filter_message}"
    return text


class Plugin(Protocol):
    @property
    def name(self) -> str: ...


@runtime_checkable
class PreEnqueuePlugin(Protocol):
    def pre_enqueue(self, info: PodInfo) -> Status:
        """Whether the Pod may enter the active queue."""
        ...


@runtime_checkable
class QueueSortPlugin(Protocol):
    def sort_key(self, queued: QueuedPodInfo) -> tuple[Any, ...]:
        """Smaller is scheduled earlier. Differs: upstream compares two Pods."""
        ...


@runtime_checkable
class EnqueueExtensions(Protocol):
    def events_to_register(self) -> Sequence[Registration]:
        """The events that may make a Pod schedulable which this plugin rejected."""
        ...


@dataclass(slots=True, frozen=True)
class PreFilterResult:
    status: Status
    """Success; Skip: the plugin's Filter need not be asked; rejected: the Pod fits nowhere."""
    node_names: frozenset[str] | None = None
    """The only nodes worth asking; None: all."""


@runtime_checkable
class PreFilterPlugin(Protocol):
    def pre_filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> PreFilterResult: ...


@runtime_checkable
class FilterPlugin(Protocol):
    def filter(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None:
        """None: every node will do."""
        ...


@dataclass(slots=True, frozen=True)
class Refusal:
    """Why one node will not do."""

    reasons: tuple[str, ...]
    unresolvable: bool = False


class Trial(Protocol):
    """What one Filter plugin would say of one node if other Pods were there, or were not."""

    def add(self, other: PodInfo) -> None: ...

    def remove(self, other: PodInfo) -> None: ...

    def refusal(self) -> Refusal | None: ...


@runtime_checkable
class TrialPlugin(Protocol):
    """A Filter plugin whose verdict depends on the Pods that are there: preemption and nominations need its trials.

    The verdict of a Filter plugin without trials is taken to hold whatever Pods come and go.
    """

    def trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> Trial: ...


@runtime_checkable
class RowTrialPlugin(Protocol):
    """A plugin whose trials look at the node's own Pods and room, and at the Pod's `trial_key`; at no more."""

    def trial_key(self, info: PodInfo) -> Hashable: ...


@runtime_checkable
class FilterWithoutPlugin(Protocol):
    """A Filter plugin that can say for all nodes at once what removing every Pod of lower priority would change."""

    def filter_without(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> Verdict | None: ...


class FixedTrial:
    """A refusal that no coming and going of Pods changes."""

    def __init__(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def add(self, other: PodInfo) -> None: ...

    def remove(self, other: PodInfo) -> None: ...

    def refusal(self) -> Refusal:
        return self._refusal


class NodeTrial:
    """All trials of one node. The Pod must fit with and without the Pods that the node is promised to.

    Source: pkg/scheduler/framework/runtime/framework.go, RunFilterPluginsWithNominatedPods.
    """

    def __init__(self, trials: Callable[[], list[tuple[str, Trial]]], promised: Sequence[PodInfo] = ()) -> None:
        self._passes = [trials()]
        if promised:
            self._passes.insert(0, trials())
            for other in promised:
                for _, trial in self._passes[0]:
                    trial.add(other)

    def add(self, other: PodInfo) -> None:
        for trials in self._passes:
            for _, trial in trials:
                trial.add(other)

    def remove(self, other: PodInfo) -> None:
        for trials in self._passes:
            for _, trial in trials:
                trial.remove(other)

    def refusal(self) -> tuple[str, Refusal] | None:
        """The first plugin that refuses the node, and why."""
        for trials in self._passes:
            for name, trial in trials:
                refusal = trial.refusal()
                if refusal is not None:
                    return name, refusal
        return None


class Tries(Protocol):
    """What a profile lets its PostFilter plugins try out."""

    def node_trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> NodeTrial: ...

    def trial_key(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Hashable: ...

    def without_lower(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> tuple[str, Verdict] | None: ...


@runtime_checkable
class PostFilterPlugin(Protocol):
    def post_filter(
        self, tries: Tries, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis
    ) -> tuple[str | None, Status]:
        """Asked when no node fits: (node to nominate, "" to clear, None to leave alone; status)."""
        ...


@runtime_checkable
class PreScorePlugin(Protocol):
    def pre_score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Status:
        """Skip: the plugin's Score need not be asked."""
        ...


@runtime_checkable
class ScorePlugin(Protocol):
    def score(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Ints:
        """One score a feasible row, in the order of `rows`."""
        ...


@runtime_checkable
class NormalizeScorePlugin(Protocol):
    def normalize(self, state: CycleState, info: PodInfo, scores: Ints) -> Ints:
        """The scores brought into 0..100."""
        ...


@runtime_checkable
class ReservePlugin(Protocol):
    def reserve(self, state: CycleState, info: PodInfo, node_name: str) -> Status: ...

    def unreserve(self, state: CycleState, info: PodInfo, node_name: str) -> None: ...


@runtime_checkable
class PermitPlugin(Protocol):
    def permit(self, state: CycleState, info: PodInfo, node_name: str) -> tuple[Status, float]:
        """Success, rejected, or Wait with how many seconds at most."""
        ...


@runtime_checkable
class PreBindPlugin(Protocol):
    async def pre_bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status: ...


@runtime_checkable
class PreBindWaitPlugin(Protocol):
    """A PreBind plugin that may wait for others, longer than a binding takes."""

    def pre_bind_waits(self, state: CycleState, info: PodInfo, node_name: str) -> bool: ...


@runtime_checkable
class BindPlugin(Protocol):
    async def bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        """Skip: another bind plugin shall do it."""
        ...


@runtime_checkable
class PostBindPlugin(Protocol):
    def post_bind(self, state: CycleState, info: PodInfo, node_name: str) -> None: ...


@dataclass(slots=True, frozen=True)
class PluginArguments:
    """What a plugin may need when it is built."""

    arguments: dict[str, Any]
    """Its `args` from the configuration file."""
    handle: Any = None
    """What plugins may use of the scheduler (`handle.Handle`)."""


def default_normalize(scores: Ints, *, reverse: bool) -> Ints:
    """Scales to 0..100 by the largest. Source: framework/plugins/helper/normalize_score.go."""
    largest = int(scores.max()) if len(scores) else 0
    if largest == 0:
        return np.full_like(scores, MAX_NODE_SCORE) if reverse else scores
    scaled = scores * MAX_NODE_SCORE // largest
    return MAX_NODE_SCORE - scaled if reverse else scaled
