"""Every controller, in the order of starting: name, ServiceAccount, where its class lies.

Source: cmd/kube-controller-manager/names, app/controllermanager.go. Modules are imported when started.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.controllers.runtime.controller import Controller


@dataclass(frozen=True, slots=True)
class Descriptor:
    name: str
    service_account: str
    """In kube-system; its bootstrap role is system:controller:NAME. "": the manager's own identity."""
    folder: str
    """The folder below pybernetes.controllers whose controller.py has the class."""
    class_name: str
    default: bool = True
    feature: str = ""
    """The gate without which it does not run."""
    needs: tuple[str, str, str] | None = None
    """Group, version and kind that API servers serve only where they are told to: without it, it has nothing to do."""

    def load(self) -> type[Controller]:
        found: type[Controller] = getattr(
            importlib.import_module(f"pybernetes.controllers.{self.folder}.controller"), self.class_name
        )
        return found


DESCRIPTORS: tuple[Descriptor, ...] = (
    Descriptor("serviceaccount-token-controller", "", "serviceaccount_token", "ServiceAccountTokenController"),
    Descriptor("serviceaccount-controller", "service-account-controller", "serviceaccount", "ServiceAccountController"),
    Descriptor("root-ca-certificate-publisher-controller", "root-ca-cert-publisher", "root_ca", "RootCaPublisher"),
    Descriptor("node-ipam-controller", "node-controller", "node_ipam", "NodeIpamController"),
    Descriptor("node-lifecycle-controller", "node-controller", "node_lifecycle", "NodeLifecycleController"),
    Descriptor("taint-eviction-controller", "node-controller", "taint_eviction", "TaintEvictionController"),
    Descriptor(
        "device-taint-eviction-controller",
        "device-taint-eviction-controller",
        "device_taint_eviction",
        "DeviceTaintEvictionController",
        feature="DRADeviceTaints",
    ),
    Descriptor("deployment-controller", "deployment-controller", "deployment", "DeploymentController"),
    Descriptor("replicaset-controller", "replicaset-controller", "replicaset", "ReplicaSetController"),
    Descriptor(
        "replicationcontroller-controller",
        "replication-controller",
        "replicationcontroller",
        "ReplicationControllerController",
    ),
    Descriptor("statefulset-controller", "statefulset-controller", "statefulset", "StatefulSetController"),
    Descriptor("daemonset-controller", "daemon-set-controller", "daemonset", "DaemonSetController"),
    Descriptor(
        "horizontal-pod-autoscaler-controller",
        "horizontal-pod-autoscaler",
        "horizontalpodautoscaler",
        "HorizontalPodAutoscalerController",
    ),
    Descriptor("disruption-controller", "disruption-controller", "disruption", "DisruptionController"),
    Descriptor("job-controller", "job-controller", "job", "JobController"),
    Descriptor("cronjob-controller", "cronjob-controller", "cronjob", "CronJobController"),
    Descriptor(
        "certificatesigningrequest-signing-controller",
        "certificate-controller",
        "certificate_signing",
        "CertificateSigningController",
    ),
    Descriptor(
        "certificatesigningrequest-approving-controller",
        "certificate-controller",
        "certificate_approving",
        "CertificateApprovingController",
    ),
    Descriptor(
        "certificatesigningrequest-cleaner-controller",
        "certificate-controller",
        "certificate_cleaner",
        "CertificateCleanerController",
    ),
    Descriptor(
        "podcertificaterequest-cleaner-controller",
        "podcertificaterequestcleaner",
        "pod_certificate_cleaner",
        "PodCertificateCleanerController",
        feature="PodCertificateRequest",
        needs=("certificates.k8s.io", "v1beta1", "PodCertificateRequest"),
    ),
    Descriptor(
        "kube-apiserver-serving-clustertrustbundle-publisher-controller",
        "kube-apiserver-serving-clustertrustbundle-publisher",
        "trust_bundle_publisher",
        "TrustBundlePublisher",
        feature="ClusterTrustBundle",
        needs=("certificates.k8s.io", "v1beta1", "ClusterTrustBundle"),
    ),
    Descriptor(
        "validatingadmissionpolicy-status-controller",
        "validatingadmissionpolicy-status-controller",
        "policy_status",
        "PolicyStatusController",
    ),
    Descriptor("service-lb-controller", "service-controller", "service_lb", "ServiceLoadBalancerController"),
    Descriptor("resourceclaim-controller", "resource-claim-controller", "resourceclaim", "ResourceClaimController"),
    Descriptor(
        "storage-version-migrator-controller",
        "storage-version-migrator-controller",
        "storage_version_migrator",
        "StorageVersionMigratorController",
        feature="StorageVersionMigrator",
        needs=("storagemigration.k8s.io", "v1beta1", "StorageVersionMigration"),
    ),
    Descriptor("ttl-controller", "ttl-controller", "ttl", "TtlController"),
    Descriptor(
        "bootstrap-signer-controller", "bootstrap-signer", "bootstrap_signer", "BootstrapSignerController", False
    ),
    Descriptor("token-cleaner-controller", "token-cleaner", "token_cleaner", "TokenCleanerController", False),
    Descriptor(
        "legacy-serviceaccount-token-cleaner-controller",
        "legacy-service-account-token-cleaner",
        "legacy_token_cleaner",
        "LegacyTokenCleanerController",
    ),
    Descriptor(
        "ttl-after-finished-controller",
        "ttl-after-finished-controller",
        "ttl_after_finished",
        "TtlAfterFinishedController",
    ),
    Descriptor("resourcequota-controller", "resourcequota-controller", "resourcequota", "ResourceQuotaController"),
    Descriptor("endpoints-controller", "endpoint-controller", "endpoints", "EndpointsController"),
    Descriptor("endpointslice-controller", "endpointslice-controller", "endpointslice", "EndpointSliceController"),
    Descriptor(
        "endpointslice-mirroring-controller",
        "endpointslicemirroring-controller",
        "endpointslicemirroring",
        "EndpointSliceMirroringController",
    ),
    Descriptor("service-cidr-controller", "service-cidrs-controller", "servicecidr", "ServiceCidrController"),
    Descriptor("persistentvolume-binder-controller", "persistent-volume-binder", "volume_binder", "VolumeBinder"),
    Descriptor(
        "persistentvolume-attach-detach-controller",
        "attachdetach-controller",
        "attach_detach",
        "AttachDetachController",
    ),
    Descriptor("persistentvolume-expander-controller", "expand-controller", "volume_expand", "VolumeExpandController"),
    Descriptor(
        "ephemeral-volume-controller", "ephemeral-volume-controller", "ephemeral_volume", "EphemeralVolumeController"
    ),
    Descriptor(
        "volumeattributesclass-protection-controller",
        "volumeattributesclass-protection-controller",
        "volume_protection",
        "AttributesClassProtection",
    ),
    Descriptor(
        "persistentvolumeclaim-protection-controller",
        "pvc-protection-controller",
        "volume_protection",
        "ClaimProtection",
    ),
    Descriptor(
        "persistentvolume-protection-controller", "pv-protection-controller", "volume_protection", "VolumeProtection"
    ),
    Descriptor("namespace-controller", "namespace-controller", "namespace", "NamespaceController"),
    Descriptor(
        "garbage-collector-controller", "generic-garbage-collector", "garbagecollector", "GarbageCollectorController"
    ),
    Descriptor("pod-garbage-collector-controller", "pod-garbage-collector", "pod_gc", "PodGarbageCollector"),
    Descriptor(
        "clusterrole-aggregation-controller",
        "clusterrole-aggregation-controller",
        "clusterrole_aggregation",
        "ClusterRoleAggregationController",
    ),
)


_ALIASES = {
    "attachdetach": "persistentvolume-attach-detach-controller",
    "bootstrapsigner": "bootstrap-signer-controller",
    "csrapproving": "certificatesigningrequest-approving-controller",
    "csrcleaner": "certificatesigningrequest-cleaner-controller",
    "csrsigning": "certificatesigningrequest-signing-controller",
    "endpoint": "endpoints-controller",
    "endpointslicemirroring": "endpointslice-mirroring-controller",
    "garbagecollector": "garbage-collector-controller",
    "horizontalpodautoscaling": "horizontal-pod-autoscaler-controller",
    "legacy-service-account-token-cleaner": "legacy-serviceaccount-token-cleaner-controller",
    "nodeipam": "node-ipam-controller",
    "nodelifecycle": "node-lifecycle-controller",
    "podgc": "pod-garbage-collector-controller",
    "pv-protection": "persistentvolume-protection-controller",
    "pvc-protection": "persistentvolumeclaim-protection-controller",
    "resource-claim-controller": "resourceclaim-controller",
    "root-ca-cert-publisher": "root-ca-certificate-publisher-controller",
    "service": "service-lb-controller",
    "storage-version-gc": "storageversion-garbage-collector-controller",
    "svm": "storage-version-migrator-controller",
    "tokencleaner": "token-cleaner-controller",
}
"""Names of old. Further ones are the name without -controller."""
_CLOUD = frozenset({"cloud-node-lifecycle", "cloud-node-lifecycle-controller", "route", "node-route-controller"})
"""Of cloud providers; known, and never run, as upstream."""
_POD_GROUPS = "podgroup-protection-controller"
_ALPHA = frozenset({_POD_GROUPS, "resourcepoolstatusrequest-controller", "storageversion-garbage-collector-controller"})
"""Of upstream's features that are off; not here. The gate of the first alone can be switched on."""
_SELINUX = "selinux-warning-controller"
"""Of upstream, runs only where it is asked for by name; it is not here."""


def chosen(names: list[str], gates: FeatureGates | None = None) -> list[Descriptor]:
    """The descriptors that `--controllers` asks for, by name or alias. Raises ValueError for a name there is not.

    One whose gate is off may be named, and does not run. Source: app.(*ControllerDescriptor).BuildController.
    """
    gates = gates or FeatureGates()
    known = {d.name for d in DESCRIPTORS}
    asked = [_canonical(name, known) for name in names]
    for name in asked:
        if name == _SELINUX:
            raise ValueError(f"there is no {name} here: no volume is mounted with an SELinux label")
        if name == _POD_GROUPS and gates.enabled("GenericWorkload"):
            raise ValueError(f"there is no {name} here: leave it out, or the gate GenericWorkload off")
        if name != "*" and name.removeprefix("-") not in known | _CLOUD | _ALPHA | {_SELINUX}:
            raise ValueError(f"unknown controller {name.removeprefix('-')!r}; known are: {', '.join(sorted(known))}")
    return [d for d in DESCRIPTORS if _is_chosen(d, asked) and (not d.feature or gates.enabled(d.feature))]


def _canonical(name: str, known: set[str]) -> str:
    """Source: the aliases of the descriptors in cmd/kube-controller-manager/app."""
    sign, bare = ("-", name[1:]) if name.startswith("-") else ("", name)
    if bare not in known:
        bare = _ALIASES.get(bare) or (f"{bare}-controller" if f"{bare}-controller" in known else bare)
    return sign + bare


def _is_chosen(descriptor: Descriptor, names: list[str]) -> bool:
    """An explicit name wins over `*`. Source: app.IsControllerEnabled."""
    if descriptor.name in names:
        return True
    if f"-{descriptor.name}" in names:
        return False
    return "*" in names and descriptor.default
