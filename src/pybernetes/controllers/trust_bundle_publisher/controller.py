"""Keeps the ClusterTrustBundle of kubernetes.io/kube-apiserver-serving, and no other of that signer.

Differs: where the API server serves no v1beta1 ClusterTrustBundles upstream goes back to v1alpha1.
"""

from __future__ import annotations

from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle
from pybernetes.apimachinery import errors
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.trust_bundle_publisher import plan as planning


class TrustBundlePublisher(Controller):
    name = "kube-apiserver-serving-clustertrustbundle-publisher-controller"
    queue_name = "ca_cert_publisher_cluster_trust_bundles"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        bundles = self.informers.informer(ClusterTrustBundle, field_selector=f"spec.signerName={planning.SIGNER}")
        self.wait_for(bundles)
        self._bundles = bundles.lister
        if self.config.root_ca_pem:
            bundles.add_handler(self._changed, lambda old, new: self._changed(new), self._changed)
            self.queue.add(planning.SIGNER)

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
