"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
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
ATOMIC = []
DEFAULTS = {'DaemonSetCondition': {'type': ''}, 'DeploymentCondition': {'type': ''}, 'ReplicaSetCondition': {'type': ''}, 'StatefulSetCondition': {'type': ''}}
