"""Webhook configurations, admission policies and their bindings: defaults, generation, columns.

Source: pkg/registry/admissionregistration, apis/admissionregistration/v1/defaults.go, printers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pybernetes.api.admissionregistration import v1 as admission
from pybernetes.api.meta.v1 import LabelSelector
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apiserver.registry.admissionregistration import validation
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import UNSET, age, columns, selector_text

_WEBHOOK_TIMEOUT_S = 10
_HTTPS = 443


class _WebhookConfigurationStrategy(Strategy):
    """Validating and mutating configurations, which differ only in reinvocation."""

    finalizer_domains = False
    allow_unconditional_update = False
    columns = columns("Name", "Webhooks:integer", "Age")

    def default(self, obj: Any) -> None:
        for webhook in obj.webhooks:
            _default_webhook(webhook)

    def prepare_for_create(self, ctx: RequestContext, obj: Any) -> None:
        obj.metadata.generation = 1

    def prepare_for_update(self, ctx: RequestContext, obj: Any, old: Any) -> None:
        if obj.webhooks != old.webhooks:
            obj.metadata.generation = (old.metadata.generation or 0) + 1

    def validate(self, obj: Any) -> list[FieldError]:
        return validation.validate_webhooks(obj.webhooks)

    def row(self, obj: Any, now: float) -> list[Any]:
        return [obj.metadata.name, len(obj.webhooks), age(obj.metadata.creationTimestamp, now)]


class ValidatingWebhookConfigurationStrategy(_WebhookConfigurationStrategy):
    pass


class MutatingWebhookConfigurationStrategy(_WebhookConfigurationStrategy):
    def default(self, obj: admission.MutatingWebhookConfiguration) -> None:
        super().default(obj)
        for webhook in obj.webhooks:
            if webhook.reinvocationPolicy is None:
                webhook.reinvocationPolicy = "Never"


def _default_webhook(webhook: admission.ValidatingWebhook | admission.MutatingWebhook) -> None:
    if webhook.failurePolicy is None:
        webhook.failurePolicy = "Fail"
    if webhook.timeoutSeconds is None:
        webhook.timeoutSeconds = _WEBHOOK_TIMEOUT_S
    _default_match(webhook)
    _default_scopes(webhook.rules)
    service = webhook.clientConfig.service
    if service is not None and service.port is None:
        service.port = _HTTPS


def _default_match(match: Any) -> None:
    """What webhooks and MatchResources share."""
    if match.matchPolicy is None:
        match.matchPolicy = "Equivalent"
    if match.namespaceSelector is None:
        match.namespaceSelector = LabelSelector()
    if match.objectSelector is None:
        match.objectSelector = LabelSelector()


def _default_scopes(rules: Iterable[Any]) -> None:
    for rule in rules:
        if rule.scope is None:
            rule.scope = "*"


def _default_resources(match: Any) -> None:
    if match is not None:
        _default_match(match)
        _default_scopes(match.resourceRules)
        _default_scopes(match.excludeResourceRules)


class _PolicyStrategy(Strategy):
    finalizer_domains = False
    allow_unconditional_update = False
    generation = True

    def default(self, obj: Any) -> None:
        if obj.spec.failurePolicy is None:
            obj.spec.failurePolicy = "Fail"
        _default_resources(obj.spec.matchConstraints)


def _param_kind(spec: Any) -> str:
    kind = spec.paramKind
    return UNSET if kind is None else f"{kind.apiVersion or ''}/{kind.kind or ''}"


class ValidatingAdmissionPolicyStrategy(_PolicyStrategy):
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    columns = columns("Name", "Validations:integer", "ParamKind", "Age")

    def validate(self, obj: admission.ValidatingAdmissionPolicy) -> list[FieldError]:
        return validation.validate_validating_policy(obj)

    def validate_status_update(self, obj: admission.ValidatingAdmissionPolicy, old: Any) -> list[FieldError]:
        return validation.validate_policy_status(obj.status)

    def row(self, obj: admission.ValidatingAdmissionPolicy, now: float) -> list[Any]:
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, len(obj.spec.validations), _param_kind(obj.spec), created]


class MutatingAdmissionPolicyStrategy(_PolicyStrategy):
    columns = columns("Name", "Mutations:integer", "ParamKind", "Age")

    def validate(self, obj: admission.MutatingAdmissionPolicy) -> list[FieldError]:
        return validation.validate_mutating_policy(obj)

    def row(self, obj: admission.MutatingAdmissionPolicy, now: float) -> list[Any]:
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, len(obj.spec.mutations), _param_kind(obj.spec), created]


class AdmissionPolicyBindingStrategy(Strategy):
    """Bindings of both kinds of policies; only validating ones have actions."""

    finalizer_domains = False
    allow_unconditional_update = False
    generation = True
    columns = columns("Name", "PolicyName", "ParamRef", "Age")

    def default(self, obj: Any) -> None:
        _default_resources(obj.spec.matchResources)

    def validate(self, obj: Any) -> list[FieldError]:
        return validation.validate_binding(obj.spec)

    def row(self, obj: Any, now: float) -> list[Any]:
        reference, shown = obj.spec.paramRef, UNSET
        if reference is not None and reference.name:
            shown = f"{reference.namespace or '*'}/{reference.name}"
        elif reference is not None and reference.selector is not None:
            shown = selector_text(reference.selector)
        return [obj.metadata.name, obj.spec.policyName or "", shown, age(obj.metadata.creationTimestamp, now)]
