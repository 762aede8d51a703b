"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'MutatingAdmissionPolicySpec': {
        'matchConditions': ('map', ('name',), 'name', 'merge', ''),
    },
}
ATOMIC = ['MatchResources', 'NamedRuleWithOperations', 'ParamKind', 'ParamRef']
DEFAULTS = {'MatchCondition': {'name': ''}}
