"""PodSecurity: a namespace's labels say which Pods it takes, and which it takes with a warning.

Source: pod-security-admission/admission/admission.go, api/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin
from pybernetes.apiserver.admission.pod_security.checks import findings

PREFIX = "pod-security.kubernetes.io/"
_LEVELS = ("privileged", "baseline", "restricted")
_version = re.compile(r"v1\.(0|[1-9][0-9]*)").fullmatch
_LABELS = Path("metadata", "labels")
_TEMPLATES = {
    ("", "podtemplates"), ("", "replicationcontrollers"), ("apps", "replicasets"), ("apps", "deployments"),
    ("apps", "daemonsets"), ("apps", "statefulsets"), ("batch", "jobs"), ("batch", "cronjobs"),
}  # fmt: skip
_PODS_CHECKED = 3000


@dataclass(frozen=True, slots=True)
class LevelVersion:
    level: str = "privileged"
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


@dataclass(slots=True)
class Policy:
    enforce: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()
    errors: list[FieldError] = field(default_factory=list)


def policy_of(labels: Mapping[str, str]) -> Policy:
    """What a namespace's labels ask for. A wrong level to enforce counts as restricted, a wrong one to warn as none."""
    policy = Policy()
    levels: dict[str, str] = {}
    versions: dict[str, str] = {}
    for mode in ("enforce", "audit", "warn"):
        key = f"{PREFIX}{mode}"
        level, version = labels.get(key), labels.get(f"{key}-version")
        if level in _LEVELS:
            levels[mode] = level
        elif level is not None:
            why = f"must be one of {', '.join(_LEVELS)}"
            policy.errors.append(FieldError.invalid(_LABELS.key(key), level, why))
        if version is not None:
            if version != "latest" and not _version(version):
                why = 'must be "latest" or "v1.x"'
                policy.errors.append(FieldError.invalid(_LABELS.key(f"{key}-version"), version, why))
                version = "latest"
            versions[mode] = version
    wrong = f"{PREFIX}enforce" in labels and "enforce" not in levels
    enforce = "restricted" if wrong else levels.get("enforce", "privileged")
    policy.enforce = LevelVersion(enforce, versions.get("enforce", "latest"))
    policy.warn = LevelVersion(levels.get("warn", "privileged"), versions.get("warn", "latest"))
    if f"{PREFIX}warn" not in labels and _LEVELS.index(levels.get("enforce", "privileged")):
        policy.warn = LevelVersion(levels["enforce"], versions.get("warn", policy.enforce.version))
    return policy


def violations(wanted: LevelVersion, spec: core.PodSpec) -> str:
    return ", ".join(str(finding) for finding in findings(wanted.level, spec))


class PodSecurity(Plugin):
    name = "PodSecurity"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({
        ("", "namespaces", ""), ("", "pods", ""), ("", "pods", "ephemeralcontainers"), ("", "pods", "resize"),
        *((group, plural, "") for group, plural in _TEMPLATES),
    })  # fmt: skip
    validates = True

    async def validate(self, attributes: Attributes) -> None:
        if attributes.resource.plural == "namespaces":
            await self._namespace(attributes)
            return
        namespace = await self.reader.read(core.Namespace, attributes.namespace)
        labels = namespace.metadata.labels if namespace is not None else {}
        if not any(key.startswith(PREFIX) for key in labels):
            return
        policy = policy_of(labels)
        is_pod = attributes.resource.plural == "pods"
        if is_pod and attributes.operation == "UPDATE" and not _is_significant(attributes):
            return
        spec = _spec_of(attributes.object)
        if spec is None:
            return
        if is_pod and (found := violations(policy.enforce, spec)):
            raise attributes.forbidden(f'violates PodSecurity "{policy.enforce}": {found}')
        if found := violations(policy.warn, spec):
            attributes.ctx.warnings.append(f'would violate PodSecurity "{policy.warn}": {found}')

    async def _namespace(self, attributes: Attributes) -> None:
        namespace: core.Namespace = attributes.object
        policy = policy_of(namespace.metadata.labels)
        old = attributes.old_object
        before = policy_of(old.metadata.labels) if old is not None else None
        if policy.errors and (before is None or before.errors != policy.errors):
            raise invalid(("", "Namespace"), namespace.metadata.name or "", policy.errors)
        if before is None or policy.enforce == before.enforce or policy.enforce.level == "privileged":
            return
        rises = _LEVELS.index(policy.enforce.level) > _LEVELS.index(before.enforce.level)
        if policy.enforce.version == before.enforce.version and not rises:
            return
        attributes.ctx.warnings += await self._existing(namespace.metadata.name or "", policy.enforce)

    async def _existing(self, namespace: str, wanted: LevelVersion) -> list[str]:
        """Warnings of Pods that are there already and would not be taken any more."""
        by_reason: dict[str, list[str]] = {}
        pods = await self.reader.read_all(core.Pod, namespace)
        for pod in pods[:_PODS_CHECKED]:
            found = findings(wanted.level, pod.spec)
            if found:
                reasons = ", ".join(finding.reason for finding in found)
                by_reason.setdefault(reasons, []).append(pod.metadata.name or "")
        if not by_reason:
            return []
        said = [f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{wanted}"']
        lines = []
        for reasons, names in by_reason.items():
            others = len(names) - 1
            more = "" if not others else " (and 1 other pod)" if others == 1 else f" (and {others} other pods)"
            lines.append(f"{min(names)}{more}: {reasons}")
        return said + sorted(lines)


def _is_significant(attributes: Attributes) -> bool:
    """Whether an update of a Pod changes what runs in it."""
    new, old = attributes.object.spec, attributes.old_object.spec
    for name in ("containers", "initContainers", "ephemeralContainers"):
        before = {c.name: c.image for c in getattr(old, name)}
        after = {c.name: c.image for c in getattr(new, name)}
        if before != after:
            return True
    return False


def _spec_of(obj: Any) -> core.PodSpec | None:
    """The PodSpec of a Pod, or of the template in another kind."""
    if isinstance(obj, core.Pod):
        return obj.spec
    holder = obj.spec if hasattr(obj, "spec") else obj
    if hasattr(holder, "jobTemplate"):
        holder = holder.jobTemplate.spec
    template = getattr(holder, "template", None)
    return template.spec if template is not None else None
