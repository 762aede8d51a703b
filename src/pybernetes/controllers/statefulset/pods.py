"""The Pods of a StatefulSet: names, ordinals, identity, storage. Pure.

Source: pkg/controller/statefulset/stateful_set_utils.go.
"""

from __future__ import annotations

import re

from pybernetes.api.apps.v1 import StatefulSet
from pybernetes.api.core.v1 import (
    PersistentVolumeClaim,
    PersistentVolumeClaimVolumeSource,
    Pod,
    PodTemplateSpec,
    Volume,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.pods import is_ready
from pybernetes.controllers.runtime.pod_control import pod_from_template
from pybernetes.controllers.runtime.pods import available_in
from pybernetes.controllers.runtime.revisions import REVISION_LABEL

POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"
_NAME = re.compile(r"(.*)-([0-9]+)", re.ASCII)


def parent_and_ordinal(pod: Pod) -> tuple[str, int]:
    """("", -1) for a name that no StatefulSet gives."""
    found = _NAME.fullmatch(pod.metadata.name or "")
    if found is None:
        return "", -1
    number = int(found.group(2))
    return found.group(1), number if number < 2**31 else -1


def ordinal_of(pod: Pod) -> int:
    return parent_and_ordinal(pod)[1]


def is_member(set_: StatefulSet, pod: Pod) -> bool:
    return parent_and_ordinal(pod)[0] == set_.metadata.name


def replicas_of(set_: StatefulSet) -> int:
    return 1 if set_.spec.replicas is None else set_.spec.replicas


def start_of(set_: StatefulSet) -> int:
    """The first ordinal."""
    return (set_.spec.ordinals.start or 0) if set_.spec.ordinals is not None else 0


def in_range(set_: StatefulSet, pod: Pod) -> bool:
    return start_of(set_) <= ordinal_of(pod) < start_of(set_) + replicas_of(set_)


def pod_name(set_: StatefulSet, ordinal: int) -> str:
    return f"{set_.metadata.name}-{ordinal}"


def revision_of(pod: Pod) -> str:
    return pod.metadata.labels.get(REVISION_LABEL, "")


def is_created(pod: Pod) -> bool:
    """It is in the API, not only planned."""
    return bool(pod.status.phase)


def is_running_and_ready(pod: Pod) -> bool:
    return pod.status.phase == "Running" and is_ready(pod)


def is_available(set_: StatefulSet, pod: Pod, now: float) -> bool:
    return available_in(pod, set_.spec.minReadySeconds or 0, now) == 0


def is_unavailable(set_: StatefulSet, pod: Pod, now: float) -> bool:
    return pod.metadata.deletionTimestamp is not None or not is_available(set_, pod, now)


def identity_matches(set_: StatefulSet, pod: Pod) -> bool:
    parent, ordinal = parent_and_ordinal(pod)
    return (
        ordinal >= 0
        and parent == set_.metadata.name
        and pod.metadata.name == pod_name(set_, ordinal)
        and pod.metadata.namespace == set_.metadata.namespace
        and pod.metadata.labels.get(POD_NAME_LABEL) == pod.metadata.name
    )


def claim_name(set_: StatefulSet, template: PersistentVolumeClaim, ordinal: int) -> str:
    return f"{template.metadata.name}-{set_.metadata.name}-{ordinal}"


def claims_for(set_: StatefulSet, ordinal: int) -> dict[str, PersistentVolumeClaim]:
    """The claims of one Pod, by the name of their template, without owners."""
    made = {}
    for template in set_.spec.volumeClaimTemplates:
        claim = fresh(template)
        claim.metadata = ObjectMeta(
            name=claim_name(set_, template, ordinal),
            namespace=set_.metadata.namespace,
            labels={**template.metadata.labels, **(set_.spec.selector.matchLabels if set_.spec.selector else {})},
            annotations=dict(template.metadata.annotations),
            finalizers=list(template.metadata.finalizers),
            ownerReferences=list(template.metadata.ownerReferences),
        )
        made[template.metadata.name or ""] = claim
    return made


def storage_matches(set_: StatefulSet, pod: Pod) -> bool:
    volumes = {volume.name: volume.persistentVolumeClaim for volume in pod.spec.volumes}
    for template in set_.spec.volumeClaimTemplates:
        source = volumes.get(template.metadata.name or "")
        if source is None or source.claimName != claim_name(set_, template, ordinal_of(pod)):
            return False
    return True


def take_identity(set_: StatefulSet, pod: Pod) -> None:
    """Sets the labels that tell the Pod's name and index."""
    pod.metadata.labels[POD_NAME_LABEL] = pod.metadata.name or ""
    pod.metadata.labels[POD_INDEX_LABEL] = str(ordinal_of(pod))


def take_storage(set_: StatefulSet, pod: Pod) -> None:
    """Puts a volume for each claim first; volumes of the same name give way."""
    claims = claims_for(set_, ordinal_of(pod))
    made = [
        Volume(name=name, persistentVolumeClaim=PersistentVolumeClaimVolumeSource(claimName=claim.metadata.name or ""))
        for name, claim in claims.items()
    ]
    pod.spec.volumes = [*made, *(volume for volume in pod.spec.volumes if volume.name not in claims)]


def new_pod(set_: StatefulSet, template: PodTemplateSpec, revision: str, ordinal: int) -> Pod:
    """The Pod of that ordinal to create, made from one revision's template."""
    pod = pod_from_template(template, set_)
    pod.metadata.name = pod_name(set_, ordinal)
    take_identity(set_, pod)
    pod.metadata.labels[REVISION_LABEL] = revision
    pod.spec.hostname = pod.metadata.name
    pod.spec.subdomain = set_.spec.serviceName
    take_storage(set_, pod)
    return pod
