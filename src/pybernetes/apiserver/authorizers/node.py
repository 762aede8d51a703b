"""The Node authorizer: a kubelet reads what the Pods bound to its node refer to, and its own objects.

`NodeGraph` is fed with Pods, PersistentVolumes, … by `apiserver.feeds`; it knows references, not objects.
Source: plugin/pkg/auth/authorizer/node/{node_authorizer,graph,graph_populator}.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from pybernetes.api.rbac.v1 import PolicyRule
from pybernetes.apimachinery.nodes import LEASE_NAMESPACE
from pybernetes.apimachinery.pods import MIRROR_ANNOTATION
from pybernetes.apimachinery.selectors import FieldSelector
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authorizers.attributes import NO_OPINION, Attributes, Decision, UserRules
from pybernetes.apiserver.authorizers.rules import CompiledRule

NODES_GROUP = "system:nodes"
_PREFIX = "system:node:"
_ALLOWED = Decision(True)
_WRITES = ("create", "update", "patch")

Vertex = tuple[str, str, str]
"""(resource, namespace, name)."""


def node_name(user: UserInfo) -> str | None:
    """The node a user is, "" for one that cannot be told, None for no node."""
    if not user.name.startswith(_PREFIX) or NODES_GROUP not in user.groups:
        return None
    return user.name[len(_PREFIX) :]


class NodeGraph:
    """Which objects are related to which node."""

    def __init__(self) -> None:
        self._sources: dict[Vertex, tuple[object, frozenset[Vertex], str]] = {}
        """A Pod (slice, attachment, …) -> its stamp, what it refers to, its node."""
        self._nodes: dict[Vertex, Counter[str]] = {}
        self._volumes: dict[str, tuple[Vertex, frozenset[Vertex]]] = {}
        """PersistentVolume -> the claim it is bound to and the Secrets it needs."""
        self._claims: dict[Vertex, set[str]] = {}
        self._volume_secrets: dict[Vertex, set[str]] = {}

    def put(self, vertex: Vertex, node: str, references: Iterable[Vertex] = (), stamp: object = None) -> None:
        """Relates a vertex, and all that it refers to, to a node ("" for none)."""
        known = self._sources.get(vertex)
        if known is not None and stamp is not None and known[0] == stamp:
            return
        self.remove(vertex)
        if not node:
            return
        everything = frozenset((vertex, *references))
        self._sources[vertex] = (stamp, everything, node)
        for reference in everything:
            self._nodes.setdefault(reference, Counter())[node] += 1

    def remove(self, vertex: Vertex) -> None:
        known = self._sources.pop(vertex, None)
        if known is None:
            return
        _, everything, node = known
        for reference in everything:
            counts = self._nodes[reference]
            counts[node] -= 1
            if counts[node] <= 0:
                del counts[node]
                if not counts:
                    del self._nodes[reference]

    def put_volume(self, name: str, claim: Vertex | None, secrets: Iterable[Vertex]) -> None:
        self.remove_volume(name)
        if claim is None:
            return
        needed = frozenset(secrets)
        self._volumes[name] = (claim, needed)
        self._claims.setdefault(claim, set()).add(name)
        for secret in needed:
            self._volume_secrets.setdefault(secret, set()).add(name)

    def remove_volume(self, name: str) -> None:
        known = self._volumes.pop(name, None)
        if known is None:
            return
        claim, secrets = known
        self._claims[claim].discard(name)
        for secret in secrets:
            self._volume_secrets[secret].discard(name)

    def related(self, node: str, vertex: Vertex) -> bool:
        if node in self._nodes.get(vertex, ()):
            return True
        resource, _, name = vertex
        if resource == "persistentvolumes":
            volume = self._volumes.get(name)
            return volume is not None and node in self._nodes.get(volume[0], ())
        if resource == "secrets":
            return any(
                node in self._nodes.get(self._volumes[volume][0], ()) for volume in self._volume_secrets.get(vertex, ())
            )
        return False


class NodeAuthorizer:
    def __init__(self, graph: NodeGraph, rules: Iterable[PolicyRule]) -> None:
        self._graph = graph
        self._rules = [CompiledRule(rule) for rule in rules]
        read, get = self._read, self._get
        self._by_resource = {
            ("", "secrets"): read,
            ("", "configmaps"): read,
            ("", "persistentvolumeclaims"): self._claim,
            ("", "persistentvolumes"): get,
            ("resource.k8s.io", "resourceclaims"): get,
            ("storage.k8s.io", "volumeattachments"): get,
            ("", "serviceaccounts"): self._service_account,
            ("coordination.k8s.io", "leases"): self._lease,
            ("storage.k8s.io", "csinodes"): self._csi_node,
            ("resource.k8s.io", "resourceslices"): self._resource_slice,
            ("", "nodes"): self._node,
            ("", "pods"): self._pod,
            ("certificates.k8s.io", "podcertificaterequests"): self._pod_certificate_request,
        }

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        if node_name(user) is None:
            return UserRules([])
        return UserRules([], True, "node authorizer does not support user rule resolution")

    async def authorize(self, attributes: Attributes) -> Decision:
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        """The answer, at once."""
        node = node_name(attributes.user)
        if node is None:
            return NO_OPINION
        if not node:
            return Decision(False, f'unknown node for user "{attributes.user.name}"')
        if attributes.is_resource:
            check = self._by_resource.get((attributes.group, attributes.resource))
            if check is not None:
                return check(node, attributes)
        for rule in self._rules:
            if attributes.is_resource:
                if rule.allows_resource(
                    attributes.verb, attributes.group, attributes.resource, attributes.subresource, attributes.name
                ):
                    return _ALLOWED
            elif rule.allows_path(attributes.verb, attributes.path):
                return _ALLOWED
        return NO_OPINION

    def _related(self, node: str, a: Attributes) -> Decision:
        if not a.name:
            return Decision(False, "No Object name found")
        if self._graph.related(node, (a.resource, a.namespace, a.name)):
            return _ALLOWED
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def _read(self, node: str, a: Attributes) -> Decision:
        if a.verb not in ("get", "list", "watch"):
            return Decision(False, "can only read resources of this type")
        if a.subresource:
            return Decision(False, "cannot read subresource")
        if not a.namespace:
            return Decision(False, "can only read namespaced object of this type")
        return self._related(node, a)

    def _get(self, node: str, a: Attributes) -> Decision:
        if a.verb != "get":
            return Decision(False, "can only get individual resources of this type")
        if a.subresource:
            return Decision(False, "cannot get subresource")
        return self._related(node, a)

    def _claim(self, node: str, a: Attributes) -> Decision:
        if a.subresource != "status":
            return self._get(node, a)
        if a.verb not in ("update", "patch"):
            return Decision(False, "can only get/update/patch this type")
        return self._related(node, a)

    def _service_account(self, node: str, a: Attributes) -> Decision:
        if a.verb == "get" and not a.subresource:
            return self._read(node, a)
        if a.verb != "create" or not a.name:
            return Decision(False, "can only create tokens for individual service accounts")
        if a.subresource != "token":
            return Decision(False, "can only create token subresource of serviceaccount")
        return self._related(node, a)

    def _lease(self, node: str, a: Attributes) -> Decision:
        if a.verb not in ("get", "create", "update", "patch", "delete"):
            return Decision(False, "can only get, create, update, patch, or delete a node lease")
        if a.namespace != LEASE_NAMESPACE:
            return Decision(False, 'can only access leases in the "kube-node-lease" system namespace')
        if a.verb != "create" and a.name != node:
            return Decision(False, "can only access node lease with the same name as the requesting node")
        return _ALLOWED

    def _csi_node(self, node: str, a: Attributes) -> Decision:
        if a.verb not in ("get", "create", "update", "patch", "delete"):
            return Decision(False, "can only get, create, update, patch, or delete a CSINode")
        if a.subresource:
            return Decision(False, "cannot authorize CSINode subresources")
        if a.verb != "create" and a.name != node:
            return Decision(False, "can only access CSINode with the same name as the requesting node")
        return _ALLOWED

    def _resource_slice(self, node: str, a: Attributes) -> Decision:
        if a.subresource:
            return Decision(False, "cannot authorize ResourceSlice subresources")
        if a.verb == "create":
            return _ALLOWED
        if a.verb in ("get", "update", "patch", "delete"):
            return self._related(node, a)
        if a.verb in ("watch", "list", "deletecollection") and _selects(a, "spec.nodeName", node):
            return _ALLOWED
        return Decision(False, "can only list/watch/deletecollection resourceslices with nodeName field selector")

    def _pod_certificate_request(self, node: str, a: Attributes) -> Decision:
        if a.subresource:
            return Decision(False, "nodes may not access the status subresource of PodCertificateRequests")
        if a.verb == "create":
            return _ALLOWED
        if a.verb == "get":
            return self._related(node, a)
        if a.verb in ("list", "watch"):
            if _selects(a, "spec.nodeName", node):
                return _ALLOWED
            return Decision(False, "can only list/watch podcertificaterequests with nodeName field selector")
        return Decision(False, f"nodes may not {a.verb} podcertificaterequests")

    def _node(self, node: str, a: Attributes) -> Decision:
        if not a.subresource:
            if a.verb in _WRITES:
                return _ALLOWED
            if a.verb in ("get", "list", "watch"):
                if a.name == node:
                    return _ALLOWED
                if not a.name:
                    return Decision(False, f"node '{node}' cannot read all nodes, only its own Node object")
                return Decision(False, f"node '{node}' cannot read '{a.name}', only its own Node object")
        elif a.subresource == "status" and a.verb in ("update", "patch"):
            return _ALLOWED
        return NO_OPINION

    def _pod(self, node: str, a: Attributes) -> Decision:
        if not a.subresource:
            if a.verb == "get":
                return self._get(node, a)
            if a.verb in ("list", "watch"):
                if _selects(a, "spec.nodeName", node):
                    return _ALLOWED
                if a.name:
                    return self._related(node, a)
                return Decision(False, "can only list/watch pods with spec.nodeName field selector")
            if a.verb in ("create", "delete"):
                return _ALLOWED
        elif (a.subresource == "status" and a.verb in ("update", "patch")) or (
            a.subresource == "eviction" and a.verb == "create"
        ):
            return _ALLOWED
        return NO_OPINION


def _selects(a: Attributes, field: str, value: str) -> bool:
    if not a.field_selector:
        return False
    try:
        return FieldSelector.parse(a.field_selector).exact(field) == value
    except ValueError:
        return False


# What is read of a Pod: names alone, decoded loosely from served bytes.


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    annotations: dict[str, str] = {}


class _PodSpec(msgspec.Struct):
    nodeName: str = ""
    serviceAccountName: str = ""
    imagePullSecrets: list[dict[str, Any]] = []
    containers: list[dict[str, Any]] = []
    initContainers: list[dict[str, Any]] = []
    ephemeralContainers: list[dict[str, Any]] = []
    volumes: list[dict[str, Any]] = []
    resourceClaims: list[dict[str, Any]] = []


class _ExtendedResourceClaim(msgspec.Struct):
    resourceClaimName: str = ""


class _PodStatus(msgspec.Struct):
    resourceClaimStatuses: list[dict[str, Any]] = []
    extendedResourceClaimStatus: _ExtendedResourceClaim | None = None

    @property
    def claims(self) -> list[str]:
        """The claims that were made for the Pod."""
        made = [str(each.get("resourceClaimName") or "") for each in self.resourceClaimStatuses]
        extended = self.extendedResourceClaimStatus
        return made if extended is None else [*made, extended.resourceClaimName]


class _PodHeadSpec(msgspec.Struct):
    nodeName: str = ""
    ephemeralContainers: list[msgspec.Raw] = []


class _PodHead(msgspec.Struct):
    metadata: _Meta
    spec: _PodHeadSpec
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


class _Pod(msgspec.Struct):
    metadata: _Meta
    spec: _PodSpec
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


_heads = msgspec.json.Decoder(_PodHead)
_pods = msgspec.json.Decoder(_Pod)


def put_pod(graph: NodeGraph, value: bytes) -> None:
    """Takes a Pod into the graph; cheap when nothing that matters has changed."""
    head = _heads.decode(value)
    metadata = head.metadata
    vertex = ("pods", metadata.namespace, metadata.name)
    if not head.spec.nodeName:
        graph.remove(vertex)
        return
    stamp = (metadata.uid, head.spec.nodeName, len(head.spec.ephemeralContainers), tuple(head.status.claims))
    known = graph._sources.get(vertex)
    if known is not None and known[0] == stamp:
        return
    references = () if MIRROR_ANNOTATION in metadata.annotations else pod_references(_pods.decode(value))
    graph.put(vertex, head.spec.nodeName, references, stamp)


def pod_references(pod: _Pod) -> set[Vertex]:
    """Every object that the kubelet may read for a Pod. Source: pkg/api/v1/pod/util.go Visit*Names."""
    namespace, spec = pod.metadata.namespace, pod.spec
    found: set[tuple[str, str]] = {("serviceaccounts", spec.serviceAccountName)}
    found |= {("secrets", str(each.get("name", ""))) for each in spec.imagePullSecrets}
    for container in (*spec.initContainers, *spec.containers, *spec.ephemeralContainers):
        for source in container.get("envFrom") or ():
            found |= _named(source, "secretRef", "secrets") | _named(source, "configMapRef", "configmaps")
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            found |= _named(source, "secretKeyRef", "secrets") | _named(source, "configMapKeyRef", "configmaps")
    for volume in spec.volumes:
        found |= _volume_references(pod.metadata.name, volume)
    for claim in spec.resourceClaims:
        found.add(("resourceclaims", str(claim.get("resourceClaimName") or "")))
    found |= {("resourceclaims", name) for name in pod.status.claims}
    return {(resource, namespace, name) for resource, name in found if name}


def _volume_references(pod_name: str, volume: dict[str, Any]) -> set[tuple[str, str]]:
    found = _named(volume, "configMap", "configmaps")
    found.add(("secrets", str((volume.get("secret") or {}).get("secretName", ""))))
    found.add(("persistentvolumeclaims", str((volume.get("persistentVolumeClaim") or {}).get("claimName", ""))))
    if volume.get("ephemeral"):
        found.add(("persistentvolumeclaims", f"{pod_name}-{volume.get('name', '')}"))
    for source in (volume.get("projected") or {}).get("sources") or ():
        found |= _named(source, "secret", "secrets") | _named(source, "configMap", "configmaps")
    for driver in ("cephfs", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos"):
        found |= _named(volume.get(driver) or {}, "secretRef", "secrets")
    found.add(("secrets", str((volume.get("azureFile") or {}).get("secretName", ""))))
    found |= _named(volume.get("csi") or {}, "nodePublishSecretRef", "secrets")
    return found


def _named(holder: dict[str, Any], field: str, resource: str) -> set[tuple[str, str]]:
    reference = holder.get(field) or {}
    name = reference.get("name", "")
    return {(resource, str(name))} if name else set()


class _Volume(msgspec.Struct):
    metadata: _Meta
    spec: dict[str, Any] = {}


_volumes = msgspec.json.Decoder(_Volume)


def put_volume(graph: NodeGraph, value: bytes) -> None:
    """Takes a PersistentVolume into the graph."""
    volume = _volumes.decode(value)
    claim = volume.spec.get("claimRef") or {}
    if not claim.get("name"):
        graph.remove_volume(volume.metadata.name)
        return
    namespace = str(claim.get("namespace", ""))
    secrets: set[Vertex] = set()
    for source in volume.spec.values():
        if not isinstance(source, dict):
            continue
        for field in ("secretRef", "nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"):
            reference = source.get(field)
            if isinstance(reference, dict) and reference.get("name"):
                secrets.add(("secrets", str(reference.get("namespace") or namespace), str(reference["name"])))
        if source.get("secretName"):
            secrets.add(("secrets", str(source.get("secretNamespace") or namespace), str(source["secretName"])))
    graph.put_volume(volume.metadata.name, ("persistentvolumeclaims", namespace, str(claim["name"])), secrets)


def put_by_node_name(graph: NodeGraph, resource: str, value: bytes) -> None:
    """Takes an object that names its node in spec.nodeName."""
    found = _volumes.decode(value)
    vertex = (resource, found.metadata.namespace, found.metadata.name)
    graph.put(vertex, str(found.spec.get("nodeName") or ""))
