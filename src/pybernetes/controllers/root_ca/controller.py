"""Keeps the ConfigMap kube-root-ca.crt in every namespace."""

from __future__ import annotations

from pybernetes.api.core.v1 import ConfigMap, Namespace
from pybernetes.apimachinery import errors
from pybernetes.controllers.root_ca import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.pod_control import is_namespace_terminating


class RootCaPublisher(Controller):
    name = "root-ca-certificate-publisher-controller"
    queue_name = "root_ca_cert_publisher"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        if not self.config.root_ca_pem:
            return
        namespaces = self.informer(Namespace)
        # Only our own ConfigMaps: others may be large, and many.
        config_maps = self.informers.informer(ConfigMap, field_selector=f"metadata.name={plan.NAME}")
        self.wait_for(config_maps)
        self._config_maps = config_maps.lister
        namespaces.add_handler(on_add=self._namespace_changed, on_update=lambda old, new: self._namespace_changed(new))
        config_maps.add_handler(on_update=lambda old, new: self._changed(new), on_delete=self._changed)

    async def reconcile(self, key: str) -> None:
        existing = self._config_maps.get(key, plan.NAME)
        wanted = plan.wanted(existing, key, self.config.root_ca_pem)
        if wanted is None:
            return
        try:
            if existing is None:
                await self.client.create(wanted)
            else:
                await self.client.update(wanted)
        except (errors.NotFound, errors.AlreadyExists):
            return
        except errors.StatusError as error:
            if not is_namespace_terminating(error):
                raise

    def _namespace_changed(self, namespace: Namespace) -> None:
        if namespace.status.phase == "Active":
            self.enqueue(namespace)

    def _changed(self, config_map: ConfigMap) -> None:
        self.queue.add(config_map.metadata.namespace or "")
