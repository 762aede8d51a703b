"""Validation of webhook configurations, admission policies and bindings.

Source: pkg/apis/admissionregistration/validation/validation.go, apiserver/pkg/util/webhook/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from pybernetes.api.admissionregistration import v1 as admission
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path, one_of
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.generic.conditions import validate_conditions

SPEC = Path("spec")
_FAILURE_POLICIES = ("Fail", "Ignore")
_MATCH_POLICIES = ("Equivalent", "Exact")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_MUTATING_OPERATIONS = ("*", "CONNECT", "CREATE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_REVIEW_VERSIONS = ("v1", "v1beta1")
_ACTIONS = ("Audit", "Deny", "Warn")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_URL_FORM = "; desired format: https://host[/path]"
_MAX_CONDITIONS = 64
_MAX_AUDIT_ANNOTATIONS = 20
_MAX_VALUE_EXPRESSION_BYTES = 5 * 1024
_EITHER = "validations or auditAnnotations must contain at least one item"
_GIVEN = ("object", "oldObject", "request", "authorizer", "namespaceObject")
"""What every expression may name."""
_EXCLUSIVE = "name and selector are mutually exclusive"
_identifier = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*").fullmatch


def validate_webhooks(webhooks: Sequence[Any]) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, webhook in enumerate(webhooks):
        at = Path("webhooks").index(index)
        found += _validate_webhook(webhook, at)
        found += _validate_review_versions(webhook.admissionReviewVersions, at.child("admissionReviewVersions"))
        if webhook.name in seen:
            found.append(FieldError.duplicate(at.child("name"), webhook.name))
        if webhook.name:
            seen.add(webhook.name)
    return found


def _validate_webhook(webhook: Any, at: Path) -> list[FieldError]:
    found = _validate_full_name(webhook.name, at.child("name"))
    for index, rule in enumerate(webhook.rules):
        found += _validate_rule(rule, at.child("rules").index(index), _OPERATIONS)
    found += one_of(webhook.failurePolicy, _FAILURE_POLICIES, at.child("failurePolicy"))
    found += one_of(webhook.matchPolicy, _MATCH_POLICIES, at.child("matchPolicy"))
    if webhook.sideEffects is None:
        why = f"must specify one of {', '.join(_SIDE_EFFECTS)}"
        found.append(FieldError.required(at.child("sideEffects"), why))
    else:
        found += one_of(webhook.sideEffects, _SIDE_EFFECTS, at.child("sideEffects"))
    timeout_s = webhook.timeoutSeconds
    if timeout_s is not None and not 1 <= timeout_s <= 30:
        why = "the timeout value must be between 1 and 30 seconds"
        found.append(FieldError.invalid(at.child("timeoutSeconds"), timeout_s, why))
    for name in ("namespaceSelector", "objectSelector"):
        found += validate_label_selector(getattr(webhook, name), at.child(name))
    reinvocation = getattr(webhook, "reinvocationPolicy", None)
    found += one_of(reinvocation, ("IfNeeded", "Never"), at.child("reinvocationPolicy"))
    found += validate_client_config(webhook.clientConfig, at.child("clientConfig"))
    return found + _validate_conditions(webhook.matchConditions, at.child("matchConditions"))


def _validate_full_name(name: str, path: Path) -> list[FieldError]:
    if not name:
        return [FieldError.required(path)]
    problems = names.dns1123_subdomain(name)
    if problems:
        return [FieldError.invalid(path, name, ",".join(problems))]
    if name.count(".") < 2:
        why = "should be a domain with at least three segments separated by dots"
        return [FieldError.invalid(path, name, why)]
    return []


def _validate_review_versions(versions: Sequence[str], path: Path) -> list[FieldError]:
    if not versions:
        return [FieldError.required(path, f"must specify one of {', '.join(_REVIEW_VERSIONS)}")]
    found: list[FieldError] = []
    for index, version in enumerate(versions):
        if version in versions[:index]:
            found.append(FieldError.invalid(path.index(index), version, "duplicate version"))
            continue
        found += [FieldError.invalid(path.index(index), version, message) for message in names.dns1035_label(version)]
    if not set(versions) & set(_REVIEW_VERSIONS):
        why = f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"
        found.append(FieldError.invalid(path, list(versions), why))
    return found


def validate_client_config(config: Any, path: Path) -> list[FieldError]:
    """Where a webhook is: a URL or a Service, one of them."""
    if (config.url is None) == (config.service is None):
        return [FieldError.required(path, "exactly one of url or service is required")]
    if config.url is not None:
        return _validate_url(config.url, path.child("url"))
    return _validate_service(config.service, path.child("service"))


def _validate_url(url: str, path: Path) -> list[FieldError]:
    try:
        parts = urlsplit(url)
        user = parts.netloc.rpartition("@")[0]
    except ValueError as error:
        return [FieldError.required(path, f"url must be a valid URL: {error}{_URL_FORM}")]
    found: list[FieldError] = []
    if parts.scheme != "https":
        found.append(FieldError.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_URL_FORM}"))
    if not parts.netloc:
        found.append(FieldError.invalid(path, "", f"host must be specified{_URL_FORM}"))
    for value, what in (
        (user, "user information is"),
        (parts.fragment, "fragments are"),
        (parts.query, "query parameters are"),
    ):
        if value:
            found.append(FieldError.invalid(path, value, f"{what} not permitted in the URL"))
    return found


def _validate_service(service: admission.ServiceReference, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name in ("namespace", "name"):
        if not getattr(service, name):
            # Upstream hands the two over in the other order.
            other = "name" if name == "namespace" else "namespace"
            found.append(FieldError.required(path.child(other)))
    problems = names.port_number(service.port or 0)
    if problems:
        why = f"port is not valid: {', '.join(problems)}"
        found.append(FieldError.invalid(path.child("port"), service.port or 0, why))
    text = service.path
    if text in (None, "", "/"):
        return found
    assert text is not None
    at = path.child("path")
    if text == "//":
        return [*found, FieldError.invalid(at, text, "segment[0] may not be empty")]
    if not text.startswith("/"):
        found.append(FieldError.invalid(at, text, "must start with a '/'"))
    for index, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            found.append(FieldError.invalid(at, text, f"segment[{index}] may not be empty"))
            continue
        for message in names.dns1123_subdomain(step):
            found.append(FieldError.invalid(at, text, f"segment[{index}]: {message}"))
    return found


# -- rules ---------------------------------------------------------------------------------------


def _validate_rule(rule: Any, path: Path, operations: Sequence[str]) -> list[FieldError]:
    found: list[FieldError] = []
    for name, what in (("operations", "operations"), ("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = getattr(rule, name)
        if not values:
            found.append(FieldError.required(path.child(name)))
        if len(values) > 1 and "*" in values:
            why = f"if '*' is present, must not specify other {what}"
            found.append(FieldError.invalid(path.child(name), values, why))
        for index, value in enumerate(values):
            if name == "operations" and value not in operations:
                found.append(FieldError.not_supported(path.child(name).index(index), value, operations))
            elif name == "apiVersions" and not value:
                found.append(FieldError.required(path.child(name).index(index)))
    found += _validate_resources(rule.resources, path.child("resources"))
    return found + one_of(rule.scope, _SCOPES, path.child("scope"))


def _validate_resources(resources: Sequence[str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not resources:
        found.append(FieldError.required(path))
    every_sub: set[str] = set()
    every_resource: set[str] = set()
    for index, text in enumerate(resources):
        if not text:
            found.append(FieldError.required(path.index(index)))
            continue
        resource, slash, sub = text.partition("/")
        if not slash:
            continue
        if resource in every_sub:
            why = f"if '{resource}/*' is present, must not specify {text}"
            found.append(FieldError.invalid(path.index(index), text, why))
        if sub in every_resource:
            why = f"if '*/{sub}' is present, must not specify {text}"
            found.append(FieldError.invalid(path.index(index), text, why))
        if sub == "*":
            every_sub.add(resource)
        if resource == "*":
            every_resource.add(sub)
    if len(resources) > 1 and "*/*" in resources:
        why = "if '*/*' is present, must not specify other resources"
        found.append(FieldError.invalid(path, list(resources), why))
    if "*" in resources and any(text and text != "*" and "/" not in text for text in resources):
        why = "if '*' is present, must not specify other resources without subresources"
        found.append(FieldError.invalid(path, list(resources), why))
    return found


def _validate_match(match: Any, path: Path, operations: Sequence[str]) -> list[FieldError]:
    found = one_of(match.matchPolicy, _MATCH_POLICIES, path.child("matchPolicy"))
    for name in ("namespaceSelector", "objectSelector"):
        found += validate_label_selector(getattr(match, name), path.child(name))
    for field in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(getattr(match, field)):
            at = path.child(field).index(index)
            for number, name in enumerate(rule.resourceNames):
                where = at.child("resourceNames").index(number)
                found += [FieldError.invalid(where, name, message) for message in names.path_segment_name(name)]
                if name in rule.resourceNames[:number]:
                    found.append(FieldError.duplicate(where, name))
            found += _validate_rule(rule, at, operations)
    return found


def _expression(
    text: str, path: Path, given: Sequence[str] = _GIVEN, returns: Literal["bool", "text", "text or null", ""] = "bool"
) -> list[FieldError]:
    """What is wrong with a CEL expression that is given these variables and has to give such a value."""
    # Imported with the first expression: it brings CEL.
    from pybernetes.apiserver.registry import expressions

    kinds = {"bool": expressions.BOOL, "text": expressions.TEXT, "text or null": expressions.TEXT_OR_NULL, "": None}
    why = expressions.problem(text, given, kinds[returns])
    return [FieldError.invalid(path, text, why)] if why else []


def _given(spec: Any) -> Sequence[str]:
    """What the expressions of a policy may name."""
    return (*_GIVEN, *(("params",) if spec.paramKind else ()), *(("variables",) if spec.variables else ()))


def _validate_conditions(conditions: Sequence[Any], path: Path, given: Sequence[str] = _GIVEN) -> list[FieldError]:
    found: list[FieldError] = []
    if len(conditions) > _MAX_CONDITIONS:
        found.append(FieldError.too_many(path, len(conditions), _MAX_CONDITIONS))
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        at = path.index(index)
        if not condition.expression.strip():
            found.append(FieldError.required(at.child("expression")))
        else:
            found += _expression(condition.expression.strip(), at.child("expression"), given)
        if not condition.name:
            found.append(FieldError.required(at.child("name")))
            continue
        problems = names.qualified_name(condition.name)
        found += [FieldError.invalid(at.child("name"), condition.name, message) for message in problems]
        if condition.name in seen:
            found.append(FieldError.duplicate(at.child("name"), condition.name))
        seen.add(condition.name)
    return found


# -- policies ------------------------------------------------------------------------------------


def _validate_policy(spec: Any, operations: Sequence[str]) -> list[FieldError]:
    """What policies of both kinds share."""
    found = one_of(spec.failurePolicy, _FAILURE_POLICIES, SPEC.child("failurePolicy"))
    if spec.paramKind is not None:
        found += _validate_param_kind(spec.paramKind, SPEC.child("paramKind"))
    at = SPEC.child("matchConstraints")
    if spec.matchConstraints is None:
        found.append(FieldError.required(at))
    else:
        found += _validate_match(spec.matchConstraints, at, operations)
        if not spec.matchConstraints.resourceRules:
            found.append(FieldError.required(at.child("resourceRules")))
    given = _given(spec)
    found += _validate_conditions(spec.matchConditions, SPEC.child("matchConditions"), given)
    for index, variable in enumerate(spec.variables):
        where = SPEC.child("variables").index(index)
        if not variable.name.strip():
            found.append(FieldError.required(where.child("name"), "name is not specified"))
        elif not _identifier(variable.name):
            found.append(FieldError.invalid(where.child("name"), variable.name, "must be a valid CEL identifier"))
        if not variable.expression.strip():
            found.append(FieldError.required(where.child("expression"), "expression is not specified"))
        else:
            found += _expression(variable.expression.strip(), where.child("expression"), given, "")
    return found


def _validate_param_kind(kind: admission.ParamKind, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    at = path.child("apiVersion")
    if not kind.apiVersion:
        found.append(FieldError.required(at))
    else:
        group, _, version = kind.apiVersion.rpartition("/")
        for text, check in ((group, names.dns1123_subdomain), (version, names.dns1035_label)):
            problems = check(text) if text else []
            if problems:
                found.append(FieldError.invalid(at, text, ",".join(problems)))
        if not version:
            found.append(FieldError.invalid(at, kind.apiVersion, "version must be specified"))
    if not kind.kind:
        found.append(FieldError.required(path.child("kind")))
    elif problems := names.dns1035_label(kind.kind.lower()):
        why = f"may have mixed case, but should otherwise match: {','.join(problems)}"
        found.append(FieldError.invalid(path.child("kind"), kind.kind, why))
    return found


def validate_validating_policy(obj: admission.ValidatingAdmissionPolicy) -> list[FieldError]:
    spec = obj.spec
    found = _validate_policy(spec, _OPERATIONS)
    if not spec.validations and not spec.auditAnnotations:
        found.append(FieldError.required(SPEC.child("validations"), _EITHER))
        found.append(FieldError.required(SPEC.child("auditAnnotations"), _EITHER))
    for index, validation in enumerate(spec.validations):
        found += _validate_validation(validation, SPEC.child("validations").index(index), _given(spec))
    at = SPEC.child("auditAnnotations")
    if len(spec.auditAnnotations) > _MAX_AUDIT_ANNOTATIONS:
        why = f"must not have more than {_MAX_AUDIT_ANNOTATIONS} auditAnnotations"
        found.append(FieldError.invalid(at, spec.auditAnnotations, why))
    seen: set[str] = set()
    for index, annotation in enumerate(spec.auditAnnotations):
        found += _validate_audit_annotation(annotation, obj.metadata.name or "", at.index(index), _given(spec))
        if annotation.key in seen:
            found.append(FieldError.duplicate(at.index(index).child("key"), annotation.key))
        seen.add(annotation.key)
    return found


def _validate_validation(validation: admission.Validation, path: Path, given: Sequence[str]) -> list[FieldError]:
    found: list[FieldError] = []
    if not validation.expression.strip():
        found.append(FieldError.required(path.child("expression"), "expression is not specified"))
    else:
        found += _expression(validation.expression.strip(), path.child("expression"), given)
    if (validation.messageExpression or "").strip():
        text = (validation.messageExpression or "").strip()
        found += _expression(text, path.child("messageExpression"), given, "text")
    for name in ("messageExpression", "message"):
        text = getattr(validation, name) or ""
        if text and not text.strip():
            found.append(FieldError.invalid(path.child(name), text, "must be non-empty if specified"))
    message = (validation.message or "").strip()
    if "\n" in message or "\r" in message:
        found.append(FieldError.invalid(path.child("message"), validation.message, "must not contain line breaks"))
    return found + one_of(validation.reason, _REASONS, path.child("reason"))


def _validate_audit_annotation(
    annotation: admission.AuditAnnotation, policy: str, path: Path, given: Sequence[str]
) -> list[FieldError]:
    found: list[FieldError] = []
    at = path.child("key")
    if policy:
        full = f"{policy}/{annotation.key}"
        found += [FieldError.invalid(at, full, message) for message in names.qualified_name(full)]
    else:
        found.append(FieldError.invalid(at, annotation.key, "requires metadata.name be non-empty"))
    text = annotation.valueExpression.strip()
    if not text:
        found.append(FieldError.required(path.child("valueExpression"), "valueExpression is not specified"))
    elif len(text.encode()) > _MAX_VALUE_EXPRESSION_BYTES:
        why = f"must not exceed {_MAX_VALUE_EXPRESSION_BYTES} bytes in length"
        found.append(FieldError.required(path.child("valueExpression"), why))
    else:
        found += _expression(text, path.child("valueExpression"), given, "text or null")
    return found


def validate_policy_status(status: admission.ValidatingAdmissionPolicyStatus) -> list[FieldError]:
    at, found = Path("status"), list[FieldError]()
    warnings = status.typeChecking.expressionWarnings if status.typeChecking is not None else []
    for index, warning in enumerate(warnings):
        where = at.child("typeChecking", "expressionWarnings").index(index)
        found += [
            FieldError.required(where.child(n)) for n in ("warning", "fieldRef") if not getattr(warning, n).strip()
        ]
    return found + validate_conditions(status.conditions, at.child("conditions"))


def validate_mutating_policy(obj: admission.MutatingAdmissionPolicy) -> list[FieldError]:
    spec = obj.spec
    found = _validate_policy(spec, _MUTATING_OPERATIONS)
    if not spec.mutations:
        found.append(FieldError.required(SPEC.child("mutations"), "mutations must contain at least one item"))
    kinds = ("ApplyConfiguration", "JSONPatch")
    for index, mutation in enumerate(spec.mutations):
        at = SPEC.child("mutations").index(index)
        if not mutation.patchType:
            found.append(FieldError.required(at.child("patchType")))
            continue
        found += one_of(mutation.patchType, kinds, at.child("patchType"))
        for kind, name in zip(kinds, ("applyConfiguration", "jsonPatch"), strict=True):
            source = getattr(mutation, name)
            if mutation.patchType == kind:
                if source is None or not (source.expression or "").strip():
                    where = at.child(name) if source is None else at.child(name, "expression")
                    found.append(FieldError.required(where, "" if source is None else "expression is not specified"))
            elif source is not None:
                found.append(FieldError.invalid(at.child(name), source, f"only allowed for patchType {kind}"))
    if not spec.reinvocationPolicy:
        found.append(FieldError.required(SPEC.child("reinvocationPolicy")))
    return found + one_of(spec.reinvocationPolicy or None, ("IfNeeded", "Never"), SPEC.child("reinvocationPolicy"))


def validate_binding(spec: Any) -> list[FieldError]:
    found: list[FieldError] = []
    at = SPEC.child("policyName")
    if not spec.policyName:
        found.append(FieldError.required(at))
    else:
        found += [FieldError.invalid(at, spec.policyName, m) for m in names.dns1123_subdomain(spec.policyName)]
    if spec.paramRef is not None:
        found += _validate_param_ref(spec.paramRef, SPEC.child("paramRef"))
    if spec.matchResources is not None:
        found += _validate_match(spec.matchResources, SPEC.child("matchResources"), _OPERATIONS)
    if not hasattr(spec, "validationActions"):
        return found
    where, actions = SPEC.child("validationActions"), spec.validationActions
    for index, action in enumerate(actions):
        found += one_of(action, _ACTIONS, where.index(index))
        if action in actions[:index]:
            found.append(FieldError.duplicate(where.index(index), action))
    if {"Deny", "Warn"} <= set(actions):
        why = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)"
        )
        found.append(FieldError.invalid(where, actions, why))
    if not actions:
        found.append(FieldError.required(where, "at least one validation action is required"))
    return found


def _validate_param_ref(reference: admission.ParamRef, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    name = reference.name or ""
    if name:
        found += [FieldError.invalid(path.child("name"), name, m) for m in names.path_segment_name(name)]
        if reference.selector is not None:
            found.append(FieldError.forbidden(path.child("name"), _EXCLUSIVE))
    if reference.selector is not None:
        found += validate_label_selector(reference.selector, path.child("selector"))
        if name:
            found.append(FieldError.forbidden(path.child("selector"), _EXCLUSIVE))
    elif not name:
        found.append(FieldError.required(path, "one of name or selector must be specified"))
    at = path.child("parameterNotFoundAction")
    if not reference.parameterNotFoundAction:
        found.append(FieldError.required(at))
    else:
        found += one_of(reference.parameterNotFoundAction, ("Deny", "Allow"), at)
    return found
