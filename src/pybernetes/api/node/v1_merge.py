"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'Scheduling': {
        'nodeSelector': ('', (), '', '', 'atomic'),
    },
}
ATOMIC = []
DEFAULTS = {}
