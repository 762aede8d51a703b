"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'ComponentStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'Container': {
        'env': ('map', ('name',), 'name', 'merge', ''),
        'ports': ('map', ('containerPort', 'protocol'), 'containerPort', 'merge', ''),
        'volumeDevices': ('map', ('devicePath',), 'devicePath', 'merge', ''),
        'volumeMounts': ('map', ('mountPath',), 'mountPath', 'merge', ''),
    },
    'ContainerRestartRuleOnExitCodes': {
        'values': ('set', (), '', '', ''),
    },
    'ContainerStatus': {
        'allocatedResourcesStatus': ('map', ('name',), 'name', 'merge', ''),
        'volumeMounts': ('map', ('mountPath',), 'mountPath', 'merge', ''),
    },
    'EphemeralContainer': {
        'env': ('map', ('name',), 'name', 'merge', ''),
        'ports': ('map', ('containerPort', 'protocol'), 'containerPort', 'merge', ''),
        'volumeDevices': ('map', ('devicePath',), 'devicePath', 'merge', ''),
        'volumeMounts': ('map', ('mountPath',), 'mountPath', 'merge', ''),
    },
    'NamespaceStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'NodeAllocatableResourceClaimStatus': {
        'containers': ('set', (), '', '', ''),
    },
    'NodeSpec': {
        'podCIDRs': ('set', (), '', 'merge', ''),
    },
    'NodeStatus': {
        'addresses': ('map', ('type',), 'type', 'merge', ''),
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'PersistentVolumeClaimStatus': {
        'allocatedResourceStatuses': ('', (), '', '', 'granular'),
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'PersistentVolumeSpec': {
        'claimRef': ('', (), '', '', 'granular'),
    },
    'PodSpec': {
        'containers': ('map', ('name',), 'name', 'merge', ''),
        'ephemeralContainers': ('map', ('name',), 'name', 'merge', ''),
        'hostAliases': ('map', ('ip',), 'ip', 'merge', ''),
        'imagePullSecrets': ('map', ('name',), 'name', 'merge', ''),
        'initContainers': ('map', ('name',), 'name', 'merge', ''),
        'nodeSelector': ('', (), '', '', 'atomic'),
        'resourceClaims': ('map', ('name',), 'name', 'merge,retainKeys', ''),
        'schedulingGates': ('map', ('name',), 'name', 'merge', ''),
        'topologySpreadConstraints': ('map', ('topologyKey', 'whenUnsatisfiable'), 'topologyKey', 'merge', ''),
        'volumes': ('map', ('name',), 'name', 'merge,retainKeys', ''),
    },
    'PodStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
        'hostIPs': ('atomic', (), 'ip', 'merge', ''),
        'podIPs': ('map', ('ip',), 'ip', 'merge', ''),
        'resourceClaimStatuses': ('map', ('name',), 'name', 'merge,retainKeys', ''),
    },
    'ReplicationControllerSpec': {
        'selector': ('', (), '', '', 'atomic'),
    },
    'ReplicationControllerStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'ResourceRequirements': {
        'claims': ('map', ('name',), '', '', ''),
    },
    'ResourceStatus': {
        'resources': ('map', ('resourceID',), '', '', ''),
    },
    'ServiceAccount': {
        'secrets': ('map', ('name',), 'name', 'merge', ''),
    },
    'ServiceSpec': {
        'ports': ('map', ('port', 'protocol'), 'port', 'merge', ''),
        'selector': ('', (), '', '', 'atomic'),
    },
    'ServiceStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
}
ATOMIC: list[str] = ['ConfigMapKeySelector', 'EndpointAddress', 'EndpointPort', 'FileKeySelector', 'LocalObjectReference', 'NodeSelector', 'NodeSelectorTerm', 'ObjectFieldSelector', 'ObjectReference', 'ResourceFieldSelector', 'ScopeSelector', 'SecretKeySelector', 'SecretReference', 'TopologySelectorTerm', 'TypedLocalObjectReference']
DEFAULTS: dict[str, dict[str, str | int]] = {'ComponentCondition': {'type': ''}, 'Container': {'name': ''}, 'ContainerPort': {'containerPort': 0, 'protocol': 'TCP'}, 'EnvVar': {'name': ''}, 'EphemeralContainer': {'name': ''}, 'HostAlias': {'ip': ''}, 'HostIP': {'ip': ''}, 'LocalObjectReference': {'name': ''}, 'NamespaceCondition': {'type': ''}, 'NodeAddress': {'type': ''}, 'NodeCondition': {'type': ''}, 'PersistentVolumeClaimCondition': {'type': ''}, 'PodCondition': {'type': ''}, 'PodIP': {'ip': ''}, 'PodResourceClaim': {'name': ''}, 'PodResourceClaimStatus': {'name': ''}, 'PodSchedulingGate': {'name': ''}, 'ReplicationControllerCondition': {'type': ''}, 'ResourceClaim': {'name': ''}, 'ResourceHealth': {'resourceID': ''}, 'ResourceStatus': {'name': ''}, 'ServicePort': {'port': 0, 'protocol': 'TCP'}, 'TopologySpreadConstraint': {'topologyKey': '', 'whenUnsatisfiable': ''}, 'Volume': {'name': ''}, 'VolumeDevice': {'devicePath': ''}, 'VolumeMount': {'mountPath': ''}, 'VolumeMountStatus': {'mountPath': ''}}
