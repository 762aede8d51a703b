"""A real apiserver process while disk, pages, log or rights of its SQLite file fail: clear answers, and back again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybernetes.client.transport import HttpTransport
from tests.integration.apiserver_process import CONFIG_MAPS, Server, ask, config_map, names, running, until_ready

MIB = 1 << 20


async def write_until_refused(api: HttpTransport, size: int = 10, name: str = "m") -> tuple[list[str], Any]:
    """The names that were acknowledged, and the Status that ended it."""
    made = []
    for number in range(2000):
        status, answer = await ask(api, "POST", CONFIG_MAPS, config_map(f"{name}{number}", size))
        if status != 201:
            assert (status, answer["kind"], answer["reason"]) == (503, "Status", "ServiceUnavailable"), answer
            return made, answer
        made.append(f"{name}{number}")
    raise AssertionError("it is never refused")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A 64 MB ext4 on a loop device."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4")
    image, place = tmp_path / "disk", tmp_path / "mounted"
    image.write_bytes(b"")
    os.truncate(image, 64 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    place.mkdir()
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True).returncode:
        pytest.skip("no loop devices here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    async def main() -> None:
        with running(tmp_path, small_disk / "store.db") as server:
            api = server.transport()
            await until_ready(server, api)
            (small_disk / "filler").write_bytes(b"\0" * 40 * MIB)
            made, said = await write_until_refused(api, 200_000)
            assert "no space left on the device" in said["message"]
            assert made and set(made) <= await names(api), "reads go on"
            assert (await ask(api, "GET", f"{CONFIG_MAPS}/{made[0]}"))[0] == 200
            with contextlib.suppress(OSError), (small_disk / "rest").open("wb", buffering=0) as rest:
                while rest.write(b"\0" * 4096):
                    pass
            made += (await write_until_refused(api, 200_000, "more"))[0]
            assert "[-]etcd failed" in await until_ready(server, api, ready=False)
            (small_disk / "filler").unlink()
            await until_ready(server, api)
            assert (await ask(api, "POST", CONFIG_MAPS, config_map("after")))[0] == 201
            server.kill()
            server.start()
            await until_ready(server, api)
            assert {*made, "after"} <= await names(api)
            await api.close()

    asyncio.run(main())


def test_a_disk_that_may_not_be_written(small_disk: Path, tmp_path: Path) -> None:
    data = small_disk / "store.db"

    async def served() -> set[str]:
        with running(tmp_path, data) as server:
            api = server.transport()
            await until_ready(server, api)
            before = await names(api)
            assert (await ask(api, "POST", CONFIG_MAPS, config_map(f"m{len(before)}")))[0] == 201
            await api.close()
            return before

    asyncio.run(served())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    server = Server(tmp_path, data)
    assert "Read-only file system" in server.refused()
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    subprocess.run(["chattr", "+i", str(data)], check=True)
    assert "cannot write" in (said := server.refused()) and "check the folder, its owner and its mode" in said
    subprocess.run(["chattr", "-i", str(data)], check=True)
    assert asyncio.run(served()) == {"m0"}


@pytest.mark.parametrize(
    ("faults", "words"),
    [({"write": "full"}, "no space left"), ({"write": "error"}, "failed"), ({"write": "readonly"}, "cannot write")],
    ids=["full", "I/O error", "read-only"],
)
def test_a_disk_that_fails_for_a_while(tmp_path: Path, faults: dict[str, str], words: str) -> None:
    async def main() -> None:
        with running(tmp_path) as server:
            api = server.transport()
            await until_ready(server, api)
            assert (await ask(api, "POST", CONFIG_MAPS, config_map("before")))[0] == 201
            server.fail(**faults)
            made, said = await write_until_refused(api)
            assert not made and "the store cannot serve" in said["message"] and words in said["message"]
            assert "before" in await names(api)
            assert "[-]etcd failed" in await until_ready(server, api, ready=False)
            server.fail()
            await until_ready(server, api)
            assert (await ask(api, "POST", CONFIG_MAPS, config_map("after")))[0] == 201
            server.kill()
            server.start()
            await until_ready(server, api)
            assert {"before", "after"} <= await names(api)
            await api.close()

    asyncio.run(main())


def test_damage_is_told_and_a_second_process_and_a_short_log_are_refused(tmp_path: Path) -> None:
    """Pages that are overwritten, a log that is cut short, two on one file: one server after the other."""
    data, log = tmp_path / "store.db", tmp_path / "store.db-wal"

    async def main() -> None:
        with running(tmp_path) as server:
            api = server.transport()
            await until_ready(server, api)
            for number in range(40):
                assert (await ask(api, "POST", CONFIG_MAPS, config_map(f"m{number}", 20_000)))[0] == 201
            assert server.process is not None
            second = tmp_path / "second"
            second.mkdir()
            assert f"in use by process {server.process.pid}" in Server(second, data).refused()
            server.kill()

            whole = log.read_bytes()
            log.write_bytes(whole[: len(whole) * 2 // 3])
            assert "its -wal file was lost or cut short; put it back" in server.refused()
            log.write_bytes(whole)
            server.start()
            await until_ready(server, api)
            kept = await names(api)
            assert len(kept) >= 40
            assert server.process is not None
            server.process.terminate()
            server.process.wait()

            whole = data.read_bytes()
            broken = bytearray(whole)
            for page in range(8, len(whole) // 4096):
                broken[page * 4096 : page * 4096 + 16] = b"\xff" * 16
            data.write_bytes(broken)
            assert "damaged" in (said := server.refused()) and "restore a snapshot" in said
            data.write_bytes(whole)
            server.start()
            await until_ready(server, api)
            assert await names(api) == kept

            data.write_bytes(broken)  # under a running server
            answers = [
                await ask(api, "PUT", f"{CONFIG_MAPS}/m{number}", config_map(f"m{number}")) for number in range(40)
            ]
            refused = [answer for status, answer in answers if status >= 500]
            assert all(answer["kind"] == "Status" for _, answer in answers if "kind" in answer)
            if refused:
                assert "the store cannot serve" in refused[0]["message"]
                assert "[-]etcd failed" in await until_ready(server, api, ready=False)
            assert kept <= await names(api), "reads of what is cached go on"
            await api.close()

    asyncio.run(main())
