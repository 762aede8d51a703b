"""DefaultTolerationSeconds: Pods stay five minutes on a node that is not ready or not reachable.

Source: plugin/pkg/admission/defaulttolerationseconds/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core import v1 as core
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
_SECONDS = 300


class DefaultTolerationSeconds(Plugin):
    name = "DefaultTolerationSeconds"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset({("", "pods", "")})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        pod: core.Pod = attributes.object
        tolerations = pod.spec.tolerations
        for key in (NOT_READY, UNREACHABLE):
            if not any((t.key or "") in ("", key) and (t.effect or "") in ("", "NoExecute") for t in tolerations):
                pod.spec.tolerations = [
                    *pod.spec.tolerations,
                    core.Toleration(key=key, operator="Exists", effect="NoExecute", tolerationSeconds=_SECONDS),
                ]
