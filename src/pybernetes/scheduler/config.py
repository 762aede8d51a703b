"""What can be configured of the scheduler, and its reading from a KubeSchedulerConfiguration."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pybernetes.apimachinery.extended_resources import is_extended
from pybernetes.apimachinery.times import TimeError, parse_duration

DEFAULT_SCHEDULER = "default-scheduler"
_API_VERSION = "kubescheduler.config.k8s.io/v1"


class ConfigError(ValueError):
    """A configuration that cannot be used; the text says why."""


POINTS = (
    "preEnqueue", "queueSort", "preFilter", "filter", "postFilter", "preScore", "score", "reserve", "permit", "preBind",
    "bind", "postBind",
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class PluginSet:
    """What is changed at one extension point."""

    enabled: Mapping[str, int] = field(default_factory=dict)
    """Plugin -> weight (0: the default one)."""
    disabled: frozenset[str] = frozenset()
    """"*" disables all that are not enabled."""


@dataclass(slots=True)
class ProfileConfig:
    """One scheduler by name: the default plugins, less the disabled, plus the enabled."""

    scheduler_name: str = DEFAULT_SCHEDULER
    enabled: dict[str, int] = field(default_factory=dict)
    """Plugin -> weight (0: the default one), asked after the default plugins."""
    disabled: frozenset[str] = frozenset()
    """"*" disables all that are not enabled."""
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: dict[str, PluginSet] = field(default_factory=dict)
    """By extension point, what is changed there alone."""


@dataclass(slots=True, frozen=True)
class ExtenderConfig:
    """A server that has a say; a verb that is "" is never asked.

    Source: kube-scheduler/config/v1/types.go, Extender.
    """

    url_prefix: str
    filter_verb: str = ""
    prioritize_verb: str = ""
    preempt_verb: str = ""
    bind_verb: str = ""
    weight: int = 0
    timeout_s: float = 5.0
    node_cache_capable: bool = False
    """Gets names instead of nodes."""
    managed_resources: frozenset[str] = frozenset()
    """Only Pods that ask for one of these are shown to it; empty: all are."""
    ignorable: bool = False
    """When it fails, the Pod is scheduled without it."""
    server_name: str = ""
    insecure: bool = False
    _certificates: tuple[bytes, bytes, bytes] = (b"", b"", b"")
    """PEM of the CA, of the client certificate and of its key."""

    def ssl_context(self) -> ssl.SSLContext | None:
        """Raises ValueError. Without a CA, a server is believed as upstream believes it: unverified."""
        if not self.url_prefix.startswith("https:"):
            return None
        from pybernetes.http import tls

        ca, certificate, key = self._certificates
        return tls.client_context(ca or None, certificate or None, key or None, verify=bool(ca) and not self.insecure)


@dataclass(slots=True)
class SchedulerConfig:
    profiles: list[ProfileConfig] = field(default_factory=lambda: [ProfileConfig()])
    extenders: list[ExtenderConfig] = field(default_factory=list)
    initial_backoff_s: float = 1.0
    max_backoff_s: float = 10.0
    max_in_unschedulable_s: float = 300.0
    """A Pod that nothing woke is tried again after this long."""
    leader_elect: bool = False
    lease_duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0
    identity: str = ""
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    """--feature-gates: what apimachinery.features.FeatureGates is made of."""
    parallel_bindings: int = 64
    """How many bindings may be under way at once."""


def from_tree(tree: Any) -> SchedulerConfig:
    """From a parsed KubeSchedulerConfiguration. Raises ConfigError.

    Source: kube-scheduler/config/v1/types.go.
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
    trees = tree.get("extenders") or []
    config.extenders = [_extender(each, f"extenders[{index}]") for index, each in enumerate(trees)]
    _check_extenders(config.extenders)
    _leave_to_extenders(trees, config.profiles)
    return config


def _profile(tree: dict[str, Any]) -> ProfileConfig:
    sets = {point: _plugin_set(plugins or {}) for point, plugins in (tree.get("plugins") or {}).items()}
    unknown = sorted(sets.keys() - {"multiPoint", *POINTS})
    if unknown:
        raise ConfigError(f"there is no extension point {unknown[0]!r}")
    everywhere = sets.pop("multiPoint", PluginSet())
    arguments = {entry["name"]: entry.get("args") or {} for entry in tree.get("pluginConfig") or []}
    name = tree.get("schedulerName") or DEFAULT_SCHEDULER
    return ProfileConfig(name, dict(everywhere.enabled), everywhere.disabled, arguments, sets)


def _plugin_set(tree: dict[str, Any]) -> PluginSet:
    enabled = {entry["name"]: int(entry.get("weight") or 0) for entry in tree.get("enabled") or []}
    return PluginSet(enabled, frozenset(entry["name"] for entry in tree.get("disabled") or []))


def _extender(tree: dict[str, Any], path: str) -> ExtenderConfig:
    settings = tree.get("tlsConfig") or {}
    timeout = str(tree.get("httpTimeout") or "5s")
    try:
        timeout_s = parse_duration(timeout)
        certificates = _pem(settings, "ca"), _pem(settings, "cert"), _pem(settings, "key")
    except (TimeError, OSError, binascii.Error) as error:
        raise ConfigError(f"{path}: {error}") from error
    extender = ExtenderConfig(
        str(tree.get("urlPrefix") or ""),
        filter_verb=str(tree.get("filterVerb") or ""),
        prioritize_verb=str(tree.get("prioritizeVerb") or ""),
        preempt_verb=str(tree.get("preemptVerb") or ""),
        bind_verb=str(tree.get("bindVerb") or ""),
        weight=int(tree.get("weight") or 0),
        timeout_s=timeout_s,
        node_cache_capable=bool(tree.get("nodeCacheCapable")),
        managed_resources=frozenset(_managed(tree, path)),
        ignorable=bool(tree.get("ignorable")),
        server_name=str(settings.get("serverName") or ""),
        insecure=bool(settings.get("insecure")),
        _certificates=certificates,
    )
    if extender.prioritize_verb and extender.weight <= 0:
        raise ConfigError(f"{path}.weight: Invalid value: {extender.weight}: must have a positive weight applied to it")
    if timeout_s <= 0:
        raise ConfigError(f"{path}.httpTimeout: Invalid value: {timeout}: must be positive")
    return extender


def _managed(tree: dict[str, Any], path: str) -> list[str]:
    names = [str(resource.get("name")) for resource in tree.get("managedResources") or []]
    for index, name in enumerate(names):
        if not is_extended(name):
            where = f"{path}.managedResources[{index}].name"
            raise ConfigError(f"{where}: Invalid value: {name!r}: must be an extended resource name")
    return names


def _pem(settings: dict[str, Any], kind: str) -> bytes:
    """`<kind>Data`, else what is in `<kind>File`."""
    data, file = settings.get(f"{kind}Data"), settings.get(f"{kind}File")
    if data:
        return base64.b64decode(data, validate=True)
    return Path(file).read_bytes() if file else b""


def _check_extenders(extenders: list[ExtenderConfig]) -> None:
    binders = sum(bool(extender.bind_verb) for extender in extenders)
    if binders > 1:
        raise ConfigError(
            f"extenders: found {binders} extenders implementing bind; only one extender can implement bind"
        )
    names = [name for extender in extenders for name in extender.managed_resources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"extenders: two of them manage the resource {twice[0]!r}")


def _leave_to_extenders(trees: list[dict[str, Any]], profiles: list[ProfileConfig]) -> None:
    """What `ignoredByScheduler` says: nodes are not compared by these resources."""
    resources = [resource for tree in trees for resource in tree.get("managedResources") or []]
    ignored = [resource["name"] for resource in resources if resource.get("ignoredByScheduler")]
    if ignored:
        for profile in profiles:
            profile.arguments.setdefault("NodeResourcesFit", {})["ignoredResources"] = ignored
