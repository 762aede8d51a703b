"""The rules of an aggregated ClusterRole. Pure. Source: pkg/controller/clusterroleaggregation."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.rbac.v1 import ClusterRole, PolicyRule
from pybernetes.apimachinery.selectors import LabelSelector


def rules(role: ClusterRole, every: Sequence[ClusterRole]) -> list[PolicyRule] | None:
    """The union of the selected roles' rules, in order of selector and name; None when `role` has it already."""
    if role.aggregationRule is None:
        return None
    found: list[PolicyRule] = []
    by_name = sorted(every, key=lambda other: other.metadata.name or "")
    for selector in role.aggregationRule.clusterRoleSelectors:
        matches = LabelSelector.of(selector)
        for other in by_name:
            if other.metadata.name != role.metadata.name and matches.matches(other.metadata.labels):
                found += [rule for rule in (other.rules or []) if rule not in found]
    return None if found == role.rules else found
