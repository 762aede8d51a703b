"""What types a policy is about, and what is wrong with its expressions for them. Pure.

Source: apiserver/pkg/admission/plugin/policy/validating/typechecking.go, admission/plugin/cel/compile.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pybernetes.api.admissionregistration.v1 import ExpressionWarning, ValidatingAdmissionPolicySpec, Variable
from pybernetes.cel import declarations, types
from pybernetes.cel.environment import Environment
from pybernetes.cel.syntax import CelError
from pybernetes.cel.types import Type

_MOST_KINDS = 10
_TEXTS = types.list_of(types.STRING)
_LABELS = types.map_of(types.STRING, types.STRING)
_STRUCTS: Mapping[str, Mapping[str, Type]] = {
    "kubernetes.GroupVersionKind": dict.fromkeys(("group", "version", "kind"), types.STRING),
    "kubernetes.GroupVersionResource": dict.fromkeys(("group", "version", "resource"), types.STRING),
    "kubernetes.UserInfo": {
        "username": types.STRING,
        "uid": types.STRING,
        "groups": _TEXTS,
        "extra": types.map_of(types.STRING, _TEXTS),
    },
    "kubernetes.AdmissionRequest": {
        **dict.fromkeys(("kind", "requestKind"), Type("struct", "kubernetes.GroupVersionKind")),
        **dict.fromkeys(("resource", "requestResource"), Type("struct", "kubernetes.GroupVersionResource")),
        **dict.fromkeys(("subResource", "requestSubResource", "name", "namespace", "operation"), types.STRING),
        "userInfo": Type("struct", "kubernetes.UserInfo"),
        "dryRun": types.BOOL,
        "options": types.DYN,
    },
    "kubernetes.NamespaceSpec": {"finalizers": _TEXTS},
    "kubernetes.NamespaceCondition": {
        **dict.fromkeys(("status", "type", "message", "reason"), types.STRING),
        "lastTransitionTime": types.TIMESTAMP,
    },
    "kubernetes.NamespaceStatus": {
        "conditions": types.list_of(Type("struct", "kubernetes.NamespaceCondition")),
        "phase": types.STRING,
    },
    "kubernetes.NamespaceMetadata": {
        **dict.fromkeys(("name", "generateName", "namespace", "UID", "resourceVersion"), types.STRING),
        **dict.fromkeys(("labels", "annotations"), _LABELS),
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), types.TIMESTAMP),
        **dict.fromkeys(("deletionGracePeriodSeconds", "generation"), types.INT),
        "finalizers": _TEXTS,
    },
    "kubernetes.Namespace": {
        "metadata": Type("struct", "kubernetes.NamespaceMetadata"),
        "spec": Type("struct", "kubernetes.NamespaceSpec"),
        "status": Type("struct", "kubernetes.NamespaceStatus"),
    },
}
_ALWAYS: Mapping[str, Type] = {
    "request": Type("struct", "kubernetes.AdmissionRequest"),
    "namespaceObject": Type("struct", "kubernetes.Namespace"),
    "authorizer": declarations.AUTHORIZER,
    "authorizer.requestResource": declarations.RESOURCE_CHECK,
}
_VARIABLES = "kubernetes.variables"


class Kind(NamedTuple):
    group: str
    version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Kind={self.kind}"


class Named(NamedTuple):
    """Resources that a rule names one by one."""

    groups: Sequence[str]
    versions: Sequence[str]
    resources: Sequence[str]


@dataclass(frozen=True, slots=True)
class Typed:
    """A kind and what its objects are; `structs` has the fields of that and of `params`."""

    kind: Kind
    object: Type
    structs: Mapping[str, Mapping[str, Type]]
    params: Type = types.DYN


def named(spec: ValidatingAdmissionPolicySpec) -> list[Named]:
    """What each rule names without wildcards; subresources are other objects than their parents."""
    found = []
    rules = spec.matchConstraints.resourceRules if spec.matchConstraints is not None else []
    for rule in rules:
        resources = sorted(each for each in rule.resources if "*" not in each and "/" not in each)
        if resources and not any("*" in each for each in (*rule.apiGroups, *rule.apiVersions)):
            found.append(Named(sorted(rule.apiGroups), sorted(rule.apiVersions), resources))
    return found


def limited(kinds: Iterable[Iterable[Kind]]) -> list[Kind]:
    """In order, each once; what comes after the tenth of a rule is left out."""
    found: set[Kind] = set()
    for of_rule in kinds:
        for count, kind in enumerate(of_rule, 1):
            found.add(kind)
            if count == _MOST_KINDS:
                return sorted(found)
    return sorted(found)


def warnings(spec: ValidatingAdmissionPolicySpec, typed: Sequence[Typed]) -> list[ExpressionWarning]:
    """What is wrong with which expression, for all kinds together."""
    found = []
    environments = [(each.kind, _environment(each, spec)) for each in typed]
    for index, validation in enumerate(spec.validations):
        for field, text in (("expression", validation.expression), ("messageExpression", validation.messageExpression)):
            said = [f"{kind}: {why}\n" for kind, given in environments if text and (why := _problem(given, text))]
            if said:
                found.append(ExpressionWarning(fieldRef=f"spec.validations[{index}].{field}", warning="\n".join(said)))
    return found


def _problem(given: Environment, text: str) -> str:
    try:
        given.compile(text)
    except CelError as error:
        return str(error)
    return ""


def _environment(typed: Typed, spec: ValidatingAdmissionPolicySpec) -> Environment:
    """With the variables of the policy, each typed by what its expression gives."""
    variables = {**_ALWAYS, "object": typed.object, "oldObject": typed.object}
    if spec.paramKind is not None:
        variables["params"] = typed.params
    fields: dict[str, Type] = {}
    structs = {**_STRUCTS, **typed.structs, _VARIABLES: fields}
    made = Environment({**variables, "variables": Type("struct", _VARIABLES)}, structs)
    for variable in spec.variables:
        fields[variable.name] = _given_by(made, variable)
    return made


def _given_by(given: Environment, variable: Variable) -> Type:
    try:
        return given.compile(variable.expression).gives
    except CelError:
        return types.DYN
