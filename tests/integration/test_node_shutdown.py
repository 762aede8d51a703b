"""Pods end in order when logind says that the machine shuts down: over a message bus, with a logind of the tests."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.shutdown.logind import Logind
from pybernetes.kubelet.shutdown.manager import NodeShutdown

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon")
PATIENCE_S = 60.0
CRITICAL = 2_000_000_000
_SENT_S = 0.2
"""After which our copy of what was sent is closed."""


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    """The address of a message bus."""
    with TemporaryDirectory(prefix="bus-") as folder:
        command = ["dbus-daemon", "--session", "--nofork", "--print-address", f"--address=unix:path={folder}/bus"]
        daemon = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert daemon.stdout is not None
        try:
            yield daemon.stdout.readline().decode().strip()
        finally:
            daemon.kill()
            daemon.wait()
            daemon.stdout.close()


class FakeLogind:
    """As much of logind and systemd as the kubelet asks."""

    def __init__(self, drop_in: Path) -> None:
        self._drop_in = drop_in
        self.delay_s = 5
        self.held: list[int] = []
        """Our ends of pipes: at their end where the kubelet let go."""

    async def serve(self, address: str) -> Any:
        from dbus_fast import Message, MessageType, Variant
        from dbus_fast.aio import MessageBus

        connection: Any = await MessageBus(bus_address=address, negotiate_unix_fd=True).connect()

        def answer(message: Any) -> Any:
            if message.message_type is not MessageType.METHOD_CALL:
                return None
            if message.member == "Get":
                return Message.new_method_return(message, "v", [Variant("t", self.delay_s * 1_000_000)])
            if message.member == "KillUnit":
                self.delay_s = int(self._drop_in.read_text().rpartition("=")[2])
                return Message.new_method_return(message)
            if message.member == "Inhibit":
                ours, theirs = os.pipe()
                os.set_blocking(ours, False)
                self.held.append(ours)
                asyncio.get_running_loop().call_later(_SENT_S, os.close, theirs)
                return Message.new_method_return(message, "h", [0], unix_fds=[theirs])
            return None

        connection.add_message_handler(answer)
        for name in ("org.freedesktop.login1", "org.freedesktop.systemd1"):
            await connection.request_name(name)
        self._connection = connection
        return connection

    def prepare_for_shutdown(self, begins: bool) -> None:
        from dbus_fast import Message

        where = ("/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForShutdown")
        self._connection.send(Message.new_signal(*where, "b", [begins]))


class Node:
    """Its pods end when the test says so."""

    def __init__(self, **priorities: int) -> None:
        self.running = {name: self._pod(name, priority) for name, priority in priorities.items()}
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self._ended: dict[str, asyncio.Event] = {name: asyncio.Event() for name in priorities}

    def _pod(self, name: str, priority: int) -> Pod:
        pod = Pod()
        pod.metadata.name, pod.spec.priority, pod.spec.terminationGracePeriodSeconds = name, priority, 30
        return pod

    def pods_that_run(self) -> list[Pod]:
        return list(self.running.values())

    def shut_down(self, pod: Pod, grace_period_s: int) -> None:
        self.told.put_nowait(f"{pod.metadata.name} in {grace_period_s} s")

    async def gone(self, pod: Pod) -> None:
        await self._ended[pod.metadata.name or ""].wait()

    def shutdown_changed(self, message: str) -> None:
        self.told.put_nowait(message)

    def end(self, name: str) -> None:
        del self.running[name]
        self._ended[name].set()

    async def hears(self, *expected: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            for each in expected:
                assert await self.told.get() == each


@asynccontextmanager
async def shutdown(
    bus: str, node: Node, drop_in: Path, **settings: Any
) -> AsyncIterator[tuple[NodeShutdown, FakeLogind]]:
    fake = FakeLogind(drop_in)
    connection = await fake.serve(bus)
    config = KubeletConfig(node_name="n", **settings)
    made = NodeShutdown(config, node, lambda told: Logind(told, bus, drop_in))
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: bool(fake.held))
        yield made, fake
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        connection.disconnect()
        for end in fake.held:
            os.close(end)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not done():  # noqa: ASYNC110 - what another side of the bus does
            await asyncio.sleep(0.01)


def let_go(end: int) -> bool:
    """Whether the other end of the pipe is closed."""
    try:
        return os.read(end, 1) == b""
    except BlockingIOError:
        return False


def test_pods_end_in_the_order_of_their_priority(bus: str, tmp_path: Path) -> None:
    async def scene() -> None:
        node = Node(web=0, dns=CRITICAL)
        settings = {"shutdown_grace_period_s": 30, "shutdown_grace_period_critical_pods_s": 10}
        async with shutdown(bus, node, tmp_path / "drop.conf", **settings) as (made, logind):
            assert logind.delay_s == 30, "logind was told to wait longer"
            assert made.refuses() is None
            logind.prepare_for_shutdown(True)
            await node.hears("Shutdown manager detected shutdown event", "web in 20 s")
            refused = made.refuses()
            assert refused is not None and refused.reason == "NodeShutdown"
            assert node.told.empty(), "the critical one is still needed"
            node.end("web")
            await node.hears("dns in 10 s")
            node.end("dns")
            await until(lambda: let_go(logind.held[0]))

    asyncio.run(scene())


def test_a_shutdown_that_is_called_off(bus: str, tmp_path: Path) -> None:
    async def scene() -> None:
        node = Node()
        async with shutdown(bus, node, tmp_path / "drop.conf", shutdown_grace_period_s=5) as (made, logind):
            logind.prepare_for_shutdown(True)
            await node.hears("Shutdown manager detected shutdown event")
            await until(lambda: let_go(logind.held[0]))
            logind.prepare_for_shutdown(False)
            await node.hears("Shutdown manager detected shutdown cancellation")
            await until(lambda: len(logind.held) == 2)
            assert made.refuses() is None

    asyncio.run(scene())


def test_without_a_bus_it_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        config = KubeletConfig(node_name="n", shutdown_grace_period_s=5)
        made = NodeShutdown(config, Node(), lambda told: Logind(told, f"unix:path={tmp_path}/none"))
        running = asyncio.create_task(made.run())
        await until(lambda: bool(caplog.records))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scene())
    assert "pods will not end in order when the machine shuts down" in caplog.text
