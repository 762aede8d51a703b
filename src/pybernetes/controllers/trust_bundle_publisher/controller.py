"""Keeps the ClusterTrustBundle of kubernetes.io/kube-apiserver-serving, and no other of that signer.

Where the API server serves no v1beta1 ClusterTrustBundles there is nothing to keep.
Differs: upstream goes back to v1alpha1 then.
"""

from __future__ import annotations

from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle
from pybernetes.apimachinery import errors
from pybernetes.client.discovery import resource_in
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.trust_bundle_publisher import plan as planning


class TrustBundlePublisher(Controller):
    name = "kube-apiserver-serving-clustertrustbundle-publisher-controller"
    workers = 1

    async def run(self) -> None:
        if self.config.root_ca_pem and await self._is_served():
            # Asked for only now: an informer of what is not served would never be complete.
            bundles = self.informers.informer(ClusterTrustBundle, field_selector=f"spec.signerName={planning.SIGNER}")
            self.wait_for(bundles)
            self._bundles = bundles.lister
            bundles.add_handler(self._changed, lambda old, new: self._changed(new), self._changed)
            self.queue.add(planning.SIGNER)
        await super().run()

    async def _is_served(self) -> bool:
        found = await resource_in(self.client, "certificates.k8s.io", "v1beta1", "ClusterTrustBundle")
        if found is None:
            self.log.info("%s: v1beta1 ClusterTrustBundles are not served, so none is published", self.name)
        return found is not None

    async def reconcile(self, key: str) -> None:
        todo = planning.plan(self._bundles.list(), self.config.root_ca_pem)
        if todo.create is not None:
            await self.client.create(todo.create)
        if todo.update is not None:
            await self.client.update(todo.update)
        for name in todo.delete:
            try:
                await self.client.delete(ClusterTrustBundle, name)
            except errors.NotFound:
                continue

    def _changed(self, bundle: ClusterTrustBundle) -> None:
        self.queue.add(planning.SIGNER)
