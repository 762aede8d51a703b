"""Every resource of the default v1.36 discovery: the table that routing, discovery, the client and RBAC read.

Source: api/discovery of v1.36 (facts, as `kubectl api-resources` prints them).
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import Any

import msgspec

ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class GroupVersionKind:
    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @classmethod
    def of(cls, api_version: str, kind: str) -> GroupVersionKind:
        group, _, version = api_version.rpartition("/")
        return cls(group, version, kind)


@dataclass(frozen=True, slots=True)
class Subresource:
    name: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    custom: bool = False
    """Defined by a CustomResourceDefinition: there is no Struct."""
    singular_name: str = ""
    list_kind_name: str = ""
    stored_version: str = ""
    """The version that objects lie in; "" for built-in kinds, whose registry knows."""

    @property
    def singular(self) -> str:
        return self.singular_name or self.kind.lower()

    @property
    def list_kind(self) -> str:
        return self.list_kind_name or f"{self.kind}List"

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def gvk(self) -> GroupVersionKind:
        return GroupVersionKind(self.group, self.version, self.kind)

    @property
    def qualified(self) -> str:
        """`deployments.apps`, `pods`: the name that error messages use."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The REST path, e.g. /apis/apps/v1/namespaces/default/deployments/web/scale."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def struct(self) -> type[msgspec.Struct]:
        """The generated Struct of the kind; imports its module on first use."""
        return struct_of(self.group, self.version, self.kind)


@functools.cache
def struct_of(group: str, version: str, kind: str) -> type[msgspec.Struct]:
    """The Struct of a built-in kind. Raises KeyError when v1.36 has none."""
    package = group.split(".")[0] if group else "core"
    if group == "internal.apiserver.k8s.io":
        package = "apiserverinternal"
    try:
        found: type[msgspec.Struct] = getattr(importlib.import_module(f"pybernetes.api.{package}.{version}"), kind)
    except (ModuleNotFoundError, AttributeError):
        raise KeyError(f"{group}/{version} {kind}") from None
    return found


@functools.cache
def resource_of(cls: type[Any]) -> Resource:
    """The resource whose objects are `cls`; a Struct of a custom kind names it. Raises KeyError for any other Struct."""
    custom = getattr(cls, "RESOURCE", None)
    if isinstance(custom, Resource):
        return custom
    package, version = cls.__module__.rsplit(".", 2)[-2:]
    for resource in RESOURCES:
        ours = resource.group.split(".")[0] or "core"
        if resource.group == "internal.apiserver.k8s.io":
            ours = "apiserverinternal"
        if (ours, resource.version, resource.kind) == (package, version, cls.__name__):
            return resource
    raise KeyError(cls.__qualname__)


@functools.cache
def _by_path() -> dict[tuple[str, str, str], Resource]:
    return {(r.group, r.version, r.plural): r for r in RESOURCES}


def find(group: str, version: str, plural: str) -> Resource | None:
    return _by_path().get((group, version, plural))


# fmt: off
RESOURCES: tuple[Resource, ...] = (
    Resource("", "v1", "bindings", "Binding", True, ("create",)),
    Resource("", "v1", "componentstatuses", "ComponentStatus", False, ("get", "list"), short_names=("cs",)),
    Resource("", "v1", "configmaps", "ConfigMap", True, ALL, short_names=("cm",)),
    Resource("", "v1", "endpoints", "Endpoints", True, ALL, short_names=("ep",)),
    Resource("", "v1", "events", "Event", True, ALL, short_names=("ev",)),
    Resource("", "v1", "limitranges", "LimitRange", True, ALL, short_names=("limits",)),
    Resource("", "v1", "namespaces", "Namespace", False, ("create", "delete", "get", "list", "patch", "update", "watch"), short_names=("ns",), subresources=(Subresource("finalize", "Namespace", ("update",)), Subresource("status", "Namespace", ("get", "patch", "update")),)),
    Resource("", "v1", "nodes", "Node", False, ALL, short_names=("no",), subresources=(Subresource("proxy", "NodeProxyOptions", ("create", "delete", "get", "patch", "update")), Subresource("status", "Node", ("get", "patch", "update")),)),
    Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ALL, short_names=("pvc",), subresources=(Subresource("status", "PersistentVolumeClaim", ("get", "patch", "update")),)),
    Resource("", "v1", "persistentvolumes", "PersistentVolume", False, ALL, short_names=("pv",), subresources=(Subresource("status", "PersistentVolume", ("get", "patch", "update")),)),
    Resource("", "v1", "pods", "Pod", True, ALL, short_names=("po",), categories=("all",), subresources=(Subresource("attach", "PodAttachOptions", ("create", "get")), Subresource("binding", "Binding", ("create",)), Subresource("ephemeralcontainers", "Pod", ("get", "patch", "update")), Subresource("eviction", "Eviction", ("create",)), Subresource("exec", "PodExecOptions", ("create", "get")), Subresource("log", "Pod", ("get",)), Subresource("portforward", "PodPortForwardOptions", ("create", "get")), Subresource("proxy", "PodProxyOptions", ("create", "delete", "get", "patch", "update")), Subresource("resize", "Pod", ("get", "patch", "update")), Subresource("status", "Pod", ("get", "patch", "update")),)),
    Resource("", "v1", "podtemplates", "PodTemplate", True, ALL),
    Resource("", "v1", "replicationcontrollers", "ReplicationController", True, ALL, short_names=("rc",), categories=("all",), subresources=(Subresource("scale", "Scale", ("get", "patch", "update")), Subresource("status", "ReplicationController", ("get", "patch", "update")),)),
    Resource("", "v1", "resourcequotas", "ResourceQuota", True, ALL, short_names=("quota",), subresources=(Subresource("status", "ResourceQuota", ("get", "patch", "update")),)),
    Resource("", "v1", "secrets", "Secret", True, ALL),
    Resource("", "v1", "serviceaccounts", "ServiceAccount", True, ALL, short_names=("sa",), subresources=(Subresource("token", "TokenRequest", ("create",)),)),
    Resource("", "v1", "services", "Service", True, ALL, short_names=("svc",), categories=("all",), subresources=(Subresource("proxy", "ServiceProxyOptions", ("create", "delete", "get", "patch", "update")), Subresource("status", "Service", ("get", "patch", "update")),)),
    Resource("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", False, ALL, categories=("api-extensions",), subresources=(Subresource("status", "ValidatingAdmissionPolicy", ("get", "patch", "update")),)),
    Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1alpha1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1alpha1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1beta1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", False, ALL, categories=("api-extensions",)),
    Resource("admissionregistration.k8s.io", "v1beta1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", False, ALL, categories=("api-extensions",)),
    Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False, ALL, short_names=("crd", "crds"), categories=("api-extensions",), subresources=(Subresource("status", "CustomResourceDefinition", ("get", "patch", "update")),)),
    Resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", False, ALL, categories=("api-extensions",), subresources=(Subresource("status", "APIService", ("get", "patch", "update")),)),
    Resource("apps", "v1", "controllerrevisions", "ControllerRevision", True, ALL),
    Resource("apps", "v1", "daemonsets", "DaemonSet", True, ALL, short_names=("ds",), categories=("all",), subresources=(Subresource("status", "DaemonSet", ("get", "patch", "update")),)),
    Resource("apps", "v1", "deployments", "Deployment", True, ALL, short_names=("deploy",), categories=("all",), subresources=(Subresource("scale", "Scale", ("get", "patch", "update")), Subresource("status", "Deployment", ("get", "patch", "update")),)),
    Resource("apps", "v1", "replicasets", "ReplicaSet", True, ALL, short_names=("rs",), categories=("all",), subresources=(Subresource("scale", "Scale", ("get", "patch", "update")), Subresource("status", "ReplicaSet", ("get", "patch", "update")),)),
    Resource("apps", "v1", "statefulsets", "StatefulSet", True, ALL, short_names=("sts",), categories=("all",), subresources=(Subresource("scale", "Scale", ("get", "patch", "update")), Subresource("status", "StatefulSet", ("get", "patch", "update")),)),
    Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False, ("create",)),
    Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", False, ("create",)),
    Resource("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", True, ("create",)),
    Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False, ("create",)),
    Resource("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False, ("create",)),
    Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", False, ("create",)),
    Resource("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ALL, short_names=("hpa",), categories=("all",), subresources=(Subresource("status", "HorizontalPodAutoscaler", ("get", "patch", "update")),)),
    Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ALL, short_names=("hpa",), categories=("all",), subresources=(Subresource("status", "HorizontalPodAutoscaler", ("get", "patch", "update")),)),
    Resource("batch", "v1", "cronjobs", "CronJob", True, ALL, short_names=("cj",), categories=("all",), subresources=(Subresource("status", "CronJob", ("get", "patch", "update")),)),
    Resource("batch", "v1", "jobs", "Job", True, ALL, categories=("all",), subresources=(Subresource("status", "Job", ("get", "patch", "update")),)),
    Resource("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", False, ALL, short_names=("csr",), subresources=(Subresource("approval", "CertificateSigningRequest", ("get", "patch", "update")), Subresource("status", "CertificateSigningRequest", ("get", "patch", "update")),)),
    Resource("certificates.k8s.io", "v1alpha1", "clustertrustbundles", "ClusterTrustBundle", False, ALL),
    Resource("certificates.k8s.io", "v1beta1", "clustertrustbundles", "ClusterTrustBundle", False, ALL),
    Resource("certificates.k8s.io", "v1beta1", "podcertificaterequests", "PodCertificateRequest", True, ALL, subresources=(Subresource("status", "PodCertificateRequest", ("get", "patch", "update")),)),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", True, ALL),
    Resource("coordination.k8s.io", "v1alpha2", "leasecandidates", "LeaseCandidate", True, ALL),
    Resource("coordination.k8s.io", "v1beta1", "leasecandidates", "LeaseCandidate", True, ALL),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", True, ALL),
    Resource("events.k8s.io", "v1", "events", "Event", True, ALL, short_names=("ev",)),
    Resource("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", False, ALL, subresources=(Subresource("status", "FlowSchema", ("get", "patch", "update")),)),
    Resource("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", False, ALL, subresources=(Subresource("status", "PriorityLevelConfiguration", ("get", "patch", "update")),)),
    Resource("internal.apiserver.k8s.io", "v1alpha1", "storageversions", "StorageVersion", False, ALL, subresources=(Subresource("status", "StorageVersion", ("get", "patch", "update")),)),
    Resource("networking.k8s.io", "v1", "ingressclasses", "IngressClass", False, ALL),
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress", True, ALL, short_names=("ing",), subresources=(Subresource("status", "Ingress", ("get", "patch", "update")),)),
    Resource("networking.k8s.io", "v1", "ipaddresses", "IPAddress", False, ALL, short_names=("ip",)),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", True, ALL, short_names=("netpol",)),
    Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", False, ALL, subresources=(Subresource("status", "ServiceCIDR", ("get", "patch", "update")),)),
    Resource("networking.k8s.io", "v1beta1", "ipaddresses", "IPAddress", False, ALL, short_names=("ip",)),
    Resource("networking.k8s.io", "v1beta1", "servicecidrs", "ServiceCIDR", False, ALL, subresources=(Subresource("status", "ServiceCIDR", ("get", "patch", "update")),)),
    Resource("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", False, ALL),
    Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ALL, short_names=("pdb",), subresources=(Subresource("status", "PodDisruptionBudget", ("get", "patch", "update")),)),
    Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False, ALL),
    Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False, ALL),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", True, ALL),
    Resource("rbac.authorization.k8s.io", "v1", "roles", "Role", True, ALL),
    Resource("resource.k8s.io", "v1", "deviceclasses", "DeviceClass", False, ALL),
    Resource("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", True, ALL, subresources=(Subresource("status", "ResourceClaim", ("get", "patch", "update")),)),
    Resource("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate", True, ALL),
    Resource("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", False, ALL),
    Resource("resource.k8s.io", "v1alpha3", "devicetaintrules", "DeviceTaintRule", False, ALL, subresources=(Subresource("status", "DeviceTaintRule", ("get", "patch", "update")),)),
    Resource("resource.k8s.io", "v1alpha3", "resourcepoolstatusrequests", "ResourcePoolStatusRequest", False, ALL, subresources=(Subresource("status", "ResourcePoolStatusRequest", ("get", "patch", "update")),)),
    Resource("resource.k8s.io", "v1beta1", "deviceclasses", "DeviceClass", False, ALL),
    Resource("resource.k8s.io", "v1beta1", "resourceclaims", "ResourceClaim", True, ALL, subresources=(Subresource("status", "ResourceClaim", ("get", "patch", "update")),)),
    Resource("resource.k8s.io", "v1beta1", "resourceclaimtemplates", "ResourceClaimTemplate", True, ALL),
    Resource("resource.k8s.io", "v1beta1", "resourceslices", "ResourceSlice", False, ALL),
    Resource("resource.k8s.io", "v1beta2", "deviceclasses", "DeviceClass", False, ALL),
    Resource("resource.k8s.io", "v1beta2", "devicetaintrules", "DeviceTaintRule", False, ALL, subresources=(Subresource("status", "DeviceTaintRule", ("get", "patch", "update")),)),
    Resource("resource.k8s.io", "v1beta2", "resourceclaims", "ResourceClaim", True, ALL, subresources=(Subresource("status", "ResourceClaim", ("get", "patch", "update")),)),
    Resource("resource.k8s.io", "v1beta2", "resourceclaimtemplates", "ResourceClaimTemplate", True, ALL),
    Resource("resource.k8s.io", "v1beta2", "resourceslices", "ResourceSlice", False, ALL),
    Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", False, ALL, short_names=("pc",)),
    Resource("scheduling.k8s.io", "v1alpha2", "podgroups", "PodGroup", True, ALL, subresources=(Subresource("status", "PodGroup", ("get", "patch", "update")),)),
    Resource("scheduling.k8s.io", "v1alpha2", "workloads", "Workload", True, ALL),
    Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver", False, ALL),
    Resource("storage.k8s.io", "v1", "csinodes", "CSINode", False, ALL),
    Resource("storage.k8s.io", "v1", "csistoragecapacities", "CSIStorageCapacity", True, ALL),
    Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ALL, short_names=("sc",)),
    Resource("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", False, ALL, subresources=(Subresource("status", "VolumeAttachment", ("get", "patch", "update")),)),
    Resource("storage.k8s.io", "v1", "volumeattributesclasses", "VolumeAttributesClass", False, ALL, short_names=("vac",)),
    Resource("storage.k8s.io", "v1beta1", "volumeattributesclasses", "VolumeAttributesClass", False, ALL, short_names=("vac",)),
    Resource("storagemigration.k8s.io", "v1beta1", "storageversionmigrations", "StorageVersionMigration", False, ALL, subresources=(Subresource("status", "StorageVersionMigration", ("get", "patch", "update")),)),
)
# fmt: on
