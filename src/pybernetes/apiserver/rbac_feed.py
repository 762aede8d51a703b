"""Keeps the RBAC index up with the stored roles and bindings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from pybernetes.api.rbac.v1 import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from pybernetes.apimachinery.scheme import resource_of
from pybernetes.apiserver.authorizers.rbac import RbacAuthorizer
from pybernetes.apiserver.feeds import Feed, Key
from pybernetes.apiserver.registry.generic.interface import Registry

T = TypeVar("T", bound=msgspec.Struct)


def rbac_feeds(registry: Registry, rbac: RbacAuthorizer) -> list[Feed]:
    """One feed a kind."""
    return [
        _feed(registry, ClusterRole, rbac.put_role, rbac.remove_role),
        _feed(registry, Role, rbac.put_role, rbac.remove_role),
        _feed(registry, ClusterRoleBinding, rbac.put_binding, rbac.remove_binding),
        _feed(registry, RoleBinding, rbac.put_binding, rbac.remove_binding),
    ]


def _feed(registry: Registry, cls: type[T], put: Callable[[T], None], remove: Callable[[Key], None]) -> Feed:
    decoder = msgspec.json.Decoder(cls)
    return Feed(registry.storage_for(resource_of(cls)), lambda _, value: put(decoder.decode(value)), remove)
