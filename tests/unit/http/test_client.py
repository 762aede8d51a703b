"""What a client tells of a server that it cannot reach."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pybernetes.http import tls
from pybernetes.http.client import HttpClient, what_failed


@pytest.mark.parametrize(
    ("listens", "why"), [(True, "i/o timeout"), (False, "connect: connection refused")], ids=["silent", "refused"]
)
def test_a_dial_that_fails_names_the_address(listens: bool, why: str) -> None:
    async def main(url: str) -> str:
        client = HttpClient(url, tls.client_context(verify=False), connect_timeout_s=0.1)
        with pytest.raises(OSError, match="dial") as caught:
            await client.request("GET", "/")
        return what_failed(caught.value)

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert asyncio.run(main(f"https://{address}")) == f"dial tcp {address}: {why}"
