"""Three apiservers on one etcd, encrypted: each reads what the others sealed, and keys change under all of them."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

from pybernetes.client.transport import HttpTransport
from pybernetes.storage.etcd import EtcdStore
from pybernetes.storage.etcd_client import EtcdConfig
from tests.integration.apiserver_process import Server, ask, until_ready
from tests.local_etcd import LocalEtcd

SECRETS = "/api/v1/namespaces/default/secrets"
PLAIN = b"TopSecretPlainText"
VALUE = base64.b64encode(PLAIN).decode()
_RELOADS = re.compile(r'automatic_reloads_total\{status="success"\} (\d+)')


def configure(file: Path, *keys: str) -> None:
    listed = ", ".join(f"{{name: {key}, secret: {base64.b64encode(key.encode() * 32).decode()}}}" for key in keys)
    part = file.with_suffix(".part")
    part.write_text(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"
        f"- resources: [secrets]\n  providers:\n  - aesgcm: {{keys: [{listed}]}}\n"
    )
    part.rename(file)


def secret(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"password": VALUE}}


async def reloads(server: HttpTransport) -> int:
    text = (await server.request("GET", "/metrics", {})).body.decode()
    found = _RELOADS.search(text)
    return int(found[1]) if found else 0


async def reconfigured(servers: list[HttpTransport], file: Path, *keys: str) -> None:
    """Returns when every apiserver goes by it."""
    before = [await reloads(server) for server in servers]
    configure(file, *keys)
    async with asyncio.timeout(60):
        for server, count in zip(servers, before, strict=True):
            while await reloads(server) <= count:  # noqa: ASYNC110 (a server is asked)
                await asyncio.sleep(0.05)


async def sealed(etcd: LocalEtcd) -> dict[str, bytes]:
    """What lies in etcd, by name."""
    store = EtcdStore(EtcdConfig((etcd.url,)))
    await store.start()
    page = await store.range("/registry/secrets/default/")
    await store.stop()
    return {item.key.rpartition("/")[2]: item.value for item in page.items}


async def same_everywhere(servers: list[HttpTransport], names: set[str]) -> None:
    for server in servers:
        status, listed = await ask(server, "GET", SECRETS)
        assert status == 200
        assert {item["metadata"]["name"]: item["data"] for item in listed["items"]} == {
            name: {"password": VALUE} for name in names
        }


def test_each_reads_the_others_and_keys_are_rotated(etcd: LocalEtcd, tmp_path: Path) -> None:
    file = tmp_path / "encryption.yaml"
    configure(file, "a")
    words = (
        "--etcd-servers",
        etcd.url,
        "--encryption-provider-config",
        str(file),
        "--encryption-provider-config-automatic-reload",
    )
    processes = [Server(tmp_path / f"api{number}", None, *words) for number in range(3)]

    async def main() -> None:
        servers = [process.transport() for process in processes]
        for process, server in zip(processes, servers, strict=True):
            await until_ready(process, server)
        names = {f"by-{number}" for number in range(3)}
        for number, server in enumerate(servers):
            assert (await ask(server, "POST", SECRETS, secret(f"by-{number}")))[0] == 201
        await same_everywhere(servers, names)
        assert all(value.startswith(b"k8s:enc:aesgcm:v1:a:") for value in (await sealed(etcd)).values())

        # Upstream's order: everybody knows the new key, then everybody writes with it, then the old one goes.
        await reconfigured(servers, file, "a", "b")
        await reconfigured(servers, file, "b", "a")
        assert (await ask(servers[1], "POST", SECRETS, secret("new")))[0] == 201
        await same_everywhere(servers, {*names, "new"})
        for number, name in enumerate(sorted(names)):
            path = f"{SECRETS}/{name}"
            status, found = await ask(servers[(number + 1) % 3], "GET", path)
            assert status == 200
            status, written = await ask(servers[number], "PUT", path, found)
            assert status == 200 and written["data"] == found["data"]
        await reconfigured(servers, file, "b")
        await same_everywhere(servers, {*names, "new"})
        held = await sealed(etcd)
        assert len(held) == 4 and all(value.startswith(b"k8s:enc:aesgcm:v1:b:") for value in held.values())
        for server in servers:
            await server.close()

    try:
        for process in processes:
            process.folder.mkdir()
            process.start()
        asyncio.run(main())
    finally:
        for process in processes:
            process.kill()
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b"/registry/secrets/default/by-0" in on_disk
    assert PLAIN not in on_disk and VALUE.encode() not in on_disk
