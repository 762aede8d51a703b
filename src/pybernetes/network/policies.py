"""Enforces NetworkPolicies on one node: informers → `policy.policy_table` → one nftables transaction.

Pods and Namespaces are watched only while there is a policy: a cluster without any pays nothing.
"""

from __future__ import annotations

import asyncio
import logging

from pybernetes.api.core.v1 import Namespace, Pod
from pybernetes.api.networking.v1 import NetworkPolicy
from pybernetes.apimachinery.pods import is_finished
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import Clock, SystemClock
from pybernetes.host.nft import LibNft, Nft, NftError
from pybernetes.network.plan import NetworkConfig
from pybernetes.network.policy import policy_table

log = logging.getLogger(__name__)

_RETRY_S = 5.0


class NetworkPolicies:
    """Runs until cancelled; the rules stay in the kernel then, so that nothing opens meanwhile."""

    def __init__(
        self, client: Client, config: NetworkConfig, *, clock: Clock | None = None, nft: Nft | None = None
    ) -> None:
        self._config = config
        self._table = config.policy_table
        self._factory = InformerFactory(client, clock or SystemClock())
        self._policies = self._factory.informer(NetworkPolicy)
        self._peers = InformerFactory(client, clock or SystemClock())
        self._pods = self._peers.informer(Pod)
        self._namespaces = self._peers.informer(Namespace)
        self._nft = nft or LibNft()
        self._wake = asyncio.Event()
        self._applied = ""

    async def run(self) -> None:
        def changed(*_objects: object) -> None:
            self._wake.set()

        self._policies.add_handler(on_add=changed, on_update=changed, on_delete=changed)
        self._namespaces.add_handler(
            on_add=changed,
            on_update=lambda old, new: changed() if old.metadata.labels != new.metadata.labels else None,
            on_delete=changed,
        )
        self._pods.add_handler(
            on_add=changed,
            on_update=lambda old, new: changed() if _shape(old) != _shape(new) else None,
            on_delete=changed,
        )
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
            await self._factory.wait_synced()
            watching = False
            while True:
                policies = self._policies.lister.list()
                if policies and not watching:
                    await self._peers.start(group)
                    await self._peers.wait_synced()
                    watching = True
                self._wake.clear()
                try:
                    await self._sync(policies)
                except NftError as error:
                    log.error("network policies could not be written, trying again: %s", error)
                    await asyncio.sleep(_RETRY_S)
                    continue
                await self._wake.wait()

    async def _sync(self, policies: list[NetworkPolicy]) -> None:
        text = policy_table(
            self._table,
            self._config.node_name,
            policies,
            self._pods.lister.list() if policies else (),
            self._namespaces.lister.list() if policies else (),
            self._config.dns_endpoints,
        )
        if text != self._applied:
            await asyncio.to_thread(self._nft.apply, text)
            self._applied = text


def _shape(pod: Pod) -> tuple[object, ...]:
    """What the rules depend on."""
    ended = is_finished(pod)
    return pod.metadata.labels, pod.status.podIP, ended, pod.spec.nodeName
