"""A foreign etcd of three with TLS and users: fail-over, no quorum, wrong keys and words, as the apiserver tells it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.cluster.pki import ETCD_CA, Certificate, Pki
from pybernetes.storage.etcd import EtcdStore
from pybernetes.storage.etcd_client import EtcdConfig
from pybernetes.storage.store import Cause, StoreError
from tests.integration.apiserver_process import CONFIG_MAPS, Server, ask, config_map, names, until_ready
from tests.local_etcd import EtcdWithUsers, LocalEtcd

YEAR_S = 365 * 24 * 3600
WHO = Cause(user="alice", verb="create")


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdWithUsers]:
    made = EtcdWithUsers(tmp_path_factory.mktemp("members"), 3)
    try:
        made.begin()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def keys(members: EtcdWithUsers) -> Path:
    """Those of the members, and one that has expired."""
    old = Certificate("expired", "client", authority=ETCD_CA)
    Pki(members.keys).ensure([old], time.time() - 2 * YEAR_S)
    return members.keys


def config(
    members: EtcdWithUsers, keys: Path, client: str = "plain", user: str = "kube", password: str = "right"
) -> EtcdConfig:
    file = members.folder / f"{user}-{password}"
    file.write_text(f"{user}:{password}\n")
    return EtcdConfig(
        tuple(members.urls), "/test", str(keys / "etcd-ca.crt"), str(keys / f"{client}.crt"),
        str(keys / f"{client}.key"), str(file),
    )  # fmt: skip


def test_what_does_not_get_in_is_told_why(members: EtcdWithUsers, keys: Path) -> None:
    cases = {
        "authentication failed": config(members, keys, password="wrong"),
        "lets this user not do that": config(members, keys, user="stranger"),
        "expired.crt expired at ": config(members, keys, "expired"),
        "cannot read": config(members, keys, "nowhere"),
    }

    async def refused(one: EtcdConfig) -> str:
        with pytest.raises(StoreError) as error:
            await EtcdStore(one).start()
        return str(error.value)

    async def main() -> None:
        told = await asyncio.gather(*(refused(one) for one in cases.values()))
        for words, said in zip(cases, told, strict=True):
            assert words in said and "\n" not in said, said

    asyncio.run(main())


def test_members_come_and_go_under_an_apiserver(members: EtcdWithUsers, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "user").write_text("kube:right\n")
    server = Server(
        tmp_path, None, "--etcd-servers", ",".join(members.urls), "--etcd-prefix", "/api",
        "--etcd-cafile", str(keys / "etcd-ca.crt"), "--etcd-certfile", str(keys / "plain.crt"),
        "--etcd-keyfile", str(keys / "plain.key"), "--etcd-user-file", str(tmp_path / "user"),
    )  # fmt: skip
    server.start()

    async def write(name: str) -> None:
        """By one try or, when the answer says that it cannot be, the next."""
        end = time.monotonic() + 100
        while (answer := await ask(api, "POST", CONFIG_MAPS, config_map(name)))[0] not in (201, 409):
            assert answer[0] == 503 and answer[1]["reason"] == "ServiceUnavailable", answer
            assert time.monotonic() < end, answer

    async def main() -> None:
        nonlocal api
        api = server.transport()
        await until_ready(server, api)
        await write("whole")
        found = members.ctl("get", "/api/configmaps/default/whole", "--print-value-only", user="root:toor")
        assert '"name":"whole"' in found.stdout
        for number in range(3):
            members.kill(number)
            await write(f"without-{number}")
            await until_ready(server, api)
            members.start(number)
            await write(f"again-{number}")
        members.kill(0)
        members.kill(1)
        await until_ready(server, api, ready=False)
        status, answer = await ask(api, "POST", CONFIG_MAPS, config_map("no-quorum"))
        assert status == 503 and "the store cannot serve" in answer["message"], answer
        status, cached = await ask(api, "GET", f"{CONFIG_MAPS}?resourceVersion=0")
        assert status == 200 and len(cached["items"]) >= 7
        members.start(0)
        members.start(1)
        await until_ready(server, api)
        await write("after")
        expected = {"whole", "after", *(f"{word}-{n}" for word in ("without", "again") for n in range(3))}
        assert expected <= await names(api)
        await api.close()

    api = server.transport()
    try:
        asyncio.run(main())
    finally:
        server.kill()


def test_a_full_etcd(tmp_path: Path) -> None:
    etcd = LocalEtcd(tmp_path, "--quota-backend-bytes", str(8 << 20))
    server = Server(tmp_path, None, "--etcd-servers", etcd.url)

    async def main() -> None:
        api = server.transport()
        await until_ready(server, api)
        made = []
        for number in range(100):
            status, answer = await ask(api, "POST", CONFIG_MAPS, config_map(f"m{number}", 500_000))
            if status != 201:
                break
            made.append(f"m{number}")
        assert (status, answer["reason"]) == (503, "ServiceUnavailable")
        assert "etcd is full: compact and defragment it" in answer["message"]
        status, listed = await ask(api, "GET", f"{CONFIG_MAPS}?resourceVersion=0")
        assert status == 200 and made and set(made) <= {item["metadata"]["name"] for item in listed["items"]}
        status, one = await ask(api, "GET", f"{CONFIG_MAPS}/{made[0]}?resourceVersion=0")
        assert status == 200 and one["metadata"]["name"] == made[0]

        # Deletions make room, so they are taken; the rest is refused as before.
        gone = made.pop()
        status, answer = await ask(api, "DELETE", f"{CONFIG_MAPS}/{gone}")
        assert status == 200, answer
        assert (await ask(api, "GET", f"{CONFIG_MAPS}/{gone}"))[0] == 404
        assert (await ask(api, "DELETE", f"{CONFIG_MAPS}/{gone}"))[0] == 404
        assert (await ask(api, "POST", CONFIG_MAPS, config_map("again")))[0] == 503

        # The operator's way out, as the message has it; then everything works again, and nothing is lost.
        while len(made) > 6:
            etcd.ctl("del", f"/registry/configmaps/default/{made.pop()}")
        revision = json.loads(etcd.ctl("endpoint", "status", "-w", "json"))[0]["Status"]["header"]["revision"]
        etcd.ctl("compact", "--physical", str(revision))
        etcd.ctl("defrag")
        etcd.ctl("alarm", "disarm")
        async with asyncio.timeout(100):
            while (await ask(api, "POST", CONFIG_MAPS, config_map("after")))[0] not in (201, 409):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await until_ready(server, api)
        assert {*made, "after"} <= await names(api)
        await api.close()

    try:
        etcd.start()
        server.start()
        asyncio.run(main())
    finally:
        server.kill()
        etcd.kill()
