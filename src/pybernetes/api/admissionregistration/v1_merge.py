"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'MutatingAdmissionPolicySpec': {
        'matchConditions': ('map', ('name',), 'name', 'merge', ''),
    },
    'MutatingWebhook': {
        'matchConditions': ('map', ('name',), 'name', 'merge', ''),
    },
    'MutatingWebhookConfiguration': {
        'webhooks': ('map', ('name',), 'name', 'merge', ''),
    },
    'ValidatingAdmissionPolicyBindingSpec': {
        'validationActions': ('set', (), '', '', ''),
    },
    'ValidatingAdmissionPolicySpec': {
        'matchConditions': ('map', ('name',), 'name', 'merge', ''),
        'variables': ('map', ('name',), 'name', 'merge', ''),
    },
    'ValidatingAdmissionPolicyStatus': {
        'conditions': ('map', ('type',), '', '', ''),
    },
    'ValidatingWebhook': {
        'matchConditions': ('map', ('name',), 'name', 'merge', ''),
    },
    'ValidatingWebhookConfiguration': {
        'webhooks': ('map', ('name',), 'name', 'merge', ''),
    },
}
ATOMIC: list[str] = ['MatchResources', 'NamedRuleWithOperations', 'ParamKind', 'ParamRef', 'Variable']
DEFAULTS: dict[str, dict[str, str | int]] = {'MatchCondition': {'name': ''}, 'MutatingWebhook': {'name': ''}, 'ValidatingWebhook': {'name': ''}, 'Variable': {'name': ''}}
