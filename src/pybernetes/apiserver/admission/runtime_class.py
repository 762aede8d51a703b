"""RuntimeClass: a Pod gets the overhead, node selector and tolerations of the class it asks for.

Source: plugin/pkg/admission/runtimeclass/admission.go, pkg/util/tolerations/tolerations.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.api.node import v1 as node
from pybernetes.apimachinery import quantity
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin


class RuntimeClasses(Plugin):
    name = "RuntimeClass"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "pods", "")})
    mutates = True
    validates = True

    async def admit(self, attributes: Attributes) -> None:
        spec: core.PodSpec = attributes.object.spec
        found = await self._class(attributes)
        if found is None:
            return
        if found.overhead is not None:
            if spec.overhead and not _same(spec.overhead, found.overhead.podFixed):
                raise attributes.forbidden(_MISMATCH)
            spec.overhead = dict(found.overhead.podFixed)
        if found.scheduling is not None:
            for key, value in found.scheduling.nodeSelector.items():
                if spec.nodeSelector.get(key, value) != value:
                    raise attributes.forbidden(
                        f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                        f"pod.spec.nodeSelector[{key}] = {spec.nodeSelector[key]}"
                    )
            spec.nodeSelector = {**spec.nodeSelector, **found.scheduling.nodeSelector}
            spec.tolerations = _merged(spec.tolerations, found.scheduling.tolerations)

    async def validate(self, attributes: Attributes) -> None:
        overhead = attributes.object.spec.overhead
        found = await self._class(attributes)
        if found is not None and found.overhead is not None:
            if not _same(overhead, found.overhead.podFixed):
                raise attributes.forbidden(_MISMATCH)
        elif overhead:
            raise attributes.forbidden(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            )

    async def _class(self, attributes: Attributes) -> node.RuntimeClass | None:
        """None when the Pod asks for none. Raises Forbidden when there is no such class."""
        name = attributes.object.spec.runtimeClassName
        if name is None:
            return None
        found = await self.reader.read(node.RuntimeClass, name)
        if found is None:
            raise attributes.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
        return found


_MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"


def _same(left: Mapping[str, str], right: Mapping[str, str]) -> bool:
    return left.keys() == right.keys() and not any(quantity.compare(left[name], right[name]) for name in left)


def _merged(first: Sequence[core.Toleration], second: Sequence[core.Toleration]) -> list[core.Toleration]:
    """Both, without those that another one covers."""
    merged: list[core.Toleration] = []
    everything = [*first, *second]
    for index, one in enumerate(everything):
        if any(_covers(other, one) for other in merged):
            continue
        if any(other != one and _covers(other, one) for other in everything[index + 1 :]):
            continue
        merged.append(one)
    return merged


def _covers(wide: core.Toleration, narrow: core.Toleration) -> bool:
    """Whether `wide` tolerates all that `narrow` does, for as long."""
    if wide == narrow:
        return True
    operator = wide.operator or "Equal"
    if (wide.key or "") != (narrow.key or "") and (wide.key or operator != "Exists"):
        return False
    if (wide.effect or "") not in ("", narrow.effect or ""):
        return False
    limit_s, needed_s = wide.tolerationSeconds, narrow.tolerationSeconds
    if wide.effect == "NoExecute" and limit_s is not None and (needed_s is None or needed_s > limit_s):
        return False
    if operator == "Equal":
        return (narrow.operator or "Equal") == "Equal" and (wide.value or "") == (narrow.value or "")
    return operator == "Exists"
