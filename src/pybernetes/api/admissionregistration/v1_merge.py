"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
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
ATOMIC = ['MatchResources', 'NamedRuleWithOperations', 'ParamKind', 'ParamRef', 'Variable']
DEFAULTS = {'MatchCondition': {'name': ''}, 'MutatingWebhook': {'name': ''}, 'ValidatingWebhook': {'name': ''}, 'Variable': {'name': ''}}
