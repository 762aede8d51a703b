"""Protobuf bodies into trees: bytes that kubectl sent, and every shape of field."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery.protobuf.decoding import MAGIC, decode
from pybernetes.apimachinery.protobuf.wire import ProtobufError

CONFIG_MAP = bytes.fromhex(
    "6b387300 0a0f0a0276311209436f6e6669674d6170 121b 0a11 0a0161 1200 1a00 2200 2a00 3200 3800 4200"
    "1206 0a0161 120162 1a00 2200"
)
"""`kubectl create configmap a --from-literal=a=b` of kubectl 1.32."""


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def enveloped(api_version: str, kind: str, message: bytes) -> bytes:
    return MAGIC + field(1, field(1, api_version) + field(2, kind)) + field(2, message)


def test_what_kubectl_sends() -> None:
    tree = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "b"}}
    assert decode(CONFIG_MAP) == tree


def test_every_shape_of_field() -> None:
    time = field(1, 1_800_000_000)
    meta = field(1, "p") + field(8, time) + field(11, field(1, "k") + field(2, "v")) + field(14, "f1") + field(14, "f2")
    probe = field(1, field(2, field(1, "/x") + field(2, field(1, 1) + field(3, "http")))) + field(2, 5)
    resources = field(1, field(1, "cpu") + field(2, field(1, "100m")))
    container = field(1, "c") + field(2, "image") + field(8, resources) + field(10, probe)
    volume = field(1, "v") + field(2, field(2, b""))
    spec = field(2, container) + field(1, volume) + field(4, 0) + field(25, -7)
    assert decode(enveloped("v1", "Pod", field(1, meta) + field(2, spec))) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "creationTimestamp": "2027-01-15T08:00:00Z",
            "labels": {"k": "v"},
            "finalizers": ["f1", "f2"],
        },
        "spec": {
            "containers": [
                {
                    "name": "c",
                    "image": "image",
                    "resources": {"limits": {"cpu": "100m"}},
                    "livenessProbe": {"httpGet": {"path": "/x", "port": "http"}, "initialDelaySeconds": 5},
                }
            ],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 0,
            "priority": -7,
        },
    }


def test_bytes_are_base64_and_wrapped_lists_are_lists() -> None:
    secret = decode(enveloped("v1", "Secret", field(2, field(1, "k") + field(2, b"\xff\x00"))))
    assert secret["data"] == {"k": base64.b64encode(b"\xff\x00").decode()}
    spec = field(3, "alice") + field(5, field(1, "scopes") + field(2, field(1, "a") + field(1, "b")))
    review = decode(enveloped("authorization.k8s.io/v1", "SubjectAccessReview", field(2, spec)))
    assert review["spec"]["extra"] == {"scopes": ["a", "b"]}


def test_delete_options_of_any_group() -> None:
    assert decode(enveloped("policy/v1", "DeleteOptions", field(1, 0)))["gracePeriodSeconds"] == 0


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{}", "does not appear to be a protobuf message"),
        (CONFIG_MAP[:-3], "unexpected EOF"),
        (enveloped("v1", "Nothing", b""), 'no kind "Nothing" is registered for version "v1"'),
        (enveloped("../x/v1", "Pod", b""), "no kind"),
        (enveloped("v1", "Pod", field(2, 1)), "wrong wireType"),
        (enveloped("v1", "Pod", field(1, field(1, b"\xff"))), "invalid UTF-8"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ProtobufError, match=why):
        decode(data)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(ProtobufError):
        decode(enveloped("v1", "Pod", data))
