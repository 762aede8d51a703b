"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'CustomResourceDefinitionStatus': {
        'conditions': ('map', ('type',), '', '', ''),
    },
    'JSONSchemaProps': {
        'x-kubernetes-validations': ('map', ('rule',), 'rule', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {'CustomResourceDefinitionCondition': {'type': ''}, 'ValidationRule': {'rule': ''}}
