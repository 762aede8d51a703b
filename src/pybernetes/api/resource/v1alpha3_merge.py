"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'DeviceTaintRuleStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
    'ResourcePoolStatusRequestStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {}
