"""A watch over a real WebSocket."""

from __future__ import annotations

import asyncio
import json

import pytest

from pybernetes.apimachinery.protobuf.decoding import decode
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.endpoints.negotiation import PROTOBUF
from pybernetes.apiserver.server import ApiServer
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.client import HttpClient
from pybernetes.http.websocket import WebSocket, client_headers
from pybernetes.storage.memory import MemoryStore

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize("accept", ["application/json", PROTOBUF])
def test_events_are_messages(accept: str) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.start()
        config = ApiServerConfig(port=0, authorization_modes=("AlwaysAllow",))
        server = ApiServer(config, store, SystemClock(), Random(1))
        await server.start()
        client = HttpClient(f"http://127.0.0.1:{server.port}")
        try:
            headers = {**client_headers([]), "accept": accept}
            answer, connection = await client.upgrade("GET", f"{MAPS}?watch=1", headers)
            assert answer.status == 101 and connection is not None
            socket = WebSocket(connection, client=True)
            tree = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
            await client.request("POST", MAPS, {"content-type": "application/json"}, json.dumps(tree).encode())
            async with asyncio.timeout(60):
                message = await socket.receive()
            assert message is not None
            binary = accept == PROTOBUF
            event = decode(message[message.index(b"k8s\0") :]) if binary else json.loads(message)["object"]
            assert event["metadata"]["name"] == "a"
            await socket.close()
            refused, none = await client.upgrade("GET", f"{MAPS}?watch=1", {**headers, "sec-websocket-key": "x"})
            assert (refused.status, none) == (400, None)
        finally:
            await client.close()
            await server.stop(0)
            await store.stop()

    asyncio.run(main())
