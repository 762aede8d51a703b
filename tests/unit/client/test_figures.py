"""What a client tells of its requests."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.client.transport import HttpTransport


def test_neither_name_nor_password_of_a_url_is_told() -> None:
    async def scene() -> str:
        transport = HttpTransport("http://admin:s3cret@127.0.0.1:1")
        with pytest.raises(OSError):
            await transport.request("GET", "/", {})
        await transport.close()
        return "\n".join(transport.figures.lines())

    told = asyncio.run(scene())
    assert 'host="127.0.0.1:1"' in told
    assert "s3cret" not in told and "admin" not in told
