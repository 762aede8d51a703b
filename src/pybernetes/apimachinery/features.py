"""The feature gates of v1.36: every name, its stage, its default, and what a cluster's flags make of it.

One registry for all components. `ACTED_ON` names the gates that change what this version does; any other gate
is known, stays at its default, and a setting that says otherwise is answered with a warning (`FeatureGates.warnings`).
Source: test/compatibility_lifecycle/reference/versioned_feature_list.yaml (facts), component-base/featuregate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pybernetes.apimachinery.metrics_text import head


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    stage: str
    """Alpha, Beta, GA or Deprecated."""
    default: bool
    locked: bool


ACTED_ON = frozenset(
    {
        "CBORServingAndStorage",
        "CPUManagerPolicyAlphaOptions",
        "CPUManagerPolicyBetaOptions",
        "ClusterTrustBundle",
        "ClusterTrustBundleProjection",
        "ContainerRestartRules",
        "DRADeviceTaints",
        "DRAExtendedResource",
        "EnvFiles",
        "GangScheduling",
        "GenericWorkload",
        "GracefulNodeShutdown",
        "GracefulNodeShutdownBasedOnPodPriority",
        "HPAConfigurableTolerance",
        "HPAScaleToZero",
        "HostnameOverride",
        "KubeletCrashLoopBackOffMax",
        "MaxUnavailableStatefulSet",
        "MemoryQoS",
        "MutablePodResourcesForSuspendedJobs",
        "MutableSchedulingDirectivesForSuspendedJobs",
        "PodCertificateRequest",
        "RotateKubeletServerCertificate",
        "StorageVersionMigrator",
    }
)
"""Whoever begins to ask for a gate adds its name here."""

_LISTED: Mapping[tuple[str, bool, bool], str] = {
    ("Alpha", False, False): """
        APIServingWithRoutine AllowUnsafeMalformedObjectDeletion CBORServingAndStorage
        CPUManagerPolicyAlphaOptions CRIListStreaming CSIVolumeHealth
        CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook
        ContainerStopSignals ControllerManagerReleaseLeaderElectionLockOnExit CrossNamespaceVolumeDataSource
        DRAListTypeAttributes DRANodeAllocatableResources DRAResourcePoolStatus DRAWorkloadResourceClaims
        EventedPLEG GangScheduling GenericWorkload HPAScaleToZero ImageVolumeWithDigest
        InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory
        KubeletInUserNamespace LoggingAlphaOptions ManifestBasedAdmissionControlConfig MemoryQoS
        MutablePVNodeAffinity NativeHistograms PersistentVolumeClaimUnusedSinceTime
        PodAndContainerStatsFromCRI PodLevelResourceManagers PodLogsQuerySplitStreams PodsAPI QOSReserved
        ReduceDefaultCrashLoopBackOffDecay RuntimeClassInImageCriAPI ShardedListAndWatch
        StorageCapacityScoring StorageVersionAPI TaintTolerationComparisonOperators
        TopologyAwareWorkloadScheduling TopologyManagerPolicyAlphaOptions UserNamespacesHostNetworkSupport
        VolumeLimitScaling WindowsCPUAndMemoryAffinity WorkloadAwarePreemption WorkloadWithJob
    """,
    ("Beta", False, False): """
        ClusterTrustBundle ClusterTrustBundleProjection ConcurrentWatchObjectDecode
        CoordinatedLeaderElection DRADeviceTaintRules LocalStorageCapacityIsolationFSQuotaMonitoring
        MaxUnavailableStatefulSet PodCertificateRequest SELinuxMount SchedulerAsyncAPICalls
        StorageVersionMigrator
    """,
    ("Beta", True, False): """
        APIResponseCompression APIServerIdentity AllowParsingUserUIDFromCertAuth
        AuthorizePodWebsocketUpgradeCreatePermission CPUManagerPolicyBetaOptions
        CRDObservedGenerationTracking ClearingNominatedNodeNameAfterBinding ComponentFlagz ComponentStatusz
        ConstrainedImpersonation ContainerCheckpoint ContainerRestartRules ContextualLogging
        DRAConsumableCapacity DRADeviceBindingConditions DRADeviceTaints DRAExtendedResource
        DRAPartitionableDevices DRAResourceClaimDeviceStatus DRAResourceClaimGranularStatusAuthorization
        DRASchedulerFilterTimeout DeclarativeValidationBeta DeploymentReplicaSetTerminatingReplicas
        DetectCacheInconsistency EnvFiles ExtendWebSocketsToKubelet GracefulNodeShutdown
        GracefulNodeShutdownBasedOnPodPriority HPAConfigurableTolerance HostnameOverride
        InPlacePodLevelResourcesVerticalScaling InPlacePodVerticalScalingInitContainers
        KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages KubeletSeparateDiskGC
        KubeletServiceAccountTokenForCredentialProviders ListFromCacheSnapshot LoggingBetaOptions
        MatchLabelKeysInPodTopologySpread MatchLabelKeysInPodTopologySpreadSelectorMerge
        MutablePodResourcesForSuspendedJobs MutableSchedulingDirectivesForSuspendedJobs NodeDeclaredFeatures
        NominatedNodeNameForExpectation OpenAPIEnums OpportunisticBatching PLEGOnDemandRelist
        PodDeletionCost PodLevelResources PodReadyToStartContainersCondition PodTopologyLabelsAdmission
        PortForwardWebsockets PreventStaticPodAPIReferences RelaxedServiceNameValidation
        ReloadKubeletClientCAFile ReloadKubeletServerCertificateFile RemoteRequestHeaderUID
        ResourceHealthStatus ResourceHealthStatusMessage RestartAllContainersOnContainerExits
        RotateKubeletServerCertificate SchedulerAsyncPreemption SchedulerPopFromBackoffQ
        ServiceAccountNodeAudienceRestriction SizeBasedListCostEstimate StaleControllerConsistencyDaemonSet
        StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet
        StaleControllerConsistencyStatefulSet StatefulSetSemanticRevisionComparison StorageVersionHash
        StrictIPCIDRValidation StructuredAuthenticationConfigurationEgressSelector
        StructuredAuthenticationConfigurationJWKSMetrics TokenRequestServiceAccountUIDValidation
        TopologyManagerPolicyBetaOptions TranslateStreamCloseWebsocketRequests
        UnauthenticatedHTTP2DOSMitigation UnknownVersionInteroperabilityProxy
        WatchCacheInitializationPostStartHook WatchList WindowsGracefulNodeShutdown
    """,
    ("GA", True, False): """
        AllowServiceExternalIPs CPUCFSQuotaPeriod DRAPrioritizedList MutatingAdmissionPolicy
    """,
    ("GA", True, True): """
        APIServerTracing AnonymousAuthConfigurableEndpoints AnyVolumeDataSource AuthorizeNodeWithSelectors
        AuthorizeWithSelectors BtreeWatchCache CPUManagerPolicyOptions CRDValidationRatcheting
        CSIServiceAccountTokenSecrets ConsistentListFromCache CustomResourceFieldSelectors DRAAdminAccess
        DeclarativeValidation DisableAllocatorDualWrite DynamicResourceAllocation ExecProbeTimeout
        ExternalServiceAccountTokenSigner ImageMaximumGCAge ImageVolume InPlacePodVerticalScaling
        JobBackoffLimitPerIndex JobManagedBy JobPodReplacementPolicy JobSuccessPolicy
        KubeletCgroupDriverFromCRI KubeletFineGrainedAuthz KubeletPSI KubeletPodResourcesDynamicResources
        KubeletPodResourcesGet KubeletTracing LogarithmicScaleDown MatchLabelKeysInPodAffinity
        MultiCIDRServiceAllocator MutableCSINodeAllocatableCount NFTablesProxyMode
        NodeInclusionPolicyInPodTopologySpread NodeLogQuery NodeSwap OrderedNamespaceDeletion
        PodLifecycleSleepAction PodLifecycleSleepActionAllowZero PodObservedGenerationTracking
        PodSchedulingReadiness PreferSameTrafficDistribution ProcMountType RecoverVolumeExpansionFailure
        RecursiveReadOnlyMounts RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation
        ResilientWatchCacheInitialization RetryGenerateName SELinuxChangePolicy SELinuxMountReadWriteOncePod
        SchedulerQueueingHints SeparateTaintEvictionController ServiceAccountTokenJTI
        ServiceAccountTokenNodeBinding ServiceAccountTokenNodeBindingValidation
        ServiceAccountTokenPodNodeInfo SidecarContainers StreamingCollectionEncodingToJSON
        StreamingCollectionEncodingToProtobuf StructuredAuthenticationConfiguration SupplementalGroupsPolicy
        SystemdWatchdog TopologyManagerPolicyOptions UserNamespacesSupport VolumeAttributesClass WinDSR
        WinOverlay
    """,
    ("Deprecated", False, False): """
        AllowDNSOnlyNodeCSR AllowInsecureKubeletCertificateSigningRequests
        ChangeContainerStatusOnKubeletRestart DeclarativeValidationTakeover KMSv1
        KubeletRegistrationGetOnExistsOnly WindowsHostNetwork
    """,
    ("Deprecated", False, True): """
        AllowOverwriteTerminationGracePeriodSeconds GitRepoVolumeDriver SeparateCacheWatchRPC
    """,
    ("Deprecated", True, False): """
        DisableCPUQuotaWithExclusiveCPUs KubeletPodResourcesListUseActivePods ServiceCIDRStatusFieldWiping
        StorageNamespaceIndex
    """,
    ("Deprecated", True, True): """
        AggregatedDiscoveryRemoveBetaType DisableNodeKubeProxyVersion
    """,
}
"""Names by stage, default, and whether the default is locked."""

DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    "AuthorizeNodeWithSelectors": ("AuthorizeWithSelectors",),
    "ClusterTrustBundleProjection": ("ClusterTrustBundle",),
    "DRAAdminAccess": ("DynamicResourceAllocation",),
    "DRAConsumableCapacity": ("DynamicResourceAllocation",),
    "DRADeviceBindingConditions": (
        "DynamicResourceAllocation",
        "DRAResourceClaimDeviceStatus",
    ),
    "DRADeviceTaintRules": ("DRADeviceTaints",),
    "DRADeviceTaints": ("DynamicResourceAllocation",),
    "DRAExtendedResource": ("DynamicResourceAllocation",),
    "DRAListTypeAttributes": ("DynamicResourceAllocation",),
    "DRANodeAllocatableResources": ("DynamicResourceAllocation",),
    "DRAPartitionableDevices": ("DynamicResourceAllocation",),
    "DRAPrioritizedList": ("DynamicResourceAllocation",),
    "DRAResourceClaimGranularStatusAuthorization": (
        "DynamicResourceAllocation",
        "DRAResourceClaimDeviceStatus",
    ),
    "DRAResourcePoolStatus": ("DynamicResourceAllocation",),
    "DRASchedulerFilterTimeout": ("DynamicResourceAllocation",),
    "DRAWorkloadResourceClaims": (
        "DynamicResourceAllocation",
        "GenericWorkload",
    ),
    "DeclarativeValidationBeta": ("DeclarativeValidation",),
    "DeclarativeValidationTakeover": ("DeclarativeValidation",),
    "DisableAllocatorDualWrite": ("MultiCIDRServiceAllocator",),
    "ExtendWebSocketsToKubelet": ("NodeDeclaredFeatures",),
    "GangScheduling": ("GenericWorkload",),
    "GracefulNodeShutdownBasedOnPodPriority": ("GracefulNodeShutdown",),
    "ImageVolumeWithDigest": ("ImageVolume",),
    "InPlacePodLevelResourcesVerticalScaling": (
        "InPlacePodVerticalScaling",
        "PodLevelResources",
        "NodeDeclaredFeatures",
    ),
    "InPlacePodVerticalScalingExclusiveCPUs": ("InPlacePodVerticalScaling",),
    "InPlacePodVerticalScalingExclusiveMemory": ("InPlacePodVerticalScaling",),
    "InPlacePodVerticalScalingInitContainers": (
        "InPlacePodVerticalScaling",
        "NodeDeclaredFeatures",
    ),
    "MatchLabelKeysInPodTopologySpreadSelectorMerge": ("MatchLabelKeysInPodTopologySpread",),
    "PodCertificateRequest": ("AuthorizeNodeWithSelectors",),
    "PodLevelResourceManagers": ("PodLevelResources",),
    "PodLifecycleSleepActionAllowZero": ("PodLifecycleSleepAction",),
    "ProcMountType": ("UserNamespacesSupport",),
    "ResourceHealthStatus": ("DynamicResourceAllocation",),
    "ResourceHealthStatusMessage": ("ResourceHealthStatus",),
    "RestartAllContainersOnContainerExits": (
        "ContainerRestartRules",
        "NodeDeclaredFeatures",
    ),
    "ServiceAccountTokenNodeBinding": ("ServiceAccountTokenNodeBindingValidation",),
    "StorageVersionAPI": ("APIServerIdentity",),
    "StructuredAuthenticationConfigurationEgressSelector": ("StructuredAuthenticationConfiguration",),
    "StructuredAuthenticationConfigurationJWKSMetrics": ("StructuredAuthenticationConfiguration",),
    "TopologyAwareWorkloadScheduling": ("GenericWorkload",),
    "UnknownVersionInteroperabilityProxy": ("APIServerIdentity",),
    "UserNamespacesHostNetworkSupport": (
        "UserNamespacesSupport",
        "NodeDeclaredFeatures",
    ),
    "WindowsGracefulNodeShutdown": ("GracefulNodeShutdown",),
    "WorkloadAwarePreemption": ("GangScheduling",),
    "WorkloadWithJob": ("GenericWorkload",),
}
"""A gate that is on needs these on. Source: pkg/features/kube_features.go."""

GATES: Mapping[str, Gate] = {name: Gate(name, *about) for about, names in _LISTED.items() for name in names.split()}
_GROUPS = {"AllAlpha": "Alpha", "AllBeta": "Beta"}
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class FeatureGates:
    """What is on in one component.

    `settings` are names with on or off, AllAlpha and AllBeta among them; a name set by itself wins over these.
    Raises ValueError with upstream's words for an unknown name, a locked gate or a gate whose needs are off.
    """

    def __init__(self, settings: Mapping[str, bool] | None = None) -> None:
        self.settings = dict(settings or {})
        errors = [f"unrecognized feature gate: {name}" for name in self.settings if not _known(name)]
        for name, value in self.settings.items():
            gate = GATES.get(name)
            if gate and gate.locked and value != gate.default:
                told, fixed = str(value).lower(), str(gate.default).lower()
                errors.append(f"cannot set feature gate {name} to {told}, feature is locked to {fixed}")
        if not errors:
            errors = self._missing_needs()
        if errors:
            raise ValueError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")
        self._on = {name: self.asked(name) if name in ACTED_ON else gate.default for name, gate in GATES.items()}

    def enabled(self, name: str) -> bool:
        """Whether the feature is on. The name must be one of ACTED_ON: else a setting would be taken and ignored."""
        assert name in ACTED_ON, f"{name} is not among the gates that are acted on"
        return self._on[name]

    def asked(self, name: str) -> bool:
        """What the settings say, whether we have the feature or not."""
        gate = GATES[name]
        if name in self.settings:
            return self.settings[name]
        group = f"All{gate.stage}"
        return gate.default if gate.locked else self.settings.get(group, gate.default)

    def warnings(self) -> Iterator[str]:
        """A line for each setting that changes nothing or will soon be gone."""
        for name, value in self.settings.items():
            gate = GATES.get(name)
            if gate is None:
                yield from self._group_warning(name)
                continue
            if gate.stage in ("GA", "Deprecated"):
                kind = "GA" if gate.stage == "GA" else "deprecated"
                yield f"setting {kind} feature gate {name}={str(value).lower()}; it will be removed in a future release"
            if value != self._on[name]:
                yield f"feature gate {name}: {_without(gate)}"

    def _group_warning(self, group: str) -> Iterator[str]:
        others = [n for n, g in GATES.items() if g.stage == _GROUPS[group] and n not in self.settings]
        unmoved = [name for name in others if self.asked(name) != self._on[name]]
        if unmoved:
            told = str(self.settings[group]).lower()
            yield f"{group}={told} leaves at their defaults, as this version knows no other way: {', '.join(unmoved)}"

    def _missing_needs(self) -> list[str]:
        errors = []
        for name, needs in DEPENDENCIES.items():
            off = [need for need in needs if not self.asked(need)]
            if off and self.asked(name):
                text = " ".join(off)
                errors.append(f"{name} is enabled, but depends on features that are disabled: [{text}]")
        return errors

    def metric_lines(self) -> Iterator[str]:
        """kubernetes_feature_enabled in Prometheus' text form: what is, not what was asked for."""
        name = "kubernetes_feature_enabled"
        yield from head(name, "gauge", "The stage of a feature and whether it is on.")
        for gate in sorted(GATES.values(), key=lambda gate: gate.name):
            stage = "" if gate.stage == "GA" else gate.stage.upper()
            yield f'{name}{{name="{gate.name}",stage="{stage}"}} {int(self._on[gate.name])}'
        for group, stage in _GROUPS.items():
            yield f'{name}{{name="{group}",stage="{stage.upper()}"}} {int(self.settings.get(group, False))}'


def is_true(text: str) -> bool:
    """Of one of Go's words for true and false. Raises ValueError."""
    if text not in TRUE | FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return text in TRUE


def parse(texts: Iterable[str]) -> dict[str, bool]:
    """The settings of --feature-gates flags, each A=true,B=false. Raises ValueError in upstream's words."""
    settings: dict[str, bool] = {}
    for part in (part for text in texts for part in text.split(",") if part):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValueError(f"missing bool value for {name}")
        try:
            settings[name] = is_true(value)
        except ValueError:
            reason = f'strconv.ParseBool: parsing "{value}": invalid syntax'
            raise ValueError(f"invalid value of {name}={value}, err: {reason}") from None
    return settings


def _known(name: str) -> bool:
    return name in GATES or name in _GROUPS


def _without(gate: Gate) -> str:
    if gate.default:
        return "cannot be switched off in this version; it stays on"
    return "this version does not have the feature; it stays off"
