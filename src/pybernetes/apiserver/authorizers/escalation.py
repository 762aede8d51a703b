"""Nobody hands out more than they hold: the check on every write of a role or a binding.

An admission plugin in form, so that it sees the object as it will be stored, patches included.
Source: pkg/registry/rbac/escalation_check.go, pkg/registry/rbac/*/policybased.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from pybernetes.api.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.admission.interface import Attributes as Write
from pybernetes.apiserver.admission.interface import Operation, Plugin, Reader
from pybernetes.apiserver.authorizers import rules
from pybernetes.apiserver.authorizers.attributes import Attributes, Authorizer
from pybernetes.apiserver.authorizers.rbac import RbacAuthorizer

GROUP = "rbac.authorization.k8s.io"


class EscalationCheck(Plugin):
    """Refuses roles and bindings that grant what the writer lacks."""

    name = "RbacEscalationCheck"
    operations: ClassVar[frozenset[Operation]] = frozenset(("CREATE", "UPDATE"))
    resources = frozenset(
        (GROUP, plural, "") for plural in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
    )
    validates = True

    def __init__(self, reader: Reader, rbac: RbacAuthorizer, authorizer: Authorizer) -> None:
        super().__init__(reader)
        self._rbac = rbac
        self._authorizer = authorizer

    async def validate(self, attributes: Write) -> None:
        if SYSTEM_MASTERS in attributes.user.groups or only_collection_fields(attributes):
            return
        written = attributes.object
        if isinstance(written, Role | ClusterRole):
            await self._check_role(attributes, written)
        elif isinstance(written, RoleBinding | ClusterRoleBinding):
            await self._check_binding(attributes, written)

    async def _check_role(self, attributes: Write, role: Role | ClusterRole) -> None:
        resource = attributes.resource
        if await self._may(attributes.user, "escalate", resource.plural, attributes.namespace, attributes.ctx.name):
            return
        self._confirm(attributes, role.rules or [])
        old = attributes.old_object
        if _aggregates(role) or _aggregates(old):
            owned = self._authorizer.rules_for(attributes.user, "").rules
            if rules.uncovered(owned, rules.FULL_AUTHORITY):
                raise attributes.forbidden("must have cluster-admin privileges to use the aggregationRule")

    async def _check_binding(self, attributes: Write, binding: RoleBinding | ClusterRoleBinding) -> None:
        ref = binding.roleRef
        plural = "clusterroles" if ref.kind == "ClusterRole" else "roles"
        if await self._may(attributes.user, "bind", plural, attributes.namespace, ref.name):
            return
        granted = self._rbac.rules_of(ref, attributes.namespace)
        if granted is None:
            raise errors.not_found(GROUP, plural, ref.name)
        self._confirm(attributes, granted)

    async def _may(self, user: UserInfo, verb: str, plural: str, namespace: str, name: str) -> bool:
        question = Attributes(user, verb, True, GROUP, "*", plural, "", namespace, name)
        return (await self._authorizer.authorize(question)).allowed

    def _confirm(self, attributes: Write, granted: Sequence[PolicyRule]) -> None:
        """Raises Forbidden with the rules that the writer does not hold."""
        user = attributes.user
        held = self._authorizer.rules_for(user, attributes.namespace)
        missing = rules.uncovered(held.rules, granted)
        if not missing:
            return
        lines = sorted({rules.described(rule) for rule in rules.compacted(missing)})
        groups = " ".join(json.dumps(group) for group in user.groups)
        text = (
            f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n'
            + "\n".join(lines)
        )
        if held.error:
            text += f"; resolution errors: [{held.error}]"
        raise attributes.forbidden(text)


def _aggregates(role: object) -> bool:
    return (
        isinstance(role, ClusterRole)
        and role.aggregationRule is not None
        and bool(role.aggregationRule.clusterRoleSelectors)
    )


def only_collection_fields(attributes: Write) -> bool:
    """Whether an update touches nothing but ownerReferences and finalizers (the garbage collector's)."""
    old, new = attributes.old_object, attributes.object
    if attributes.operation != "UPDATE" or old is None:
        return False
    return _without_collection_fields(old) == _without_collection_fields(new)


def _without_collection_fields(written: msgspec.Struct) -> object:
    tree = msgspec.to_builtins(written)
    for field in ("ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation"):
        tree.get("metadata", {}).pop(field, None)
    return tree
