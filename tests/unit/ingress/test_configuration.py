"""The configuration as text, and endpoints in slots. `GOLDEN=write pytest …` writes the golden file anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.ingress.annotations import Options
from pybernetes.ingress.certificates import fallback, fault
from pybernetes.ingress.configuration import Settings, fill, render, server_commands
from pybernetes.ingress.routes import REDIRECT, UNAVAILABLE, Backend, Certificate, Route, Table

from .objects import ingress, path, service, table

GOLDEN = Path(__file__).with_name("golden.cfg")
CERTIFICATE = Certificate(("shop", "tls"), b"", ("a.b", "*.b"))
CHOSEN = Options("/z/", True, 1024, 3, 4, sources=tuple(f"10.{n}.0.0/16" for n in range(25)))


def a_table(servers: tuple[str, ...] = ("10.0.0.1:80",)) -> Table:
    return Table(
        routes=[
            Route("", "", False, UNAVAILABLE),
            Route("*.b", "", False, "shop_web_80"),
            Route("a.b", "/x", True, "shop_web_80", redirect=True),
            Route("a.b", "/y", False, "shop_api_80_1"),
        ],
        backends={
            "shop_web_80": Backend("shop_web_80", "http", Options(), "", servers),
            "shop_api_80_1": Backend("shop_api_80_1", "h2c", CHOSEN, "/y", ("[fd00::1]:80",)),
            "shop_tls_443_2": Backend("shop_tls_443_2", "https", Options(), "", ()),
        },
        certificates=[CERTIFICATE],
        ingresses=[("shop", "a")],
    )


SETTINGS = Settings(("127.0.0.1", "fd00::2"), 9080, 9443)


def test_golden(tmp_path: Path) -> None:
    folder, keys = tmp_path / "1", tmp_path / "keys"
    made = render(a_table(), SETTINGS, folder, keys, {})
    text = "".join(f"== {name}\n{content}" for name, content in sorted(made.files.items()))
    text = text.replace(str(folder), "FOLDER").replace(str(keys), "KEYS")
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_haproxy_takes_it(tmp_path: Path) -> None:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("needs haproxy")
    made = render(a_table(), SETTINGS, tmp_path, tmp_path, {})
    for name, text in made.files.items():
        (tmp_path / name).write_text(text)
    for name in ("fallback.pem", CERTIFICATE.file):
        (tmp_path / name).write_bytes(fallback())
    done = subprocess.run(
        [program, "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@given(st.lists(st.tuples(st.text(max_size=20), st.sampled_from(["Exact", "Prefix", "ImplementationSpecific"]))))
def test_no_path_adds_a_line_or_a_word(found: list[tuple[str, str]]) -> None:
    made = table([ingress("a", ("a.b", [path("/" + text, kind=kind) for text, kind in found]))], service("web"))
    rendered = render(made, SETTINGS, Path("/f"), Path("/k"), {})
    maps = rendered.files["http-exact.map"] + rendered.files["http-prefix.map"]
    lines = [line for line in maps.split("\n") if line]
    assert len(lines) == len(made.routes)
    assert all(line.isascii() and len(line.split()) == 2 and line.startswith("a.b/") for line in lines)


def test_redirects_are_for_plain_http_alone(tmp_path: Path) -> None:
    made = render(a_table(), SETTINGS, tmp_path, tmp_path, {})
    assert made.files["http-exact.map"] == f"a.b/x {REDIRECT}\n"
    assert made.files["https-exact.map"] == "a.b/x shop_web_80\n"


def test_only_endpoints_leave_the_structure_as_it_is(tmp_path: Path) -> None:
    first = render(a_table(), SETTINGS, tmp_path / "1", tmp_path, {})
    moved = render(a_table(("10.0.0.2:80", "10.0.0.3:80")), SETTINGS, tmp_path / "2", tmp_path, first.slots)
    many = render(a_table(tuple(f"10.0.1.{n}:80" for n in range(9))), SETTINGS, tmp_path / "3", tmp_path, first.slots)
    assert moved.structure == first.structure != many.structure
    assert len(many.slots["shop_web_80"]) == 16


NAMES = st.lists(st.integers(1, 12).map(lambda n: f"10.0.0.{n}:80"), unique=True).map(tuple)


@given(st.lists(NAMES, min_size=1, max_size=6))
def test_slots_hold_what_is_wanted_and_nobody_moves(history: list[tuple[str, ...]]) -> None:
    slots: tuple[str, ...] = ("",) * 4
    for wanted in history:
        after = fill(wanted, slots)
        assert sorted(filter(None, after)) == sorted(wanted)
        kept = {server: n for n, server in enumerate(slots) if server in wanted}
        assert all(after[n] == server for server, n in kept.items())
        if len(after) == len(slots):
            assert applied(slots, after) == after
        slots = after


def applied(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """The slots after the runtime commands; at no moment is there no server if there is one at both ends."""
    slots, addresses = list(before), list(before)
    for command in server_commands("b", before, after):
        words = command.split()
        number = int(words[2].removeprefix("b/s"))
        if words[3] == "addr":
            assert not slots[number], "only a slot in maintenance changes its address"
            addresses[number] = f"{words[4]}:{words[6]}"
        else:
            slots[number] = addresses[number] if words[4] == "ready" else ""
    return tuple(slots)


def test_slots_left_just_now_are_taken_last() -> None:
    assert fill(("b",), ("a", "", "", "")) == ("", "b", "", "")
    assert server_commands("x", ("a:1", "", "", ""), ("", "b:1", "", ""))[0] == "set server x/s1 addr b port 1"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(lambda pem: pem, "", id="good"),
        pytest.param(lambda pem: pem[:200], "no certificate", id="cut off"),
        pytest.param(lambda pem: b"", "no certificate", id="empty"),
        pytest.param(
            lambda pem: pem[: pem.index(b"-----BEGIN PRIVATE")] + fallback()[-250:], "certificate", id="half a key"
        ),
        pytest.param(
            lambda pem: pem[: pem.index(b"-----BEGIN PRIVATE")] + key_of(fallback()),
            "does not belong",
            id="another key",
        ),
    ],
)
def test_faults_of_certificates(spoil: object, expected: str) -> None:
    said = fault(spoil(fallback()))  # type: ignore[operator]
    assert expected in said and bool(said) == bool(expected)


def key_of(pem: bytes) -> bytes:
    return pem[pem.index(b"-----BEGIN PRIVATE") :]
