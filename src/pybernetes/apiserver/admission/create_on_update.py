"""Who creates an object by a PUT or by server-side apply must be allowed to create, not just to update.

An admission check in form, so that it is asked exactly when there is nothing to update.
Source: apiserver/pkg/endpoints/handlers/update.go (withAuthorization).
"""

from __future__ import annotations

from typing import ClassVar

from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin, Reader
from pybernetes.apiserver.authorizers.attributes import Attributes as Question
from pybernetes.apiserver.authorizers.attributes import Authorizer, forbidden


class CreateOnUpdate(Plugin):
    name = "CreateOnUpdate"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    validates = True

    def __init__(self, reader: Reader, authorizer: Authorizer) -> None:
        super().__init__(reader)
        self._authorizer = authorizer

    async def validate(self, attributes: Attributes) -> None:
        ctx = attributes.ctx
        if ctx.verb not in ("update", "patch") or ctx.subresource:
            return
        resource = ctx.resource
        question = Question(
            ctx.user, "create", True, resource.group, resource.version, resource.plural, "", ctx.namespace, ctx.name
        )
        decision = await self._authorizer.authorize(question)
        if not decision.allowed:
            raise forbidden(question, decision.reason)
