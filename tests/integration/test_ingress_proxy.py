"""The data plane with a real HAProxy on the loopback: updates, other processes, faults, another controller."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pybernetes.ingress.certificates import fallback
from pybernetes.ingress.data_plane import DataPlane, DataPlaneConfig, DataPlaneError
from pybernetes.ingress.table import Backend, Certificate, Frontend, Route, Shown, Table, Treatment
from tests.ports import free_ports

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="needs root and haproxy"
)


class World:
    def __init__(self, folder: Path) -> None:
        self.http, self.https = free_ports(2)
        self.config = DataPlaneConfig(folder, folder / "record", folder / "log")
        self.died = asyncio.Event()
        self.planes: list[DataPlane] = []

    def plane(self) -> DataPlane:
        made = DataPlane(self.config, self.died.set)
        self.planes.append(made)
        return made

    def table(
        self, *servers: str, hosts: tuple[str, ...] = ("a.test",), certificates: tuple[Certificate, ...] = ()
    ) -> Table:
        routes = [Route(host, "", False, "shop_web_80") for host in hosts]
        shown = tuple(Shown(certificate.file, ()) for certificate in certificates)
        return Table(
            frontends=[
                Frontend("http", (("127.0.0.1", self.http),), self.http, routes),
                Frontend("https", (("127.0.0.1", self.https),), self.https, routes, secure=True, shown=shown),
            ],
            backends={"shop_web_80": Backend("shop_web_80", "http", Treatment(), servers)},
            certificates={certificate.file: certificate for certificate in certificates},
        )

    async def get(self, host: str = "a.test") -> str:
        """Status and body, or what went wrong."""
        try:
            async with asyncio.timeout(60):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.http)
                writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                answer = (await reader.read()).decode()
                writer.close()
        except (OSError, TimeoutError) as error:
            return type(error).__name__
        return f"{answer[9:12]} {answer.rpartition(chr(10))[2]}"


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made = World(folder)
    try:
        yield made
    finally:
        for plane in made.planes:
            plane.stop()
            plane.close()


@asynccontextmanager
async def server(name: str) -> AsyncIterator[str]:
    """An HTTP server that says its name; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.readline()).strip():
            pass
        writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode())
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def run(test: Callable[[World], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        async with world(folder) as made:
            await test(made)

    asyncio.run(whole())


def test_endpoints_change_in_place_and_rules_by_another_process(tmp_path: Path) -> None:
    async def scenario(w: World) -> None:
        async with server("one") as one, server("two") as two:
            plane = w.plane()
            await plane.apply(w.table(one))
            first = plane.pid
            assert await w.get() == "200 one" and (await w.get("b.test")).startswith("404")
            await plane.apply(w.table(two))
            assert await w.get() == "200 two" and plane.pid == first
            await plane.apply(w.table())
            assert (await w.get()).startswith("503") and plane.pid == first
            await plane.apply(w.table(one, hosts=("a.test", "b.test")))
            assert await w.get("b.test") == "200 one" and plane.pid != first
            await plane.apply(Table())
            assert plane.pid == 0 and not w.config.record.exists()

    run(scenario, tmp_path)


def test_endpoints_of_one_backend_move_alone(tmp_path: Path) -> None:
    async def scenario(w: World) -> None:
        async with server("one") as one, server("two") as two:
            plane, names = w.plane(), {"shop_web_80"}
            assert not await plane.move(w.table(one), names), "nothing runs"
            await plane.apply(w.table(one))
            pid = plane.pid
            assert await plane.move(w.table(two), names)
            assert await w.get() == "200 two" and plane.pid == pid
            assert not await plane.move(w.table(*(f"127.0.0.1:{n}" for n in range(1, 9))), names), (
                "too many for its slots"
            )
            await plane.apply(w.table(one))
            assert await w.get() == "200 one" and plane.pid == pid
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(60):
                await w.died.wait()
            assert not await plane.move(w.table(two), names)

    run(scenario, tmp_path)


def test_nothing_is_dropped_while_processes_and_controllers_change(tmp_path: Path) -> None:
    async def scenario(w: World) -> None:
        async with server("one") as one:
            plane = w.plane()
            await plane.apply(w.table(one))
            answers: list[str] = []

            async def load() -> None:
                while True:
                    answers.append(await w.get())

            loads = [asyncio.create_task(load()) for _ in range(3)]
            for number in range(4):
                await plane.apply(w.table(one, hosts=("a.test", f"{number}.test")))
                goal = len(answers) + 5
                while len(answers) < goal:  # noqa: ASYNC110 (the loads go on)
                    await asyncio.sleep(0.01)
            pid = plane.pid
            plane.close()
            assert await w.get() == "200 one", "the proxy outlives its controller"
            other = w.plane()
            assert other.pid == pid
            await other.apply(w.table(one))
            for task in loads:
                task.cancel()
            await asyncio.gather(*loads, return_exceptions=True)
            assert {*answers} == {"200 one"}

    run(scenario, tmp_path)


def test_what_haproxy_refuses_never_goes_live(tmp_path: Path) -> None:
    async def scenario(w: World) -> None:
        async with server("one") as one:
            plane = w.plane()
            await plane.apply(w.table(one))
            with pytest.raises(DataPlaneError, match="refuses"):
                await plane.apply(w.table("no address at all", hosts=("b.test",)))
            assert await w.get() == "200 one"
            broken = Certificate(("shop", "bad"), b"-----BEGIN nothing\n")
            good = Certificate(("shop", "good"), fallback())
            refused = await plane.apply(w.table(one, hosts=("a.test", "b.test"), certificates=(broken, good)))
            assert [*refused] == ["shop_bad.pem"], "the rest goes on without it"
            assert await w.get("b.test") == "200 one"
            pid = plane.pid
            renewed = replace(good, pem=fallback())
            again = await plane.apply(w.table(one, hosts=("a.test", "b.test"), certificates=(broken, renewed)))
            assert [*again] == ["shop_bad.pem"] and plane.pid == pid, "a renewal needs no other process"

    run(scenario, tmp_path)


def test_a_killed_proxy_is_told_and_started_again(tmp_path: Path) -> None:
    async def scenario(w: World) -> None:
        async with server("one") as one:
            plane = w.plane()
            await plane.apply(w.table(one))
            os.kill(plane.pid, signal.SIGKILL)
            async with asyncio.timeout(60):
                await w.died.wait()
            assert plane.pid == 0
            await plane.apply(w.table(one))
            assert await w.get() == "200 one"

    run(scenario, tmp_path)


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    async def scenario(w: World) -> None:
        with socket.create_server(("127.0.0.1", w.http)), pytest.raises(DataPlaneError, match="does not"):
            await w.plane().apply(w.table())
        await w.plane().apply(w.table())

    run(scenario, tmp_path)
