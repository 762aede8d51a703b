"""Enforces NetworkPolicies on one node: informers → `policy_table.PolicyTable` → one nftables transaction.

Pods and Namespaces are watched from the first policy on: a cluster that never had one pays nothing. Rules that somebody
else takes away come back at once.
"""

from __future__ import annotations

import asyncio
import logging

from pybernetes.api.core.v1 import Namespace, Pod
from pybernetes.api.networking.v1 import NetworkPolicy
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.host.clock import SystemClock
from pybernetes.host.nft import LibNft, Nft, NftError
from pybernetes.host.nft_watch import TableGuard, foreign_changes
from pybernetes.network.plan import NetworkConfig
from pybernetes.network.policy_table import FAMILY, HOOKS, PolicyTable

log = logging.getLogger(__name__)

_RETRY_S = 5.0


class NetworkPolicies:
    """Runs until cancelled; the rules stay in the kernel then, so that nothing opens meanwhile."""

    def __init__(self, client: Client, config: NetworkConfig, *, nft: Nft | None = None) -> None:
        self._table = PolicyTable(config.policy_table, config.node_name, config.bridge, config.dns_endpoints)
        self._factory = InformerFactory(client, SystemClock())
        self._policies = self._factory.informer(NetworkPolicy)
        self._peers = InformerFactory(client, SystemClock())
        self._pods = self._peers.informer(Pod)
        self._namespaces = self._peers.informer(Namespace)
        self._nft = nft or LibNft()
        self._guard = TableGuard(f"{FAMILY} {config.policy_table} {hook}" for hook in HOOKS)
        self._wake = asyncio.Event()

    async def run(self) -> None:
        self._policies.add_handler(self._policy, lambda _old, new: self._policy(new), lambda p: self._policy(p, True))
        self._namespaces.add_handler(
            self._namespace, lambda _old, new: self._namespace(new), lambda n: self._namespace(n, True)
        )
        self._pods.add_handler(self._pod, lambda _old, new: self._pod(new), lambda p: self._pod(p, True))
        async with asyncio.TaskGroup() as group:
            await self._factory.start(group)
            await self._factory.wait_synced()
            group.create_task(self._mend())
            watching = False
            while True:
                if self._policies.lister.list() and not watching:
                    await self._peers.start(group)
                    await self._peers.wait_synced()
                    watching = True
                self._wake.clear()
                anew, text = self._table.is_unknown, self._table.commands()
                try:
                    if text:
                        await asyncio.to_thread(self._apply, text, anew)
                except NftError as error:
                    log.error("network policies could not be written, trying again: %s", error)
                    self._table.forget()
                    await asyncio.sleep(_RETRY_S)
                    continue
                await self._wake.wait()

    async def _mend(self) -> None:
        async for _ in foreign_changes():
            if await asyncio.to_thread(self._guard.touched):
                log.warning("somebody else changed the rules of network policies; they are made anew")
                self._table.forget()
                self._wake.set()

    def _apply(self, text: str, anew: bool) -> None:
        self._nft.apply(text)
        if anew:  # a smaller change leaves what somebody else may just have done to the hooks
            self._guard.remember()

    def _policy(self, policy: NetworkPolicy, gone: bool = False) -> None:
        key = (policy.metadata.namespace or "", policy.metadata.name or "")
        self._table.set_policy(key, None if gone else policy)
        self._wake.set()

    def _namespace(self, namespace: Namespace, gone: bool = False) -> None:
        self._table.set_namespace(namespace.metadata.name or "", None if gone else namespace.metadata.labels)
        self._wake.set()

    def _pod(self, pod: Pod, gone: bool = False) -> None:
        self._table.set_pod((pod.metadata.namespace or "", pod.metadata.name or ""), None if gone else pod)
        self._wake.set()
