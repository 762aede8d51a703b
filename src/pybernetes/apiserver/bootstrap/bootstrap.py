"""Puts a fresh store in order, and an old one back in order: idempotent, in two batches of writes.

Source: pkg/controlplane/instance.go (post start hooks).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apiserver.bootstrap import roles, system_objects
from pybernetes.apiserver.bootstrap.master_leases import MasterLeases
from pybernetes.apiserver.bootstrap.writing import ensure
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.registry.generic.interface import Registry


@dataclass(slots=True)
class Bootstrap:
    registry: Registry
    config: ApiServerConfig
    leases: MasterLeases
    features: FeatureGates

    async def run(self) -> None:
        """Namespaces first, then everything at once, so that the store commits it together."""
        await _all(ensure(self.registry, namespace) for namespace in system_objects.namespaces())
        await _all(itertools.chain(self._roles(), self._objects()))

    def _roles(self) -> itertools.chain[Coroutine[Any, Any, None]]:
        registry, features = self.registry, self.features
        return itertools.chain(
            (ensure(registry, role, roles.reconciled_role) for role in roles.default_cluster_roles(features)),
            (ensure(registry, b, roles.reconciled_binding) for b in roles.default_cluster_role_bindings(features)),
            (ensure(registry, role, roles.reconciled_role) for role in roles.default_roles()),
            (ensure(registry, b, roles.reconciled_binding) for b in roles.default_role_bindings()),
        )

    def _objects(self) -> list[Coroutine[Any, Any, None]]:
        registry, config = self.registry, self.config
        work: list[Coroutine[Any, Any, None]] = [ensure(registry, p) for p in system_objects.priority_classes()]
        trust = system_objects.authentication_config(
            _text(config.client_ca_file),
            _text(config.requestheader_client_ca_file),
            config.requestheader_allowed_names,
        )
        work.append(ensure(registry, trust, system_objects.reconciled_config))
        if config.port < 0:
            return work
        service = system_objects.kubernetes_service(config.service_cluster_ip_range, self.leases.port)
        work.append(ensure(registry, service, system_objects.reconciled_service))
        work.append(self.leases.reconcile())
        return work


async def _all(work: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)


def _text(file: str) -> str:
    return Path(file).read_text() if file else ""
