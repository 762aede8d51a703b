"""CBOR: what is written is deterministic, what means the same is read alike, what JSON cannot say is refused."""

from __future__ import annotations

import contextlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery import cbor

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(tree=TREES)
def test_round_trip(tree: object) -> None:
    written = cbor.encode(tree)
    assert written.startswith(cbor.SELF_DESCRIBED)
    assert cbor.decode(written) == tree
    assert cbor.encode(cbor.decode(written)) == written


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"bb": 1, "c": 2, "a": 3}, "d9d9f7a3416103416302426262" + "01"),
        ("text", "d9d9f7" + "4474657874"),
        ([0, 23, 24, -1, 65536], "d9d9f7" + "8500171818201a00010000"),
        ([1.5, 0.1], "d9d9f7" + "82f93e00fb3fb999999999999a"),
        ([True, False, None], "d9d9f7" + "83f5f4f6"),
        ([1 << 63], "d9d9f7" + "81fa5f000000"),
    ],
)
def test_written_in_one_way(tree: object, expected: str) -> None:
    assert cbor.encode(tree).hex() == expected


@pytest.mark.parametrize(
    ("data", "tree"),
    [
        pytest.param("61" + "61", "a", id="text"),
        pytest.param("4161", "a", id="bytes"),
        pytest.param("5f41614162ff", "ab", id="text in parts"),
        pytest.param("9f01ff", [1], id="list without length"),
        pytest.param("bf416101ff", {"a": 1}, id="map without length"),
        pytest.param("d9d9f7d9d9f701", 1, id="tagged twice"),
        pytest.param("d64161", "YQ==", id="base64 later"),
        pytest.param("d5417f", "fw", id="base64url later"),
        pytest.param("d741ab", "AB", id="hex later"),
        pytest.param("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z", id="time as text"),
        pytest.param("c11a514b67b0", "2013-03-21T20:04:00Z", id="time as a number"),
        pytest.param("d81c81f6", [None], id="a tag that means nothing here"),
        pytest.param("d81d00", 0, id="a reference, which is a tag as any other"),
        pytest.param("190001", 1, id="a number longer than it must be"),
    ],
)
def test_read_alike(data: str, tree: object) -> None:
    assert cbor.decode(bytes.fromhex(data)) == tree


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="nothing"),
        pytest.param("a2416101416102", id="key twice"),
        pytest.param("a2416101616102", id="key twice, as bytes and as text"),
        pytest.param("a10102", id="key a number"),
        pytest.param("a1810102", id="key a list"),
        pytest.param("f97e00", id="NaN"),
        pytest.param("f97c00", id="infinity"),
        pytest.param("f7", id="undefined"),
        pytest.param("e0", id="simple value"),
        pytest.param("f8ff", id="simple value of two bytes"),
        pytest.param("c249010000000000000000", id="big number"),
        pytest.param("1bffffffffffffffff", id="beyond int64"),
        pytest.param("3bffffffffffffffff", id="below int64"),
        pytest.param("61ff", id="text that is no UTF-8"),
        pytest.param("41ff", id="bytes that are no UTF-8"),
        pytest.param("0102", id="two items"),
        pytest.param("8201", id="cut off"),
        pytest.param("5affffffff", id="longer than it is"),
        pytest.param("9bffffffffffffffff", id="list of everything"),
        pytest.param("c0" + "4161", id="no time"),
        pytest.param("ff", id="break"),
        pytest.param("1c", id="reserved"),
        pytest.param("81" * 100_000 + "00", id="deep"),
        pytest.param("c6" * 100_000 + "00", id="deep in tags"),
    ],
)
def test_refused(data: str) -> None:
    with pytest.raises((cbor.CborError, RecursionError)):
        cbor.decode(bytes.fromhex(data))


@given(data=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(cbor.CborError):
        cbor.decode(data)


def test_a_list_and_a_sequence() -> None:
    items = [{"a": 1}, {"b": "c"}]
    encoded = [cbor.encode_item(item) for item in items]
    listed = cbor.list_of("v1", "ConfigMapList", {"resourceVersion": "1"}, encoded)
    whole = {"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "1"}, "items": items}
    assert listed == cbor.encode(whole)
    assert cbor.list_of("v1", "X", {}, []) == cbor.encode(
        {"apiVersion": "v1", "kind": "X", "metadata": {}, "items": []}
    )
    sequence = [cbor.encode(item) for item in items]
    assert list(cbor.items(b"".join(sequence))) == sequence
    assert cbor2.loads(sequence[0]) == {b"a": 1}
