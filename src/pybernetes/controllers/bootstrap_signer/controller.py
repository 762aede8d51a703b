"""Keeps the signatures in the ConfigMap kube-public/cluster-info in step with the bootstrap tokens."""

from __future__ import annotations

from pybernetes.api.core.v1 import ConfigMap, Secret
from pybernetes.apimachinery import errors
from pybernetes.controllers.bootstrap_signer import plan, tokens
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller

_KEY = f"{plan.NAMESPACE}/{plan.NAME}"


class BootstrapSignerController(Controller):
    name = "bootstrap-signer-controller"
    queue_name = "bootstrap_signer_queue"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        own = f"metadata.name={plan.NAME}"
        config_maps = self.informers.informer(ConfigMap, plan.NAMESPACE, field_selector=own)
        secrets = self.informers.informer(Secret, tokens.NAMESPACE, field_selector=f"type={tokens.SECRET_TYPE}")
        self._config_maps, self._secrets = config_maps.lister, secrets.lister
        for informer in (config_maps, secrets):
            self.wait_for(informer)
            informer.add_handler(self._changed, lambda old, new: self._changed(new), self._changed)

    def _changed(self, _: object) -> None:
        self.queue.add(_KEY)

    async def reconcile(self, key: str) -> None:
        config_map = self._config_maps.by_key(key)
        if config_map is None:
            return
        now = self.clock.now()
        left = [tokens.time_left_s(secret, now) for secret in self._secrets.list()]
        if ending := [left_s for left_s in left if left_s is not None and left_s > 0]:
            self.queue.add_after(key, min(ending))
        changed = plan.wanted(config_map, self._secrets.list(), now)
        if changed is not None:
            try:
                await self.client.update(changed)
            except (errors.NotFound, errors.Conflict):
                return  # The informer will tell.
