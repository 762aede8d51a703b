"""How often wrong metadata is told, and which finalizers a kind takes."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery import errors

BAD = {"Bad_Key!": "x"}


@pytest.mark.parametrize(
    ("plural", "spec", "told"),
    [
        ("configmaps", {}, 4),
        ("limitranges", {}, 3),
        ("poddisruptionbudgets.policy", {"spec": {"maxUnavailable": 1}}, 2),
    ],
)
def test_an_update_tells_wrong_labels_as_often_as_upstream(run, plural, spec, told):
    async def scenario(cluster):
        made = await cluster.create(plural, {"metadata": {"name": "a"}, **spec})
        made["metadata"]["labels"] = BAD
        with pytest.raises(errors.Invalid) as caught:
            await cluster.update(plural, made)
        return caught.value

    error = run(scenario)
    assert [cause.field_ for cause in error.details.causes] == ["metadata.labels"] * told
    assert error.message.count("Bad_Key!") == 1


@pytest.mark.parametrize(
    ("plural", "finalizer", "refused"),
    [
        ("configmaps", "mine", True),
        ("configmaps", "kubernetes", False),
        ("configmaps", "orphan", False),
        ("configmaps", "example.com/mine", False),
        ("leases.coordination.k8s.io", "mine", False),
    ],
)
def test_finalizers_without_a_domain(run, plural, finalizer, refused):
    async def scenario(cluster):
        tree = {"metadata": {"name": "a", "finalizers": [finalizer]}}
        if not refused:
            await cluster.create(plural, tree)
            return None
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create(plural, tree)
        return caught.value.message

    message = run(scenario)
    if refused:
        assert "metadata.finalizers[0]" in message
        assert "neither a standard finalizer name nor is it fully qualified" in message
