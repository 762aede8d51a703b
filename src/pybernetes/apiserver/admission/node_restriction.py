"""NodeRestriction: a kubelet writes only its own node and the Pods that run there.

Source: plugin/pkg/admission/noderestriction/admission.go, pkg/auth/nodeidentifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pybernetes.api.authentication.v1 import TokenRequest
from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.nodes import LEASE_NAMESPACE, is_beyond_kubelets
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

_PREFIX = "system:node:"
_NODES_GROUP = "system:nodes"


def node_name(user: UserInfo) -> str | None:
    """The node that a user is the kubelet of; None for everybody else."""
    if not user.name.startswith(_PREFIX) or _NODES_GROUP not in user.groups:
        return None
    return user.name.removeprefix(_PREFIX)


class NodeRestriction(Plugin):
    name = "NodeRestriction"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE", "DELETE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset(
        {("", "pods", sub) for sub in ("", "status", "eviction", "binding", "ephemeralcontainers", "resize")}
        | {("", "nodes", ""), ("", "nodes", "status"), ("", "serviceaccounts", "token")}
        | {("coordination.k8s.io", "leases", ""), ("storage.k8s.io", "csinodes", "")}
    )
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        node = node_name(attributes.user)
        if node is None:
            return
        if not node:
            raise attributes.forbidden(f'could not determine node from user "{attributes.user.name}"')
        match attributes.resource.plural:
            case "pods":
                await self._admit_pod(node, attributes)
            case "nodes":
                _admit_node(node, attributes)
            case "serviceaccounts":
                await self._admit_token(node, attributes)
            case "leases":
                if attributes.namespace != LEASE_NAMESPACE or attributes.name != node:
                    if attributes.namespace == LEASE_NAMESPACE:
                        raise attributes.forbidden(
                            "can only access node lease with the same name as the requesting node"
                        )
                    raise attributes.forbidden('can only access leases in the "kube-node-lease" system namespace')
            case "csinodes":
                if attributes.name != node:
                    raise attributes.forbidden("can only access CSINode with the same name as the requesting node")

    async def _admit_pod(self, node: str, attributes: Attributes) -> None:
        match (attributes.subresource, attributes.operation):
            case ("", "CREATE"):
                await self._admit_mirror(node, attributes)
            case ("", "DELETE"):
                pod: core.Pod = attributes.old_object
                if pod.spec.nodeName != node:
                    why = f'node "{node}" can only delete pods with spec.nodeName set to itself'
                    raise attributes.forbidden(why)
            case ("", operation):
                raise attributes.forbidden(
                    f'unexpected operation "{operation}", node "{node}" can only create and delete mirror pods'
                )
            case ("status", _):
                _admit_pod_status(node, attributes)
            case ("eviction", _):
                found = await self.reader.read(core.Pod, attributes.ctx.name, attributes.namespace)
                if found is None:
                    raise errors.not_found("", "pods", attributes.ctx.name)
                if found.spec.nodeName != node:
                    raise attributes.forbidden(f"node {node} can only evict pods with spec.nodeName set to itself")
            case (subresource, _):
                raise attributes.forbidden(
                    f"unexpected pod subresource \"{subresource}\", only 'status' and 'eviction' are allowed"
                )

    async def _admit_mirror(self, node: str, attributes: Attributes) -> None:
        pod: core.Pod = attributes.object
        if MIRROR_ANNOTATION not in pod.metadata.annotations:
            raise attributes.forbidden(
                f'pod does not have "{MIRROR_ANNOTATION}" annotation, node "{node}" can only create mirror pods'
            )
        if pod.spec.nodeName != node:
            raise attributes.forbidden(f'node "{node}" can only create pods with spec.nodeName set to itself')
        owners = pod.metadata.ownerReferences
        if len(owners) > 1:
            why = f'node "{node}" can only create pods with a single owner reference set to itself'
            raise attributes.forbidden(why)
        if not owners or (owners[0].apiVersion, owners[0].kind, owners[0].name) != ("v1", "Node", node):
            raise attributes.forbidden(f'node "{node}" can only create pods with an owner reference set to itself')
        if not owners[0].controller:
            why = f'node "{node}" can only create pods with a controller owner reference set to itself'
            raise attributes.forbidden(why)
        if owners[0].blockOwnerDeletion:
            raise attributes.forbidden(f'node "{node}" must not set blockOwnerDeletion on an owner reference')
        found = await self.reader.read(core.Node, node)
        if found is None:
            raise errors.not_found("", "nodes", node)
        if owners[0].uid != found.metadata.uid:
            raise attributes.forbidden(f"node {node} UID mismatch: expected {owners[0].uid} got {found.metadata.uid}")
        kind = _referenced(pod)
        if kind:
            raise attributes.forbidden(f'node "{node}" can not create pods that reference {kind}')

    async def _admit_token(self, node: str, attributes: Attributes) -> None:
        request: TokenRequest = attributes.object
        if attributes.operation != "CREATE":
            return
        bound = request.spec.boundObjectRef
        if bound is None or bound.apiVersion != "v1" or bound.kind != "Pod" or not bound.name:
            raise attributes.forbidden("node requested token not bound to a pod")
        if not bound.uid:
            raise attributes.forbidden("node requested token with a pod binding without a uid")
        pod = await self.reader.read(core.Pod, bound.name, attributes.namespace)
        if pod is None:
            raise errors.not_found("", "pods", bound.name)
        if pod.metadata.uid != bound.uid:
            raise attributes.forbidden(
                f"the UID in the bound object reference ({bound.uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
        if pod.spec.nodeName != node:
            raise attributes.forbidden("node requested token bound to a pod scheduled on a different node")


def _admit_pod_status(node: str, attributes: Attributes) -> None:
    old: core.Pod = attributes.old_object
    new: core.Pod = attributes.object
    if old.spec.nodeName != node:
        raise attributes.forbidden(
            f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
        )
    if old.metadata.labels != new.metadata.labels:
        raise attributes.forbidden(f'node "{node}" cannot update labels through pod status')
    if old.status.resourceClaimStatuses != new.status.resourceClaimStatuses:
        raise attributes.forbidden(f'node "{node}" cannot update resource claim statues')
    if old.status.extendedResourceClaimStatus != new.status.extendedResourceClaimStatus:
        raise attributes.forbidden(f'node "{node}" cannot update extended resource claim status')


def _admit_node(node: str, attributes: Attributes) -> None:
    name = attributes.name
    if name != node:
        raise attributes.forbidden(f'node "{node}" is not allowed to modify node "{name}"')
    if attributes.operation == "CREATE":
        wanted: core.Node = attributes.object
        wrong = _forbidden_labels(wanted.metadata.labels, {})
        if wrong:
            raise attributes.forbidden(f'node "{node}" is not allowed to set the following labels: {", ".join(wrong)}')
    elif attributes.operation == "UPDATE":
        new: core.Node = attributes.object
        old: core.Node = attributes.old_object
        if new.spec.taints != old.spec.taints:
            raise attributes.forbidden(f'node "{node}" is not allowed to modify taints')
        if new.metadata.ownerReferences != old.metadata.ownerReferences:
            raise attributes.forbidden(f'node "{node}" is not allowed to modify ownerReferences')
        wrong = _forbidden_labels(new.metadata.labels, old.metadata.labels)
        if wrong:
            raise attributes.forbidden(f"is not allowed to modify labels: {', '.join(wrong)}")


def _forbidden_labels(new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    """The changed labels that say more about a node than it may say of itself."""
    changed = {key for key in new.keys() | old.keys() if new.get(key) != old.get(key)}
    return sorted(key for key in changed if is_beyond_kubelets(key))


def _referenced(pod: core.Pod) -> str:
    """The API objects that a Pod needs, which a static Pod cannot have."""
    spec = pod.spec
    if spec.serviceAccountName:
        return "serviceaccounts"
    if spec.imagePullSecrets or any(v.secret is not None for v in spec.volumes):
        return "secrets"
    if any(v.configMap is not None for v in spec.volumes):
        return "configmaps"
    if any(v.persistentVolumeClaim is not None or v.ephemeral is not None for v in spec.volumes):
        return "persistentvolumeclaims"
    if spec.resourceClaims:
        return "resourceclaims"
    for container in [*spec.initContainers, *spec.containers]:
        for variable in container.env:
            source = variable.valueFrom
            if source is not None and source.secretKeyRef is not None:
                return "secrets"
            if source is not None and source.configMapKeyRef is not None:
                return "configmaps"
        for reference in container.envFrom:
            if reference.secretRef is not None:
                return "secrets"
            if reference.configMapRef is not None:
                return "configmaps"
    return ""
