"""Validation of what a PodSpec says about nodes: selectors, affinity, tolerations, topology spread.

Source: pkg/apis/core/validation/validation.go, apimachinery/pkg/apis/meta/v1/validation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import LabelSelector, LabelSelectorRequirement
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def validate_label_name(name: str, path: Path) -> list[FieldError]:
    return [FieldError.invalid(path, name, message) for message in names.qualified_name(name)]


def validate_label_selector(selector: LabelSelector | None, path: Path) -> list[FieldError]:
    """A LabelSelector's keys, operators and values."""
    if selector is None:
        return []
    found: list[FieldError] = []
    at = path.child("matchLabels")
    for key, value in selector.matchLabels.items():
        found += validate_label_name(key, at)
        found += [FieldError.invalid(at, value, message) for message in names.label_value(value)]
    for index, expression in enumerate(selector.matchExpressions):
        where = path.child("matchExpressions").index(index)
        if expression.operator in ("In", "NotIn"):
            if not expression.values:
                why = "must be specified when `operator` is 'In' or 'NotIn'"
                found.append(FieldError.required(where.child("values"), why))
        elif expression.operator in ("Exists", "DoesNotExist"):
            if expression.values:
                why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                found.append(FieldError.forbidden(where.child("values"), why))
        else:
            why = "not a valid selector operator"
            found.append(FieldError.invalid(where.child("operator"), expression.operator, why))
        found += validate_label_name(expression.key, where.child("key"))
        for number, value in enumerate(expression.values):
            there = where.child("values").index(number)
            found += [FieldError.invalid(there, value, message) for message in names.label_value(value)]
    return found


def validate_tolerations(tolerations: Sequence[core.Toleration], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for index, toleration in enumerate(tolerations):
        at = path.index(index)
        operator = toleration.operator or ""
        if toleration.key:
            found += validate_label_name(toleration.key, at.child("key"))
        elif operator != "Exists":
            why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            found.append(FieldError.invalid(at.child("operator"), operator, why))
        if toleration.tolerationSeconds is not None and toleration.effect != "NoExecute":
            why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            found.append(FieldError.invalid(at.child("effect"), toleration.effect or "", why))
        value = toleration.value or ""
        if operator in ("", "Equal"):
            wrong = names.label_value(value)
            if wrong:
                found.append(FieldError.invalid(at.child("operator"), value, ";".join(wrong)))
        elif operator == "Exists":
            if value:
                why = "value must be empty when `operator` is 'Exists'"
                found.append(FieldError.invalid(at.child("operator"), value, why))
        else:
            supported = ("Equal", "Exists", "Lt", "Gt") if operator in ("Lt", "Gt") else ("Equal", "Exists")
            found.append(FieldError.not_supported(at.child("operator"), operator, supported))
        if toleration.effect and toleration.effect not in _EFFECTS:
            found.append(FieldError.not_supported(at.child("effect"), toleration.effect, _EFFECTS))
    return found


def validate_affinity(affinity: core.Affinity, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if affinity.nodeAffinity is not None:
        found += _validate_node_affinity(affinity.nodeAffinity, path.child("nodeAffinity"))
    for name in ("podAffinity", "podAntiAffinity"):
        terms = getattr(affinity, name)
        if terms is None:
            continue
        required = path.child(name).child("requiredDuringSchedulingIgnoredDuringExecution")
        for index, term in enumerate(terms.requiredDuringSchedulingIgnoredDuringExecution):
            found += _validate_pod_term(term, required.index(index))
        preferred = path.child(name).child("preferredDuringSchedulingIgnoredDuringExecution")
        for index, weighted in enumerate(terms.preferredDuringSchedulingIgnoredDuringExecution):
            at = preferred.index(index)
            if not 0 < weighted.weight <= 100:
                found.append(FieldError.invalid(at.child("weight"), weighted.weight, "must be in the range 1-100"))
            found += _validate_pod_term(weighted.podAffinityTerm, at.child("podAffinityTerm"))
    return found


def _validate_node_affinity(affinity: core.NodeAffinity, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution
    if required is not None:
        found += validate_node_selector(required, path.child("requiredDuringSchedulingIgnoredDuringExecution"))
    preferred = path.child("preferredDuringSchedulingIgnoredDuringExecution")
    for index, term in enumerate(affinity.preferredDuringSchedulingIgnoredDuringExecution):
        at = preferred.index(index)
        if not 0 < term.weight <= 100:
            found.append(FieldError.invalid(at.child("weight"), term.weight, "must be in the range 1-100"))
        found += _validate_node_term(term.preference, at.child("preference"), strict=False)
    return found


def validate_node_selector(selector: core.NodeSelector, path: Path) -> list[FieldError]:
    at = path.child("nodeSelectorTerms")
    if not selector.nodeSelectorTerms:
        return [FieldError.required(at, "must have at least one node selector term")]
    found: list[FieldError] = []
    for index, term in enumerate(selector.nodeSelectorTerms):
        found += _validate_node_term(term, at.index(index), strict=True)
    return found


def _validate_node_term(term: core.NodeSelectorTerm, path: Path, *, strict: bool) -> list[FieldError]:
    found: list[FieldError] = []
    for index, requirement in enumerate(term.matchExpressions):
        at = path.child("matchExpressions").index(index)
        found += _validate_operator(requirement, at)
        found += validate_label_name(requirement.key, at.child("key"))
        if strict:
            for number, value in enumerate(requirement.values):
                where = at.child("values").index(number)
                found += [FieldError.invalid(where, value, message) for message in names.label_value(value)]
    for index, requirement in enumerate(term.matchFields):
        at = path.child("matchFields").index(index)
        if requirement.operator not in ("In", "NotIn"):
            why = "not a valid selector operator"
            found.append(FieldError.invalid(at.child("operator"), requirement.operator, why))
        elif len(requirement.values) != 1:
            why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            found.append(FieldError.required(at.child("values"), why))
        if requirement.key != "metadata.name":
            why = "not a valid field selector key"
            found.append(FieldError.invalid(at.child("key"), requirement.key, why))
        else:
            for number, value in enumerate(requirement.values):
                where = at.child("values").index(number)
                found += [FieldError.invalid(where, value, message) for message in names.dns1123_subdomain(value)]
    return found


def _validate_operator(requirement: core.NodeSelectorRequirement, path: Path) -> list[FieldError]:
    values = path.child("values")
    match requirement.operator:
        case "In" | "NotIn":
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            return [] if requirement.values else [FieldError.required(values, why)]
        case "Exists" | "DoesNotExist":
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            return [FieldError.forbidden(values, why)] if requirement.values else []
        case "Gt" | "Lt":
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            return [] if len(requirement.values) == 1 else [FieldError.required(values, why)]
    return [FieldError.invalid(path.child("operator"), requirement.operator, "not a valid selector operator")]


def _validate_pod_term(term: core.PodAffinityTerm, path: Path) -> list[FieldError]:
    found = validate_label_selector(term.labelSelector, path.child("labelSelector"))
    found += validate_label_selector(term.namespaceSelector, path.child("namespaceSelector"))
    for name in term.namespaces:
        found += [FieldError.invalid(path.child("namespace"), name, message) for message in names.dns1123_label(name)]
    found += _validate_label_keys(path, term.matchLabelKeys, term.mismatchLabelKeys, term.labelSelector)
    if not term.topologyKey:
        found.append(FieldError.required(path.child("topologyKey"), "can not be empty"))
    return found + validate_label_name(term.topologyKey, path.child("topologyKey"))


def validate_topology_spread(constraints: Sequence[core.TopologySpreadConstraint], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    policies = ("Honor", "Ignore")
    left = Counter((constraint.topologyKey, constraint.whenUnsatisfiable) for constraint in constraints)
    for index, constraint in enumerate(constraints):
        at = path.index(index)
        if constraint.maxSkew <= 0:
            found.append(FieldError.invalid(at.child("maxSkew"), constraint.maxSkew, "must be greater than zero"))
        if not constraint.topologyKey:
            found.append(FieldError.required(at.child("topologyKey"), "can not be empty"))
        action = constraint.whenUnsatisfiable
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            supported = ("DoNotSchedule", "ScheduleAnyway")
            found.append(FieldError.not_supported(at.child("whenUnsatisfiable"), action, supported))
        left[constraint.topologyKey, action] -= 1
        if left[constraint.topologyKey, action]:
            where = at.child("{topologyKey, whenUnsatisfiable}")
            found.append(FieldError.duplicate(where, f"{{{constraint.topologyKey}, {action}}}"))
        if constraint.minDomains is not None:
            where = at.child("minDomains")
            if constraint.minDomains <= 0:
                found.append(FieldError.invalid(where, constraint.minDomains, "must be greater than zero"))
            if action != "DoNotSchedule":
                why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
                found.append(FieldError.invalid(where, constraint.minDomains, why))
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            policy = getattr(constraint, name)
            if policy is not None and policy not in policies:
                found.append(FieldError.not_supported(at.child(name), policy, policies))
        found += _validate_label_keys(at, constraint.matchLabelKeys, [], constraint.labelSelector)
        found += validate_label_selector(constraint.labelSelector, at.child("labelSelector"))
    return found


def _validate_label_keys(
    path: Path, matching: Sequence[str], mismatching: Sequence[str], selector: LabelSelector | None
) -> list[FieldError]:
    """matchLabelKeys and mismatchLabelKeys: the server makes expressions of the selector of them.

    Source: ValidateMatchLabelKeysAndMismatchLabelKeys.
    """
    found: list[FieldError] = []
    for name, keys in (("matchLabelKeys", matching), ("mismatchLabelKeys", mismatching)):
        at = path.child(name)
        if keys and selector is None:
            found.append(FieldError.forbidden(at, "must not be specified when labelSelector is not set"))
            continue
        for index, key in enumerate(keys):
            found += validate_label_name(key, at.index(index))
    if selector is not None and matching:
        known = set(selector.matchLabels)
        for expression in selector.matchExpressions:
            if expression.key in matching and expression.key in known:
                last = max(i for i, key in enumerate(matching) if key == expression.key)
                why = "exists in both matchLabelKeys and labelSelector"
                found.append(FieldError.invalid(path.index(last), expression.key, why))
            known.add(expression.key)
    for index, key in enumerate(matching):
        if key in mismatching:
            at = path.child("matchLabelKeys").index(index)
            found.append(FieldError.invalid(at, key, "exists in both matchLabelKeys and mismatchLabelKeys"))
    return found


def merge_label_keys(pod: core.Pod) -> None:
    """What matchLabelKeys and mismatchLabelKeys mean for this Pod's labels becomes part of the selectors.

    Source: pkg/registry/core/pod/strategy.go (mutatePodAffinity, mutateTopologySpreadConstraints).
    """
    spec, labels = pod.spec, pod.metadata.labels
    terms: list[core.PodAffinityTerm] = []
    for affinity in (spec.affinity.podAffinity, spec.affinity.podAntiAffinity) if spec.affinity is not None else ():
        if affinity is not None:
            terms += affinity.requiredDuringSchedulingIgnoredDuringExecution
            terms += [w.podAffinityTerm for w in affinity.preferredDuringSchedulingIgnoredDuringExecution]
    for term in terms:
        _merge(term.labelSelector, term.matchLabelKeys, "In", labels)
        _merge(term.labelSelector, term.mismatchLabelKeys, "NotIn", labels)
    for constraint in spec.topologySpreadConstraints:
        _merge(constraint.labelSelector, constraint.matchLabelKeys, "In", labels)


def _merge(selector: LabelSelector | None, keys: Sequence[str], operator: str, labels: Mapping[str, str]) -> None:
    if selector is None:
        return
    more = [LabelSelectorRequirement(key=k, operator=operator, values=[labels[k]]) for k in keys if k in labels]
    if more:
        selector.matchExpressions = [*selector.matchExpressions, *more]


def validate_more_labels(new: Mapping[str, str], old: Mapping[str, str], path: Path) -> list[FieldError]:
    """A nodeSelector to which labels may be added, and no more. Source: validateNodeSelectorMutation."""
    if all(new.get(key) == value for key, value in old.items()):
        return []
    why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
    return [FieldError.invalid(path, new or None, why)]


def validate_narrowing(new: core.NodeAffinity | None, old: core.NodeAffinity | None, path: Path) -> list[FieldError]:
    """Node affinity that may only ask for more than before. Source: validateNodeAffinityMutation."""
    before = old.requiredDuringSchedulingIgnoredDuringExecution if old is not None else None
    if before is None:
        return []
    at = path.child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    now = new.requiredDuringSchedulingIgnoredDuringExecution if new is not None else None
    old_terms, new_terms = before.nodeSelectorTerms, now.nodeSelectorTerms if now is not None else []
    if old_terms and len(old_terms) != len(new_terms):
        why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [FieldError.invalid(at, new_terms or None, why)]
    found: list[FieldError] = []
    for index, (one, other) in enumerate(zip(new_terms, old_terms, strict=False)):
        empty = not other.matchExpressions and not other.matchFields
        kept = (
            one == other
            if empty
            else (
                one.matchExpressions[: len(other.matchExpressions)] == other.matchExpressions
                and one.matchFields[: len(other.matchFields)] == other.matchFields
            )
        )
        if not kept:
            why = "only additions are allowed (no mutations or deletions)"
            found.append(FieldError.invalid(at.index(index), one, why))
    return found
