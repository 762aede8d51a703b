"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'CSIDriverSpec': {
        'volumeLifecycleModes': ('set', (), '', '', ''),
    },
    'CSINodeSpec': {
        'drivers': ('map', ('name',), 'name', 'merge', ''),
    },
}
ATOMIC: list[str] = []
DEFAULTS: dict[str, dict[str, str | int]] = {'CSINodeDriver': {'name': ''}}
