"""What a list passes over undecoded is nothing that its selector wants."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.core.v1 import ConfigMap
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.selectors import FieldSelector, LabelSelector, Requirement
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


@given(st.dictionaries(KEYS, VALUES), st.lists(REQUIREMENTS, max_size=3))
def test_every_object_that_matches_has_the_needles(labels: dict[str, str], requirements: list[Requirement]) -> None:
    value = msgspec.json.encode(ConfigMap(metadata=ObjectMeta(name="a", labels=labels)))
    wanted = Selection(LabelSelector(tuple(requirements)), FieldSelector())
    if wanted.labels.matches(labels):
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
