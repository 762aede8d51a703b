"""Names and conditions of CustomResourceDefinitions: pure decisions on one definition and the others of its group.

Source: apiextensions-apiserver/pkg/controller/{status/naming_controller,establish/establishing_controller,
apiapproval/apiapproval_controller}.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pybernetes.api.apiextensions.v1 import (
    CustomResourceDefinition,
    CustomResourceDefinitionCondition,
    CustomResourceDefinitionNames,
    CustomResourceDefinitionStatus,
)
from pybernetes.apimachinery.conditions import condition_holds, with_condition

APPROVAL = "api-approved.kubernetes.io"
_PROTECTED = ("k8s.io", "kubernetes.io")
Condition = CustomResourceDefinitionCondition


def status_of(
    definition: CustomResourceDefinition, others: Iterable[CustomResourceDefinition], now: float
) -> CustomResourceDefinitionStatus | None:
    """The status that a definition should have; None when it has it. `others` are of the same group."""
    status = msgspec.convert(msgspec.to_builtins(definition.status), CustomResourceDefinitionStatus)
    accepted, problem = _names(definition, others)
    status.acceptedNames = accepted
    if problem is None:
        set_condition(
            status,
            Condition(type="NamesAccepted", status="True", reason="NoConflicts", message="no conflicts found"),
            now,
        )
        if not condition_holds(status.conditions, "Established"):
            why = "the initial names have been accepted"
            set_condition(
                status, Condition(type="Established", status="True", reason="InitialNamesAccepted", message=why), now
            )
    else:
        reason, message = problem
        set_condition(status, Condition(type="NamesAccepted", status="False", reason=reason, message=message), now)
        if not condition_holds(status.conditions, "Established"):
            why = "not all names are accepted"
            set_condition(status, Condition(type="Established", status="False", reason="NotAccepted", message=why), now)
    approval = approval_condition(definition)
    if approval is not None:
        set_condition(status, approval, now)
    return None if status == definition.status else status


def _names(
    definition: CustomResourceDefinition, others: Iterable[CustomResourceDefinition]
) -> tuple[CustomResourceDefinitionNames, tuple[str, str] | None]:
    """The names that are ours now, and (reason, message) of the last one that is not free."""
    asked = definition.spec.names
    held = definition.status.acceptedNames or CustomResourceDefinitionNames()
    resources: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        taken = other.status.acceptedNames
        if taken is not None:
            resources |= {taken.plural, taken.singular or "", *taken.shortNames}
            kinds |= {taken.kind, taken.listKind or ""}
    ours = msgspec.structs.replace(held)
    problem: tuple[str, str] | None = None

    def free(name: str, current: str, taken: set[str]) -> bool:
        return name == current or name not in taken

    for field, reason, used in (("plural", "PluralConflict", resources), ("singular", "SingularConflict", resources)):
        name, current = getattr(asked, field) or "", getattr(held, field) or ""
        if free(name, current, used):
            setattr(ours, field, getattr(asked, field))
        else:
            problem = (reason, f'"{name}" is already in use')
    clashes = [n for n in asked.shortNames if n not in held.shortNames and n in resources]
    if clashes:
        said = [f'"{n}" is already in use' for n in clashes]
        problem = ("ShortNamesConflict", said[0] if len(said) == 1 else f"[{', '.join(said)}]")
    else:
        ours.shortNames = asked.shortNames
    for field, reason, used in (("kind", "KindConflict", kinds), ("listKind", "ListKindConflict", kinds)):
        name, current = getattr(asked, field) or "", getattr(held, field) or ""
        if free(name, current, used):
            setattr(ours, field, getattr(asked, field))
        else:
            problem = (reason, f'"{name}" is already in use')
    ours.categories = asked.categories
    return ours, problem


def set_condition(status: CustomResourceDefinitionStatus, condition: Condition, now: float) -> None:
    status.conditions = with_condition(status.conditions, condition, now)


def is_protected(group: str) -> bool:
    """Whether a group belongs to Kubernetes, so that its definitions need an approval."""
    return any(group == domain or group.endswith(f".{domain}") for domain in _PROTECTED)


def approval_state(annotations: dict[str, str]) -> tuple[str, str]:
    """(state, explanation) of the approval annotation: approved, bypassed, missing or invalid."""
    text = annotations.get(APPROVAL, "")
    if not text:
        return "missing", (
            f'protected groups must have approval annotation "{APPROVAL}", '
            "see https://github.com/kubernetes/enhancements/pull/1111"
        )
    if text.startswith("unapproved"):
        return "bypassed", f'not approved: "{text}"'
    scheme, separator, rest = text.partition("://")
    if separator and scheme and rest:
        return "approved", f"approved in {text}"
    return "invalid", (
        f'protected groups must have approval annotation "{APPROVAL}" with either a URL or a reason starting with '
        '"unapproved", see https://github.com/kubernetes/enhancements/pull/1111'
    )


def approval_condition(definition: CustomResourceDefinition) -> Condition | None:
    if not is_protected(definition.spec.group):
        return None
    state, message = approval_state(definition.metadata.annotations)
    kind = "KubernetesAPIApprovalPolicyConformant"
    reasons = {
        "approved": "ApprovedAnnotation",
        "bypassed": "UnapprovedAnnotation",
        "missing": "MissingAnnotation",
        "invalid": "InvalidAnnotation",
    }
    return Condition(
        type=kind, status="True" if state == "approved" else "False", reason=reasons[state], message=message
    )
