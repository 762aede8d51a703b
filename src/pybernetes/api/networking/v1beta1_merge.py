"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'ServiceCIDRStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {}
