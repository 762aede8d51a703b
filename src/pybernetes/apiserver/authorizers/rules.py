"""RBAC rules: whether one allows a request, whether some cover others. Pure.

Source: pkg/apis/rbac/v1/evaluation_helpers.go, component-helpers/auth/rbac/validation/policy_comparator.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pybernetes.api.rbac.v1 import PolicyRule

ALL = "*"
FULL_AUTHORITY = (
    PolicyRule(verbs=[ALL], apiGroups=[ALL], resources=[ALL]),
    PolicyRule(verbs=[ALL], nonResourceURLs=[ALL]),
)


class CompiledRule:
    """A PolicyRule as sets."""

    __slots__ = ("any_group", "any_resource", "any_verb", "groups", "names", "resources", "urls", "verbs")

    def __init__(self, rule: PolicyRule) -> None:
        self.verbs = frozenset(rule.verbs)
        self.any_verb = ALL in self.verbs
        self.groups = frozenset(rule.apiGroups)
        self.any_group = ALL in self.groups
        self.resources = frozenset(rule.resources)
        self.any_resource = ALL in self.resources
        self.names = frozenset(rule.resourceNames)
        self.urls = tuple(rule.nonResourceURLs)

    def allows_resource(self, verb: str, group: str, resource: str, subresource: str, name: str) -> bool:
        if not (self.any_verb or verb in self.verbs) or not (self.any_group or group in self.groups):
            return False
        if not self.any_resource:
            if not subresource:
                if resource not in self.resources:
                    return False
            elif f"{resource}/{subresource}" not in self.resources and f"*/{subresource}" not in self.resources:
                return False
        return not self.names or name in self.names

    def allows_path(self, verb: str, path: str) -> bool:
        if not (self.any_verb or verb in self.verbs):
            return False
        return any(url_covers(url, path) for url in self.urls)


def url_covers(owner: str, path: str) -> bool:
    return owner == path or (owner.endswith("*") and path.startswith(owner.rstrip("*")))


def uncovered(owned: Sequence[PolicyRule], wanted: Iterable[PolicyRule]) -> list[PolicyRule]:
    """The parts of `wanted` that `owned` does not allow, each with one verb and one resource."""
    return [part for rule in wanted for part in breakdown(rule) if not any(_covers(owner, part) for owner in owned)]


def breakdown(rule: PolicyRule) -> list[PolicyRule]:
    """The rule as rules of one verb, one resource (or URL) and at most one name."""
    parts = [
        PolicyRule(verbs=[verb], apiGroups=[group], resources=[resource], resourceNames=names)
        for group in rule.apiGroups
        for resource in rule.resources
        for verb in rule.verbs
        for names in ([[name] for name in rule.resourceNames] or [[]])
    ]
    parts += [PolicyRule(verbs=[verb], nonResourceURLs=[url]) for url in rule.nonResourceURLs for verb in rule.verbs]
    return parts


def _covers(owner: PolicyRule, part: PolicyRule) -> bool:
    return (
        (ALL in owner.verbs or set(part.verbs) <= set(owner.verbs))
        and (ALL in owner.apiGroups or set(part.apiGroups) <= set(owner.apiGroups))
        and _resources_cover(owner.resources, part.resources)
        and all(any(url_covers(mine, url) for mine in owner.nonResourceURLs) for url in part.nonResourceURLs)
        and (
            not owner.resourceNames or (bool(part.resourceNames) and set(part.resourceNames) <= {*owner.resourceNames})
        )
    )


def _resources_cover(owner: Sequence[str], wanted: Sequence[str]) -> bool:
    if ALL in owner:
        return True
    for resource in wanted:
        _, slash, subresource = resource.partition("/")
        if resource not in owner and not (slash and f"*/{subresource}" in owner):
            return False
    return True


def compacted(rules: Iterable[PolicyRule]) -> list[PolicyRule]:
    """Single-verb rules on the same resource put together, for messages."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    rest: list[PolicyRule] = []
    for rule in rules:
        if len(rule.resources) == 1 and len(rule.apiGroups) == 1 and len(rule.resourceNames) <= 1:
            key = (rule.apiGroups[0], rule.resources[0], rule.resourceNames[0] if rule.resourceNames else "")
            verbs.setdefault(key, []).extend(verb for verb in rule.verbs if verb not in verbs.get(key, ()))
        else:
            rest.append(rule)
    together = [
        PolicyRule(verbs=found, apiGroups=[group], resources=[resource], resourceNames=[name] if name else [])
        for (group, resource, name), found in verbs.items()
    ]
    return together + rest


def described(rule: PolicyRule) -> str:
    """`{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`"""
    parts = [
        f"{title}:[{' '.join(json.dumps(value) for value in values)}]"
        for title, values in (
            ("APIGroups", rule.apiGroups),
            ("Resources", rule.resources),
            ("NonResourceURLs", rule.nonResourceURLs),
            ("ResourceNames", rule.resourceNames),
            ("Verbs", rule.verbs),
        )
        if values
    ]
    return "{" + ", ".join(parts) + "}"
