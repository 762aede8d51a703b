"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
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
ATOMIC = []
DEFAULTS = {'PodGroupResourceClaim': {'name': ''}, 'PodGroupResourceClaimStatus': {'name': ''}, 'PodGroupTemplate': {'name': ''}}
