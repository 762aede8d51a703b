"""RBAC: roles and bindings, compiled into an index by subject that every request is checked against.

`RbacAuthorizer` is fed (put/remove) with objects by `apiserver.feeds`; it does no I/O itself.
Source: plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pybernetes.api.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authorizers.attributes import Attributes, Decision, UserRules
from pybernetes.apiserver.authorizers.rules import CompiledRule

_DECISIONS_MAX = 20_000

Key = tuple[str, str]
"""(namespace, name); namespace is "" for cluster roles and bindings."""


@dataclass(slots=True, frozen=True)
class _Grant:
    """One subject of one binding."""

    binding: Key
    role: Key
    role_kind: str
    source: str
    order: int


class RbacAuthorizer:
    def __init__(self) -> None:
        self._rules: dict[Key, tuple[list[PolicyRule], list[CompiledRule]]] = {}
        self._bindings: dict[Key, list[tuple[str, _Grant]]] = {}
        self._grants: dict[str, dict[str, dict[Key, _Grant]]] = {}
        """namespace -> subject (u:name or g:name) -> binding -> grant."""
        self._decisions: dict[tuple[object, ...], Decision] = {}

    # fed by watches

    def put_role(self, role: Role | ClusterRole) -> None:
        key = (role.metadata.namespace or "" if isinstance(role, Role) else "", role.metadata.name or "")
        known = self._rules.get(key)
        if known is None or known[0] != role.rules:
            self._rules[key] = (list(role.rules or []), [CompiledRule(rule) for rule in (role.rules or [])])
            self._decisions.clear()

    def remove_role(self, key: Key) -> None:
        if self._rules.pop(key, None) is not None:
            self._decisions.clear()

    def put_binding(self, binding: RoleBinding | ClusterRoleBinding) -> None:
        namespace = binding.metadata.namespace or "" if isinstance(binding, RoleBinding) else ""
        name = binding.metadata.name or ""
        key = (namespace, name)
        self.remove_binding(key)
        ref = binding.roleRef
        role = (namespace if ref.kind == "Role" else "", ref.name)
        kind = "RoleBinding" if namespace else "ClusterRoleBinding"
        shown = f"{name}/{namespace}" if namespace else name
        grants: list[tuple[str, _Grant]] = []
        for order, subject in enumerate(binding.subjects):
            who = subject_key(subject, namespace)
            if who is None:
                continue
            source = f'{kind} "{shown}" of {ref.kind} "{ref.name}" to {_described(subject, namespace)}'
            grants.append((who, _Grant(key, role, ref.kind, source, order)))
        self._bindings[key] = grants
        subjects = self._grants.setdefault(namespace, {})
        for who, grant in grants:
            subjects.setdefault(who, {}).setdefault(key, grant)
        self._decisions.clear()

    def remove_binding(self, key: Key) -> None:
        grants = self._bindings.pop(key, None)
        if grants is None:
            return
        subjects = self._grants[key[0]]
        for who, _ in grants:
            if who in subjects:
                subjects[who].pop(key, None)
                if not subjects[who]:
                    del subjects[who]
        if not subjects:
            del self._grants[key[0]]
        self._decisions.clear()

    # asked by requests

    async def authorize(self, attributes: Attributes) -> Decision:
        return self.decide(attributes)

    def decide(self, a: Attributes) -> Decision:
        """Allowed with the binding that does it, or no opinion with the roles that are missing."""
        user = a.user
        path = "" if a.is_resource else a.path
        key = (user.name, user.groups, a.verb, a.group, a.resource, a.subresource, a.namespace, a.name, path)
        known = self._decisions.get(key)
        if known is None:
            if len(self._decisions) >= _DECISIONS_MAX:
                self._decisions.clear()
            known = self._decisions[key] = self._decide(a)
        return known

    def _decide(self, a: Attributes) -> Decision:
        missing: list[str] = []
        for grant in self._granted(a.user, a.namespace):
            rules = self._rules.get(grant.role)
            if rules is None:
                missing.append(_not_found(grant))
                continue
            for rule in rules[1]:
                if (
                    rule.allows_resource(a.verb, a.group, a.resource, a.subresource, a.name)
                    if a.is_resource
                    else rule.allows_path(a.verb, a.path)
                ):
                    return Decision(True, f"RBAC: allowed by {grant.source}")
        return Decision(False, f"RBAC: {_aggregate(missing)}" if missing else "")

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        rules: list[PolicyRule] = []
        missing: list[str] = []
        for grant in self._granted(user, namespace):
            found = self._rules.get(grant.role)
            if found is None:
                missing.append(_not_found(grant))
            else:
                rules += found[0]
        return UserRules(rules, False, _aggregate(missing))

    def rules_of(self, ref: RoleRef, namespace: str) -> list[PolicyRule] | None:
        """The rules of a role that a binding in `namespace` refers to; None when there is no such role."""
        found = self._rules.get((namespace if ref.kind == "Role" else "", ref.name))
        return None if found is None else found[0]

    def _granted(self, user: UserInfo, namespace: str) -> Iterator[_Grant]:
        """The grants that apply, those of the cluster first; a binding once."""
        keys = (f"u:{user.name}", *[f"g:{group}" for group in user.groups])
        for scope in ("", namespace) if namespace else ("",):
            subjects = self._grants.get(scope)
            if subjects is None:
                continue
            seen: set[Key] = set()
            for key in keys:
                for binding, grant in subjects.get(key, {}).items():
                    if binding not in seen:
                        seen.add(binding)
                        yield grant


def subject_key(subject: Subject, namespace: str) -> str | None:
    """How the index knows a subject; None for one that can match nobody."""
    if subject.kind == "User":
        return f"u:{subject.name}"
    if subject.kind == "Group":
        return f"g:{subject.name}"
    if subject.kind == "ServiceAccount" and (where := subject.namespace or namespace):
        return f"u:system:serviceaccount:{where}:{subject.name}"
    return None


def _described(subject: Subject, namespace: str) -> str:
    if subject.kind == "ServiceAccount":
        return f'{subject.kind} "{subject.name}/{subject.namespace or namespace}"'
    return f'{subject.kind} "{subject.name}"'


def _not_found(grant: _Grant) -> str:
    plural = "roles" if grant.role_kind == "Role" else "clusterroles"
    return f'{plural}.rbac.authorization.k8s.io "{grant.role[1]}" not found'


def _aggregate(errors: list[str]) -> str:
    unique = list(dict.fromkeys(errors))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]" if unique else ""
