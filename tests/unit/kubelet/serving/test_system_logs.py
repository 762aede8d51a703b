from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from pybernetes.apimachinery.errors import MethodNotAllowed, NotFound
from pybernetes.http.messages import Request, Response
from pybernetes.kubelet.serving.system_logs import answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "log"
    (logs / "pods" / "a b").mkdir(parents=True)
    (logs / "big.log").write_bytes(b"line\n" * 40_000)
    (logs / "odd").write_bytes(b"\x00\x01")
    (logs / "empty").touch()
    (logs / "current").symlink_to("big.log")
    (logs / "circle").symlink_to("circle")
    (tmp_path / "secret").write_text("key")
    (logs / "away").symlink_to(tmp_path / "secret")
    (logs / "up").symlink_to("../secret")
    (logs / "root").symlink_to("/")
    (logs / "pods" / "whole").symlink_to(logs / "big.log")
    (logs / "pods" / "near").symlink_to("../current")
    (logs / "all").symlink_to("pods")
    os.mkfifo(logs / "pipe")
    return logs


def ask(folder: Path, below: str, method: str = "GET") -> tuple[Response, bytes]:
    async def main() -> tuple[Response, bytes]:
        found = await answer(Request(method, f"/logs/{below}"), folder, below.rstrip("/"))
        if isinstance(found.body, bytes):
            return found, found.body
        return found, b"".join([chunk async for chunk in found.body])

    return asyncio.run(main())


def test_a_folder_is_a_list_of_links(folder: Path) -> None:
    found, page = ask(folder, "")
    assert (found.status, dict(found.headers)["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.startswith(b'<pre>\n<a href="all">all</a>\n<a href="away">away</a>\n')
    assert b'<a href="pods/">pods/</a>\n' in page
    listed = b'<pre>\n<a href="a%20b/">a b/</a>\n<a href="near">near</a>\n<a href="whole">whole</a>\n</pre>\n'
    assert ask(folder, "pods/")[1] == ask(folder, "all/")[1] == listed
    found, _ = ask(folder, "pods")
    assert (found.status, dict(found.headers)["Location"]) == (301, "pods/")


def test_a_name_need_not_be_utf_8(folder: Path) -> None:
    Path(os.fsdecode(bytes(folder / "pods") + b"/\xff")).touch()
    assert b'<a href="%FF">\xff</a>\n' in ask(folder, "pods/")[1]


@pytest.mark.parametrize(
    ("name", "size", "kind"),
    [("big.log", 200_000, "text/plain; charset=utf-8"), ("current", 200_000, "text/plain; charset=utf-8"),
     ("pods/whole", 200_000, "text/plain; charset=utf-8"), ("all/near", 200_000, "text/plain; charset=utf-8"),
     ("odd", 2, "application/octet-stream"), ("empty", 0, "text/plain; charset=utf-8")],
)  # fmt: skip
def test_a_file_is_what_it_is(folder: Path, name: str, size: int, kind: str) -> None:
    found, body = ask(folder, name)
    assert (found.length, body, dict(found.headers)["Content-Type"]) == (size, (folder / name).read_bytes(), kind)
    found, body = ask(folder, name, "HEAD")
    assert (found.length, body) == (size, b"")


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "away",
        "up",
        "root/etc/passwd",
        "../secret",
        "pods/../../secret",
        "circle",
        "big.log/x",
        "a\0b",
        "pipe",
    ],
)
def test_nothing_else_is_shown(folder: Path, name: str) -> None:
    with pytest.raises(NotFound):
        ask(folder, name)


def test_logs_are_only_read(folder: Path) -> None:
    with pytest.raises(MethodNotAllowed):
        ask(folder, "big.log", "DELETE")


def test_a_folder_that_becomes_a_link_on_the_way_leads_nowhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = folder.parent / "away"
    away.mkdir()
    (away / "key").write_text("secret")
    opened = os.open

    def swapped(path: str, *args: int, dir_fd: int | None = None) -> int:
        found = opened(path, *args, dir_fd=dir_fd)
        if path == "pods":
            (folder / "pods").rename(folder / "gone")
            (folder / "pods").symlink_to(away)
        return found

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(NotFound):
        ask(folder, "pods/key")
