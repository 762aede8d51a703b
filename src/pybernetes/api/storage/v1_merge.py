"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'CSIDriverSpec': {
        'volumeLifecycleModes': ('set', (), '', '', ''),
    },
    'CSINodeSpec': {
        'drivers': ('map', ('name',), 'name', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {'CSINodeDriver': {'name': ''}}
