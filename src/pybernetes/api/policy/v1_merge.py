"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'PodDisruptionBudgetSpec': {
        'selector': ('', (), '', 'replace', ''),
    },
    'PodDisruptionBudgetStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {}
