"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'DaemonSetStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'DeploymentSpec': {
        'strategy': ('', (), '', 'retainKeys', ''),
    },
    'DeploymentStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'ReplicaSetStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'StatefulSetStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
}
ATOMIC: list[str] = []
DEFAULTS: dict[str, dict[str, str | int]] = {'DaemonSetCondition': {'type': ''}, 'DeploymentCondition': {'type': ''}, 'ReplicaSetCondition': {'type': ''}, 'StatefulSetCondition': {'type': ''}}
