from __future__ import annotations

import errno

import pytest

from pybernetes.apimachinery.errors import NotFound
from pybernetes.cli.failures import one_line
from pybernetes.cli.image import _qualified
from pybernetes.cli.output import Progress, table
from pybernetes.cluster.errors import ClusterError


def test_tables() -> None:
    assert table(("NAME", "STATE"), [("a-long-name", "x"), ("b", "")]) == ("NAME          STATE\na-long-name   x\nb")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(ClusterError("no\n way"), "no way", id="ours"),
        pytest.param(ExceptionGroup("", [ClusterError("inner")]), "inner", id="in a group"),
        pytest.param(NotFound('pods "x" not found'), 'pods "x" not found', id="the API's"),
        pytest.param(
            OSError(errno.ENOSPC, "x", "/d"), "/d: the disk is full; free some space and run this again", id="full"
        ),
        pytest.param(OSError(errno.ECONNREFUSED, "Connection refused"), "Connection refused", id="refused"),
    ],
)
def test_errors_as_a_user_reads_them(error: BaseException, line: str) -> None:
    assert one_line(error) == line


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("me/app", "docker.io/me/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("localhost/app:1", "localhost/app:1"),
        ("quay.io/me/app:1", "quay.io/me/app:1"),
        ("quay.io/me/app@sha256:" + "0" * 64, "quay.io/me/app@sha256:" + "0" * 64),
    ],
)
def test_full_image_names(reference: str, full: str) -> None:
    assert _qualified(reference) == full


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.step("one")
    progress.step("two")
    progress.done()
    assert capsys.readouterr().err == ""


class _Terminal:
    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


@pytest.mark.parametrize("no_color", ["", "1"])
def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch, no_color: str) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress()
    progress.step("keys")
    progress.done()
    assert "✓" in terminal.text
    assert "keys" in terminal.text
    assert ("\x1b[32m" in terminal.text) is not bool(no_color)
