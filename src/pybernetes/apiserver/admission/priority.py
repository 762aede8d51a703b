"""Priority: a Pod's priority and preemption policy come from its class; at most one class is the default.

Source: plugin/pkg/admission/priority/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.api.scheduling.v1 import PriorityClass
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin


class Priority(Plugin):
    name = "Priority"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset(
        {("", "pods", ""), ("scheduling.k8s.io", "priorityclasses", "")}
    )
    mutates = True
    validates = True

    async def admit(self, attributes: Attributes) -> None:
        if attributes.resource.plural != "pods":
            return
        spec: core.PodSpec = attributes.object.spec
        if attributes.operation == "UPDATE":
            old: core.PodSpec = attributes.old_object.spec
            if spec.priority is None:
                spec.priority = old.priority
            if spec.preemptionPolicy is None:
                spec.preemptionPolicy = old.preemptionPolicy
            return
        name, value, policy = await self._established(attributes, spec.priorityClassName or "")
        spec.priorityClassName = name or None
        if spec.priority is not None and spec.priority != value:
            raise attributes.forbidden(
                f"the integer value of priority ({spec.priority}) must not be provided in pod spec; priority "
                f"admission controller computed {value} from the given PriorityClass name"
            )
        spec.priority = value
        if policy is not None:
            if spec.preemptionPolicy is not None and spec.preemptionPolicy != policy:
                raise attributes.forbidden(
                    f"the string value of PreemptionPolicy ({spec.preemptionPolicy}) must not be provided in pod "
                    f"spec; priority admission controller computed {policy} from the given PriorityClass name"
                )
            spec.preemptionPolicy = policy

    async def _established(self, attributes: Attributes, name: str) -> tuple[str, int, str | None]:
        if name:
            found = await self.reader.read(PriorityClass, name)
            if found is None:
                raise attributes.forbidden(f"no PriorityClass with name {name} was found")
            return name, found.value or 0, found.preemptionPolicy
        default = await self._default()
        if default is None:
            return "", 0, "PreemptLowerPriority"
        return default.metadata.name or "", default.value or 0, default.preemptionPolicy

    async def _default(self) -> PriorityClass | None:
        defaults = [c for c in await self.reader.read_all(PriorityClass) if c.globalDefault]
        return min(defaults, key=lambda c: c.value or 0, default=None)

    async def validate(self, attributes: Attributes) -> None:
        if attributes.resource.plural != "priorityclasses":
            return
        wanted: PriorityClass = attributes.object
        if not wanted.globalDefault:
            return
        default = await self._default()
        if default is not None and (attributes.operation == "CREATE" or default.metadata.name != wanted.metadata.name):
            raise attributes.forbidden(
                f"PriorityClass {default.metadata.name} is already marked as default. Only one default can exist"
            )
