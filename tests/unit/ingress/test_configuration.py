"""The configuration as text, and endpoints in slots. `GOLDEN=write pytest …` writes the golden file anew."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pybernetes.ingress.certificates import fallback, fault
from pybernetes.ingress.configuration import Rendered, fill, is_name, is_text, render, server_commands
from pybernetes.ingress.table import (
    NOT_FOUND,
    UNAVAILABLE,
    Backend,
    Certificate,
    Condition,
    Frontend,
    Headers,
    Redirect,
    Route,
    Shown,
    Table,
    Treatment,
)

from .objects import ingress, path, service, table

GOLDEN = Path(__file__).with_name("golden.cfg")
CERTIFICATE = Certificate(("shop", "tls"), b"")
CHOSEN = Treatment(
    "/z/", 3, body_bytes=1024, connect_ms=3000, read_ms=4000, sources=tuple(f"10.{n}.0.0/16" for n in range(25))
)
CHANGED = Treatment(
    host="other.test",
    request=Headers((("X-A", 'it\'s "a" b%[x]'),), (("X-B", "b"),), ("X-C",)),
    response=Headers(remove=("Server",)),
)


def a_table(servers: tuple[str, ...] = ("10.0.0.1:80",)) -> Table:
    secure = [
        Route("", "", False, UNAVAILABLE),
        Route("*.b", "", False, "shop_web_80"),
        Route("a.b", "/x", True, "shop_web_80"),
        Route("a.b", "/y", False, "shop_api_80_1"),
    ]
    plain = [*secure[:2], Route("a.b", "/x", True, "redirect_1"), secure[3]]
    conditional = [
        Route("", "/v", False, "split_1", (Condition("method", "", "GET"), Condition("header", "version", "two"))),
        Route("", "/v", False, "shop_web_80", (Condition("query", "q", "a b"),)),
        Route("", "", False, "shop_api_80_1"),
        Route("", "/v", True, "shop_changed_80_3", (Condition("method", "", "PUT"),)),
        Route("*.d", "", False, NOT_FOUND),
        Route("*.c.d", "", False, "shop_web_80"),
    ]

    def listens(port: int) -> tuple[tuple[str, int], ...]:
        return ("127.0.0.1", port), ("fd00::2", port)

    return Table(
        frontends=[
            Frontend("http", listens(9080), 9080, plain),
            Frontend("https", listens(9443), 9443, secure, secure=True, shown=(Shown("shop_tls.pem", ("a.b", "*.b")),)),
            Frontend("gateway_1", (("127.0.0.1", 20001),), 80, conditional, deep=True),
        ],
        backends={
            "shop_web_80": Backend("shop_web_80", "http", Treatment(), servers),
            "shop_api_80_1": Backend("shop_api_80_1", "h2c", CHOSEN, ("[fd00::1]:80",)),
            "shop_tls_443_2": Backend("shop_tls_443_2", "https", Treatment(), ()),
            "shop_changed_80_3": Backend("shop_changed_80_3", "http", CHANGED, ()),
            "redirect_1": Backend("redirect_1", "http", Treatment(redirect=Redirect(308, "https", port=9443)), ()),
        },
        splits={"split_1": ((1, "shop_web_80"), (2, UNAVAILABLE))},
        certificates={CERTIFICATE.file: CERTIFICATE},
    )


def rendered(table: Table, folder: Path, keys: Path, before: Rendered | None = None) -> Rendered:
    return render(table, 0, folder, keys, before.slots if before else {})


def test_golden(tmp_path: Path) -> None:
    folder, keys = tmp_path / "1", tmp_path / "keys"
    made = rendered(a_table(), folder, keys)
    text = "".join(f"== {name}\n{content}" for name, content in sorted(made.files.items()))
    text = text.replace(str(folder), "FOLDER").replace(str(keys), "KEYS")
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def check(made: Rendered, folder: Path) -> None:
    """Asserts that HAProxy takes a configuration that was rendered for this folder."""
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("needs haproxy")
    for name, text in made.files.items():
        (folder / name).write_text(text)
    for name in ("fallback.pem", CERTIFICATE.file):
        (folder / name).write_bytes(fallback())
    done = subprocess.run(
        [program, "-c", "-f", str(folder / "haproxy.cfg")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_haproxy_takes_it(tmp_path: Path) -> None:
    check(rendered(a_table(), tmp_path, tmp_path), tmp_path)


@given(st.lists(st.tuples(st.text(max_size=20), st.sampled_from(["Exact", "Prefix", "ImplementationSpecific"]))))
def test_no_path_adds_a_line_or_a_word(found: list[tuple[str, str]]) -> None:
    made = table([ingress("a", ("a.b", [path("/" + text, kind=kind) for text, kind in found]))], service("web"))
    files = rendered(made.table, Path("/f"), Path("/k")).files
    lines = [line for line in (files["http-exact.map"] + files["http-prefix.map"]).split("\n") if line]
    assert len(lines) == len(made.table.frontends[0].routes)
    assert all(line.isascii() and len(line.split()) == 2 and line.startswith("a.b/") for line in lines)


VALUES = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=20)
TEXTS = VALUES.filter(is_text)


@given(VALUES, VALUES, TEXTS, TEXTS)
def test_no_value_adds_a_line_or_a_word(header: str, query: str, set_to: str, path: str) -> None:
    """Whatever is compared with or set: the words of the configuration are those of harmless values."""

    def words(header: str, query: str, set_to: str, path: str) -> list[list[str]]:
        conditions = (Condition("header", "h", header), Condition("query", "q", query))
        treatment = Treatment(path, 2, set_to, request=Headers(set=(("X-A", set_to),)))
        made = Table(
            frontends=[Frontend("f", (("127.0.0.1", 1),), 1, [Route("", "/a", False, "b", conditions)])],
            backends={"b": Backend("b", "http", treatment, ())},
        )
        text = rendered(made, Path("/f"), Path("/k")).files["haproxy.cfg"]
        assert text.isascii() and not {*"\"'\\$#"} & {
            *(line for line in text.split("\n") if "X-A" in line or "hex" in line)
        }
        return [line.split(" ") for line in text.split("\n")]

    harmless = words("a", "a", "a", "a")
    found = words(header, query, set_to, path)
    assert [len(line) for line in found] == [len(line) for line in harmless]
    differing = {
        word for a, b in zip(found, harmless, strict=True) for word, other in zip(a, b, strict=True) if word != other
    }
    assert all(
        re.fullmatch(r"[0-9A-F]+|(%\[str\([A-Za-z0-9_.~%-]+\),url_dec\])(%\[path,bytes\(2\)\])?", word)
        for word in differing
    )


GOOD = {
    "backend-protocol": "GRPCS", "force-ssl-redirect": "true", "proxy-body-size": "8m", "proxy-connect-timeout": "3",
    "proxy-read-timeout": "4", "rewrite-target": "/x/$2", "whitelist-source-range": "10.0.0.0/8",
}  # fmt: skip
LINES = re.compile(
    r"backend (shop_web_80(_[0-9a-f]{8})?|redirect_[0-9a-f]{8})|    (timeout (connect|server|tunnel) [0-9]+ms"
    r"|acl may-ask src( [0-9a-f.:/]+)+|http-request deny deny_status 403 unless may-ask"
    r"|http-request deny deny_status 413 if { req.body_size gt [0-9]+ }"
    r'|http-request return status 411 content-type text/plain string "[a-z ]+" if [^"$%\\]+'
    r"|http-request set-path %\[str\([A-Za-z0-9._~%-]+\),url_dec\](%\[path,bytes\([0-9]\)\])?"
    r"|http-request redirect location https://%\[var\(txn.host\)\]:9443%\[pathq\] code 308"
    r"|default-server (proto h2|ssl verify none( alpn h2)?)|server s[0-3] 127.0.0.1:1 disabled)"
)
"""What a backend of an Ingress can consist of."""


def annotated(annotations: dict[str, str]) -> tuple[str, list[str]]:
    """What an Ingress with these annotations becomes: what all Ingresses share, and the lines of backends."""
    paths = [path("/p(/|$)(.*)", kind="ImplementationSpecific")]
    made = table([ingress("a", ("a.b", paths), annotations=annotations)], service("web"))
    text = rendered(made.table, Path("/f"), Path("/k")).files["haproxy.cfg"]
    head, _, rest = text.partition('leads to no Service"\n')
    return head, rest.splitlines()


@given(
    st.dictionaries(
        st.sampled_from(sorted(GOOD)),
        st.one_of(
            st.text(max_size=40), st.tuples(st.sampled_from(sorted(GOOD.values())), st.text(max_size=9)).map("".join)
        ),
    )
)
@example(GOOD)
def test_no_annotation_adds_a_line_or_a_word(annotations: dict[str, str]) -> None:
    head, lines = annotated(annotations)
    assert head == annotated({})[0]
    assert [line for line in lines if not LINES.fullmatch(line)] == []


@pytest.mark.parametrize(
    "name", ["", "a b", "a'b", 'a"b', "a#b", "a$b", "a(b", "a,b", "a%b", "a\nb", "ä", "a\\b", "a`b"]
)
def test_names_that_cannot_be_told(name: str) -> None:
    assert not is_name(name)


def test_only_endpoints_leave_the_structure_as_it_is(tmp_path: Path) -> None:
    first = rendered(a_table(), tmp_path / "1", tmp_path)
    moved = rendered(a_table(("10.0.0.2:80", "10.0.0.3:80")), tmp_path / "2", tmp_path, first)
    many = rendered(a_table(tuple(f"10.0.1.{n}:80" for n in range(9))), tmp_path / "3", tmp_path, first)
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
