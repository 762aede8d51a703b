"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'ObjectMeta': {
        'finalizers': ('set', (), '', 'merge', ''),
        'ownerReferences': ('map', ('uid',), 'uid', 'merge', ''),
    },
}
ATOMIC: list[str] = ['LabelSelector', 'OwnerReference']
DEFAULTS: dict[str, dict[str, str | int]] = {'Condition': {'type': ''}, 'OwnerReference': {'uid': ''}}
