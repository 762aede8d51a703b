"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'JobStatus': {
        'conditions': ('atomic', (), 'type', 'merge', ''),
    },
    'PodFailurePolicyOnExitCodesRequirement': {
        'values': ('set', (), '', '', ''),
    },
    'UncountedTerminatedPods': {
        'failed': ('set', (), '', '', ''),
        'succeeded': ('set', (), '', '', ''),
    },
}
ATOMIC = []
DEFAULTS = {'JobCondition': {'type': ''}}
