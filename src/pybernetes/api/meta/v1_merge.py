"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'ObjectMeta': {
        'finalizers': ('set', (), '', 'merge', ''),
        'ownerReferences': ('map', ('uid',), 'uid', 'merge', ''),
    },
}
ATOMIC = ['LabelSelector', 'OwnerReference']
DEFAULTS = {'Condition': {'type': ''}, 'OwnerReference': {'uid': ''}}
