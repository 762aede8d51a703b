"""What all kinds with a Pod template share: defaults, validation, columns.

Source: pkg/apis/core/validation (ValidatePodTemplateSpec), pkg/apis/apps/validation, printers layoutContainerCells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.apps import v1 as apps
from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import LabelSelector
from pybernetes.apimachinery import names
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.selectors import LabelSelector as Selector
from pybernetes.apimachinery.selectors import SelectorError
from pybernetes.apiserver.registry.core.pods.annotated import validate_pod_annotations, validate_seccomp_matches
from pybernetes.apiserver.registry.core.pods.defaults import default_pod_spec
from pybernetes.apiserver.registry.core.pods.gated_fields import drop_disabled
from pybernetes.apiserver.registry.core.pods.placement import validate_label_selector
from pybernetes.apiserver.registry.core.pods.validation import validate_pod_spec
from pybernetes.apiserver.registry.core.pods.warnings import pod_warnings
from pybernetes.apiserver.registry.generic.object_meta import validate_annotations, validate_labels
from pybernetes.apiserver.registry.generic.strategy import Strategy

SPEC = Path("spec")
_REPLICA_COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration",
           "terminatingReplicas")  # fmt: skip
NOT_NEGATIVE = "must be greater than or equal to 0"


def default_template(template: core.PodTemplateSpec | None) -> None:
    if template is not None and template.spec is not None:
        default_pod_spec(template.spec)


def validate_template(template: core.PodTemplateSpec | None, path: Path) -> list[FieldError]:
    """A Pod template anywhere."""
    if template is None:
        return [FieldError.required(path)]
    found: list[FieldError] = []
    meta = template.metadata
    if meta is not None:
        found += validate_labels(meta.labels, path.child("labels"))
        at = path.child("annotations")
        found += validate_annotations(meta.annotations, at)
        found += validate_pod_annotations(meta.annotations, template.spec or core.PodSpec(), at)
    spec = template.spec or core.PodSpec()
    found += validate_pod_spec(spec, path.child("spec"))
    if meta is not None:
        found += validate_seccomp_matches(meta.annotations, spec, path.child("spec"))
    if spec.ephemeralContainers:
        at = path.child("spec", "ephemeralContainers")
        found.append(FieldError.forbidden(at, "ephemeral containers not allowed in pod template"))
    return found


def drop_disabled_fields(
    template: core.PodTemplateSpec | None, old: core.PodTemplateSpec | None, features: FeatureGates
) -> None:
    """Fields of features that are off go, unless the object already had them."""
    if template is not None and template.spec is not None:
        drop_disabled(template.spec, old.spec if old is not None else None, features)


def template_warnings(template: core.PodTemplateSpec | None, path: Path, obj: Any, old: Any | None) -> list[str]:
    """Of a new object, and of one whose spec an update changed."""
    if template is None or template.spec is None:
        return []
    if old is not None and obj.metadata.generation == old.metadata.generation:
        return []
    return pod_warnings(template.spec, template.metadata, path)


def labels_of(template: core.PodTemplateSpec | None) -> dict[str, str]:
    return template.metadata.labels if template is not None and template.metadata is not None else {}


def validate_selector(
    selector: LabelSelector | None,
    template: core.PodTemplateSpec | None,
    kind: str = "deployment",
    wrong: str | None = "invalid label selector",
) -> list[FieldError]:
    """spec.selector: there, not empty, valid, and matching the template.

    `kind` is the word for the kind in messages, `wrong` what it says of one that cannot be read; None: nothing
    beside what is wrong in it.
    """
    at = SPEC.child("selector")
    if selector is None:
        # Of the kinds, DaemonSets alone do not ask for one: one that is not there matches nothing.
        return [*([] if wrong is None else [FieldError.required(at)]), labels_differ(template)]
    if not selector.matchLabels and not selector.matchExpressions:
        return [FieldError.invalid(at, selector, f"empty selector is invalid for {kind}")]
    found = validate_label_selector(selector, at)
    try:
        parsed = Selector.of(selector)
    except SelectorError:
        return found if wrong is None else [*found, FieldError.invalid(at, selector, wrong)]
    return found if parsed.matches(labels_of(template)) else [*found, labels_differ(template)]


def labels_differ(template: core.PodTemplateSpec | None) -> FieldError:
    at = SPEC.child("template", "metadata", "labels")
    return FieldError.invalid(at, labels_of(template) or None, "`selector` does not match template `labels`")


def validate_always(template: core.PodTemplateSpec | None, owner: str) -> list[FieldError]:
    """Templates whose Pods run for ever."""
    spec = template.spec if template is not None else None
    if spec is None:
        return []
    found: list[FieldError] = []
    if spec.restartPolicy != "Always":
        at = SPEC.child("template", "spec", "restartPolicy")
        found.append(FieldError.not_supported(at, spec.restartPolicy, ("Always",)))
    if spec.activeDeadlineSeconds is not None:
        at = SPEC.child("template", "spec", "activeDeadlineSeconds")
        found.append(FieldError.forbidden(at, f"activeDeadlineSeconds in {owner} is not Supported"))
    return found


def validate_not_negative(obj: Any, path: Path, fields: Iterable[str]) -> list[FieldError]:
    found: list[FieldError] = []
    for name in fields:
        value = getattr(obj, name, None)
        if value is not None and value < 0:
            found.append(FieldError.invalid(path.child(name), value, NOT_NEGATIVE))
    return found


def validate_replicas_status(status: apps.ReplicaSetStatus | core.ReplicationControllerStatus) -> list[FieldError]:
    at = Path("status")
    found = validate_not_negative(status, at, _REPLICA_COUNTS)
    for name in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        value = getattr(status, name) or 0
        if value > (status.replicas or 0):
            found.append(FieldError.invalid(at.child(name), value, "cannot be greater than status.replicas"))
    available = status.availableReplicas or 0
    if available > (status.readyReplicas or 0):
        found.append(
            FieldError.invalid(at.child("availableReplicas"), available, "cannot be greater than readyReplicas")
        )
    return found


def validate_int_or_percent(value: int | str | None, path: Path) -> list[FieldError]:
    if isinstance(value, str):
        return [FieldError.invalid(path, value, message) for message in names.percent(value)]
    if value is not None and value < 0:
        return [FieldError.invalid(path, value, NOT_NEGATIVE)]
    return []


def amount(value: int | str | None) -> int:
    """The number of an int-or-percent, 0 for what cannot be read."""
    if isinstance(value, str):
        try:
            return int(value.removesuffix("%"))
        except ValueError:
            return 0
    return value or 0


def drop_in_template(strategy: Strategy, obj: Any, old: Any | None) -> None:
    """For a strategy's prepare_for_create and prepare_for_update, of kinds with spec.template."""
    before = old.spec.template if old is not None else None
    drop_disabled_fields(obj.spec.template, before, strategy.registry.config.features)


def not_more_than_all(value: int | str | None, path: Path) -> list[FieldError]:
    if isinstance(value, str) and value.endswith("%") and amount(value) > 100:
        return [FieldError.invalid(path, value, "must not be greater than 100%")]
    return []


def container_cells(template: core.PodTemplateSpec | None) -> list[str]:
    """The Containers and Images columns."""
    spec = template.spec if template is not None else None
    containers = spec.containers if spec is not None else []
    return [",".join(c.name for c in containers), ",".join(c.image or "" for c in containers)]


def selector_cell(selector: LabelSelector | None) -> str:
    """metav1.FormatLabelSelector: `<none>` for nothing and for everything."""
    try:
        return str(Selector.of(selector)) or "<none>" if selector is not None else "<none>"
    except SelectorError:
        return "<error>"
