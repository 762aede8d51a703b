"""The strategy of each resource by name; its module is imported when the resource is first served."""

from __future__ import annotations

import importlib
from typing import cast

from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.registry.generic.strategy import Strategy

_HERE = "pybernetes.apiserver.registry"

STRATEGIES: dict[tuple[str, str], str] = {
    ("", "configmaps"): "core.configmaps.strategy:ConfigMapStrategy",
    ("", "endpoints"): "core.endpoints.strategy:EndpointsStrategy",
    ("", "events"): "core.events.strategy:EventStrategy",
    ("", "limitranges"): "core.limitranges.strategy:LimitRangeStrategy",
    ("", "namespaces"): "core.namespaces.strategy:NamespaceStrategy",
    ("", "nodes"): "core.nodes.strategy:NodeStrategy",
    ("", "persistentvolumeclaims"): "core.persistentvolumeclaims.strategy:PersistentVolumeClaimStrategy",
    ("", "persistentvolumes"): "core.persistentvolumes.strategy:PersistentVolumeStrategy",
    ("", "pods"): "core.pods.strategy:PodStrategy",
    ("", "podtemplates"): "core.podtemplates.strategy:PodTemplateStrategy",
    ("", "replicationcontrollers"): "core.replicationcontrollers.strategy:ReplicationControllerStrategy",
    ("", "resourcequotas"): "core.resourcequotas.strategy:ResourceQuotaStrategy",
    ("", "secrets"): "core.secrets.strategy:SecretStrategy",
    ("", "serviceaccounts"): "core.serviceaccounts.strategy:ServiceAccountStrategy",
    ("", "services"): "core.services.strategy:ServiceStrategy",
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"): (
        "admissionregistration.strategy:MutatingAdmissionPolicyStrategy"
    ),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"): (
        "admissionregistration.strategy:AdmissionPolicyBindingStrategy"
    ),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): (
        "admissionregistration.strategy:MutatingWebhookConfigurationStrategy"
    ),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): (
        "admissionregistration.strategy:ValidatingAdmissionPolicyStrategy"
    ),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"): (
        "admissionregistration.strategy:AdmissionPolicyBindingStrategy"
    ),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): (
        "admissionregistration.strategy:ValidatingWebhookConfigurationStrategy"
    ),
    ("apiregistration.k8s.io", "apiservices"): "apiregistration.strategy:APIServiceStrategy",
    ("apiextensions.k8s.io", "customresourcedefinitions"): (
        "apiextensions.customresourcedefinitions.strategy:CustomResourceDefinitionStrategy"
    ),
    ("apps", "controllerrevisions"): "apps.controllerrevisions.strategy:ControllerRevisionStrategy",
    ("apps", "daemonsets"): "apps.daemonsets.strategy:DaemonSetStrategy",
    ("apps", "deployments"): "apps.deployments.strategy:DeploymentStrategy",
    ("apps", "replicasets"): "apps.replicasets.strategy:ReplicaSetStrategy",
    ("apps", "statefulsets"): "apps.statefulsets.strategy:StatefulSetStrategy",
    ("autoscaling", "horizontalpodautoscalers"): "autoscaling.strategy:HorizontalPodAutoscalerStrategy",
    ("batch", "cronjobs"): "batch.cronjobs.strategy:CronJobStrategy",
    ("batch", "jobs"): "batch.jobs.strategy:JobStrategy",
    ("certificates.k8s.io", "certificatesigningrequests"): "certificates.strategy:CertificateSigningRequestStrategy",
    ("certificates.k8s.io", "clustertrustbundles"): "certificates.trust_bundles:ClusterTrustBundleStrategy",
    ("coordination.k8s.io", "leasecandidates"): "coordination.leases.strategy:LeaseCandidateStrategy",
    ("coordination.k8s.io", "leases"): "coordination.leases.strategy:LeaseStrategy",
    ("discovery.k8s.io", "endpointslices"): "discovery.endpointslices.strategy:EndpointSliceStrategy",
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): "flowcontrol.strategy:FlowSchemaStrategy",
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): "flowcontrol.strategy:PriorityLevelStrategy",
    ("networking.k8s.io", "ingressclasses"): "networking.strategy:IngressClassStrategy",
    ("networking.k8s.io", "ingresses"): "networking.strategy:IngressStrategy",
    ("networking.k8s.io", "ipaddresses"): "networking.addresses:IPAddressStrategy",
    ("networking.k8s.io", "networkpolicies"): "networking.strategy:NetworkPolicyStrategy",
    ("networking.k8s.io", "servicecidrs"): "networking.addresses:ServiceCIDRStrategy",
    ("node.k8s.io", "runtimeclasses"): "node.strategy:RuntimeClassStrategy",
    ("policy", "poddisruptionbudgets"): "policy.poddisruptionbudgets.strategy:PodDisruptionBudgetStrategy",
    ("rbac.authorization.k8s.io", "clusterrolebindings"): "rbac.strategy:ClusterRoleBindingStrategy",
    ("rbac.authorization.k8s.io", "clusterroles"): "rbac.strategy:ClusterRoleStrategy",
    ("rbac.authorization.k8s.io", "rolebindings"): "rbac.strategy:RoleBindingStrategy",
    ("rbac.authorization.k8s.io", "roles"): "rbac.strategy:RoleStrategy",
    ("resource.k8s.io", "deviceclasses"): "resource.strategy:DeviceClassStrategy",
    ("resource.k8s.io", "resourceclaims"): "resource.strategy:ResourceClaimStrategy",
    ("resource.k8s.io", "resourceclaimtemplates"): "resource.strategy:ResourceClaimTemplateStrategy",
    ("resource.k8s.io", "resourceslices"): "resource.strategy:ResourceSliceStrategy",
    ("scheduling.k8s.io", "priorityclasses"): "scheduling.priorityclasses.strategy:PriorityClassStrategy",
    ("storage.k8s.io", "csidrivers"): "storage.strategy:CSIDriverStrategy",
    ("storage.k8s.io", "csinodes"): "storage.strategy:CSINodeStrategy",
    ("storage.k8s.io", "csistoragecapacities"): "storage.strategy:CSIStorageCapacityStrategy",
    ("storage.k8s.io", "storageclasses"): "storage.strategy:StorageClassStrategy",
    ("storage.k8s.io", "volumeattachments"): "storage.strategy:VolumeAttachmentStrategy",
    ("storage.k8s.io", "volumeattributesclasses"): "storage.strategy:VolumeAttributesClassStrategy",
    ("storagemigration.k8s.io", "storageversionmigrations"): (
        "storagemigration.strategy:StorageVersionMigrationStrategy"
    ),
}


def strategy_class(resource: Resource) -> type[Strategy]:
    """The strategy of a stored resource; the base class where it has none of its own."""
    place = STRATEGIES.get((resource.group, resource.plural))
    if place is None:
        return Strategy
    module, _, name = place.partition(":")
    return cast(type[Strategy], getattr(importlib.import_module(f"{_HERE}.{module}"), name))
