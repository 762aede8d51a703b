"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'ServerStorageVersion': {
        'decodableVersions': ('set', (), '', '', ''),
        'servedVersions': ('set', (), '', '', ''),
    },
    'StorageVersionStatus': {
        'conditions': ('map', ('type',), '', '', ''),
        'storageVersions': ('map', ('apiServerID',), '', '', ''),
    },
}
ATOMIC = []
DEFAULTS = {'ServerStorageVersion': {'apiServerID': ''}, 'StorageVersionCondition': {'type': ''}}
