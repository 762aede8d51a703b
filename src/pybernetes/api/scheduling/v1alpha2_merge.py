"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'PodGroupSpec': {
        'resourceClaims': ('map', ('name',), 'name', 'merge,retainKeys', ''),
    },
    'PodGroupStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
        'resourceClaimStatuses': ('map', ('name',), 'name', 'merge,retainKeys', ''),
    },
    'PodGroupTemplate': {
        'resourceClaims': ('map', ('name',), 'name', 'merge,retainKeys', ''),
    },
    'WorkloadSpec': {
        'podGroupTemplates': ('map', ('name',), '', '', ''),
    },
}
ATOMIC: list[str] = []
DEFAULTS: dict[str, dict[str, str | int]] = {'PodGroupResourceClaim': {'name': ''}, 'PodGroupResourceClaimStatus': {'name': ''}, 'PodGroupTemplate': {'name': ''}}
