from __future__ import annotations

from typing import Any

import pytest

from pybernetes.cli import diffs


def deployment(replicas: int = 1, image: str = "a:1", **meta: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", **meta},
        "spec": {"replicas": replicas, "template": {"containers": [{"name": "c", "image": image}]}},
        "status": {"ready": replicas},
    }


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param(deployment(), deployment(generation=2, resourceVersion="9"), [], id="bookkeeping"),
        pytest.param(deployment(1), deployment(3), ["spec.replicas: 1 → 3"], id="a field"),
        pytest.param(
            deployment(), deployment(image="a:2"),
            ["spec.template.containers[c].image: a:1 → a:2"], id="an item by name"
        ),
        pytest.param(
            deployment(labels={"x": "1"}), deployment(labels={"a.b/c": "2"}),
            ["+ metadata.labels[a.b/c]: 2", "- metadata.labels.x: 1"], id="added and removed",
        ),
        pytest.param(
            {"metadata": {}, "list": [1, 2]}, {"metadata": {}, "list": [2]}, ["list: [1, 2] → [2]"], id="a list",
        ),
    ],
)  # fmt: skip
def test_lines(old: dict[str, Any], new: dict[str, Any], lines: list[str]) -> None:
    assert diffs.lines(old, new, status=False) == lines


def test_secrets_show_that_they_changed_and_nothing_else() -> None:
    note = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"pw":"plain"}}'}
    secret = {"kind": "Secret", "metadata": {"name": "s", "annotations": note}, "data": {"pw": "cGxhaW4="}}
    hidden = diffs.without_values(secret)
    assert hidden is not None and "plain" not in str(hidden) and "cGxh" not in str(hidden)
    assert diffs.without_values({**secret, "data": {"pw": "cGxhaX4="}}) != hidden
    config = {**secret, "kind": "ConfigMap"}
    assert diffs.without_values(config) is config
