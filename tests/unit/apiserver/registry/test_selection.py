"""What a list or a watch passes over undecoded is nothing that its selector wants."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.core.v1 import ConfigMap
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.selectors import FieldSelector, LabelSelector, Requirement
from pybernetes.apiserver.registry.generic.attributes import metadata_fields
from pybernetes.apiserver.registry.generic.interface import ListOptions
from pybernetes.apiserver.registry.generic.selection import Selection, parse

KEYS = st.sampled_from(["app", "example.com/app", "a.b", "tier", "n"])
VALUES = st.sampled_from(["", "web", "web-1", "x_y.z", "3", "12"])
REQUIREMENTS = st.builds(
    lambda key, operator, values: Requirement(key, operator, tuple(values[:1] if operator in ("=", "gt") else values)),
    KEYS,
    st.sampled_from(["=", "==", "in", "notin", "!=", "exists", "!", "gt", "lt"]),
    st.lists(VALUES, min_size=1, max_size=3),
)


NAMES = st.sampled_from(["a", "a.b", "system:x"])
FIELDS = st.lists(
    st.sampled_from(["metadata.name=a", "metadata.name=system:x", "metadata.name!=a", "metadata.namespace=a"]),
    max_size=2,
).map(",".join)


@given(NAMES, NAMES, st.dictionaries(KEYS, VALUES), st.lists(REQUIREMENTS, max_size=3), FIELDS)
def test_every_object_that_matches_has_the_needles(
    name: str, namespace: str, labels: dict[str, str], requirements: list[Requirement], fields: str
) -> None:
    value = msgspec.json.encode(ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels)))
    wanted = Selection(LabelSelector(tuple(requirements)), FieldSelector.parse(fields))
    if wanted.labels.matches(labels) and wanted.fields.matches(metadata_fields(value)):
        assert all(needle in value for needle in wanted.needles)


@pytest.mark.parametrize(
    ("selector", "needles"),
    [
        ("app=web", (b'"app":"web"',)),
        ("app in (web)", (b'"app":"web"',)),
        ("app in (a,b)", (b'"app":"',)),
        ("app", (b'"app":"',)),
        ("app!=web", ()),
        ("!app", ()),
    ],
)
def test_needles_of_a_selector(selector: str, needles: tuple[bytes, ...]) -> None:
    assert parse(ListOptions(label_selector=selector), {}).needles == needles


@pytest.mark.parametrize(
    ("selector", "needles"),
    [
        ("metadata.name=a", (b'"name":"a"',)),
        ("metadata.namespace=a,metadata.name=b", (b'"name":"b"', b'"namespace":"a"')),
        ("metadata.name!=a", ()),
    ],
)
def test_needles_of_a_field_selector(selector: str, needles: tuple[bytes, ...]) -> None:
    selectable = {"metadata.name": "metadata.name", "metadata.namespace": "metadata.namespace"}
    assert parse(ListOptions(field_selector=selector), selectable).needles == needles
