"""From the number that metrics ask for to the number that is set: stabilization, rates, limits. Pure.

Source: pkg/controller/podautoscaler/horizontal.go (normalizeDesiredReplicas, …WithBehaviors, storeScaleEvent).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from pybernetes.api.autoscaling.v2 import HorizontalPodAutoscalerBehavior, HPAScalingRules

_LIMIT_FACTOR, _LIMIT_LEAST = 2, 4
"""Without a behavior, one step at most doubles, or goes to four."""
READY = ("ReadyForNewScale", "recommended size matches current size")
WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
_UP_STABILIZED = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
_DOWN_STABILIZED = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
_UP_LIMIT = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
_DOWN_LIMIT = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
_TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")

Said = tuple[str, str]
"""A condition's reason and message."""
Dated = tuple[float, int]
"""A time and a number of replicas."""


@dataclass(slots=True)
class History:
    """What was recommended and done for one autoscaler, as long as it matters."""

    recommendations: list[Dated] = field(default_factory=list)
    ups: list[Dated] = field(default_factory=list)
    downs: list[Dated] = field(default_factory=list)

    def begin(self, current: int, now: float) -> None:
        """The size that an autoscaler finds counts as recommended: a restart must not scale down at once."""
        if not self.recommendations:
            self.recommendations = [(now, current)]

    def scaled(self, behavior: HorizontalPodAutoscalerBehavior | None, before: int, after: int, now: float) -> None:
        """Notes a change of size for the policies that limit changes in a period."""
        if behavior is None:
            return
        rules, change = (behavior.scaleUp, after - before) if after > before else (behavior.scaleDown, before - after)
        period_s = max((policy.periodSeconds for policy in rules.policies or []), default=0) if rules is not None else 0
        events = self.ups if after > before else self.downs
        events[:] = [*(event for event in events if event[0] >= now - period_s), (now, change)]

    def _recommended(self, desired: int, keep_s: float, now: float) -> None:
        kept = [each for each in self.recommendations if each[0] >= now - keep_s]
        self.recommendations = [*kept, (now, desired)]


@dataclass(frozen=True, slots=True)
class Normalized:
    """A size and what the conditions AbleToScale and ScalingLimited say of it."""

    replicas: int
    able: Said
    limited: bool
    limit: Said


def normalized(
    history: History, current: int, desired: int, low: int, high: int, window_s: float, now: float
) -> Normalized:
    """Without a behavior: not below what was recommended within the window, one step at most doubles."""
    recent = [replicas for at, replicas in history.recommendations if at >= now - window_s]
    stable = max([desired, *recent])
    history._recommended(desired, window_s, now)
    able = _DOWN_STABILIZED if stable != desired else READY
    limit = max(_LIMIT_FACTOR * current, _LIMIT_LEAST)
    if stable < low:
        return Normalized(low, able, True, _TOO_FEW)
    if stable > min(high, limit):
        return Normalized(min(high, limit), able, True, _UP_LIMIT if high > limit else _TOO_MANY)
    return Normalized(stable, able, False, WITHIN)


def normalized_by(
    behavior: HorizontalPodAutoscalerBehavior,
    history: History,
    current: int,
    desired: int,
    low: int,
    high: int,
    window_s: float,
    now: float,
) -> Normalized:
    """By a behavior; `window_s` is for scaling down where the behavior names none."""
    up, down = behavior.scaleUp or HPAScalingRules(), behavior.scaleDown or HPAScalingRules()
    down_s = window_s if down.stabilizationWindowSeconds is None else float(down.stabilizationWindowSeconds)
    stable = _stabilized(history, current, desired, float(up.stabilizationWindowSeconds or 0), down_s, now)
    able = READY if stable == desired else _UP_STABILIZED if desired >= current else _DOWN_STABILIZED
    replicas, limit = _limited(history, up, down, current, stable, low, high, now)
    return Normalized(replicas, able, replicas != stable, limit)


def _stabilized(history: History, current: int, desired: int, up_s: float, down_s: float, now: float) -> int:
    """Up only to the least of what was recommended lately, down only to the most."""
    least = min([desired, *(replicas for at, replicas in history.recommendations if at > now - up_s)])
    most = max([desired, *(replicas for at, replicas in history.recommendations if at > now - down_s)])
    history._recommended(desired, max(up_s, down_s), now)
    return min(max(current, least), most)


def _limited(
    history: History, up: HPAScalingRules, down: HPAScalingRules, current: int, desired: int, low: int, high: int,
    now: float,
) -> tuple[int, Said]:  # fmt: skip
    if desired > current:
        limit = max(current, _up_limit(history, up, current, now))
        if desired > min(high, limit):
            return min(high, limit), _UP_LIMIT if high > limit else _TOO_MANY
    elif desired < current:
        limit = min(current, _down_limit(history, down, current, now))
        if desired < max(low, limit):
            return max(low, limit), _DOWN_LIMIT if low < limit else _TOO_FEW
    return desired, WITHIN


def _up_limit(history: History, rules: HPAScalingRules, current: int, now: float) -> int:
    if rules.selectPolicy == "Disabled":
        return current
    proposed = []
    for policy in rules.policies or []:
        start = _at_start(history, policy.periodSeconds, current, now)
        # Rounded up: a small percentage of few Pods would never add one.
        grown = math.ceil(start * (1 + policy.value / 100)) if policy.type == "Percent" else start + policy.value
        proposed.append(grown)
    if not proposed:
        return current
    return min(proposed) if rules.selectPolicy == "Min" else max(proposed)


def _down_limit(history: History, rules: HPAScalingRules, current: int, now: float) -> int:
    if rules.selectPolicy == "Disabled":
        return current
    proposed = []
    for policy in rules.policies or []:
        start = _at_start(history, policy.periodSeconds, current, now)
        proposed.append(int(start * (1 - policy.value / 100)) if policy.type == "Percent" else start - policy.value)
    if not proposed:
        return current
    return max(proposed) if rules.selectPolicy == "Min" else min(proposed)


def _at_start(history: History, period_s: int, current: int, now: float) -> int:
    """How many there were when the period began, by the changes since."""
    return current - _changed(history.ups, now - period_s) + _changed(history.downs, now - period_s)


def _changed(events: Iterable[Dated], since: float) -> int:
    return sum(change for at, change in events if at > since)
