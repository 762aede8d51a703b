"""NodeDeclaredFeatureValidator: a running Pod cannot be changed in a way that its node does not know.

Source: plugin/pkg/admission/nodedeclaredfeatures/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.declared_features import needed_to_change
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin


class NodeDeclaredFeatureValidator(Plugin):
    name = "NodeDeclaredFeatureValidator"
    operations: ClassVar[frozenset[Operation]] = frozenset({"UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "pods", ""), ("", "pods", "resize")})
    validates = True

    async def validate(self, attributes: Attributes) -> None:
        pod, old = attributes.object, attributes.old_object
        if not pod.spec.nodeName or pod.metadata.generation == old.metadata.generation:
            return
        needed = needed_to_change(old.spec, pod.spec)
        if not needed:
            return
        node = await self.reader.read(core.Node, pod.spec.nodeName)
        if node is None:
            raise attributes.forbidden(f'node "{pod.spec.nodeName}" not found')
        lacking = sorted(needed.difference(node.status.declaredFeatures))
        if lacking:
            raise attributes.forbidden(
                f"pod update requires features {', '.join(lacking)} which are not available "
                f'on node "{node.metadata.name}"'
            )
