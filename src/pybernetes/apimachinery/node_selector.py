"""Node selectors and node affinity, parsed once per Pod: terms ORed, requirements ANDed.

The parsed form is matched against one node's labels here (daemons, queueing hints) and against the label
columns of all nodes by the scheduler (`scheduler/plugins/node_affinity.py`). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.api.core.v1 import NodeSelectorRequirement, NodeSelectorTerm, Pod


@dataclass(slots=True, frozen=True)
class Requirement:
    key: str
    operator: str
    values: tuple[str, ...]
    bound: int = 0
    """The number of Gt and Lt."""

    def matches(self, value: str | None) -> bool:
        """Whether a label value (None: the label is absent) satisfies this requirement."""
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        number = integer(value)
        if number is None:
            return False
        return number > self.bound if self.operator == "Gt" else number < self.bound


@dataclass(slots=True, frozen=True)
class Term:
    """One ORed term. A term that does not parse matches nothing, as upstream's lazy selector has it."""

    labels: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]
    valid: bool = True

    def matches(self, node_name: str, labels: Mapping[str, str]) -> bool:
        return (
            self.valid
            and all(requirement.matches(labels.get(requirement.key)) for requirement in self.labels)
            and all(_field_matches(requirement, node_name) for requirement in self.fields)
        )


@dataclass(slots=True, frozen=True)
class RequiredAffinity:
    """A Pod's nodeSelector and required node affinity; hashable, so that equal Pods can share a verdict."""

    selector: tuple[tuple[str, str], ...]
    terms: tuple[Term, ...] | None
    """None: no required affinity. Empty: one that matches nothing."""

    @property
    def empty(self) -> bool:
        return not self.selector and self.terms is None

    def matches(self, node_name: str, labels: Mapping[str, str]) -> bool:
        if any(labels.get(key) != value for key, value in self.selector):
            return False
        return self.terms is None or any(term.matches(node_name, labels) for term in self.terms)


def required_affinity(pod: Pod) -> RequiredAffinity:
    """Source: component-helpers/scheduling/corev1/nodeaffinity, GetRequiredNodeAffinity."""
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity is not None else None
    terms = None
    if required is not None:
        terms = tuple(parse_term(term) for term in required.nodeSelectorTerms if not _empty(term))
    return RequiredAffinity(tuple(sorted(pod.spec.nodeSelector.items())), terms)


def preferred_terms(pod: Pod) -> tuple[tuple[int, Term], ...]:
    """Weighted terms of the preferred node affinity, without those that weigh or say nothing."""
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
    if affinity is None:
        return ()
    return tuple(
        (preferred.weight, parse_term(preferred.preference))
        for preferred in affinity.preferredDuringSchedulingIgnoredDuringExecution
        if preferred.weight and not _empty(preferred.preference)
    )


def named_nodes(pod: Pod) -> frozenset[str] | None:
    """The nodes that required affinity names through matchFields, or None when any node may do.

    Empty means that the terms contradict each other.
    """
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity is not None else None
    if required is None or not required.nodeSelectorTerms:
        return None
    named: set[str] = set()
    for term in required.nodeSelectorTerms:
        of_term: set[str] | None = None
        for requirement in term.matchFields:
            if requirement.key == "metadata.name" and requirement.operator == "In":
                values = set(requirement.values)
                of_term = values if of_term is None else of_term & values
        if of_term is None:
            return None
        named |= of_term
    return frozenset(named)


def parse_term(term: NodeSelectorTerm) -> Term:
    labels = [_label_requirement(requirement) for requirement in term.matchExpressions]
    fields = [_field_requirement(requirement) for requirement in term.matchFields]
    valid = None not in labels and None not in fields
    return Term(tuple(r for r in labels if r is not None), tuple(r for r in fields if r is not None), valid)


def integer(text: str | None) -> int | None:
    """A decimal integer in the range of int64, as Go's ParseInt reads it, or None."""
    if text is None:
        return None
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _label_requirement(requirement: NodeSelectorRequirement) -> Requirement | None:
    values = tuple(requirement.values)
    bound = 0
    match requirement.operator:
        case "In" | "NotIn":
            if not values:
                return None
        case "Exists" | "DoesNotExist":
            if values:
                return None
        case "Gt" | "Lt":
            number = integer(values[0]) if len(values) == 1 else None
            if number is None:
                return None
            bound = number
        case _:
            return None
    return Requirement(requirement.key, requirement.operator, values, bound)


def _field_requirement(requirement: NodeSelectorRequirement) -> Requirement | None:
    if requirement.operator not in ("In", "NotIn") or len(requirement.values) != 1:
        return None
    return Requirement(requirement.key, requirement.operator, tuple(requirement.values))


def _field_matches(requirement: Requirement, node_name: str) -> bool:
    value = node_name if requirement.key == "metadata.name" else ""
    return (value == requirement.values[0]) == (requirement.operator == "In")


def _empty(term: NodeSelectorTerm) -> bool:
    return not term.matchExpressions and not term.matchFields
