"""The conditions that tell how far a namespace's deletion is. Pure.

Source: pkg/controller/namespace/deletion/status_condition_utils.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.api.core.v1 import NamespaceCondition
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.times import format_time

FINALIZER = "kubernetes"
_FINALIZER_ESTIMATE_S = 15.0
_FIRST_WAIT_S = 0.25

_WELL = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


@dataclass(slots=True)
class Progress:
    """What one pass over a namespace found."""

    remaining: Counter[Resource] = field(default_factory=Counter)
    finalizers: Counter[str] = field(default_factory=Counter)
    """Objects that each finalizer holds."""
    grace_s: float = 0.0
    """The longest grace period of a Pod that remains."""
    discovery_error: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return not self.remaining and not self.errors and not self.discovery_error

    def estimate_s(self) -> float:
        """How long what remains may need."""
        return max(self.grace_s, _FINALIZER_ESTIMATE_S if self.finalizers else 0.0, 1.0)


def discovery_error(failed: Mapping[str, str]) -> str:
    """In the client's words; "" when every group was discovered.

    Source: client-go/discovery/discovery_client.go (ErrGroupDiscoveryFailed).
    """
    if not failed:
        return ""
    listed = ", ".join(f"{name}: {failed[name]}" for name in sorted(failed))
    return (
        f"Discovery failed for some groups, {len(failed)} failing: "
        f"unable to retrieve the complete list of server APIs: {listed}"
    )


def unexpected(resource: Resource, namespace: str) -> str:
    """Objects are left although nothing holds them."""
    version = f"{resource.group}/{resource.version}, Resource={resource.plural}"
    return f"unexpected items still remain in namespace: {namespace} for gvr: {version}"


def conditions(known: Sequence[NamespaceCondition], progress: Progress, now: float) -> list[NamespaceCondition] | None:
    """The conditions to write; None when they say so already."""
    time = format_time(now)
    wrong = _wrong(progress)
    by_type = {c.type: c for c in known}
    result = dict(by_type)
    for kind, (reason, message) in _WELL.items():
        status = "True" if kind in wrong else "False"
        reason, message = wrong.get(kind, (reason, message))
        old = by_type.get(kind)
        if old is None or (old.status, old.reason, old.message) != (status, reason, message):
            since = old.lastTransitionTime if old is not None and old.status == status else time
            result[kind] = NamespaceCondition(
                type=kind, status=status, reason=reason, message=message, lastTransitionTime=since
            )
    return None if result == by_type else list(result.values())


def _wrong(progress: Progress) -> dict[str, tuple[str, str]]:
    wrong = {}
    if progress.discovery_error:
        wrong["NamespaceDeletionDiscoveryFailure"] = ("DiscoveryFailed", progress.discovery_error)
    if progress.errors:
        text = ", ".join(sorted(progress.errors))
        wrong["NamespaceDeletionContentFailure"] = (
            "ContentDeletionFailed",
            f"Failed to delete all resource types, {len(progress.errors)} remaining: {text}",
        )
    if progress.remaining:
        listed = sorted(f"{r.plural}.{r.group} has {n} resource instances" for r, n in progress.remaining.items())
        wrong["NamespaceContentRemaining"] = (
            "SomeResourcesRemain",
            f"Some resources are remaining: {', '.join(listed)}",
        )
    if progress.finalizers:
        listed = sorted(f"{name} in {n} resource instances" for name, n in progress.finalizers.items())
        wrong["NamespaceFinalizersRemaining"] = (
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {', '.join(listed)}",
        )
    return wrong


def next_look_s(progress: Progress, attempt: int) -> float:
    """Soon at first, then less and less often, up to half of what the rest may need."""
    wait_s: float = min(_FIRST_WAIT_S * 2.0 ** min(attempt, 16), progress.estimate_s() / 2 + 1)
    return wait_s
