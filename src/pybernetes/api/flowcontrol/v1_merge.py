"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
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
ATOMIC: list[str] = []
DEFAULTS: dict[str, dict[str, str | int]] = {}
