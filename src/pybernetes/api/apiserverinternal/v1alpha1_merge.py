"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'ServerStorageVersion': {
        'decodableVersions': ('set', (), '', '', ''),
        'servedVersions': ('set', (), '', '', ''),
    },
    'StorageVersionStatus': {
        'conditions': ('map', ('type',), '', '', ''),
        'storageVersions': ('map', ('apiServerID',), '', '', ''),
    },
}
ATOMIC: list[str] = []
DEFAULTS: dict[str, dict[str, str | int]] = {'ServerStorageVersion': {'apiServerID': ''}, 'StorageVersionCondition': {'type': ''}}
