"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'FlowSchemaStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'NonResourcePolicyRule': {
        'nonResourceURLs': ('set', (), '', '', ''),
        'verbs': ('set', (), '', '', ''),
    },
    'PriorityLevelConfigurationStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'ResourcePolicyRule': {
        'apiGroups': ('set', (), '', '', ''),
        'namespaces': ('set', (), '', '', ''),
        'resources': ('set', (), '', '', ''),
        'verbs': ('set', (), '', '', ''),
    },
}
ATOMIC = []
DEFAULTS = {}
