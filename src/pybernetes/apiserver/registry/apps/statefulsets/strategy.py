"""StatefulSets. Source: pkg/registry/apps/statefulset/strategy.go, apis/apps/{v1/defaults.go,validation}."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.apps import v1 as apps
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apiserver.registry.apps import templates
from pybernetes.apiserver.registry.apps.templates import SPEC
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import ScaleSubresource, SubresourceBase
from pybernetes.apiserver.registry.generic.table import age, columns

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage

_MUTABLE = ("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy", "minReadySeconds")  # fmt: skip
_FORBIDDEN = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


class StatefulSetStrategy(Strategy):
    generation = True
    columns = columns("Name", "Ready", "Age", "Containers*", "Images*")

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
        if (
            update.type == "RollingUpdate"
            and update.rollingUpdate is not None
            and update.rollingUpdate.partition is None
        ):
            update.rollingUpdate.partition = 0
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

    def validate(self, obj: apps.StatefulSet) -> list[FieldError]:
        spec = obj.spec
        found = templates.validate_not_negative(spec, SPEC, ("replicas", "minReadySeconds", "revisionHistoryLimit"))
        policy = spec.podManagementPolicy
        if policy not in ("OrderedReady", "Parallel"):
            why = "must be 'OrderedReady' or 'Parallel'"
            found.append(FieldError.invalid(SPEC.child("podManagementPolicy"), policy, why))
        kind = spec.updateStrategy.type if spec.updateStrategy else None
        if kind not in ("RollingUpdate", "OnDelete"):
            why = "must be 'RollingUpdate' or 'OnDelete'"
            found.append(FieldError.invalid(SPEC.child("updateStrategy"), kind, why))
        found += templates.validate_selector(spec.selector, spec.template)
        found += templates.validate_template(_with_claims(spec), SPEC.child("template"))
        return found + templates.validate_always(spec.template, "StatefulSet")

    def validate_update(self, obj: apps.StatefulSet, old: apps.StatefulSet) -> list[FieldError]:
        if obj.spec == old.spec:
            return []
        found = self.validate(obj)
        same = msgspec.structs.replace(obj.spec, **{name: getattr(old.spec, name) for name in _MUTABLE})
        if same != old.spec:
            found.append(FieldError.forbidden(SPEC, _FORBIDDEN))
        return found

    def row(self, obj: apps.StatefulSet, now: float) -> list[Any]:
        ready = f"{obj.status.readyReplicas or 0}/{obj.spec.replicas or 0}"
        created = age(obj.metadata.creationTimestamp, now)
        return [obj.metadata.name, ready, created, *templates.container_cells(obj.spec.template)]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"scale": ScaleSubresource}


def _with_claims(spec: apps.StatefulSetSpec) -> Any:
    """The template with a volume for each claim template, since mounts may name those."""
    from pybernetes.api.core import v1 as core

    template = spec.template
    if template is None or template.spec is None or not spec.volumeClaimTemplates:
        return template
    made = [
        core.Volume(
            name=claim.metadata.name or "",
            persistentVolumeClaim=core.PersistentVolumeClaimVolumeSource(claimName=claim.metadata.name or ""),
        )
        for claim in spec.volumeClaimTemplates
    ]
    known = {volume.name for volume in made}
    volumes = [*made, *(volume for volume in template.spec.volumes if volume.name not in known)]
    return msgspec.structs.replace(template, spec=msgspec.structs.replace(template.spec, volumes=volumes))
