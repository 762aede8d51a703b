"""Keeps a ServiceAccount `default` in every namespace."""

from __future__ import annotations

from pybernetes.api.core.v1 import Namespace, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.pod_control import is_namespace_terminating
from pybernetes.controllers.serviceaccount import plan


class ServiceAccountController(Controller):
    name = "serviceaccount-controller"
    queue_name = "serviceaccount"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        namespaces, accounts = self.informer(Namespace), self.informer(ServiceAccount)
        self._namespaces, self._accounts = namespaces.lister, accounts.lister
        namespaces.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))
        accounts.add_handler(on_delete=lambda account: self.queue.add(account.metadata.namespace or ""))

    async def reconcile(self, key: str) -> None:
        namespace = self._namespaces.by_key(key)
        if namespace is None:
            return
        existing = {account.metadata.name or "" for account in self._accounts.list(key)}
        for name in plan.missing(namespace, existing):
            try:
                await self.client.create(ServiceAccount(metadata=ObjectMeta(name=name, namespace=key)))
            except errors.AlreadyExists:
                continue
            except errors.StatusError as error:
                if not is_namespace_terminating(error):
                    raise
