"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'HorizontalPodAutoscalerStatus': {
        'conditions': ('map', ('type',), 'type', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {'HorizontalPodAutoscalerCondition': {'type': ''}}
