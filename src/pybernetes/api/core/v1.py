"""Structs of the group-version core/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Bytes, Int32, Int64, IntOrString, MicroTime, Quantity, Time
from pybernetes.api.meta import v1 as meta_v1

class AWSElasticBlockStoreVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    partition: Int32 | None = None
    readOnly: bool | None = None
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
    readOnly: bool | None = None
    secretName: str = field(default_factory=zero.string)
    secretNamespace: str | None = None
    shareName: str = field(default_factory=zero.string)


class AzureFileVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    readOnly: bool | None = None
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
    fsType: str | None = None
    nodeExpandSecretRef: SecretReference | None = None
    nodePublishSecretRef: SecretReference | None = None
    nodeStageSecretRef: SecretReference | None = None
    readOnly: bool | None = None
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
    path: str | None = None
    readOnly: bool | None = None
    secretFile: str | None = None
    secretRef: SecretReference | None = None
    user: str | None = None


class CephFSVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    monitors: list[str] = field(default_factory=zero.array)
    path: str | None = None
    readOnly: bool | None = None
    secretFile: str | None = None
    secretRef: LocalObjectReference | None = None
    user: str | None = None


class CinderPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    readOnly: bool | None = None
    secretRef: SecretReference | None = None
    volumeID: str = field(default_factory=zero.string)


class CinderVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    readOnly: bool | None = None
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
    error: str | None = None
    message: str | None = None
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
    name: str | None = None
    optional: bool | None = None


class ConfigMapKeySelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    name: str | None = None
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
    resourceVersion: str | None = None
    uid: str | None = None


class ConfigMapProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    items: list[KeyToPath] = []
    name: str | None = None
    optional: bool | None = None


class ConfigMapVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultMode: Int32 | None = None
    items: list[KeyToPath] = []
    name: str | None = None
    optional: bool | None = None


class Container(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    args: list[str] = []
    command: list[str] = []
    env: list[EnvVar] = []
    envFrom: list[EnvFromSource] = []
    image: str | None = None
    imagePullPolicy: str | None = None
    lifecycle: Lifecycle | None = None
    livenessProbe: Probe | None = None
    name: str = field(default_factory=zero.string)
    ports: list[ContainerPort] = []
    readinessProbe: Probe | None = None
    resizePolicy: list[ContainerResizePolicy] = []
    resources: ResourceRequirements | None = None
    restartPolicy: str | None = None
    restartPolicyRules: list[ContainerRestartRule] = []
    securityContext: SecurityContext | None = None
    startupProbe: Probe | None = None
    stdin: bool | None = None
    stdinOnce: bool | None = None
    terminationMessagePath: str | None = None
    terminationMessagePolicy: str | None = None
    tty: bool | None = None
    volumeDevices: list[VolumeDevice] = []
    volumeMounts: list[VolumeMount] = []
    workingDir: str | None = None


class ContainerExtendedResourceRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerName: str = field(default_factory=zero.string)
    requestName: str = field(default_factory=zero.string)
    resourceName: str = field(default_factory=zero.string)


class ContainerImage(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    names: list[str] = []
    sizeBytes: Int64 | None = None


class ContainerPort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerPort: Int32 = field(default_factory=zero.zero)
    hostIP: str | None = None
    hostPort: Int32 | None = None
    name: str | None = None
    protocol: str | None = None


class ContainerResizePolicy(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    resourceName: str = field(default_factory=zero.string)
    restartPolicy: str = field(default_factory=zero.string)


class ContainerRestartRule(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    action: str = field(default_factory=zero.string)
    exitCodes: ContainerRestartRuleOnExitCodes | None = None


class ContainerRestartRuleOnExitCodes(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    operator: str = field(default_factory=zero.string)
    values: list[Int32] = []


class ContainerState(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    waiting: ContainerStateWaiting | None = None


class ContainerStateRunning(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    startedAt: Time | None = None


class ContainerStateTerminated(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerID: str | None = None
    exitCode: Int32 = field(default_factory=zero.zero)
    finishedAt: Time | None = None
    message: str | None = None
    reason: str | None = None
    signal: Int32 | None = None
    startedAt: Time | None = None


class ContainerStateWaiting(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    message: str | None = None
    reason: str | None = None


class ContainerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocatedResources: dict[str, Quantity] = {}
    allocatedResourcesStatus: list[ResourceStatus] = []
    containerID: str | None = None
    image: str = field(default_factory=zero.string)
    imageID: str = field(default_factory=zero.string)
    lastState: ContainerState | None = None
    name: str = field(default_factory=zero.string)
    ready: bool = field(default_factory=zero.false)
    resources: ResourceRequirements | None = None
    restartCount: Int32 = field(default_factory=zero.zero)
    started: bool | None = None
    state: ContainerState | None = None
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
    medium: str | None = None
    sizeLimit: Quantity | None = None


class EndpointAddress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hostname: str | None = None
    ip: str = field(default_factory=zero.string)
    nodeName: str | None = None
    targetRef: ObjectReference | None = None


class EndpointPort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    appProtocol: str | None = None
    name: str | None = None
    port: Int32 = field(default_factory=zero.zero)
    protocol: str | None = None


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
    prefix: str | None = None
    secretRef: SecretEnvSource | None = None


class EnvVar(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    value: str | None = None
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
    image: str | None = None
    imagePullPolicy: str | None = None
    lifecycle: Lifecycle | None = None
    livenessProbe: Probe | None = None
    name: str = field(default_factory=zero.string)
    ports: list[ContainerPort] = []
    readinessProbe: Probe | None = None
    resizePolicy: list[ContainerResizePolicy] = []
    resources: ResourceRequirements | None = None
    restartPolicy: str | None = None
    restartPolicyRules: list[ContainerRestartRule] = []
    securityContext: SecurityContext | None = None
    startupProbe: Probe | None = None
    stdin: bool | None = None
    stdinOnce: bool | None = None
    targetContainerName: str | None = None
    terminationMessagePath: str | None = None
    terminationMessagePolicy: str | None = None
    tty: bool | None = None
    volumeDevices: list[VolumeDevice] = []
    volumeMounts: list[VolumeMount] = []
    workingDir: str | None = None


class EphemeralVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    volumeClaimTemplate: PersistentVolumeClaimTemplate | None = None


class Event(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Event")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    action: str | None = None
    count: Int32 | None = None
    eventTime: MicroTime | None = None
    firstTimestamp: Time | None = None
    involvedObject: ObjectReference = field(default_factory=lambda: ObjectReference())
    lastTimestamp: Time | None = None
    message: str | None = None
    reason: str | None = None
    related: ObjectReference | None = None
    reportingComponent: str | None = None
    reportingInstance: str | None = None
    series: EventSeries | None = None
    source: EventSource | None = None
    type: str | None = None


class EventList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "EventList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Event] = field(default_factory=zero.array)


class EventSeries(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    count: Int32 | None = None
    lastObservedTime: MicroTime | None = None


class EventSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    component: str | None = None
    host: str | None = None


class ExecAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    command: list[str] = []


class FCVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    lun: Int32 | None = None
    readOnly: bool | None = None
    targetWWNs: list[str] = []
    wwids: list[str] = []


class FileKeySelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    optional: bool | None = None
    path: str = field(default_factory=zero.string)
    volumeName: str = field(default_factory=zero.string)


class FlexPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    driver: str = field(default_factory=zero.string)
    fsType: str | None = None
    options: dict[str, str] = {}
    readOnly: bool | None = None
    secretRef: SecretReference | None = None


class FlexVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    driver: str = field(default_factory=zero.string)
    fsType: str | None = None
    options: dict[str, str] = {}
    readOnly: bool | None = None
    secretRef: LocalObjectReference | None = None


class FlockerVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    datasetName: str | None = None
    datasetUUID: str | None = None


class GCEPersistentDiskVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    partition: Int32 | None = None
    pdName: str = field(default_factory=zero.string)
    readOnly: bool | None = None


class GRPCAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    port: Int32 = field(default_factory=zero.zero)
    service: str | None = None


class GitRepoVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    directory: str | None = None
    repository: str = field(default_factory=zero.string)
    revision: str | None = None


class GlusterfsPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    endpoints: str = field(default_factory=zero.string)
    endpointsNamespace: str | None = None
    path: str = field(default_factory=zero.string)
    readOnly: bool | None = None


class GlusterfsVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    endpoints: str = field(default_factory=zero.string)
    path: str = field(default_factory=zero.string)
    readOnly: bool | None = None


class HTTPGetAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    host: str | None = None
    httpHeaders: list[HTTPHeader] = []
    path: str | None = None
    port: IntOrString = field(default_factory=zero.zero)
    scheme: str | None = None


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
    chapAuthDiscovery: bool | None = None
    chapAuthSession: bool | None = None
    fsType: str | None = None
    initiatorName: str | None = None
    iqn: str = field(default_factory=zero.string)
    iscsiInterface: str | None = None
    lun: Int32 = field(default_factory=zero.zero)
    portals: list[str] = []
    readOnly: bool | None = None
    secretRef: SecretReference | None = None
    targetPortal: str = field(default_factory=zero.string)


class ISCSIVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    chapAuthDiscovery: bool | None = None
    chapAuthSession: bool | None = None
    fsType: str | None = None
    initiatorName: str | None = None
    iqn: str = field(default_factory=zero.string)
    iscsiInterface: str | None = None
    lun: Int32 = field(default_factory=zero.zero)
    portals: list[str] = []
    readOnly: bool | None = None
    secretRef: LocalObjectReference | None = None
    targetPortal: str = field(default_factory=zero.string)


class ImageVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pullPolicy: str | None = None
    reference: str | None = None


class ImageVolumeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    imageRef: str = field(default_factory=zero.string)


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
    limits: list[LimitRangeItem] = field(default_factory=zero.array)


class LinuxContainerUser(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    gid: Int64 = field(default_factory=zero.zero)
    supplementalGroups: list[Int64] = []
    uid: Int64 = field(default_factory=zero.zero)


class LoadBalancerIngress(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    hostname: str | None = None
    ip: str | None = None
    ipMode: str | None = None
    ports: list[PortStatus] = []


class LoadBalancerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ingress: list[LoadBalancerIngress] = []


class LocalObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str | None = None


class LocalVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    path: str = field(default_factory=zero.string)


class ModifyVolumeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    status: str = field(default_factory=zero.string)
    targetVolumeAttributesClassName: str | None = None


class NFSVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    path: str = field(default_factory=zero.string)
    readOnly: bool | None = None
    server: str = field(default_factory=zero.string)


class Namespace(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Namespace")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: NamespaceSpec = field(default_factory=lambda: NamespaceSpec())
    status: NamespaceStatus = field(default_factory=lambda: NamespaceStatus())


class NamespaceCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = None
    message: str | None = None
    reason: str | None = None
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
    phase: str | None = None


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
    lastHeartbeatTime: Time | None = None
    lastTransitionTime: Time | None = None
    message: str | None = None
    reason: str | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class NodeConfigSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    configMap: ConfigMapNodeConfigSource | None = None


class NodeConfigStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    active: NodeConfigSource | None = None
    assigned: NodeConfigSource | None = None
    error: str | None = None
    lastKnownGood: NodeConfigSource | None = None


class NodeDaemonEndpoints(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    kubeletEndpoint: DaemonEndpoint | None = None


class NodeFeatures(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    supplementalGroupsPolicy: bool | None = None


class NodeList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "NodeList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Node] = field(default_factory=zero.array)


class NodeRuntimeHandler(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    features: NodeRuntimeHandlerFeatures | None = None
    name: str | None = None


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
    externalID: str | None = None
    podCIDR: str | None = None
    podCIDRs: list[str] = []
    providerID: str | None = None
    taints: list[Taint] = []
    unschedulable: bool | None = None


class NodeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    addresses: list[NodeAddress] = []
    allocatable: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: list[NodeCondition] = []
    config: NodeConfigStatus | None = None
    daemonEndpoints: NodeDaemonEndpoints | None = None
    declaredFeatures: list[str] = []
    features: NodeFeatures | None = None
    images: list[ContainerImage] = []
    nodeInfo: NodeSystemInfo | None = None
    phase: str | None = None
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
    apiVersion: str | None = None
    fieldPath: str = field(default_factory=zero.string)


class ObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str | None = None
    fieldPath: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    resourceVersion: str | None = None
    uid: str | None = None


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
    lastProbeTime: Time | None = None
    lastTransitionTime: Time | None = None
    message: str | None = None
    reason: str | None = None
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
    resources: VolumeResourceRequirements | None = None
    selector: meta_v1.LabelSelector | None = None
    storageClassName: str | None = None
    volumeAttributesClassName: str | None = None
    volumeMode: str | None = None
    volumeName: str | None = None


class PersistentVolumeClaimStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    accessModes: list[str] = []
    allocatedResourceStatuses: dict[str, str] = {}
    allocatedResources: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: list[PersistentVolumeClaimCondition] = []
    currentVolumeAttributesClassName: str | None = None
    modifyVolumeStatus: ModifyVolumeStatus | None = None
    phase: str | None = None


class PersistentVolumeClaimTemplate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PersistentVolumeClaimSpec = field(default_factory=lambda: PersistentVolumeClaimSpec())


class PersistentVolumeClaimVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    claimName: str = field(default_factory=zero.string)
    readOnly: bool | None = None


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
    persistentVolumeReclaimPolicy: str | None = None
    photonPersistentDisk: PhotonPersistentDiskVolumeSource | None = None
    portworxVolume: PortworxVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    rbd: RBDPersistentVolumeSource | None = None
    scaleIO: ScaleIOPersistentVolumeSource | None = None
    storageClassName: str | None = None
    storageos: StorageOSPersistentVolumeSource | None = None
    volumeAttributesClassName: str | None = None
    volumeMode: str | None = None
    vsphereVolume: VsphereVirtualDiskVolumeSource | None = None


class PersistentVolumeStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastPhaseTransitionTime: Time | None = None
    message: str | None = None
    phase: str | None = None
    reason: str | None = None


class PhotonPersistentDiskVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
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
    certificateChainPath: str | None = None
    credentialBundlePath: str | None = None
    keyPath: str | None = None
    keyType: str = field(default_factory=zero.string)
    maxExpirationSeconds: Int32 | None = None
    signerName: str = field(default_factory=zero.string)
    userAnnotations: dict[str, str] = {}


class PodCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastProbeTime: Time | None = None
    lastTransitionTime: Time | None = None
    message: str | None = None
    observedGeneration: Int64 | None = None
    reason: str | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class PodDNSConfig(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    nameservers: list[str] = []
    options: list[PodDNSConfigOption] = []
    searches: list[str] = []


class PodDNSConfigOption(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str | None = None
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
    dnsPolicy: str | None = None
    enableServiceLinks: bool | None = None
    ephemeralContainers: list[EphemeralContainer] = []
    hostAliases: list[HostAlias] = []
    hostIPC: bool | None = None
    hostNetwork: bool | None = None
    hostPID: bool | None = None
    hostUsers: bool | None = None
    hostname: str | None = None
    hostnameOverride: str | None = None
    imagePullSecrets: list[LocalObjectReference] = []
    initContainers: list[Container] = []
    nodeName: str | None = None
    nodeSelector: dict[str, str] = {}
    os: PodOS | None = None
    overhead: dict[str, Quantity] = {}
    preemptionPolicy: str | None = None
    priority: Int32 | None = None
    priorityClassName: str | None = None
    readinessGates: list[PodReadinessGate] = []
    resourceClaims: list[PodResourceClaim] = []
    resources: ResourceRequirements | None = None
    restartPolicy: str | None = None
    runtimeClassName: str | None = None
    schedulerName: str | None = None
    schedulingGates: list[PodSchedulingGate] = []
    schedulingGroup: PodSchedulingGroup | None = None
    securityContext: PodSecurityContext | None = None
    serviceAccount: str | None = None
    serviceAccountName: str | None = None
    setHostnameAsFQDN: bool | None = None
    shareProcessNamespace: bool | None = None
    subdomain: str | None = None
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
    hostIP: str | None = None
    hostIPs: list[HostIP] = []
    initContainerStatuses: list[ContainerStatus] = []
    message: str | None = None
    nodeAllocatableResourceClaimStatuses: list[NodeAllocatableResourceClaimStatus] = []
    nominatedNodeName: str | None = None
    observedGeneration: Int64 | None = None
    phase: str | None = None
    podIP: str | None = None
    podIPs: list[PodIP] = []
    qosClass: str | None = None
    reason: str | None = None
    resize: str | None = None
    resourceClaimStatuses: list[PodResourceClaimStatus] = []
    resources: ResourceRequirements | None = None
    startTime: Time | None = None


class PodTemplate(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PodTemplate")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    template: PodTemplateSpec | None = None


class PodTemplateList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "PodTemplateList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[PodTemplate] = field(default_factory=zero.array)


class PodTemplateSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: PodSpec | None = None


class PortStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    error: str | None = None
    port: Int32 = field(default_factory=zero.zero)
    protocol: str = field(default_factory=zero.string)


class PortworxVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    readOnly: bool | None = None
    volumeID: str = field(default_factory=zero.string)


class PreferredSchedulingTerm(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    preference: NodeSelectorTerm = field(default_factory=lambda: NodeSelectorTerm())
    weight: Int32 = field(default_factory=zero.zero)


class Probe(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    exec: ExecAction | None = None
    failureThreshold: Int32 | None = None
    grpc: GRPCAction | None = None
    httpGet: HTTPGetAction | None = None
    initialDelaySeconds: Int32 | None = None
    periodSeconds: Int32 | None = None
    successThreshold: Int32 | None = None
    tcpSocket: TCPSocketAction | None = None
    terminationGracePeriodSeconds: Int64 | None = None
    timeoutSeconds: Int32 | None = None


class ProjectedVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultMode: Int32 | None = None
    sources: list[VolumeProjection] = []


class QuobyteVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    group: str | None = None
    readOnly: bool | None = None
    registry: str = field(default_factory=zero.string)
    tenant: str | None = None
    user: str | None = None
    volume: str = field(default_factory=zero.string)


class RBDPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    image: str = field(default_factory=zero.string)
    keyring: str | None = None
    monitors: list[str] = field(default_factory=zero.array)
    pool: str | None = None
    readOnly: bool | None = None
    secretRef: SecretReference | None = None
    user: str | None = None


class RBDVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    image: str = field(default_factory=zero.string)
    keyring: str | None = None
    monitors: list[str] = field(default_factory=zero.array)
    pool: str | None = None
    readOnly: bool | None = None
    secretRef: LocalObjectReference | None = None
    user: str | None = None


class ReplicationController(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ReplicationController")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: ReplicationControllerSpec = field(default_factory=lambda: ReplicationControllerSpec())
    status: ReplicationControllerStatus = field(default_factory=lambda: ReplicationControllerStatus())


class ReplicationControllerCondition(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    lastTransitionTime: Time | None = None
    message: str | None = None
    reason: str | None = None
    status: str = field(default_factory=zero.string)
    type: str = field(default_factory=zero.string)


class ReplicationControllerList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ReplicationControllerList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[ReplicationController] = field(default_factory=zero.array)


class ReplicationControllerSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    minReadySeconds: Int32 | None = None
    replicas: Int32 | None = None
    selector: dict[str, str] = {}
    template: PodTemplateSpec | None = None


class ReplicationControllerStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    availableReplicas: Int32 | None = None
    conditions: list[ReplicationControllerCondition] = []
    fullyLabeledReplicas: Int32 | None = None
    observedGeneration: Int64 | None = None
    readyReplicas: Int32 | None = None
    replicas: Int32 = field(default_factory=zero.zero)


class ResourceClaim(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    request: str | None = None


class ResourceFieldSelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    containerName: str | None = None
    divisor: Quantity | None = None
    resource: str = field(default_factory=zero.string)


class ResourceHealth(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    health: str | None = None
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
    level: str | None = None
    role: str | None = None
    type: str | None = None
    user: str | None = None


class ScaleIOPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    gateway: str = field(default_factory=zero.string)
    protectionDomain: str | None = None
    readOnly: bool | None = None
    secretRef: SecretReference = field(default_factory=lambda: SecretReference())
    sslEnabled: bool | None = None
    storageMode: str | None = None
    storagePool: str | None = None
    system: str = field(default_factory=zero.string)
    volumeName: str | None = None


class ScaleIOVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    gateway: str = field(default_factory=zero.string)
    protectionDomain: str | None = None
    readOnly: bool | None = None
    secretRef: LocalObjectReference = field(default_factory=lambda: LocalObjectReference())
    sslEnabled: bool | None = None
    storageMode: str | None = None
    storagePool: str | None = None
    system: str = field(default_factory=zero.string)
    volumeName: str | None = None


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
    type: str | None = None


class SecretEnvSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str | None = None
    optional: bool | None = None


class SecretKeySelector(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str = field(default_factory=zero.string)
    name: str | None = None
    optional: bool | None = None


class SecretList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "SecretList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Secret] = field(default_factory=zero.array)


class SecretProjection(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    items: list[KeyToPath] = []
    name: str | None = None
    optional: bool | None = None


class SecretReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str | None = None
    namespace: str | None = None


class SecretVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    defaultMode: Int32 | None = None
    items: list[KeyToPath] = []
    optional: bool | None = None
    secretName: str | None = None


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
    audience: str | None = None
    expirationSeconds: Int64 | None = None
    path: str = field(default_factory=zero.string)


class ServiceList(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ServiceList")
    metadata: meta_v1.ListMeta = field(default_factory=lambda: meta_v1.ListMeta())
    items: list[Service] = field(default_factory=zero.array)


class ServicePort(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    appProtocol: str | None = None
    name: str | None = None
    nodePort: Int32 | None = None
    port: Int32 = field(default_factory=zero.zero)
    protocol: str | None = None
    targetPort: IntOrString | None = None


class ServiceSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    allocateLoadBalancerNodePorts: bool | None = None
    clusterIP: str | None = None
    clusterIPs: list[str] = []
    externalIPs: list[str] = []
    externalName: str | None = None
    externalTrafficPolicy: str | None = None
    healthCheckNodePort: Int32 | None = None
    internalTrafficPolicy: str | None = None
    ipFamilies: list[str] = []
    ipFamilyPolicy: str | None = None
    loadBalancerClass: str | None = None
    loadBalancerIP: str | None = None
    loadBalancerSourceRanges: list[str] = []
    ports: list[ServicePort] = []
    publishNotReadyAddresses: bool | None = None
    selector: dict[str, str] = {}
    sessionAffinity: str | None = None
    sessionAffinityConfig: SessionAffinityConfig | None = None
    trafficDistribution: str | None = None
    type: str | None = None


class ServiceStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    conditions: list[meta_v1.Condition] = []
    loadBalancer: LoadBalancerStatus | None = None


class SessionAffinityConfig(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    clientIP: ClientIPConfig | None = None


class SleepAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    seconds: Int64 = field(default_factory=zero.zero)


class StorageOSPersistentVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    readOnly: bool | None = None
    secretRef: ObjectReference | None = None
    volumeName: str | None = None
    volumeNamespace: str | None = None


class StorageOSVolumeSource(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    fsType: str | None = None
    readOnly: bool | None = None
    secretRef: LocalObjectReference | None = None
    volumeName: str | None = None
    volumeNamespace: str | None = None


class Sysctl(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    name: str = field(default_factory=zero.string)
    value: str = field(default_factory=zero.string)


class TCPSocketAction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    host: str | None = None
    port: IntOrString = field(default_factory=zero.zero)


class Taint(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    effect: str = field(default_factory=zero.string)
    key: str = field(default_factory=zero.string)
    timeAdded: Time | None = None
    value: str | None = None


class Toleration(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    effect: str | None = None
    key: str | None = None
    operator: str | None = None
    tolerationSeconds: Int64 | None = None
    value: str | None = None


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
    apiGroup: str | None = None
    kind: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)


class TypedObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiGroup: str | None = None
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
    readOnly: bool | None = None
    recursiveReadOnly: str | None = None
    subPath: str | None = None
    subPathExpr: str | None = None


class VolumeMountStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    mountPath: str = field(default_factory=zero.string)
    name: str = field(default_factory=zero.string)
    readOnly: bool | None = None
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
    fsType: str | None = None
    storagePolicyID: str | None = None
    storagePolicyName: str | None = None
    volumePath: str = field(default_factory=zero.string)


class WeightedPodAffinityTerm(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    podAffinityTerm: PodAffinityTerm = field(default_factory=lambda: PodAffinityTerm())
    weight: Int32 = field(default_factory=zero.zero)


class WindowsSecurityContextOptions(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    gmsaCredentialSpec: str | None = None
    gmsaCredentialSpecName: str | None = None
    hostProcess: bool | None = None
    runAsUserName: str | None = None
