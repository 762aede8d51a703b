"""Structs of the group-version core/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Bytes, Int32, Int64, IntOrString, MicroTime, Quantity, Time, ZeroBool, ZeroInt32, ZeroInt64, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class AWSElasticBlockStoreVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    partition: ZeroInt32 | None = None
    readOnly: ZeroBool | None = None
    volumeID: str = field(default_factory=zero.string)


class Affinity(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nodeAffinity: NodeAffinity | None = None
    podAffinity: PodAffinity | None = None
    podAntiAffinity: PodAntiAffinity | None = None


class AppArmorProfile(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    localhostProfile: str | None = None
    type: str = field(default_factory=zero.string)


class AttachedVolume(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    devicePath: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class AzureDiskVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    cachingMode: str | None = None
    diskName: str = field(default_factory=zero.string)
    diskURI: str = field(default_factory=zero.string)
    fsType: str | None = None
    kind: str | None = None
    readOnly: bool | None = None


class AzureFilePersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    readOnly: ZeroBool | None = None
    secretName: str = field(default_factory=zero.string)
    secretNamespace: str | None = field(default_factory=zero.null)
    shareName: str = field(default_factory=zero.string)


class AzureFileVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    readOnly: ZeroBool | None = None
    secretName: str = field(default_factory=zero.string)
    shareName: str = field(default_factory=zero.string)


class Binding(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Binding")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    target: ObjectReference = field(default_factory=lambda: ObjectReference())


class CSIPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    controllerExpandSecretRef: SecretReference | None = None
    controllerPublishSecretRef: SecretReference | None = None
    driver: str = field(default_factory=zero.string)
    fsType: ZeroStr | None = None
    nodeExpandSecretRef: SecretReference | None = None
    nodePublishSecretRef: SecretReference | None = None
    nodeStageSecretRef: SecretReference | None = None
    readOnly: ZeroBool | None = None
    volumeAttributes: dict[str, str] = {}
    volumeHandle: str = field(default_factory=zero.string)


class CSIVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    driver: str = field(default_factory=zero.string)
    fsType: str | None = None
    nodePublishSecretRef: LocalObjectReference | None = None
    readOnly: bool | None = None
    volumeAttributes: dict[str, str] = {}


class Capabilities(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    add: list[str] = []
    drop: list[str] = []


class CephFSPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    monitors: list[str] = field(default_factory=zero.array)
    path: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretFile: ZeroStr | None = None
    secretRef: SecretReference | None = None
    user: ZeroStr | None = None


class CephFSVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    monitors: list[str] = field(default_factory=zero.array)
    path: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretFile: ZeroStr | None = None
    secretRef: LocalObjectReference | None = None
    user: ZeroStr | None = None


class CinderPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: SecretReference | None = None
    volumeID: str = field(default_factory=zero.string)


class CinderVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: LocalObjectReference | None = None
    volumeID: str = field(default_factory=zero.string)


class ClientIPConfig(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    timeoutSeconds: Int32 | None = None


class ClusterTrustBundleProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    labelSelector: meta_v1.LabelSelector | None = None
    name: str | None = None
    optional: bool | None = None
    path: str = field(default_factory=zero.string)
    signerName: str | None = None


class ComponentCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    error: ZeroStr | None = None
    message: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class ComponentStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ComponentStatus")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    conditions: list[ComponentCondition] = []


class ComponentStatusList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ComponentStatusList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ComponentStatus] = field(default_factory=zero.array)


class ConfigMap(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ConfigMap")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    binaryData: dict[str, Bytes] = {}
    data: dict[str, str] = {}
    immutable: bool | None = None


class ConfigMapEnvSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None
    optional: bool | None = None


class ConfigMapKeySelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    name: ZeroStr | None = None
    optional: bool | None = None


class ConfigMapList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ConfigMapList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ConfigMap] = field(default_factory=zero.array)


class ConfigMapNodeConfigSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    kubeletConfigKey: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    namespace: str = field(default_factory=zero.string)
    resourceVersion: ZeroStr | None = None
    uid: ZeroStr | None = None


class ConfigMapProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    items: list[KeyToPath] = []
    name: ZeroStr | None = None
    optional: bool | None = None


class ConfigMapVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultMode: Int32 | None = None
    items: list[KeyToPath] = []
    name: ZeroStr | None = None
    optional: bool | None = None


class Container(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    args: list[str] = []
    command: list[str] = []
    env: list[EnvVar] = []
    envFrom: list[EnvFromSource] = []
    image: ZeroStr | None = None
    imagePullPolicy: ZeroStr | None = None
    lifecycle: Lifecycle | None = None
    livenessProbe: Probe | None = None
    name: str = field(default_factory=zero.string)
    ports: list[ContainerPort] = []
    readinessProbe: Probe | None = None
    resizePolicy: list[ContainerResizePolicy] = []
    resources: ResourceRequirements = field(default_factory=lambda: ResourceRequirements())
    restartPolicy: str | None = None
    restartPolicyRules: list[ContainerRestartRule] = []
    securityContext: SecurityContext | None = None
    startupProbe: Probe | None = None
    stdin: ZeroBool | None = None
    stdinOnce: ZeroBool | None = None
    terminationMessagePath: ZeroStr | None = None
    terminationMessagePolicy: ZeroStr | None = None
    tty: ZeroBool | None = None
    volumeDevices: list[VolumeDevice] = []
    volumeMounts: list[VolumeMount] = []
    workingDir: ZeroStr | None = None


class ContainerExtendedResourceRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerName: str = field(default_factory=zero.string)
    requestName: str = field(default_factory=zero.string)
    resourceName: str = field(default_factory=zero.string)


class ContainerImage(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    names: list[str] | None = field(default_factory=zero.null)
    sizeBytes: ZeroInt64 | None = None


class ContainerPort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerPort: Int32 = field(default_factory=zero.zero)
    hostIP: ZeroStr | None = None
    hostPort: ZeroInt32 | None = None
    name: ZeroStr | None = None
    protocol: ZeroStr | None = None


class ContainerResizePolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    resourceName: str = field(default_factory=zero.string)
    restartPolicy: str = field(default_factory=zero.string)


class ContainerRestartRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    action: str = ""
    exitCodes: ContainerRestartRuleOnExitCodes | None = None


class ContainerRestartRuleOnExitCodes(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    operator: str = ""
    values: list[Int32] = []


class ContainerState(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    waiting: ContainerStateWaiting | None = None


class ContainerStateRunning(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    startedAt: Time | None = field(default_factory=zero.null)


class ContainerStateTerminated(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerID: ZeroStr | None = None
    exitCode: Int32 = field(default_factory=zero.zero)
    finishedAt: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    signal: ZeroInt32 | None = None
    startedAt: Time | None = field(default_factory=zero.null)


class ContainerStateWaiting(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    message: ZeroStr | None = None
    reason: ZeroStr | None = None


class ContainerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocatedResources: dict[str, Quantity] = {}
    allocatedResourcesStatus: list[ResourceStatus] = []
    containerID: ZeroStr | None = None
    image: str = field(default_factory=zero.string)
    imageID: str = field(default_factory=zero.string)
    lastState: ContainerState = field(default_factory=lambda: ContainerState())
    name: str = field(default_factory=zero.string)
    ready: bool = field(default_factory=zero.false)
    resources: ResourceRequirements | None = None
    restartCount: Int32 = field(default_factory=zero.zero)
    started: bool | None = None
    state: ContainerState = field(default_factory=lambda: ContainerState())
    stopSignal: str | None = None
    user: ContainerUser | None = None
    volumeMounts: list[VolumeMountStatus] = []


class ContainerUser(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    linux: LinuxContainerUser | None = None


class DaemonEndpoint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    Port: Int32 = field(default_factory=zero.zero)


class DownwardAPIProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    items: list[DownwardAPIVolumeFile] = []


class DownwardAPIVolumeFile(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fieldRef: ObjectFieldSelector | None = None
    mode: Int32 | None = None
    path: str = field(default_factory=zero.string)
    resourceFieldRef: ResourceFieldSelector | None = None


class DownwardAPIVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultMode: Int32 | None = None
    items: list[DownwardAPIVolumeFile] = []


class EmptyDirVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    medium: ZeroStr | None = None
    sizeLimit: Quantity | None = None


class EndpointAddress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hostname: ZeroStr | None = None
    ip: str = field(default_factory=zero.string)
    nodeName: str | None = None
    targetRef: ObjectReference | None = None


class EndpointPort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    appProtocol: str | None = None
    name: ZeroStr | None = None
    port: Int32 = field(default_factory=zero.zero)
    protocol: ZeroStr | None = None


class EndpointSubset(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    addresses: list[EndpointAddress] = []
    notReadyAddresses: list[EndpointAddress] = []
    ports: list[EndpointPort] = []


class Endpoints(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Endpoints")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    subsets: list[EndpointSubset] = []


class EndpointsList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "EndpointsList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Endpoints] = field(default_factory=zero.array)


class EnvFromSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    configMapRef: ConfigMapEnvSource | None = None
    prefix: ZeroStr | None = None
    secretRef: SecretEnvSource | None = None


class EnvVar(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    value: ZeroStr | None = None
    valueFrom: EnvVarSource | None = None


class EnvVarSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    configMapKeyRef: ConfigMapKeySelector | None = None
    fieldRef: ObjectFieldSelector | None = None
    fileKeyRef: FileKeySelector | None = None
    resourceFieldRef: ResourceFieldSelector | None = None
    secretKeyRef: SecretKeySelector | None = None


class EphemeralContainer(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    args: list[str] = []
    command: list[str] = []
    env: list[EnvVar] = []
    envFrom: list[EnvFromSource] = []
    image: ZeroStr | None = None
    imagePullPolicy: ZeroStr | None = None
    lifecycle: Lifecycle | None = None
    livenessProbe: Probe | None = None
    name: str = field(default_factory=zero.string)
    ports: list[ContainerPort] = []
    readinessProbe: Probe | None = None
    resizePolicy: list[ContainerResizePolicy] = []
    resources: ResourceRequirements = field(default_factory=lambda: ResourceRequirements())
    restartPolicy: str | None = None
    restartPolicyRules: list[ContainerRestartRule] = []
    securityContext: SecurityContext | None = None
    startupProbe: Probe | None = None
    stdin: ZeroBool | None = None
    stdinOnce: ZeroBool | None = None
    targetContainerName: ZeroStr | None = None
    terminationMessagePath: ZeroStr | None = None
    terminationMessagePolicy: ZeroStr | None = None
    tty: ZeroBool | None = None
    volumeDevices: list[VolumeDevice] = []
    volumeMounts: list[VolumeMount] = []
    workingDir: ZeroStr | None = None


class EphemeralVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    volumeClaimTemplate: PersistentVolumeClaimTemplate | None = None


class Event(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Event")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    action: ZeroStr | None = None
    count: ZeroInt32 | None = None
    eventTime: MicroTime | None = field(default_factory=zero.null)
    firstTimestamp: Time | None = field(default_factory=zero.null)
    involvedObject: ObjectReference = field(default_factory=lambda: ObjectReference())
    lastTimestamp: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    related: ObjectReference | None = None
    reportingComponent: str = field(default_factory=zero.string)
    reportingInstance: str = field(default_factory=zero.string)
    series: EventSeries | None = None
    source: EventSource = field(default_factory=lambda: EventSource())
    type: ZeroStr | None = None


class EventList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "EventList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Event] = field(default_factory=zero.array)


class EventSeries(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    count: ZeroInt32 | None = None
    lastObservedTime: MicroTime | None = field(default_factory=zero.null)


class EventSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    component: ZeroStr | None = None
    host: ZeroStr | None = None


class ExecAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    command: list[str] = []


class FCVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    lun: Int32 | None = None
    readOnly: ZeroBool | None = None
    targetWWNs: list[str] = []
    wwids: list[str] = []


class FileKeySelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    optional: bool | None = None
    path: str = field(default_factory=zero.string)
    volumeName: str = field(default_factory=zero.string)


class FlexPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    driver: str = field(default_factory=zero.string)
    fsType: ZeroStr | None = None
    options: dict[str, str] = {}
    readOnly: ZeroBool | None = None
    secretRef: SecretReference | None = None


class FlexVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    driver: str = field(default_factory=zero.string)
    fsType: ZeroStr | None = None
    options: dict[str, str] = {}
    readOnly: ZeroBool | None = None
    secretRef: LocalObjectReference | None = None


class FlockerVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    datasetName: ZeroStr | None = None
    datasetUUID: ZeroStr | None = None


class GCEPersistentDiskVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    partition: ZeroInt32 | None = None
    pdName: str = field(default_factory=zero.string)
    readOnly: ZeroBool | None = None


class GRPCAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    port: Int32 = field(default_factory=zero.zero)
    service: str | None = field(default_factory=zero.null)


class GitRepoVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    directory: ZeroStr | None = None
    repository: str = field(default_factory=zero.string)
    revision: ZeroStr | None = None


class GlusterfsPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    endpoints: str = field(default_factory=zero.string)
    endpointsNamespace: str | None = None
    path: str = field(default_factory=zero.string)
    readOnly: ZeroBool | None = None


class GlusterfsVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    endpoints: str = field(default_factory=zero.string)
    path: str = field(default_factory=zero.string)
    readOnly: ZeroBool | None = None


class HTTPGetAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    host: ZeroStr | None = None
    httpHeaders: list[HTTPHeader] = []
    path: ZeroStr | None = None
    port: IntOrString = field(default_factory=zero.zero)
    scheme: ZeroStr | None = None


class HTTPHeader(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    value: str = field(default_factory=zero.string)


class HostAlias(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hostnames: list[str] = []
    ip: str = field(default_factory=zero.string)


class HostIP(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ip: str = field(default_factory=zero.string)


class HostPathVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    path: str = field(default_factory=zero.string)
    type: str | None = None


class ISCSIPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    chapAuthDiscovery: ZeroBool | None = None
    chapAuthSession: ZeroBool | None = None
    fsType: ZeroStr | None = None
    initiatorName: str | None = None
    iqn: str = field(default_factory=zero.string)
    iscsiInterface: ZeroStr | None = None
    lun: Int32 = field(default_factory=zero.zero)
    portals: list[str] = []
    readOnly: ZeroBool | None = None
    secretRef: SecretReference | None = None
    targetPortal: str = field(default_factory=zero.string)


class ISCSIVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    chapAuthDiscovery: ZeroBool | None = None
    chapAuthSession: ZeroBool | None = None
    fsType: ZeroStr | None = None
    initiatorName: str | None = None
    iqn: str = field(default_factory=zero.string)
    iscsiInterface: ZeroStr | None = None
    lun: Int32 = field(default_factory=zero.zero)
    portals: list[str] = []
    readOnly: ZeroBool | None = None
    secretRef: LocalObjectReference | None = None
    targetPortal: str = field(default_factory=zero.string)


class ImageVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pullPolicy: ZeroStr | None = None
    reference: ZeroStr | None = None


class ImageVolumeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    imageRef: str = ""


class KeyToPath(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    mode: Int32 | None = None
    path: str = field(default_factory=zero.string)


class Lifecycle(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    postStart: LifecycleHandler | None = None
    preStop: LifecycleHandler | None = None
    stopSignal: str | None = None


class LifecycleHandler(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    exec: ExecAction | None = None
    httpGet: HTTPGetAction | None = None
    sleep: SleepAction | None = None
    tcpSocket: TCPSocketAction | None = None


class LimitRange(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "LimitRange")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: LimitRangeSpec = field(default_factory=lambda: LimitRangeSpec())


class LimitRangeItem(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    default: dict[str, Quantity] = {}
    defaultRequest: dict[str, Quantity] = {}
    max: dict[str, Quantity] = {}
    maxLimitRequestRatio: dict[str, Quantity] = {}
    min: dict[str, Quantity] = {}
    type: str = field(default_factory=zero.string)


class LimitRangeList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "LimitRangeList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[LimitRange] = field(default_factory=zero.array)


class LimitRangeSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    limits: list[LimitRangeItem] | None = field(default_factory=zero.null)


class LinuxContainerUser(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    gid: Int64 = field(default_factory=zero.zero)
    supplementalGroups: list[Int64] = []
    uid: Int64 = field(default_factory=zero.zero)


class LoadBalancerIngress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hostname: ZeroStr | None = None
    ip: ZeroStr | None = None
    ipMode: str | None = None
    ports: list[PortStatus] = []


class LoadBalancerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ingress: list[LoadBalancerIngress] = []


class LocalObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None


class LocalVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    path: str = field(default_factory=zero.string)


class ModifyVolumeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    status: str = field(default_factory=zero.string)
    targetVolumeAttributesClassName: ZeroStr | None = None


class NFSVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    path: str = field(default_factory=zero.string)
    readOnly: ZeroBool | None = None
    server: str = field(default_factory=zero.string)


class Namespace(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Namespace")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: NamespaceSpec = field(default_factory=lambda: NamespaceSpec())
    status: NamespaceStatus = field(default_factory=lambda: NamespaceStatus())


class NamespaceCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class NamespaceList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "NamespaceList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Namespace] = field(default_factory=zero.array)


class NamespaceSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    finalizers: list[str] = []


class NamespaceStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[NamespaceCondition] = []
    phase: ZeroStr | None = None


class Node(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Node")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: NodeSpec = field(default_factory=lambda: NodeSpec())
    status: NodeStatus = field(default_factory=lambda: NodeStatus())


class NodeAddress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    address: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class NodeAffinity(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    preferredDuringSchedulingIgnoredDuringExecution: list[PreferredSchedulingTerm] = []
    requiredDuringSchedulingIgnoredDuringExecution: NodeSelector | None = None


class NodeAllocatableResourceClaimStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containers: list[str] = []
    resourceClaimName: str = field(default_factory=zero.string)
    resources: dict[str, Quantity] = field(default_factory=zero.object)


class NodeCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastHeartbeatTime: Time | None = field(default_factory=zero.null)
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class NodeConfigSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    configMap: ConfigMapNodeConfigSource | None = None


class NodeConfigStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    active: NodeConfigSource | None = None
    assigned: NodeConfigSource | None = None
    error: ZeroStr | None = None
    lastKnownGood: NodeConfigSource | None = None


class NodeDaemonEndpoints(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    kubeletEndpoint: DaemonEndpoint = field(default_factory=lambda: DaemonEndpoint())


class NodeFeatures(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    supplementalGroupsPolicy: bool | None = None


class NodeList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "NodeList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Node] = field(default_factory=zero.array)


class NodeRuntimeHandler(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    features: NodeRuntimeHandlerFeatures | None = None
    name: str = field(default_factory=zero.string)


class NodeRuntimeHandlerFeatures(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    recursiveReadOnlyMounts: bool | None = None
    userNamespaces: bool | None = None


class NodeSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nodeSelectorTerms: list[NodeSelectorTerm] = field(default_factory=zero.array)


class NodeSelectorRequirement(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    operator: str = field(default_factory=zero.string)
    values: list[str] = []


class NodeSelectorTerm(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    matchExpressions: list[NodeSelectorRequirement] = []
    matchFields: list[NodeSelectorRequirement] = []


class NodeSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    configSource: NodeConfigSource | None = None
    externalID: ZeroStr | None = None
    podCIDR: ZeroStr | None = None
    podCIDRs: list[str] = []
    providerID: ZeroStr | None = None
    taints: list[Taint] = []
    unschedulable: ZeroBool | None = None


class NodeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    addresses: list[NodeAddress] = []
    allocatable: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: list[NodeCondition] = []
    config: NodeConfigStatus | None = None
    daemonEndpoints: NodeDaemonEndpoints = field(default_factory=lambda: NodeDaemonEndpoints())
    declaredFeatures: list[str] = []
    features: NodeFeatures | None = None
    images: list[ContainerImage] = []
    nodeInfo: NodeSystemInfo = field(default_factory=lambda: NodeSystemInfo())
    phase: ZeroStr | None = None
    runtimeHandlers: list[NodeRuntimeHandler] = []
    volumesAttached: list[AttachedVolume] = []
    volumesInUse: list[str] = []


class NodeSwapStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    capacity: Int64 | None = None


class NodeSystemInfo(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    architecture: str = field(default_factory=zero.string)
    bootID: str = field(default_factory=zero.string)
    containerRuntimeVersion: str = field(default_factory=zero.string)
    kernelVersion: str = field(default_factory=zero.string)
    kubeProxyVersion: str = field(default_factory=zero.string)
    kubeletVersion: str = field(default_factory=zero.string)
    machineID: str = field(default_factory=zero.string)
    operatingSystem: str = field(default_factory=zero.string)
    osImage: str = field(default_factory=zero.string)
    swap: NodeSwapStatus | None = None
    systemUUID: str = field(default_factory=zero.string)


class ObjectFieldSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: ZeroStr | None = None
    fieldPath: str = field(default_factory=zero.string)


class ObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: ZeroStr | None = None
    fieldPath: ZeroStr | None = None
    kind: ZeroStr | None = None
    name: ZeroStr | None = None
    namespace: ZeroStr | None = None
    resourceVersion: ZeroStr | None = None
    uid: ZeroStr | None = None


class PersistentVolume(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PersistentVolume")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PersistentVolumeSpec = field(default_factory=lambda: PersistentVolumeSpec())
    status: PersistentVolumeStatus = field(default_factory=lambda: PersistentVolumeStatus())


class PersistentVolumeClaim(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PersistentVolumeClaim")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PersistentVolumeClaimSpec = field(default_factory=lambda: PersistentVolumeClaimSpec())
    status: PersistentVolumeClaimStatus = field(default_factory=lambda: PersistentVolumeClaimStatus())


class PersistentVolumeClaimCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastProbeTime: Time | None = field(default_factory=zero.null)
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class PersistentVolumeClaimList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PersistentVolumeClaimList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PersistentVolumeClaim] = field(default_factory=zero.array)


class PersistentVolumeClaimSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    accessModes: list[str] = []
    dataSource: TypedLocalObjectReference | None = None
    dataSourceRef: TypedObjectReference | None = None
    resources: VolumeResourceRequirements = field(default_factory=lambda: VolumeResourceRequirements())
    selector: meta_v1.LabelSelector | None = None
    storageClassName: str | None = None
    volumeAttributesClassName: str | None = None
    volumeMode: str | None = None
    volumeName: ZeroStr | None = None


class PersistentVolumeClaimStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    accessModes: list[str] = []
    allocatedResourceStatuses: dict[str, str] = {}
    allocatedResources: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: list[PersistentVolumeClaimCondition] = []
    currentVolumeAttributesClassName: str | None = None
    modifyVolumeStatus: ModifyVolumeStatus | None = None
    phase: ZeroStr | None = None


class PersistentVolumeClaimTemplate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PersistentVolumeClaimSpec = field(default_factory=lambda: PersistentVolumeClaimSpec())


class PersistentVolumeClaimVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    claimName: str = field(default_factory=zero.string)
    readOnly: ZeroBool | None = None


class PersistentVolumeList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PersistentVolumeList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PersistentVolume] = field(default_factory=zero.array)


class PersistentVolumeSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    accessModes: list[str] = []
    awsElasticBlockStore: AWSElasticBlockStoreVolumeSource | None = None
    azureDisk: AzureDiskVolumeSource | None = None
    azureFile: AzureFilePersistentVolumeSource | None = None
    capacity: dict[str, Quantity] = {}
    cephfs: CephFSPersistentVolumeSource | None = None
    cinder: CinderPersistentVolumeSource | None = None
    claimRef: ObjectReference | None = None
    csi: CSIPersistentVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flexVolume: FlexPersistentVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    gcePersistentDisk: GCEPersistentDiskVolumeSource | None = None
    glusterfs: GlusterfsPersistentVolumeSource | None = None
    hostPath: HostPathVolumeSource | None = None
    iscsi: ISCSIPersistentVolumeSource | None = None
    local: LocalVolumeSource | None = None
    mountOptions: list[str] = []
    nfs: NFSVolumeSource | None = None
    nodeAffinity: VolumeNodeAffinity | None = None
    persistentVolumeReclaimPolicy: ZeroStr | None = None
    photonPersistentDisk: PhotonPersistentDiskVolumeSource | None = None
    portworxVolume: PortworxVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    rbd: RBDPersistentVolumeSource | None = None
    scaleIO: ScaleIOPersistentVolumeSource | None = None
    storageClassName: ZeroStr | None = None
    storageos: StorageOSPersistentVolumeSource | None = None
    volumeAttributesClassName: str | None = None
    volumeMode: str | None = None
    vsphereVolume: VsphereVirtualDiskVolumeSource | None = None


class PersistentVolumeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastPhaseTransitionTime: Time | None = None
    message: ZeroStr | None = None
    phase: ZeroStr | None = None
    reason: ZeroStr | None = None


class PhotonPersistentDiskVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    pdID: str = field(default_factory=zero.string)


class Pod(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Pod")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PodSpec = field(default_factory=lambda: PodSpec())
    status: PodStatus = field(default_factory=lambda: PodStatus())


class PodAffinity(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    preferredDuringSchedulingIgnoredDuringExecution: list[WeightedPodAffinityTerm] = []
    requiredDuringSchedulingIgnoredDuringExecution: list[PodAffinityTerm] = []


class PodAffinityTerm(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    labelSelector: meta_v1.LabelSelector | None = None
    matchLabelKeys: list[str] = []
    mismatchLabelKeys: list[str] = []
    namespaceSelector: meta_v1.LabelSelector | None = None
    namespaces: list[str] = []
    topologyKey: str = field(default_factory=zero.string)


class PodAntiAffinity(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    preferredDuringSchedulingIgnoredDuringExecution: list[WeightedPodAffinityTerm] = []
    requiredDuringSchedulingIgnoredDuringExecution: list[PodAffinityTerm] = []


class PodCertificateProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    certificateChainPath: ZeroStr | None = None
    credentialBundlePath: ZeroStr | None = None
    keyPath: ZeroStr | None = None
    keyType: str = ""
    maxExpirationSeconds: Int32 | None = None
    signerName: str = ""
    userAnnotations: dict[str, str] = {}


class PodCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastProbeTime: Time | None = field(default_factory=zero.null)
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    observedGeneration: ZeroInt64 | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class PodDNSConfig(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nameservers: list[str] = []
    options: list[PodDNSConfigOption] = []
    searches: list[str] = []


class PodDNSConfigOption(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None
    value: str | None = None


class PodExtendedResourceClaimStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    requestMappings: list[ContainerExtendedResourceRequest] = field(default_factory=zero.array)
    resourceClaimName: str = field(default_factory=zero.string)


class PodIP(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ip: str = field(default_factory=zero.string)


class PodList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PodList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Pod] = field(default_factory=zero.array)


class PodOS(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)


class PodReadinessGate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditionType: str = field(default_factory=zero.string)


class PodResourceClaim(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    resourceClaimName: str | None = None
    resourceClaimTemplateName: str | None = None


class PodResourceClaimStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    resourceClaimName: str | None = None


class PodSchedulingGate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)


class PodSchedulingGroup(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    podGroupName: str | None = None


class PodSecurityContext(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    appArmorProfile: AppArmorProfile | None = None
    fsGroup: Int64 | None = None
    fsGroupChangePolicy: str | None = None
    runAsGroup: Int64 | None = None
    runAsNonRoot: bool | None = None
    runAsUser: Int64 | None = None
    seLinuxChangePolicy: str | None = None
    seLinuxOptions: SELinuxOptions | None = None
    seccompProfile: SeccompProfile | None = None
    supplementalGroups: list[Int64] = []
    supplementalGroupsPolicy: str | None = None
    sysctls: list[Sysctl] = []
    windowsOptions: WindowsSecurityContextOptions | None = None


class PodSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    activeDeadlineSeconds: Int64 | None = None
    affinity: Affinity | None = None
    automountServiceAccountToken: bool | None = None
    containers: list[Container] = field(default_factory=zero.array)
    dnsConfig: PodDNSConfig | None = None
    dnsPolicy: ZeroStr | None = None
    enableServiceLinks: bool | None = None
    ephemeralContainers: list[EphemeralContainer] = []
    hostAliases: list[HostAlias] = []
    hostIPC: ZeroBool | None = None
    hostNetwork: ZeroBool | None = None
    hostPID: ZeroBool | None = None
    hostUsers: bool | None = None
    hostname: ZeroStr | None = None
    hostnameOverride: str | None = None
    imagePullSecrets: list[LocalObjectReference] = []
    initContainers: list[Container] = []
    nodeName: ZeroStr | None = None
    nodeSelector: dict[str, str] = {}
    os: PodOS | None = None
    overhead: dict[str, Quantity] = {}
    preemptionPolicy: str | None = None
    priority: Int32 | None = None
    priorityClassName: ZeroStr | None = None
    readinessGates: list[PodReadinessGate] = []
    resourceClaims: list[PodResourceClaim] = []
    resources: ResourceRequirements | None = None
    restartPolicy: ZeroStr | None = None
    runtimeClassName: str | None = None
    schedulerName: ZeroStr | None = None
    schedulingGates: list[PodSchedulingGate] = []
    schedulingGroup: PodSchedulingGroup | None = None
    securityContext: PodSecurityContext | None = None
    serviceAccount: ZeroStr | None = None
    serviceAccountName: ZeroStr | None = None
    setHostnameAsFQDN: bool | None = None
    shareProcessNamespace: bool | None = None
    subdomain: ZeroStr | None = None
    terminationGracePeriodSeconds: Int64 | None = None
    tolerations: list[Toleration] = []
    topologySpreadConstraints: list[TopologySpreadConstraint] = []
    volumes: list[Volume] = []


class PodStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocatedResources: dict[str, Quantity] = {}
    conditions: list[PodCondition] = []
    containerStatuses: list[ContainerStatus] = []
    ephemeralContainerStatuses: list[ContainerStatus] = []
    extendedResourceClaimStatus: PodExtendedResourceClaimStatus | None = None
    hostIP: ZeroStr | None = None
    hostIPs: list[HostIP] = []
    initContainerStatuses: list[ContainerStatus] = []
    message: ZeroStr | None = None
    nodeAllocatableResourceClaimStatuses: list[NodeAllocatableResourceClaimStatus] = []
    nominatedNodeName: ZeroStr | None = None
    observedGeneration: ZeroInt64 | None = None
    phase: ZeroStr | None = None
    podIP: ZeroStr | None = None
    podIPs: list[PodIP] = []
    qosClass: ZeroStr | None = None
    reason: ZeroStr | None = None
    resize: ZeroStr | None = None
    resourceClaimStatuses: list[PodResourceClaimStatus] = []
    resources: ResourceRequirements | None = None
    startTime: Time | None = None


class PodTemplate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PodTemplate")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    template: PodTemplateSpec = field(default_factory=lambda: PodTemplateSpec())


class PodTemplateList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PodTemplateList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PodTemplate] = field(default_factory=zero.array)


class PodTemplateSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PodSpec = field(default_factory=lambda: PodSpec())


class PortStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    error: str | None = None
    port: Int32 = field(default_factory=zero.zero)
    protocol: str = field(default_factory=zero.string)


class PortworxVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    volumeID: str = field(default_factory=zero.string)


class PreferredSchedulingTerm(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    preference: NodeSelectorTerm = field(default_factory=lambda: NodeSelectorTerm())
    weight: Int32 = field(default_factory=zero.zero)


class Probe(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    exec: ExecAction | None = None
    failureThreshold: ZeroInt32 | None = None
    grpc: GRPCAction | None = None
    httpGet: HTTPGetAction | None = None
    initialDelaySeconds: ZeroInt32 | None = None
    periodSeconds: ZeroInt32 | None = None
    successThreshold: ZeroInt32 | None = None
    tcpSocket: TCPSocketAction | None = None
    terminationGracePeriodSeconds: Int64 | None = None
    timeoutSeconds: ZeroInt32 | None = None


class ProjectedVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultMode: Int32 | None = None
    sources: list[VolumeProjection] | None = field(default_factory=zero.null)


class QuobyteVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    group: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    registry: str = field(default_factory=zero.string)
    tenant: ZeroStr | None = None
    user: ZeroStr | None = None
    volume: str = field(default_factory=zero.string)


class RBDPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    image: str = field(default_factory=zero.string)
    keyring: ZeroStr | None = None
    monitors: list[str] = field(default_factory=zero.array)
    pool: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: SecretReference | None = None
    user: ZeroStr | None = None


class RBDVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    image: str = field(default_factory=zero.string)
    keyring: ZeroStr | None = None
    monitors: list[str] = field(default_factory=zero.array)
    pool: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: LocalObjectReference | None = None
    user: ZeroStr | None = None


class ReplicationController(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ReplicationController")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ReplicationControllerSpec = field(default_factory=lambda: ReplicationControllerSpec())
    status: ReplicationControllerStatus = field(default_factory=lambda: ReplicationControllerStatus())


class ReplicationControllerCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = field(default_factory=zero.null)
    message: ZeroStr | None = None
    reason: ZeroStr | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class ReplicationControllerList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ReplicationControllerList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ReplicationController] = field(default_factory=zero.array)


class ReplicationControllerSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    minReadySeconds: ZeroInt32 | None = None
    replicas: Int32 | None = None
    selector: dict[str, str] = {}
    template: PodTemplateSpec | None = None


class ReplicationControllerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    availableReplicas: ZeroInt32 | None = None
    conditions: list[ReplicationControllerCondition] = []
    fullyLabeledReplicas: ZeroInt32 | None = None
    observedGeneration: ZeroInt64 | None = None
    readyReplicas: ZeroInt32 | None = None
    replicas: Int32 = field(default_factory=zero.zero)


class ResourceClaim(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    request: ZeroStr | None = None


class ResourceFieldSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerName: ZeroStr | None = None
    divisor: Quantity = field(default_factory=zero.quantity)
    resource: str = field(default_factory=zero.string)


class ResourceHealth(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    health: ZeroStr | None = None
    message: str | None = None
    resourceID: str = field(default_factory=zero.string)


class ResourceQuota(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ResourceQuota")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ResourceQuotaSpec = field(default_factory=lambda: ResourceQuotaSpec())
    status: ResourceQuotaStatus = field(default_factory=lambda: ResourceQuotaStatus())


class ResourceQuotaList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ResourceQuotaList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ResourceQuota] = field(default_factory=zero.array)


class ResourceQuotaSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hard: dict[str, Quantity] = {}
    scopeSelector: ScopeSelector | None = None
    scopes: list[str] = []


class ResourceQuotaStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hard: dict[str, Quantity] = {}
    used: dict[str, Quantity] = {}


class ResourceRequirements(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    claims: list[ResourceClaim] = []
    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class ResourceStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    resources: list[ResourceHealth] = []


class SELinuxOptions(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    level: ZeroStr | None = None
    role: ZeroStr | None = None
    type: ZeroStr | None = None
    user: ZeroStr | None = None


class ScaleIOPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    gateway: str = field(default_factory=zero.string)
    protectionDomain: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: SecretReference | None = field(default_factory=zero.null)
    sslEnabled: ZeroBool | None = None
    storageMode: ZeroStr | None = None
    storagePool: ZeroStr | None = None
    system: str = field(default_factory=zero.string)
    volumeName: ZeroStr | None = None


class ScaleIOVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    gateway: str = field(default_factory=zero.string)
    protectionDomain: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: LocalObjectReference | None = field(default_factory=zero.null)
    sslEnabled: ZeroBool | None = None
    storageMode: ZeroStr | None = None
    storagePool: ZeroStr | None = None
    system: str = field(default_factory=zero.string)
    volumeName: ZeroStr | None = None


class ScopeSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    matchExpressions: list[ScopedResourceSelectorRequirement] = []


class ScopedResourceSelectorRequirement(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    operator: str = field(default_factory=zero.string)
    scopeName: str = field(default_factory=zero.string)
    values: list[str] = []


class SeccompProfile(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    localhostProfile: str | None = None
    type: str = field(default_factory=zero.string)


class Secret(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Secret")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    data: dict[str, Bytes] = {}
    immutable: bool | None = None
    stringData: dict[str, str] = {}
    type: ZeroStr | None = None


class SecretEnvSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None
    optional: bool | None = None


class SecretKeySelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    name: ZeroStr | None = None
    optional: bool | None = None


class SecretList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "SecretList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Secret] = field(default_factory=zero.array)


class SecretProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    items: list[KeyToPath] = []
    name: ZeroStr | None = None
    optional: bool | None = None


class SecretReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: ZeroStr | None = None
    namespace: ZeroStr | None = None


class SecretVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultMode: Int32 | None = None
    items: list[KeyToPath] = []
    optional: bool | None = None
    secretName: ZeroStr | None = None


class SecurityContext(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allowPrivilegeEscalation: bool | None = None
    appArmorProfile: AppArmorProfile | None = None
    capabilities: Capabilities | None = None
    privileged: bool | None = None
    procMount: str | None = None
    readOnlyRootFilesystem: bool | None = None
    runAsGroup: Int64 | None = None
    runAsNonRoot: bool | None = None
    runAsUser: Int64 | None = None
    seLinuxOptions: SELinuxOptions | None = None
    seccompProfile: SeccompProfile | None = None
    windowsOptions: WindowsSecurityContextOptions | None = None


class Service(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Service")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ServiceSpec = field(default_factory=lambda: ServiceSpec())
    status: ServiceStatus = field(default_factory=lambda: ServiceStatus())


class ServiceAccount(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ServiceAccount")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    automountServiceAccountToken: bool | None = None
    imagePullSecrets: list[LocalObjectReference] = []
    secrets: list[ObjectReference] = []


class ServiceAccountList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ServiceAccountList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ServiceAccount] = field(default_factory=zero.array)


class ServiceAccountTokenProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    audience: ZeroStr | None = None
    expirationSeconds: Int64 | None = None
    path: str = field(default_factory=zero.string)


class ServiceList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ServiceList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Service] = field(default_factory=zero.array)


class ServicePort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    appProtocol: str | None = None
    name: ZeroStr | None = None
    nodePort: ZeroInt32 | None = None
    port: Int32 = field(default_factory=zero.zero)
    protocol: ZeroStr | None = None
    targetPort: IntOrString = field(default_factory=zero.zero)


class ServiceSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocateLoadBalancerNodePorts: bool | None = None
    clusterIP: ZeroStr | None = None
    clusterIPs: list[str] = []
    externalIPs: list[str] = []
    externalName: ZeroStr | None = None
    externalTrafficPolicy: ZeroStr | None = None
    healthCheckNodePort: ZeroInt32 | None = None
    internalTrafficPolicy: str | None = None
    ipFamilies: list[str] = []
    ipFamilyPolicy: str | None = None
    loadBalancerClass: str | None = None
    loadBalancerIP: ZeroStr | None = None
    loadBalancerSourceRanges: list[str] = []
    ports: list[ServicePort] = []
    publishNotReadyAddresses: ZeroBool | None = None
    selector: dict[str, str] = {}
    sessionAffinity: ZeroStr | None = None
    sessionAffinityConfig: SessionAffinityConfig | None = None
    trafficDistribution: str | None = None
    type: ZeroStr | None = None


class ServiceStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
    loadBalancer: LoadBalancerStatus = field(default_factory=lambda: LoadBalancerStatus())


class SessionAffinityConfig(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    clientIP: ClientIPConfig | None = None


class SleepAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    seconds: Int64 = field(default_factory=zero.zero)


class StorageOSPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: ObjectReference | None = None
    volumeName: ZeroStr | None = None
    volumeNamespace: ZeroStr | None = None


class StorageOSVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    readOnly: ZeroBool | None = None
    secretRef: LocalObjectReference | None = None
    volumeName: ZeroStr | None = None
    volumeNamespace: ZeroStr | None = None


class Sysctl(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    value: str = field(default_factory=zero.string)


class TCPSocketAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    host: ZeroStr | None = None
    port: IntOrString = field(default_factory=zero.zero)


class Taint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    effect: str = field(default_factory=zero.string)
    key: str = field(default_factory=zero.string)
    timeAdded: Time | None = None
    value: ZeroStr | None = None


class Toleration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    effect: ZeroStr | None = None
    key: ZeroStr | None = None
    operator: ZeroStr | None = None
    tolerationSeconds: Int64 | None = None
    value: ZeroStr | None = None


class TopologySelectorLabelRequirement(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    values: list[str] = field(default_factory=zero.array)


class TopologySelectorTerm(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    matchLabelExpressions: list[TopologySelectorLabelRequirement] = []


class TopologySpreadConstraint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    labelSelector: meta_v1.LabelSelector | None = None
    matchLabelKeys: list[str] = []
    maxSkew: Int32 = field(default_factory=zero.zero)
    minDomains: Int32 | None = None
    nodeAffinityPolicy: str | None = None
    nodeTaintsPolicy: str | None = None
    topologyKey: str = field(default_factory=zero.string)
    whenUnsatisfiable: str = field(default_factory=zero.string)


class TypedLocalObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: str | None = field(default_factory=zero.null)
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class TypedObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: str | None = field(default_factory=zero.null)
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    namespace: str | None = None


class Volume(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    awsElasticBlockStore: AWSElasticBlockStoreVolumeSource | None = None
    azureDisk: AzureDiskVolumeSource | None = None
    azureFile: AzureFileVolumeSource | None = None
    cephfs: CephFSVolumeSource | None = None
    cinder: CinderVolumeSource | None = None
    configMap: ConfigMapVolumeSource | None = None
    csi: CSIVolumeSource | None = None
    downwardAPI: DownwardAPIVolumeSource | None = None
    emptyDir: EmptyDirVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flexVolume: FlexVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    gcePersistentDisk: GCEPersistentDiskVolumeSource | None = None
    gitRepo: GitRepoVolumeSource | None = None
    glusterfs: GlusterfsVolumeSource | None = None
    hostPath: HostPathVolumeSource | None = None
    image: ImageVolumeSource | None = None
    iscsi: ISCSIVolumeSource | None = None
    name: str = field(default_factory=zero.string)
    nfs: NFSVolumeSource | None = None
    persistentVolumeClaim: PersistentVolumeClaimVolumeSource | None = None
    photonPersistentDisk: PhotonPersistentDiskVolumeSource | None = None
    portworxVolume: PortworxVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    rbd: RBDVolumeSource | None = None
    scaleIO: ScaleIOVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    storageos: StorageOSVolumeSource | None = None
    vsphereVolume: VsphereVirtualDiskVolumeSource | None = None


class VolumeDevice(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    devicePath: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class VolumeMount(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    mountPath: str = field(default_factory=zero.string)
    mountPropagation: str | None = None
    name: str = field(default_factory=zero.string)
    readOnly: ZeroBool | None = None
    recursiveReadOnly: str | None = None
    subPath: ZeroStr | None = None
    subPathExpr: ZeroStr | None = None


class VolumeMountStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    mountPath: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    readOnly: ZeroBool | None = None
    recursiveReadOnly: str | None = None
    volumeStatus: VolumeStatus | None = None


class VolumeNodeAffinity(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    required: NodeSelector | None = None


class VolumeProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    clusterTrustBundle: ClusterTrustBundleProjection | None = None
    configMap: ConfigMapProjection | None = None
    downwardAPI: DownwardAPIProjection | None = None
    podCertificate: PodCertificateProjection | None = None
    secret: SecretProjection | None = None
    serviceAccountToken: ServiceAccountTokenProjection | None = None


class VolumeResourceRequirements(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class VolumeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    image: ImageVolumeStatus | None = None


class VsphereVirtualDiskVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: ZeroStr | None = None
    storagePolicyID: ZeroStr | None = None
    storagePolicyName: ZeroStr | None = None
    volumePath: str = field(default_factory=zero.string)


class WeightedPodAffinityTerm(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    podAffinityTerm: PodAffinityTerm = field(default_factory=lambda: PodAffinityTerm())
    weight: Int32 = field(default_factory=zero.zero)


class WindowsSecurityContextOptions(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    gmsaCredentialSpec: str | None = None
    gmsaCredentialSpecName: str | None = None
    hostProcess: bool | None = None
    runAsUserName: str | None = None
