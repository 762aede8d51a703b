"""What can be configured of the scheduler, and its reading from a KubeSchedulerConfiguration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DEFAULT_SCHEDULER = "default-scheduler"
_API_VERSION = "kubescheduler.config.k8s.io/v1"


class ConfigError(ValueError):
    """A configuration that cannot be used; the text says why."""


@dataclass(slots=True)
class ProfileConfig:
    """One scheduler by name: the default plugins, less the disabled, plus the enabled."""

    scheduler_name: str = DEFAULT_SCHEDULER
    enabled: dict[str, int] = field(default_factory=dict)
    """Plugin -> weight (0: the default one), asked after the default plugins."""
    disabled: frozenset[str] = frozenset()
    """"*" disables all that are not enabled."""
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class SchedulerConfig:
    profiles: list[ProfileConfig] = field(default_factory=lambda: [ProfileConfig()])
    initial_backoff_s: float = 1.0
    max_backoff_s: float = 10.0
    max_in_unschedulable_s: float = 300.0
    """A Pod that nothing woke is tried again after this long."""
    leader_elect: bool = False
    lease_duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0
    identity: str = ""
    parallel_bindings: int = 64
    """How many bindings may be under way at once."""


def from_tree(tree: Any) -> SchedulerConfig:
    """From a parsed KubeSchedulerConfiguration. Raises ConfigError.

    Source: kube-scheduler/config/v1/types.go. Differs: only the `multiPoint`, `preFilter`, `filter`, `preScore` and
    `score` plugin sets are read, and they are read as one.
    """
    if not isinstance(tree, dict) or tree.get("kind") != "KubeSchedulerConfiguration":
        raise ConfigError("the scheduler's configuration must be of kind KubeSchedulerConfiguration")
    if tree.get("apiVersion") != _API_VERSION:
        raise ConfigError(
            f"apiVersion {tree.get('apiVersion')!r} of the configuration is not supported, only {_API_VERSION}"
        )
    config = SchedulerConfig()
    config.initial_backoff_s = float(tree.get("podInitialBackoffSeconds") or config.initial_backoff_s)
    config.max_backoff_s = float(tree.get("podMaxBackoffSeconds") or config.max_backoff_s)
    if config.max_backoff_s < config.initial_backoff_s:
        raise ConfigError("podMaxBackoffSeconds must not be less than podInitialBackoffSeconds")
    config.leader_elect = bool((tree.get("leaderElection") or {}).get("leaderElect", False))
    profiles = [_profile(profile) for profile in tree.get("profiles") or []]
    names = [profile.scheduler_name for profile in profiles]
    if len(set(names)) != len(names):
        raise ConfigError("two profiles have the same schedulerName")
    config.profiles = profiles or config.profiles
    return config


def _profile(tree: dict[str, Any]) -> ProfileConfig:
    enabled: dict[str, int] = {}
    disabled: set[str] = set()
    for point in ("multiPoint", "preFilter", "filter", "preScore", "score"):
        plugins = (tree.get("plugins") or {}).get(point) or {}
        enabled.update({entry["name"]: int(entry.get("weight") or 0) for entry in plugins.get("enabled") or []})
        disabled.update(entry["name"] for entry in plugins.get("disabled") or [])
    arguments = {entry["name"]: entry.get("args") or {} for entry in tree.get("pluginConfig") or []}
    return ProfileConfig(tree.get("schedulerName") or DEFAULT_SCHEDULER, enabled, frozenset(disabled), arguments)
