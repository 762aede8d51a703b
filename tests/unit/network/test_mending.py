"""What somebody else does to a node's network is undone: on a machine of its own, in a real kernel."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pybernetes.host.nft import LibNft, NftError
from pybernetes.network.applying import CNI_FILE
from pybernetes.network.node_network import NodeNetwork
from pybernetes.network.plan import NetworkConfig
from pybernetes.network.policies import NetworkPolicies
from tests.fake_api import FakeApi
from tests.network_machine import Machine
from tests.unit.network.builders import node, pod, policy

pytestmark = pytest.mark.e2e


def on_a_machine(made: Callable[[], Coroutine[Any, Any, None]], scenario: Callable[[], Awaitable[None]]) -> None:
    """The scenario while what was made runs."""

    async def main() -> None:
        running = asyncio.create_task(made())
        async with asyncio.timeout(60):
            await scenario()
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with Machine() as machine:
        machine.run(asyncio.run, main())


async def said(*words: str) -> str:
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    return (await process.communicate())[0].decode()


async def until_rules(chain: str) -> None:
    def there() -> bool:
        try:
            return any("rule" in each for each in LibNft().query(f"list chain {chain}"))
        except NftError:
            return False

    while not await asyncio.to_thread(there):  # noqa: ASYNC110 (the kernel is asked)
        await asyncio.sleep(0.01)


def test_rules_links_and_routes_of_a_node(tmp_path: Path) -> None:
    api = FakeApi()
    api.put(node("n1", "10.244.1.0/24", "127.0.0.1"), "nodes")
    guest = pod("web", "10.244.1.2")
    guest.spec.containers[0].ports[0].hostPort = 8088
    api.put(guest, "pods")
    config = NetworkConfig(
        node_name="n1", bridge="pods", table="joined", gateways=("10.244.1.9",), cni_conf_dir=str(tmp_path)
    )

    async def made() -> None:
        await NodeNetwork(api.client(), config, node_client=api.client()).run()

    async def whole() -> None:
        await until_rules("ip joined postrouting")
        await until_rules(f"ip {config.host_ports_table} prerouting")
        for route in ("10.96.0.0/16 dev pods", "default via 10.244.1.9 dev pods"):
            while route not in await said("ip", "route"):  # noqa: ASYNC110 (the kernel is asked)
                await asyncio.sleep(0.01)

    async def scenario() -> None:
        await whole()
        assert "10.244.1.0/24" in (tmp_path / CNI_FILE).read_text()
        for undoing in (
            "nft flush ruleset",
            "nft delete table ip joined",
            f"nft flush chain ip {config.host_ports_table} prerouting",
            "ip link delete pods",
            "ip route delete 10.96.0.0/16",
            "ip route delete default",
        ):
            await said(*undoing.split())
            await whole()

    on_a_machine(made, scenario)


class Meddled(LibNft):
    """Somebody empties a chain at the very moment at which we change something else."""

    def __init__(self) -> None:
        super().__init__()
        self.meddle, self.meddled = False, threading.Event()

    def apply(self, commands: str) -> None:
        if self.meddle:
            self.meddle = False
            subprocess.run(["nft", "flush", "chain", "inet", "policed", "ingress"], check=True)
            self.meddled.set()
        super().apply(commands)


def test_a_chain_of_policies_that_is_emptied_while_they_change() -> None:
    api, nfts = FakeApi(), list[Meddled]()
    api.put(policy(podSelector={}), "networkpolicies")
    api.put(pod("a", "10.244.1.2"), "pods")

    async def made() -> None:
        nfts.append(Meddled())
        await NetworkPolicies(api.client(), NetworkConfig(node_name="n1", policy_table="policed"), nft=nfts[0]).run()

    async def scenario() -> None:
        await until_rules("inet policed ingress")
        nfts[0].meddle = True
        api.put(pod("b", "10.244.1.3"), "pods")
        assert await asyncio.to_thread(nfts[0].meddled.wait, 60)
        await until_rules("inet policed ingress")

    on_a_machine(made, scenario)
