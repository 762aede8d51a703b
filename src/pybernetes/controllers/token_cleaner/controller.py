"""Deletes each bootstrap token at the moment it expires. Source: pkg/controller/bootstrap/tokencleaner.go."""

from __future__ import annotations

from pybernetes.api.core.v1 import Secret
from pybernetes.apimachinery import errors
from pybernetes.client.objects import split_key
from pybernetes.controllers.bootstrap_signer import tokens
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller


class TokenCleanerController(Controller):
    name = "token-cleaner-controller"
    queue_name = "token_cleaner"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        secrets = self.informers.informer(Secret, tokens.NAMESPACE, field_selector=f"type={tokens.SECRET_TYPE}")
        self.wait_for(secrets)
        self._secrets = secrets.lister
        secrets.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))

    async def reconcile(self, key: str) -> None:
        secret = self._secrets.by_key(key)
        left_s = tokens.time_left_s(secret, self.clock.now()) if secret is not None else None
        if secret is None or left_s is None:
            return
        if left_s > 0:
            self.queue.add_after(key, left_s)
            return
        namespace, name = split_key(key)
        try:
            await self.client.delete(Secret, name, namespace, uid=secret.metadata.uid or "")
        except (errors.NotFound, errors.Conflict):
            return
