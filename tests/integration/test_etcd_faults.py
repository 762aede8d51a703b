"""A foreign etcd of three with TLS and users: fail-over, no quorum, wrong keys and words, as the apiserver tells it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.cluster.pki import ETCD_CA, Certificate, Pki
from pybernetes.storage.etcd import EtcdStore
from pybernetes.storage.etcd_client import EtcdConfig
from pybernetes.storage.store import Cause, StoreError
from tests.integration.test_store_faults import CONFIG_MAPS, Server, ask, config_map, names, until_ready
from tests.local_etcd import PROGRAM, free_ports

YEAR_S = 365 * 24 * 3600
WHO = Cause(user="alice", verb="create")


class Members:
    """Three on loopback; `keys` has their certificates, and those of clients."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder, self.keys = folder, keys
        ports = free_ports(6)
        self.urls = [f"https://127.0.0.1:{port}" for port in ports[:3]]
        self._peers = [f"http://127.0.0.1:{port}" for port in ports[3:]]
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int) -> None:
        cluster = ",".join(f"m{n}={peer}" for n, peer in enumerate(self._peers))
        peer, url = self._peers[number], self.urls[number]
        with (self.folder / f"m{number}.log").open("ab") as log:
            self._running[number] = subprocess.Popen(
                [
                    PROGRAM, "--name", f"m{number}", "--data-dir", str(self.folder / f"m{number}"), "--unsafe-no-fsync",
                    "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer,
                    "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                    "--heartbeat-interval", "50", "--election-timeout", "500",
                    "--cert-file", str(self.keys / "server.crt"), "--key-file", str(self.keys / "server.key"),
                    "--trusted-ca-file", str(self.keys / "etcd-ca.crt"), "--client-cert-auth",
                ],
                stdout=log, stderr=log, env={**os.environ, "ETCD_ENABLE_V2": "false"},
            )  # fmt: skip

    def kill(self, number: int) -> None:
        process = self._running.pop(number, None)
        if process is not None:
            process.kill()
            process.wait()

    def ctl(self, *words: str, user: str = "") -> subprocess.CompletedProcess[str]:
        command = [
            "etcdctl", "--endpoints", ",".join(self.urls), "--cacert", str(self.keys / "etcd-ca.crt"),
            "--cert", str(self.keys / "plain.crt"), "--key", str(self.keys / "plain.key"), "--command-timeout", "5s",
            *(("--user", user) if user else ()), *words,
        ]  # fmt: skip
        return subprocess.run(
            command, env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    now = time.time()

    def certificate(name: str, hosts: tuple[str, ...] = ()) -> Certificate:
        return Certificate(name, "client", hosts=hosts, authority=ETCD_CA, is_peer=bool(hosts))

    pki = Pki(folder)
    pki.ensure([certificate("expired")], now - 2 * YEAR_S)
    pki.ensure([certificate("server", ("127.0.0.1", "localhost")), certificate("plain")], now)
    foreign = folder / "foreign"
    foreign.mkdir()
    Pki(foreign).ensure([certificate("plain")], now)
    return folder


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Members]:
    if shutil.which(PROGRAM) is None or shutil.which("etcdctl") is None:
        pytest.skip("needs etcd and etcdctl; Debian calls them etcd-server and etcd-client")
    made = Members(tmp_path_factory.mktemp("members"), keys)
    try:
        for number in range(3):
            made.start(number)
        end = time.monotonic() + 30
        while made.ctl("endpoint", "health", "--cluster").returncode:
            assert time.monotonic() < end, (made.folder / "m0.log").read_text()
        for words in (
            ("role", "add", "ours"),
            ("role", "grant-permission", "ours", "readwrite", "--prefix=true", "/"),
            ("user", "add", "root:toor"),
            ("user", "grant-role", "root", "root"),
            ("user", "add", "kube:right"),
            ("user", "grant-role", "kube", "ours"),
            ("user", "add", "stranger:right"),
            ("auth", "enable"),
        ):
            done = made.ctl(*words)
            assert done.returncode == 0, done.stderr
        yield made
    finally:
        for number in range(3):
            made.kill(number)


def config(
    members: Members, keys: Path, client: str = "plain", user: str = "kube", password: str = "right"
) -> EtcdConfig:
    return EtcdConfig(
        tuple(members.urls), "/test", str(keys / "etcd-ca.crt"), str(keys / f"{client}.crt"),
        str(keys / f"{client}.key"), user, password,
    )  # fmt: skip


def test_what_does_not_get_in_is_told_why(members: Members, keys: Path) -> None:
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


def test_members_come_and_go_under_an_apiserver(members: Members, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "user").write_text("kube:right\n")
    server = Server(
        tmp_path, None, "--etcd-servers", ",".join(members.urls), "--etcd-prefix", "/api",
        "--etcd-cafile", str(keys / "etcd-ca.crt"), "--etcd-certfile", str(keys / "plain.crt"),
        "--etcd-keyfile", str(keys / "plain.key"), "--etcd-user-file", str(tmp_path / "user"),
    )  # fmt: skip
    server.start()

    async def write(name: str) -> None:
        """By one try or, when the answer says that it cannot be, the next."""
        end = time.monotonic() + 30
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
