"""One configured set of plugins, sorted by extension point, and the runs through each point.

No I/O but what bind plugins do. Source: pkg/scheduler/framework/runtime/framework.go.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar, cast

import numpy as np

from pybernetes.scheduler import framework as fw
from pybernetes.scheduler.columns import Bools, Ints
from pybernetes.scheduler.config import ConfigError, PluginSet, ProfileConfig
from pybernetes.scheduler.events import ANYTHING, Registration
from pybernetes.scheduler.extender_answers import told
from pybernetes.scheduler.framework import CycleState, Diagnosis
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.plugins.registry import FACTORIES, factory
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SUCCESS, Code, Status, failed

P = TypeVar("P")
_REFUSALS_KNOWN = 100_000


class Profile:
    def __init__(self, config: ProfileConfig, handle: Handle) -> None:
        self.name = config.scheduler_name
        plugins, weights = _plugins(config, handle)

        def at(point: str, protocol: Callable[..., P] | type[P]) -> list[tuple[str, P]]:
            return _at(config, plugins, point, protocol)

        self.plugins = plugins
        self.weights = weights
        self.pre_enqueue_plugins = at("preEnqueue", fw.PreEnqueuePlugin)
        self.pre_filter_plugins = at("preFilter", fw.PreFilterPlugin)
        self.filter_plugins = at("filter", fw.FilterPlugin)
        self._trials = dict(_of(self.filter_plugins, fw.TrialPlugin))
        self.post_filter_plugins = at("postFilter", fw.PostFilterPlugin)
        self.pre_score_plugins = at("preScore", fw.PreScorePlugin)
        self.score_plugins = at("score", fw.ScorePlugin)
        self._refused: dict[Hashable, tuple[int, tuple[str, fw.Refusal] | None]] = {}
        """What was found of promised nodes, and when."""
        self._refused_on: Snapshot | None = None
        self._normalizers = dict(_of(self.score_plugins, fw.NormalizeScorePlugin))
        self.reserve_plugins = at("reserve", fw.ReservePlugin)
        self.permit_plugins = at("permit", fw.PermitPlugin)
        self.pre_bind_plugins = at("preBind", fw.PreBindPlugin)
        self._waiting_pre_binders = _of(self.pre_bind_plugins, fw.PreBindWaitPlugin)
        self.bind_plugins = at("bind", fw.BindPlugin)
        self.post_bind_plugins = at("postBind", fw.PostBindPlugin)
        sorts = at("queueSort", fw.QueueSortPlugin)
        if len(sorts) != 1 or not self.bind_plugins:
            raise ConfigError(f"profile {self.name!r} needs exactly one queue sort plugin and at least one bind plugin")
        self.queue_sort = sorts[0][1]
        self.registrations: dict[str, list[Registration]] = {
            name: list(plugin.events_to_register()) for name, plugin in _of(plugins.items(), fw.EnqueueExtensions)
        }

    def extend(self, name: str, binder: fw.BindPlugin) -> None:
        """Lets extenders take part: they bind before the plugins do, and whatever happens may please them."""
        self.bind_plugins.insert(0, (name, binder))
        self.registrations[name] = [Registration(ANYTHING)]

    def pre_enqueue(self, info: PodInfo) -> Status:
        """The first plugin that keeps the Pod out of the queue, or success."""
        for name, plugin in self.pre_enqueue_plugins:
            status = plugin.pre_enqueue(info)
            if not status.success:
                return status.of(name)
        return SUCCESS

    def find_feasible(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, *, without: str = ""
    ) -> tuple[Ints, Diagnosis, Status]:
        """(rows that fit, why the others do not, an error if a plugin failed); `without`: a plugin not to ask."""
        diagnosis = Diagnosis(snapshot.names(), snapshot.node_count)
        candidates, status = self._pre_filter(state, info, snapshot, diagnosis, without)
        if not status.success:
            return np.zeros(0, np.int64), diagnosis, status
        diagnosis.refused_by = candidates.astype(np.int16) - np.int16(2)  # -1 and -2
        diagnosis.failures = np.zeros(snapshot.rows, np.uint64)
        diagnosis.unresolvable = np.zeros(snapshot.rows, np.bool_)
        feasible = candidates
        for name, plugin in self.filter_plugins:
            if name in state.skip_filter or name == without:
                continue
            verdict = self._verdict(state, info, snapshot, name, plugin)
            if verdict is None:
                continue
            refused = feasible & (verdict.failures != 0)
            if refused.any():
                diagnosis.refused_by[refused] = len(diagnosis.verdicts)
                diagnosis.failures[refused] = verdict.failures[refused]
                diagnosis.unresolvable |= refused & verdict.unresolvable
                diagnosis.verdicts.append((name, verdict.reasons))
                diagnosis.unschedulable_plugins.add(name)
                feasible = feasible & ~refused
                if not feasible.any():
                    break
        if feasible.any():
            self._yield_promised(state, info, snapshot, diagnosis, feasible)
        return feasible.nonzero()[0], diagnosis, SUCCESS

    def node_trial(self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int) -> fw.NodeTrial:
        """What the filters would say of a node with other Pods on it; those it is promised to count as there."""

        def trials() -> list[tuple[str, fw.Trial]]:
            found: list[tuple[str, fw.Trial]] = []
            for name, plugin in self.filter_plugins:
                if name in state.skip_filter:
                    continue
                tried = self._trials.get(name)
                if tried is not None:
                    found.append((name, tried.trial(state, info, snapshot, row)))
                    continue
                verdict = self._verdict(state, info, snapshot, name, plugin)
                refusal = verdict.refusal(row) if verdict is not None else None
                if refusal is not None:
                    found.append((name, fw.FixedTrial(refusal)))
            return found

        return fw.NodeTrial(trials, snapshot.nominations.to_yield_to(info, snapshot.names()[row]))

    def trial_key(self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints) -> Hashable:
        """Pods with one key have the same trials on these nodes, until a node or the Pods there change.

        None: the trials look at more than that.
        """
        keys: list[Hashable] = []
        for name, plugin in self.filter_plugins:
            if name in state.skip_filter:
                continue
            tried = self._trials.get(name)
            if isinstance(tried, fw.RowTrialPlugin):
                keys.append((name, tried.trial_key(info)))
                continue
            verdict = self._verdict(state, info, snapshot, name, plugin) if tried is None else None
            if tried is not None or (verdict is not None and verdict.failures[rows].any()):
                return None
        return tuple(keys)

    def _verdict(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, name: str, plugin: fw.FilterPlugin
    ) -> fw.Verdict | None:
        if name in self._trials:
            return plugin.filter(state, info, snapshot)
        if name not in state.fixed:
            state.fixed[name] = plugin.filter(state, info, snapshot)
        return state.fixed[name]

    def _yield_promised(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis, feasible: Bools
    ) -> None:
        """Strikes out the nodes that would be full once the Pods came that they are promised to.

        Differs: upstream names the reasons with those Pods also for nodes that do not fit without them.
        """
        nominations = snapshot.nominations
        own = snapshot.row_of.get(nominations.node_of(info.uid), -1)
        alone = own >= 0 and feasible[own] and told(state) is None
        if alone and self.node_trial(state, info, snapshot, own).refusal() is None:
            # The node that is promised to the Pod itself is taken: the others are not looked at then.
            return
        promised = [
            row
            for node_name in nominations.nodes()
            if (row := snapshot.row_of.get(node_name, -1)) >= 0
            and feasible[row]
            and nominations.to_yield_to(info, node_name)
        ]
        if not promised:
            return
        kind = self.trial_key(state, info, snapshot, np.array(promised))
        for row in promised:
            refused = self._refused_promised(state, info, snapshot, row, None if row == own else kind)
            if refused is None:
                continue
            plugin, refusal = refused
            feasible[row] = False
            diagnosis.refused_by[row] = len(diagnosis.verdicts)
            diagnosis.failures[row] = (1 << len(refusal.reasons)) - 1
            diagnosis.unresolvable[row] = refusal.unresolvable
            diagnosis.verdicts.append((plugin, refusal.reasons))
            diagnosis.unschedulable_plugins.add(plugin)

    def _refused_promised(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, row: int, kind: Hashable
    ) -> tuple[str, fw.Refusal] | None:
        """What speaks against a node once the Pods came; those of one kind ask once, until the node changes."""
        if kind is None:
            return self.node_trial(state, info, snapshot, row).refusal()
        if self._refused_on is not snapshot or len(self._refused) > _REFUSALS_KNOWN:
            self._refused_on = snapshot
            self._refused.clear()
        at, key = int(snapshot.changed()[row]), (info.priority, kind, row)
        known = self._refused.get(key)
        if known is None or known[0] != at:
            known = self._refused[key] = at, self.node_trial(state, info, snapshot, row).refusal()
        return known[1]

    def without_lower(self, state: CycleState, info: PodInfo, snapshot: Snapshot) -> tuple[str, fw.Verdict] | None:
        """What the first filter that counts Pods says of all nodes once Pods of lower priority are gone, if it can."""
        for name, plugin in self._trials.items():
            if name in state.skip_filter:
                continue
            if not isinstance(plugin, fw.FilterWithoutPlugin):
                return None
            verdict = plugin.filter_without(state, info, snapshot)
            return None if verdict is None else (name, verdict)
        return None

    def _pre_filter(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis, without: str
    ) -> tuple[Bools, Status]:
        everywhere = snapshot.live_rows()
        named: frozenset[str] | None = None
        narrowing: list[str] = []
        for name, plugin in self.pre_filter_plugins:
            if name == without:
                continue
            result = plugin.pre_filter(state, info, snapshot)
            status = result.status
            if status.skip:
                state.skip_filter.add(name)
            elif not status.success:
                status = status.of(name)
                if status.rejected:
                    _reject_everywhere(diagnosis, status)
                return everywhere, status
            if result.node_names is not None:
                narrowing.append(name)
                named = result.node_names if named is None else named & result.node_names
                if not named:
                    text = f"node(s) didn't satisfy plugin(s) [{' '.join(narrowing)}] simultaneously"
                    status = Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, (text,), name)
                    _reject_everywhere(diagnosis, status)
                    return everywhere, status
        if named is None:
            return everywhere.copy(), SUCCESS
        candidates = np.zeros(snapshot.rows, np.bool_)
        candidates[[snapshot.row_of[name] for name in named if name in snapshot.row_of]] = True
        diagnosis.absent = Status(
            Code.UNSCHEDULABLE_AND_UNRESOLVABLE,
            (f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(narrowing))}]",),
        )
        diagnosis.unschedulable_plugins.update(narrowing)
        return candidates, SUCCESS

    def post_filter(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, diagnosis: Diagnosis
    ) -> tuple[str | None, Status]:
        """Asks until one plugin makes room or fails for good. Source: RunPostFilterPlugins."""
        nominated: str | None = None
        reasons: tuple[str, ...] = ()
        for name, plugin in self.post_filter_plugins:
            node_name, status = plugin.post_filter(self, state, info, snapshot, diagnosis)
            if status.success or not status.rejected:
                return node_name, status.of(name)
            nominated = node_name if nominated is None else nominated
            reasons += status.reasons
        return nominated, Status(Code.UNSCHEDULABLE, reasons)

    def score(
        self, state: CycleState, info: PodInfo, snapshot: Snapshot, rows: Ints
    ) -> tuple[Ints, dict[str, Ints], Status]:
        """(total per feasible row, weighted score per plugin: to be read only; an error if a plugin failed)."""
        for name, scorer in self.pre_score_plugins:
            status = scorer.pre_score(state, info, snapshot, rows)
            if status.skip:
                state.skip_score.add(name)
            elif not status.success:
                return rows, {}, status.of(name)
        total = np.zeros(len(rows), np.int64)
        parts: dict[str, Ints] = {}
        for name, plugin in self.score_plugins:
            if name in state.skip_score:
                continue
            scores = plugin.score(state, info, snapshot, rows)
            normalizer = self._normalizers.get(name)
            if normalizer is not None:
                scores = normalizer.normalize(state, info, scores)
            weight = self.weights[name]
            parts[name] = scores if weight == 1 else scores * weight
            total += parts[name]
        return total, parts, SUCCESS

    def reserve(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        for name, plugin in self.reserve_plugins:
            status = plugin.reserve(state, info, node_name)
            if not status.success:
                return status.of(name)
        return SUCCESS

    def unreserve(self, state: CycleState, info: PodInfo, node_name: str) -> None:
        """In reverse order, also for plugins whose Reserve was never reached."""
        for _, plugin in reversed(self.reserve_plugins):
            plugin.unreserve(state, info, node_name)

    def permit(self, state: CycleState, info: PodInfo, node_name: str) -> tuple[Status, dict[str, float]]:
        """Success or rejected; Wait with the seconds each waiting plugin grants itself."""
        waits: dict[str, float] = {}
        for name, plugin in self.permit_plugins:
            status, timeout_s = plugin.permit(state, info, node_name)
            if status.wait:
                waits[name] = timeout_s
            elif not status.success:
                return status.of(name), {}
        return (Status(Code.WAIT), waits) if waits else (SUCCESS, {})

    def waits_before_binding(self, state: CycleState, info: PodInfo, node_name: str) -> bool:
        """Whether PreBind has to wait for others."""
        return any(plugin.pre_bind_waits(state, info, node_name) for _, plugin in self._waiting_pre_binders)

    async def pre_bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        for name, pre_binder in self.pre_bind_plugins:
            status = await pre_binder.pre_bind(state, info, node_name)
            if not status.success:
                return status.of(name)
        return SUCCESS

    async def bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        """The first bind plugin that does not skip, then PostBind."""
        for name, binder in self.bind_plugins:
            status = await binder.bind(state, info, node_name)
            if status.skip:
                continue
            if status.success:
                for _, post_binder in self.post_bind_plugins:
                    post_binder.post_bind(state, info, node_name)
            return status.of(name)
        return failed(RuntimeError("no bind plugin took the pod"))


def _reject_everywhere(diagnosis: Diagnosis, status: Status) -> None:
    diagnosis.absent = status
    diagnosis.pre_filter_message = status.message
    rejectors = diagnosis.pending_plugins if status.code is Code.PENDING else diagnosis.unschedulable_plugins
    rejectors.add(status.plugin)


def _plugins(config: ProfileConfig, handle: Handle) -> tuple[dict[str, fw.Plugin], dict[str, int]]:
    """(every plugin that takes part anywhere, in order; weights)."""
    sets = config.points.values()
    named = {*config.enabled, *config.disabled, *config.arguments}
    named = named.union(*(each.enabled for each in sets), *(each.disabled for each in sets)) - {"*"}
    unknown = sorted(name for name in named if factory(name) is None)
    if unknown:
        raise ConfigError(f"profile {config.scheduler_name!r} names unknown plugins: {', '.join(unknown)}")
    names = _everywhere(config)
    names += dict.fromkeys(name for each in sets for name in each.enabled if name not in names)
    plugins, weights = {}, {}
    for name in names:
        found = factory(name)
        assert found is not None
        weight, make = found
        try:
            plugin = make(fw.PluginArguments(config.arguments.get(name, {})), handle)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"arguments of plugin {name}: {error}") from error
        plugins[name] = plugin
        scoring = config.points.get("score", PluginSet())
        weights[name] = scoring.enabled.get(name) or config.enabled.get(name) or weight or 1
    return plugins, weights


def _everywhere(config: ProfileConfig) -> list[str]:
    """The plugins that take part wherever they can."""
    if "*" in config.disabled:
        return list(config.enabled)
    # An enabled default plugin keeps its place.
    names = [name for name in FACTORIES if name in config.enabled or name not in config.disabled]
    return names + [name for name in config.enabled if name not in FACTORIES]


def _at(
    config: ProfileConfig, plugins: Mapping[str, fw.Plugin], point: str, protocol: Callable[..., P] | type[P]
) -> list[tuple[str, P]]:
    """The plugins of one extension point: those named there first, if they are plugins everywhere too.

    Source: runtime/framework.go, expandMultiPointPlugins.
    """
    here = config.points.get(point, PluginSet())
    everywhere = _everywhere(config)
    for name in here.enabled:
        if not isinstance(plugins[name], cast("type[P]", protocol)):
            raise ConfigError(f"profile {config.scheduler_name!r}: plugin {name!r} does not extend {point}")
    left = [] if "*" in here.disabled else [name for name in everywhere if name not in here.disabled]
    names = [name for name in here.enabled if name in left]
    names += [name for name in left if name not in here.enabled]
    names += [name for name in here.enabled if name not in names]
    return _of([(name, plugins[name]) for name in names], protocol)


def _of(plugins: Iterable[tuple[str, Any]], protocol: Callable[..., P] | type[P]) -> list[tuple[str, P]]:
    return [(name, plugin) for name, plugin in plugins if isinstance(plugin, cast("type[P]", protocol))]
