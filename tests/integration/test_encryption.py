"""Encryption at rest through the API: keys are rotated, KMS plugins fail and return, and nothing plain is on disk."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.core.v1 import Secret
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.storage.encryption import kms
from pybernetes.storage.memory import MemoryStore
from pybernetes.storage.sqlite import SqliteStore
from pybernetes.storage.store import Store
from tests.kms_plugin import KmsPlugin

ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
PLAIN = b"TopSecretPlainText"
DATA = {"password": base64.b64encode(PLAIN).decode()}


def key(provider: str, *names: str) -> str:
    keys = ", ".join(f"{{name: {name}, secret: {base64.b64encode(name.encode() * 32).decode()}}}" for name in names)
    return f"  - {provider}: {{keys: [{keys}]}}\n"


class Setting:
    """A folder with a store and a configuration, over several lives of the apiserver."""

    def __init__(self, folder: Path, *, memory: bool = False) -> None:
        self.folder = folder
        self.file = folder / "encryption.yaml"
        self.store: Store = MemoryStore() if memory else SqliteStore(folder / "state.db")

    def configure(self, providers: str) -> None:
        head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n"
        part = self.file.with_suffix(".part")
        part.write_text(f"{head}resources:\n- resources: [secrets]\n  providers:\n{providers}")
        part.rename(self.file)

    @asynccontextmanager
    async def serving(self, *, reload: bool = True) -> Any:
        await self.store.start()
        config = ApiServerConfig(
            bind_addresses=(), port=-1, compaction_interval_s=0, encryption_provider_config=str(self.file),
            encryption_provider_config_automatic_reload=reload,
        )  # fmt: skip
        server = ApiServer(config, self.store, SystemClock(), Random())
        await server.start()
        try:
            yield server, Client(LocalTransport(server.handler, ADMIN), "test")
        finally:
            await server.stop(0)
            await self.store.stop()

    async def at_rest(self, name: str = "s") -> bytes:
        found = await self.store.get(f"/registry/secrets/default/{name}")
        assert found is not None
        return found.value

    def on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.glob("state.db*"))


async def secret(client: Client, name: str = "s") -> None:
    made = Secret()
    made.metadata.name = name
    made.data = DATA
    await client.create(made, "default")


async def touch(client: Client, name: str = "s") -> None:
    """`kubectl get -o json | kubectl replace`: writes what is there."""
    await client.update(await client.get(Secret, name, "default"))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(100):
        while not await condition():  # noqa: ASYNC110 (a server is asked)
            await asyncio.sleep(0.02)


async def page(client: Client, path: str) -> str:
    try:
        return (await client.raw("GET", path)).body.decode()
    except errors.StatusError as error:
        return f"{error.code} {error.message}"


def test_a_key_is_rotated_while_the_server_runs(tmp_path: Path) -> None:
    async def main() -> None:
        setting = Setting(tmp_path)
        setting.configure(key("aesgcm", "a"))
        async with setting.serving() as (server, client):
            await secret(client)
            assert (await setting.at_rest()).startswith(b"k8s:enc:aesgcm:v1:a:")
            before = (await client.get(Secret, "s", "default")).metadata.resourceVersion
            await touch(client)
            assert (await client.get(Secret, "s", "default")).metadata.resourceVersion == before, "nothing to renew"
            for step, wanted in (
                (key("aesgcm", "b", "a"), b"k8s:enc:aesgcm:v1:b:"),
                (key("secretbox", "c") + key("aesgcm", "b"), b"k8s:enc:secretbox:v1:c:"),
                (key("aescbc", "d") + key("secretbox", "c"), b"k8s:enc:aescbc:v1:d:"),
                ("  - identity: {}\n" + key("aescbc", "d"), b'{"apiVersion":"v1","kind":"Secret"'),
                (key("aesgcm", "e") + "  - identity: {}\n", b"k8s:enc:aesgcm:v1:e:"),
            ):
                seen = server._encryption.encryption.figures.reloads.get("success", 0)
                setting.configure(step)
                figures = server._encryption.encryption.figures

                async def reloaded(figures: Any = figures, seen: int = seen) -> bool:
                    return bool(figures.reloads.get("success", 0) > seen)

                await until(reloaded)
                await touch(client)
                assert (await setting.at_rest()).startswith(wanted)
                assert (await client.get(Secret, "s", "default")).data == DATA
            setting.configure("  - aesgcm: {keys: [{name: x, secret: TopSecretPlainText}]}\n")
            await until(lambda: _has(page(client, "/metrics"), 'reloads_total{status="failure"} 1'))
            await touch(client)
            assert (await setting.at_rest()).startswith(b"k8s:enc:aesgcm:v1:e:"), "a wrong file changes nothing"
            assert await page(client, "/healthz/kms-providers") == "ok"
            entries = await page(client, "/pybernetes/v1/history?resource=secrets&namespace=default&name=s")
            items = json.loads(entries)["items"]
            assert items[-1]["object"]["data"] == DATA, "history is plain for those who may read it"
            assert "no key of aesgcm fits" in items[0]["problem"], "but for what a dropped key sealed"
        setting.configure(key("aesgcm", "e"))
        async with setting.serving() as (_, client):
            assert (await client.get(Secret, "s", "default")).data == DATA

    asyncio.run(main())


async def _has(text: Awaitable[str], part: str) -> bool:
    return part in await text


def test_nothing_plain_is_on_disk(tmp_path: Path) -> None:
    async def main() -> None:
        setting = Setting(tmp_path)
        setting.configure(key("aesgcm", "a"))
        async with setting.serving() as (_, client):
            await secret(client)
            await client.patch(Secret, "s", "default", {"metadata": {"labels": {"a": "b"}}})
            await client.delete(Secret, "s", "default")
            found = setting.on_disk()
            assert b"/registry/secrets/default/s" in found
            for text in (PLAIN, base64.b64encode(PLAIN)):
                assert text not in found
        connection = sqlite3.connect(tmp_path / "state.db")
        values = connection.execute("SELECT value FROM writes WHERE key LIKE '%/secrets/%'").fetchall()
        connection.close()
        assert all(value is None or value.startswith(b"k8s:enc:") for (value,) in values)
        setting.configure(key("aesgcm", "b"))
        async with setting.serving() as (_, client):
            await secret(client, "t")  # what the old key sealed is gone, so the new one alone is enough

    asyncio.run(main())


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[KmsPlugin]:
    made = KmsPlugin(tmp_path)
    made.start()
    yield made
    made.kill()


def test_a_kms_plugin_comes_goes_and_changes_its_key(
    tmp_path: Path, plugin: KmsPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_WELL_S", "_ILL_S"):
        monkeypatch.setattr(kms, name, 0.1)
    monkeypatch.setattr(kms, "_LOOKED_WELL_S", 0.0)
    monkeypatch.setattr(kms, "_LOOKED_ILL_S", 0.0)
    provider = f'  - kms: {{apiVersion: v2, name: vault, endpoint: "unix://{plugin.socket}", timeout: 20s}}\n'

    async def healthy(client: Client) -> bool:
        return await page(client, "/healthz/kms-providers") == "ok"

    async def ill(client: Client) -> bool:
        return "vault" in await page(client, "/healthz/kms-providers")

    async def main() -> None:
        setting = Setting(tmp_path)
        setting.configure(provider)
        async with setting.serving(reload=False) as (server, client):
            await secret(client)
            first = await setting.at_rest()
            assert first.startswith(b"k8s:enc:kms:v2:vault:") and b"k1" in first
            plugin.be(key="k1", healthz="seal is broken")
            await until(lambda: ill(client))
            assert "seal is broken" in await page(client, "/healthz/kms-providers")
            await secret(client, "while-ill")  # for three minutes the last key stays in use
            assert (await client.get(Secret, "while-ill", "default")).data == DATA
            plugin.be(key="k2")
            await until(lambda: healthy(client))

            async def renewed() -> bool:
                await touch(client)
                return b"k2" in await setting.at_rest()

            await until(renewed)
            plugin.kill()
            await until(lambda: ill(client))
            server._encryption.encryption.providers.plugins[0]._write_until_s = 0.0  # three minutes later
            with pytest.raises(errors.StatusError, match="KMS provider 'vault'") as refused:
                await secret(client, "too-late")
            assert refused.value.code >= 500 and PLAIN.decode() not in str(refused.value)
        async with setting.serving(reload=False) as (_, client):
            with pytest.raises(errors.StatusError, match="unable to transform key") as refused:
                await client.list(Secret)
            assert refused.value.code >= 500
            plugin.start()

            async def readable() -> bool:
                try:
                    return len((await client.list(Secret)).items) == 2
                except errors.StatusError:
                    return False

            await until(readable)
            assert (await client.get(Secret, "while-ill", "default")).data == DATA
            plugin.be(key="k2", fail=["Decrypt"])
            assert (await client.get(Secret, "s", "default")).data == DATA, "known keys need no plugin"
            told = await page(client, "/metrics")
            assert 'kms_operations_latency_seconds_count{grpc_status_code="OK",method_name="Decrypt"' in told
        assert PLAIN not in setting.on_disk()

    asyncio.run(main())


def test_off_costs_nothing_and_reads_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    server = ApiServer(ApiServerConfig(bind_addresses=(), port=-1), store, SystemClock(), Random())
    assert server.registry.store is store
    with pytest.raises(ValueError, match="cannot read the encryption configuration"):
        config = ApiServerConfig(bind_addresses=(), port=-1, encryption_provider_config=os.fspath(tmp_path / "none"))
        ApiServer(config, store, SystemClock(), Random())
