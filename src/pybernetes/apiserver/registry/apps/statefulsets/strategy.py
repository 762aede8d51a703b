"""StatefulSets. Source: pkg/registry/apps/statefulset/strategy.go, apis/apps/{v1/defaults.go,validation}."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.apps import v1 as apps
from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.apps.templates import SPEC
from pybernetes.apiserver.registry.core.persistentvolumeclaims.validation import claim_warnings, validate_claim_spec
from pybernetes.apiserver.registry.core.pods.annotated import validate_pod_annotations
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import validate_annotations, validate_labels
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ScaleSubresource, SubresourceBase
from pybernetes.apiserver.registry.generic.table import age, columns

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage

_STATUS = Path("status")
_COUNTS = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas",
           "observedGeneration", "collisionCount")  # fmt: skip
_RETENTION = ("Retain", "Delete")
_MUTABLE = ("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy", "minReadySeconds")  # fmt: skip
_FORBIDDEN = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


class StatefulSetStrategy(Strategy):
    generation = True
    columns = columns("Name", "Ready", "Age", "Containers*", "Images*")

    @property
    def _several_at_once(self) -> bool:
        return self.registry.config.features.enabled("MaxUnavailableStatefulSet")

    def validate_name(self, name: str) -> list[str]:
        return names.dns1123_label(name)

    def default(self, obj: apps.StatefulSet) -> None:
        spec = obj.spec
        spec.podManagementPolicy = spec.podManagementPolicy or "OrderedReady"
        if spec.updateStrategy is None:
            spec.updateStrategy = apps.StatefulSetUpdateStrategy()
        update = spec.updateStrategy
        if not update.type:
            update.type = "RollingUpdate"
            if update.rollingUpdate is None:
                update.rollingUpdate = apps.RollingUpdateStatefulSetStrategy()
        rolling = update.rollingUpdate
        if update.type == "RollingUpdate" and rolling is not None:
            if rolling.partition is None:
                rolling.partition = 0
            if rolling.maxUnavailable is None and self._several_at_once:
                rolling.maxUnavailable = 1
        if spec.persistentVolumeClaimRetentionPolicy is None:
            spec.persistentVolumeClaimRetentionPolicy = apps.StatefulSetPersistentVolumeClaimRetentionPolicy()
        retention = spec.persistentVolumeClaimRetentionPolicy
        retention.whenDeleted = retention.whenDeleted or "Retain"
        retention.whenScaled = retention.whenScaled or "Retain"
        if spec.replicas is None:
            spec.replicas = 1
        if spec.revisionHistoryLimit is None:
            spec.revisionHistoryLimit = 10
        templates.default_template(spec.template)
        for claim in spec.volumeClaimTemplates:
            if claim.spec.volumeMode is None:
                claim.spec.volumeMode = "Filesystem"
            if not claim.status.phase:
                claim.status.phase = "Pending"

    def prepare_for_create(self, ctx: RequestContext, obj: apps.StatefulSet) -> None:
        super().prepare_for_create(ctx, obj)
        if obj.spec.updateStrategy.rollingUpdate is not None and not self._several_at_once:
            obj.spec.updateStrategy.rollingUpdate.maxUnavailable = None
        templates.drop_in_template(self, obj, None)

    def prepare_for_update(self, ctx: RequestContext, obj: apps.StatefulSet, old: apps.StatefulSet) -> None:
        rolling, before = obj.spec.updateStrategy.rollingUpdate, old.spec.updateStrategy.rollingUpdate
        in_use = before is not None and before.maxUnavailable is not None
        if rolling is not None and not in_use and not self._several_at_once:
            rolling.maxUnavailable = None
        templates.drop_in_template(self, obj, old)
        super().prepare_for_update(ctx, obj, old)

    def validate(self, obj: apps.StatefulSet) -> list[FieldError]:
        return self._validate(obj, created=True)

    def _validate(self, obj: apps.StatefulSet, *, created: bool) -> list[FieldError]:
        """What cannot change is looked at when the set is created alone: its name, its claims."""
        spec = obj.spec
        found: list[FieldError] = []
        policy = spec.podManagementPolicy
        if policy not in ("OrderedReady", "Parallel"):
            why = "must be 'OrderedReady' or 'Parallel'"
            found.append(FieldError.invalid(SPEC.child("podManagementPolicy"), policy, why))
        found += _validate_update_strategy(spec.updateStrategy, SPEC.child("updateStrategy"))
        retention = spec.persistentVolumeClaimRetentionPolicy
        for name in ("whenDeleted", "whenScaled"):
            value = getattr(retention, name) if retention is not None else "Retain"
            if value not in _RETENTION:
                where = SPEC.child("persistentVolumeClaimRetentionPolicy", name)
                found.append(FieldError.not_supported(where, value, _RETENTION))
        for index, claim in enumerate(spec.volumeClaimTemplates if created else ()):
            found += validate_claim_spec(claim.spec, SPEC.child("volumeClaimTemplates").index(index).child("spec"))
        found += templates.validate_not_negative(spec, SPEC, ("replicas", "minReadySeconds"))
        if spec.ordinals is not None:
            found += templates.validate_not_negative(spec.ordinals, SPEC.child("ordinals"), ("start",))
        if spec.serviceName and created:
            found += [
                FieldError.invalid(SPEC.child("serviceName"), spec.serviceName, message)
                for message in names.dns1123_label(spec.serviceName)
            ]
        found += templates.validate_selector(spec.selector, spec.template, "statefulset", "")
        found += templates.validate_template(_with_claims(spec), SPEC.child("template"))
        found += _validate_template_metadata(spec.template)
        return found + templates.validate_always(spec.template, "StatefulSet")

    def validate_update(self, obj: apps.StatefulSet, old: apps.StatefulSet) -> list[FieldError]:
        if obj.spec == old.spec:
            return []
        found = self._validate(obj, created=False)
        same = msgspec.structs.replace(obj.spec, **{name: getattr(old.spec, name) for name in _MUTABLE})
        if same != old.spec:
            found.append(FieldError.forbidden(SPEC, _FORBIDDEN))
        return found

    def validate_status_update(self, obj: apps.StatefulSet, old: apps.StatefulSet) -> list[FieldError]:
        status = obj.status
        found = templates.validate_not_negative(status, _STATUS, _COUNTS)
        for name in ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"):
            value = getattr(status, name) or 0
            if value > (status.replicas or 0):
                found.append(FieldError.invalid(_STATUS.child(name), value, "cannot be greater than status.replicas"))
        available = status.availableReplicas or 0
        if available > (status.readyReplicas or 0):
            why = "cannot be greater than status.readyReplicas"
            found.append(FieldError.invalid(_STATUS.child("availableReplicas"), available, why))
        before, now = old.status.collisionCount, status.collisionCount
        if before is not None and (now is None or now < before):
            found.append(FieldError.invalid(_STATUS.child("collisionCount"), now or 0, "cannot be decremented"))
        return found

    def warnings(self, obj: apps.StatefulSet, old: apps.StatefulSet | None) -> list[str]:
        found = templates.template_warnings(obj.spec.template, SPEC.child("template"), obj, old)
        for index, claim in enumerate(obj.spec.volumeClaimTemplates):
            found += claim_warnings(claim.spec, SPEC.child("volumeClaimTemplates").index(index))
        if (obj.spec.revisionHistoryLimit or 0) < 0:
            found.append(
                "spec.revisionHistoryLimit: a negative value retains all historical revisions; "
                "a value >= 0 is recommended"
            )
        return found

    def row(self, obj: apps.StatefulSet, now: float) -> list[Any]:
        ready = f"{obj.status.readyReplicas or 0}/{obj.spec.replicas or 0}"
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, ready, created, *templates.container_cells(obj.spec.template)]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"scale": ScaleSubresource}


def _validate_template_metadata(template: core.PodTemplateSpec | None) -> list[FieldError]:
    """What is wrong with labels and annotations of the template, told once more, as if they lay in it directly."""
    if template is None or template.metadata is None:
        return []
    meta, at = template.metadata, SPEC.child("template")
    return [
        *validate_labels(meta.labels, at.child("labels")),
        *validate_annotations(meta.annotations, at.child("annotations")),
        *validate_pod_annotations(meta.annotations, template.spec or core.PodSpec(), at.child("annotations")),
    ]


def _validate_update_strategy(update: apps.StatefulSetUpdateStrategy, path: Path) -> list[FieldError]:
    if not update.type:
        return [FieldError.required(path)]
    if update.type not in ("RollingUpdate", "OnDelete"):
        return [FieldError.invalid(path, update, "must be 'RollingUpdate' or 'OnDelete'")]
    rolling, at = update.rollingUpdate, path.child("rollingUpdate")
    if rolling is None:
        return []
    if update.type == "OnDelete":
        return [FieldError.invalid(at, rolling, "only allowed for updateStrategy 'RollingUpdate'")]
    found = templates.validate_not_negative(rolling, at, ("partition",))
    if rolling.maxUnavailable is not None:
        where = at.child("maxUnavailable")
        found += templates.validate_int_or_percent(rolling.maxUnavailable, where)
        if not templates.amount(rolling.maxUnavailable):
            found.append(FieldError.invalid(where, rolling.maxUnavailable, "cannot be 0"))
        found += templates.not_more_than_all(rolling.maxUnavailable, where)
    return found


def _with_claims(spec: apps.StatefulSetSpec) -> Any:
    """The template with a volume for each claim template, since mounts may name those."""
    template = spec.template
    if template is None or template.spec is None:
        return template
    # The controller gives Pods their names, so these count for nothing.
    pod = msgspec.structs.replace(template.spec, hostname=None, subdomain=None)
    template = msgspec.structs.replace(template, spec=pod)
    if not spec.volumeClaimTemplates:
        return template
    made = [
        core.Volume(
            name=claim.metadata.name or "",
            persistentVolumeClaim=core.PersistentVolumeClaimVolumeSource(claimName=claim.metadata.name or ""),
        )
        for claim in {claim.metadata.name: claim for claim in spec.volumeClaimTemplates}.values()
    ]
    known = {volume.name for volume in made}
    volumes = [*made, *(volume for volume in pod.volumes if volume.name not in known)]
    return msgspec.structs.replace(template, spec=msgspec.structs.replace(pod, volumes=volumes))
