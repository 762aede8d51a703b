"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'StorageVersionMigrationStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {}
