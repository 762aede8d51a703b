"""Trees into protobuf and back: every shape of field, every message of the tables."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery.protobuf import messages
from pybernetes.apimachinery.protobuf.decoding import decode
from pybernetes.apimachinery.protobuf.encoding import encode, encode_json, envelope, known, message, watch_frame
from pybernetes.apimachinery.scheme import RESOURCES

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "uid": "u",
        "generation": 3,
        "creationTimestamp": "2026-11-22T12:00:00Z",
        "labels": {"app": "web", "empty": ""},
        "finalizers": ["a", "b" * 200],
        "managedFields": [{"manager": "m", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {".": {}, "f:x": {}}}}],
    },
    "spec": {
        "volumes": [{"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": "10Mi"}}],
        "containers": [
            {
                "name": "c",
                "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 10},
                "livenessProbe": {"tcpSocket": {"port": 8080}, "terminationGracePeriodSeconds": 0},
            }
        ],
        "terminationGracePeriodSeconds": 0,
        "hostNetwork": True,
        "priority": -7,
    },
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
OTHERS: list[dict[str, Any]] = [
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "aGk=", "none": ""},
        "immutable": False,
    },
    {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "l"},
        "spec": {"holderIdentity": "", "renewTime": "2026-11-22T12:00:00.123456Z", "leaseTransitions": 300},
    },
    {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {"user": "a", "groups": ["g"], "extra": {"k": ["x", "y"]}},
        "status": {"allowed": True},
    },
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "d"},
        "spec": {
            "group": "g",
            "names": {"plural": "p", "kind": "K"},
            "scope": "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "maximum": 1.5,
                            "default": {"a": [1]},
                            "enum": ["a", 1],
                            "items": {"type": "string"},
                            "additionalProperties": False,
                            "properties": {"x": {"additionalProperties": {"type": "integer"}}},
                        }
                    },
                }
            ],
        },
        "status": {"storedVersions": ["v1"], "conditions": [], "acceptedNames": {"plural": "p", "kind": "K"}},
    },
]


def holds(written: Any, read: Any, at: str = "") -> None:
    """Everything that was written was read again (empty fields may have come or gone)."""
    if isinstance(written, dict):
        for key, value in written.items():
            if value not in (None, [], {}, "", 0) or key in read:
                assert key in read, f"{at}.{key}"
                holds(value, read[key], f"{at}.{key}")
    elif isinstance(written, list):
        assert len(written) == len(read), at
        for index, (one, other) in enumerate(zip(written, read, strict=True)):
            holds(one, other, f"{at}[{index}]")
    else:
        assert written == read, at


@pytest.mark.parametrize("tree", [POD, *OTHERS], ids=lambda tree: tree["kind"])
def test_there_and_back(tree: dict[str, Any]) -> None:
    holds(tree, decode(encode(tree)))
    assert envelope(tree["apiVersion"], tree["kind"], encode_json(orjson.dumps(tree))) == encode(tree)


@given(st.dictionaries(st.text(), st.text()), st.integers(-(2**63), 2**63 - 1), st.text())
def test_any_text_and_number(labels: dict[str, str], number: int, name: str) -> None:
    tree = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "generation": number}, "data": labels}
    holds(tree, decode(encode(tree)))


def test_every_message_can_be_written() -> None:
    for module in pkgutil.iter_modules(messages.__path__):
        package = module.name.replace("_", ".")
        for name in importlib.import_module(f"{messages.__name__}.{module.name}").MESSAGES:
            assert isinstance(message(f"{package}.{name}")({}), bytes)


def test_every_built_in_kind_is_known() -> None:
    without = {r.qualified for r in RESOURCES if not known(r.api_version, r.kind)}
    assert without == set()
    assert not known("apps.example.com/v1", "Deployment"), "a custom resource by a built-in one's name"


def test_a_frame_of_a_watch() -> None:
    frame = watch_frame("ADDED", encode(POD))
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert frame[4:11] == b"\x0a\x05ADDED"
    assert frame.endswith(encode(POD))
