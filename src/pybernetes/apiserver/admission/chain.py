"""The plugins in their order: all that mutate, then (after the registry's validation) all that validate.

Source: pkg/kubeapiserver/options/plugins.go (AllOrderedPlugins), apiserver/pkg/admission/chain.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin, Reader
from pybernetes.host.random import Random

_Key = tuple[Operation, str, str, str]


class AdmissionChain:
    """Asks, for each request, only the plugins that want it."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = plugins
        self._mutating: dict[_Key, tuple[Plugin, ...]] = {}
        self._validating: dict[_Key, tuple[Plugin, ...]] = {}

    async def admit(self, attributes: Attributes) -> None:
        for plugin in self._wanting(self._mutating, attributes, (p for p in self.plugins if p.mutates)):
            await plugin.admit(attributes)

    async def validate(self, attributes: Attributes) -> None:
        for plugin in self._wanting(self._validating, attributes, (p for p in self.plugins if p.validates)):
            await plugin.validate(attributes)

    def mutates(self, operation: Operation, group: str, plural: str, subresource: str) -> bool:
        """Whether any plugin may change such an object."""
        return any(p.mutates and p.wants(operation, group, plural, subresource) for p in self.plugins)

    def _wanting(
        self, table: dict[_Key, tuple[Plugin, ...]], attributes: Attributes, plugins: Iterable[Plugin]
    ) -> tuple[Plugin, ...]:
        resource = attributes.ctx.resource
        key = (attributes.operation, resource.group, resource.plural, attributes.ctx.subresource)
        found = table.get(key)
        if found is None:
            found = table[key] = tuple(p for p in plugins if p.wants(*key))
        return found


def default_plugins(reader: Reader, random: Random, features: FeatureGates) -> list[Plugin]:
    """The plugins that are on, in upstream's order."""
    from pybernetes.apiserver.admission.certificate_subject import CertificateSubjectRestriction
    from pybernetes.apiserver.admission.claim_resize import PersistentVolumeClaimResize
    from pybernetes.apiserver.admission.declared_features import NodeDeclaredFeatureValidator
    from pybernetes.apiserver.admission.default_classes import DefaultIngressClass, DefaultStorageClass
    from pybernetes.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
    from pybernetes.apiserver.admission.limit_ranger import LimitRanger
    from pybernetes.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
    from pybernetes.apiserver.admission.node_restriction import NodeRestriction
    from pybernetes.apiserver.admission.pod_resize import PodResizeValidator
    from pybernetes.apiserver.admission.pod_security.plugin import PodSecurity
    from pybernetes.apiserver.admission.priority import Priority
    from pybernetes.apiserver.admission.resource_quota import ResourceQuotas
    from pybernetes.apiserver.admission.runtime_class import RuntimeClasses
    from pybernetes.apiserver.admission.service_account import ServiceAccounts
    from pybernetes.apiserver.admission.storage_object_in_use_protection import StorageObjectInUseProtection
    from pybernetes.apiserver.admission.taint_nodes_by_condition import TaintNodesByCondition

    return [
        NamespaceLifecycle(reader),
        LimitRanger(reader),
        ServiceAccounts(reader, random),
        NodeRestriction(reader),
        TaintNodesByCondition(reader),
        PodSecurity(reader),
        Priority(reader),
        DefaultTolerationSeconds(reader),
        StorageObjectInUseProtection(reader),
        PersistentVolumeClaimResize(reader),
        DefaultStorageClass(reader),
        DefaultIngressClass(reader),
        CertificateSubjectRestriction(reader),
        RuntimeClasses(reader),
        NodeDeclaredFeatureValidator(reader),
        PodResizeValidator(reader),
        ResourceQuotas(reader, of_devices=features.enabled("DRAExtendedResource")),
    ]
