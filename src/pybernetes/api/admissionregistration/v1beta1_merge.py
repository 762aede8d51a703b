"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'MutatingAdmissionPolicySpec': {
        'matchConditions': ('map', ('name',), 'name', 'merge', ''),
    },
}
ATOMIC: list[str] = ['MatchResources', 'NamedRuleWithOperations', 'ParamKind', 'ParamRef', 'Variable']
DEFAULTS: dict[str, dict[str, str | int]] = {'MatchCondition': {'name': ''}}
