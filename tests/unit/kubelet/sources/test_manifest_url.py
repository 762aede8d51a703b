"""Static pods from a URL: read when they change, kept while the URL fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from pybernetes.api.core.v1 import Pod
from pybernetes.host.clock import SystemClock
from pybernetes.kubelet.sources.manifest_url import ManifestUrl

WEB = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "c"}]}}


async def serve(answers: list[tuple[int, bytes]], asked: list[str], happened: asyncio.Event) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        happened.set()
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


def read(answers: list[tuple[int, bytes]], done: Callable[[list[list[str]], list[str]], bool]) -> list[str]:
    """The requests, when what was told satisfies `done`."""
    asked: list[str] = []
    told: list[list[str]] = []
    happened = asyncio.Event()

    async def run() -> None:
        server = await serve(answers, asked, happened)
        port = server.sockets[0].getsockname()[1]

        def on_pods(pods: dict[str, Pod]) -> None:
            told.append(sorted(p.metadata.name or "" for p in pods.values()))
            happened.set()

        source = ManifestUrl(
            f"http://127.0.0.1:{port}/pods?all", {"X-Token": ["a", "b"]}, 0.01, "node", SystemClock(), on_pods
        )
        task = asyncio.create_task(source.run())
        async with asyncio.timeout(60):
            while not done(told, asked):
                happened.clear()
                await happened.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()

    asyncio.run(run())
    return asked


def test_one_pod_then_a_list_and_what_fails_changes_nothing() -> None:
    one = json.dumps(WEB).encode()
    both = json.dumps({"kind": "PodList", "items": [WEB, {**WEB, "metadata": {"name": "db"}}]}).encode()
    answers = [(200, one), (500, b"broken"), (200, b"{"), (200, one), (200, b""), (200, both)]
    asked = read(answers, lambda told, _asked: told == [["web-node"]] * 2 + [[], ["db-node", "web-node"]])
    assert asked[0].startswith("GET /pods?all HTTP/1.1\r\n")
    assert "x-token: a, b" in asked[0].lower()


def test_nothing_at_all_is_an_answer_too() -> None:
    read([(200, b"")], lambda told, asked: told == [[]] and len(asked) > 2)
