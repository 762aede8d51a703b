"""NamespaceLifecycle: nothing is created in a namespace that is missing or going.

Source: apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go.
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.api.core.v1 import Namespace
from pybernetes.api.meta.v1 import StatusCause
from pybernetes.apimachinery import errors
from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})
_REVIEWS = frozenset({"localsubjectaccessreviews"})


class NamespaceLifecycle(Plugin):
    name = "NamespaceLifecycle"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE", "UPDATE", "DELETE"})
    mutates = True

    async def admit(self, attributes: Attributes) -> None:
        resource = attributes.ctx.resource
        if resource.plural == "namespaces" and not resource.group:
            if attributes.operation == "DELETE" and attributes.name in IMMORTAL:
                raise attributes.forbidden("this namespace may not be deleted")
            return
        if not resource.namespaced or attributes.operation == "DELETE" or resource.plural in _REVIEWS:
            return
        name = attributes.ctx.namespace
        namespace = await self.reader.read(Namespace, name)
        if namespace is None:
            raise errors.not_found("", "namespaces", name)
        if attributes.operation == "CREATE" and namespace.status.phase == "Terminating":
            error = attributes.forbidden(
                f"unable to create new content in namespace {name} because it is being terminated"
            )
            error.details.causes = [
                StatusCause(
                    reason="NamespaceTerminating",
                    message=f"namespace {name} is being terminated",
                    field_="metadata.namespace",
                )
            ]
            raise error
