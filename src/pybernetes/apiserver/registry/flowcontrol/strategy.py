"""FlowSchemas and PriorityLevelConfigurations: defaults, validation, columns.

Source: pkg/registry/flowcontrol, pkg/apis/flowcontrol/{v1/defaults.go,validation/validation.go}.
Differs: requests are limited by the in-flight filter alone; these objects say how, and are not acted on yet.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from pybernetes.api.flowcontrol import v1 as flow
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import dns1123_label, dns1123_subdomain
from pybernetes.apiserver.registry.flowcontrol import built_in
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, age, columns

SPEC = Path("spec")
_MOST_PRECEDENCE = 10000
_DEFAULT_PRECEDENCE, _DEFAULT_SHARES = 1000, 30
_DEFAULT_QUEUES, _DEFAULT_HAND, _DEFAULT_LENGTH = 64, 8, 50
_MOST_QUEUES = 10_000_000
_METHODS = ("ByNamespace", "ByUser")
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_SUBJECTS = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}


class FlowSchemaStrategy(Strategy):
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    generation = True
    columns = columns("Name", "PriorityLevel", "MatchingPrecedence", "DistinguisherMethod", "Age", "MissingPL")

    def default(self, obj: flow.FlowSchema) -> None:
        if not obj.spec.matchingPrecedence:
            obj.spec.matchingPrecedence = _DEFAULT_PRECEDENCE

    def validate_status_update(self, obj: flow.FlowSchema, old: flow.FlowSchema) -> list[FieldError]:
        return _validate_conditions(obj.status.conditions)

    def validate(self, obj: flow.FlowSchema) -> list[FieldError]:
        spec, name = obj.spec, obj.metadata.name or ""
        at, found = SPEC.child("matchingPrecedence"), []
        if spec.matchingPrecedence <= 0:
            found.append(FieldError.invalid(at, spec.matchingPrecedence, "must be a positive value"))
        if spec.matchingPrecedence > _MOST_PRECEDENCE:
            why = f"must not be greater than {_MOST_PRECEDENCE}"
            found.append(FieldError.invalid(at, spec.matchingPrecedence, why))
        if spec.matchingPrecedence == 1 and name != "exempt":
            why = "only the schema named 'exempt' may have matchingPrecedence 1"
            found.append(FieldError.invalid(at, spec.matchingPrecedence, why))
        if spec.distinguisherMethod is not None and spec.distinguisherMethod.type not in _METHODS:
            at = SPEC.child("distinguisherMethod", "type")
            found.append(FieldError.not_supported(at, spec.distinguisherMethod, _METHODS))
        level, at = spec.priorityLevelConfiguration.name, SPEC.child("priorityLevelConfiguration", "name")
        if not level:
            found.append(FieldError.required(at, "must reference a priority level"))
        else:
            found += [FieldError.invalid(at, level, why) for why in dns1123_subdomain(level)]
        for index, rule in enumerate(spec.rules):
            found += _validate_rule(rule, SPEC.child("rules").index(index))
        fixed = built_in.MANDATORY_SCHEMAS.get(name)
        if fixed is not None and spec != fixed().spec:
            found.append(FieldError.invalid(SPEC, spec, f"spec of '{name}' must equal the fixed value"))
        return found

    def row(self, obj: flow.FlowSchema, now: float) -> list[Any]:
        spec = obj.spec
        dangling = next((c.status for c in obj.status.conditions if c.type == "Dangling"), "?")
        method = spec.distinguisherMethod.type if spec.distinguisherMethod else NONE
        created = age(obj.metadata.creationTimestamp, now)
        level = spec.priorityLevelConfiguration.name
        return [obj.metadata.name, level, spec.matchingPrecedence, method, created, dangling]


class PriorityLevelStrategy(Strategy):
    reset_fields: ClassVar = {"": ("status",), "status": ("metadata", "spec")}
    generation = True
    columns = columns("Name", "Type", "NominalConcurrencyShares", "Queues", "HandSize", "QueueLengthLimit", "Age")

    def default(self, obj: flow.PriorityLevelConfiguration) -> None:
        exempt, limited = obj.spec.exempt, obj.spec.limited
        if exempt is not None:
            exempt.nominalConcurrencyShares = exempt.nominalConcurrencyShares or 0
            exempt.lendablePercent = exempt.lendablePercent or 0
        if limited is not None:
            if limited.nominalConcurrencyShares is None:
                limited.nominalConcurrencyShares = _DEFAULT_SHARES
            limited.lendablePercent = limited.lendablePercent or 0
            queuing = limited.limitResponse.queuing
            if queuing is not None:
                queuing.handSize = queuing.handSize or _DEFAULT_HAND
                queuing.queues = queuing.queues or _DEFAULT_QUEUES
                queuing.queueLengthLimit = queuing.queueLengthLimit or _DEFAULT_LENGTH

    def validate_status_update(
        self, obj: flow.PriorityLevelConfiguration, old: flow.PriorityLevelConfiguration
    ) -> list[FieldError]:
        return _validate_conditions(obj.status.conditions)

    def validate(self, obj: flow.PriorityLevelConfiguration) -> list[FieldError]:
        spec, name = obj.spec, obj.metadata.name or ""
        found: list[FieldError] = []
        if (name == "exempt") != (spec.type == "Exempt"):
            why = "must be 'Exempt' if and only if `name` is 'exempt'"
            found.append(FieldError.invalid(SPEC.child("type"), spec.type, why))
        if spec.type == "Exempt":
            if spec.limited is not None:
                found.append(FieldError.forbidden(SPEC.child("limited"), "must be nil if the type is not Limited"))
            if spec.exempt is not None:
                found += _validate_shares(spec.exempt, SPEC.child("exempt"))
        elif spec.type == "Limited":
            if spec.exempt is not None:
                found.append(FieldError.forbidden(SPEC.child("exempt"), "must be nil if the type is Limited"))
            if spec.limited is None:
                found.append(FieldError.required(SPEC.child("limited"), "must not be empty when type is Limited"))
            else:
                found += _validate_limited(spec.limited, SPEC.child("limited"))
        else:
            found.append(FieldError.not_supported(SPEC.child("type"), spec.type, ("Exempt", "Limited")))
        return found + _validate_mandatory(name, spec)

    def row(self, obj: flow.PriorityLevelConfiguration, now: float) -> list[Any]:
        limited = obj.spec.limited
        shares: Any = NONE if limited is None else limited.nominalConcurrencyShares
        queuing = limited.limitResponse.queuing if limited is not None else None
        queues = [queuing.queues, queuing.handSize, queuing.queueLengthLimit] if queuing else [NONE] * 3
        return [obj.metadata.name, obj.spec.type, shares, *queues, age(obj.metadata.creationTimestamp, now)]


def _validate_mandatory(name: str, spec: flow.PriorityLevelConfigurationSpec) -> list[FieldError]:
    fixed = built_in.MANDATORY_LEVELS.get(name)
    if fixed is None:
        return []
    wanted = fixed().spec
    if name == "exempt":
        if msgspec.structs.replace(spec, exempt=wanted.exempt) == wanted:
            return []
        why = "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value"
        return [FieldError.invalid(SPEC, spec, why)]
    return [] if spec == wanted else [FieldError.invalid(SPEC, spec, f"spec of '{name}' must equal the fixed value")]


def _validate_conditions(conditions: list[Any]) -> list[FieldError]:
    found: list[FieldError] = []
    for index, condition in enumerate(conditions):
        at = Path("status", "conditions").index(index).child("type")
        if any(condition.type == other.type for other in conditions[:index]):
            found.append(FieldError.duplicate(at, condition.type))
        if not condition.type:
            found.append(FieldError.required(at))
    return found


def _validate_shares(level: Any, at: Path) -> list[FieldError]:
    found = []
    if (level.nominalConcurrencyShares or 0) < 0:
        why = "must be a non-negative integer"
        found.append(FieldError.invalid(at.child("nominalConcurrencyShares"), level.nominalConcurrencyShares, why))
    if not 0 <= (level.lendablePercent or 0) <= 100:
        why = "must be between 0 and 100, inclusive"
        found.append(FieldError.invalid(at.child("lendablePercent"), level.lendablePercent, why))
    return found


def _validate_limited(limited: flow.LimitedPriorityLevelConfiguration, at: Path) -> list[FieldError]:
    found = _validate_shares(limited, at)
    if (limited.borrowingLimitPercent or 0) < 0:
        why = "if specified, must be a non-negative integer"
        found.append(FieldError.invalid(at.child("borrowingLimitPercent"), limited.borrowingLimitPercent, why))
    response, at = limited.limitResponse, at.child("limitResponse")
    if response.type == "Reject":
        if response.queuing is not None:
            why = "must be nil if limited.limitResponse.type is not Limited"
            found.append(FieldError.forbidden(at.child("queuing"), why))
    elif response.type == "Queue":
        if response.queuing is None:
            why = "must not be empty if limited.limitResponse.type is Limited"
            found.append(FieldError.required(at.child("queuing"), why))
        else:
            found += _validate_queuing(response.queuing, at.child("queuing"))
    else:
        found.append(FieldError.not_supported(at.child("type"), response.type, ("Queue", "Reject")))
    return found


def _validate_queuing(queuing: flow.QueuingConfiguration, at: Path) -> list[FieldError]:
    found = [
        FieldError.invalid(at.child(field), value, "must be positive")
        for field in ("queueLengthLimit", "queues", "handSize")
        if (value := getattr(queuing, field)) <= 0
    ]
    if queuing.queues > _MOST_QUEUES:
        why = f"must not be greater than {_MOST_QUEUES}"
        found.append(FieldError.invalid(at.child("queues"), queuing.queues, why))
    if queuing.handSize > queuing.queues:
        why = f"should not be greater than queues ({queuing.queues})"
        found.append(FieldError.invalid(at.child("handSize"), queuing.handSize, why))
    return found


def _validate_rule(rule: flow.PolicyRulesWithSubjects, at: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not rule.subjects:
        found.append(FieldError.required(at.child("subjects"), "subjects must contain at least one value"))
    for index, subject in enumerate(rule.subjects):
        found += _validate_subject(subject, at.child("subjects").index(index))
    if not rule.resourceRules and not rule.nonResourceRules:
        why = "at least one of resourceRules and nonResourceRules has to be non-empty"
        found.append(FieldError.required(at, why))
    for index, resources in enumerate(rule.resourceRules):
        found += _validate_resources(resources, at.child("resourceRules").index(index))
    for index, urls in enumerate(rule.nonResourceRules):
        path = at.child("nonResourceRules").index(index)
        found += _validate_verbs(urls.verbs, path.child("verbs"))
        found += _validate_choice(urls.nonResourceURLs, path.child("nonResourceURLs"), "non-resource URLs",
                                  "nonResourceURLs must contain at least one value")  # fmt: skip
        for number, url in enumerate(urls.nonResourceURLs):
            where = path.child("nonResourceURLs").index(number)
            if not url:
                found.append(FieldError.invalid(where, url, "must not be empty"))
            elif url != "*" and not url.startswith("/"):
                found.append(FieldError.invalid(where, url, "must start with slash"))
    return found


def _validate_resources(rule: flow.ResourcePolicyRule, at: Path) -> list[FieldError]:
    found = _validate_verbs(rule.verbs, at.child("verbs"))
    need = "resource rules must supply at least one"
    found += _validate_choice(rule.apiGroups, at.child("apiGroups"), "api groups", f"{need} api group")
    found += _validate_choice(rule.resources, at.child("resources"), "resources", f"{need} resource")
    if rule.namespaces or not rule.clusterScope:
        why = "resource rules that are not cluster scoped must supply at least one namespace"
        found += _validate_choice(rule.namespaces, at.child("namespaces"), "namespaces", why)
    for index, namespace in enumerate(rule.namespaces):
        if namespace != "*":
            intro = "each member of this list must be '*' or a DNS-1123 label; "
            where = at.child("namespaces").index(index)
            found += [FieldError.invalid(where, namespace, intro + why) for why in dns1123_label(namespace)]
    return found


def _validate_choice(values: list[str], at: Path, what: str, missing: str) -> list[FieldError]:
    if not values:
        return [FieldError.required(at, missing)]
    if "*" in values and len(values) > 1:
        return [FieldError.invalid(at, values, f"if '*' is present, must not specify other {what}")]
    return []


def _validate_verbs(verbs: list[str], at: Path) -> list[FieldError]:
    found = _validate_choice(verbs, at, "verbs", "verbs must contain at least one value")
    if not found and "*" not in verbs and any(verb not in _VERBS for verb in verbs):
        return [FieldError.not_supported(at, verbs, _VERBS)]
    return found


def _validate_subject(subject: flow.Subject, at: Path) -> list[FieldError]:
    field = _SUBJECTS.get(subject.kind)
    if field is None:
        return [FieldError.not_supported(at.child("kind"), subject.kind, tuple(_SUBJECTS))]
    found: list[FieldError] = []
    given = getattr(subject, field)
    if given is None:
        found.append(FieldError.required(at.child(field), f"{field} is required when subject kind is '{subject.kind}'"))
    else:
        if not given.name:
            found.append(FieldError.required(at.child(field, "name")))
        if field == "serviceAccount" and not given.namespace:
            why = "must specify namespace for service account"
            found.append(FieldError.required(at.child(field, "namespace"), why))
    for kind, other in _SUBJECTS.items():
        if other != field and getattr(subject, other) is not None:
            why = f"{other} is forbidden when subject kind is not '{kind}'"
            found.append(FieldError.forbidden(at.child(other), why))
    return found
