"""The use of a token Secret is noted on this very Secret, and brings none back."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from pybernetes.api.core.v1 import Secret
from pybernetes.apimachinery.errors import NotFound
from pybernetes.apimachinery.token_secrets import LAST_USED
from pybernetes.apiserver.bootstrap.legacy_tokens import mark_used
from tests.unit.apiserver.registry.conftest import Cluster

TREE = {"metadata": {"name": "s", "labels": {"app": "web"}}}


def test_use_is_noted_on_the_very_secret_and_brings_none_back() -> None:
    async def body() -> None:
        cluster = Cluster()
        await cluster.start()
        secret = msgspec.convert(await cluster.create("secrets", TREE), Secret)
        await mark_used(cluster.registry, secret, "2027-01-15")
        assert (await cluster.get("secrets", "s"))["metadata"]["labels"] == {"app": "web", LAST_USED: "2027-01-15"}
        await cluster.delete("secrets", "s")
        await mark_used(cluster.registry, secret, "2027-01-16")
        with pytest.raises(NotFound):
            await cluster.get("secrets", "s")
        await cluster.create("secrets", TREE)
        await mark_used(cluster.registry, secret, "2027-01-16")
        assert (await cluster.get("secrets", "s"))["metadata"]["labels"] == {"app": "web"}
        await cluster.stop()

    asyncio.run(body())
