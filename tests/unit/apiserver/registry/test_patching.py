"""Patches that are wrong, and the two ways to change replicas, as clients see them."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery import errors

DEPLOYMENT = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"a": "1"}},
        "template": {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    },
}


@pytest.mark.parametrize(("validation", "outcome"), [("Strict", "refused"), ("Warn", "warned"), ("Ignore", "taken")])
@pytest.mark.parametrize(("kind", "prefix"), [("merge", ""), ("strategic", ""), ("json", "json patch ")])
def test_fields_that_stand_twice_in_a_patch(run, validation: str, outcome: str, kind: str, prefix: str) -> None:
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}, "data": {"k": "v"}})
        ctx = cluster.context("configmaps", "patch", "default", "a", field_validation=validation)
        body = b'{"data":{"k":"1","k":"2"}}'
        if kind == "json":
            body = b'[{"op":"add","op":"add","path":"/data/k","value":"2"}]'
        try:
            await cluster.storage(ctx).patch(ctx, kind, body)
        except errors.Invalid as error:
            return "refused", error.message
        return ("warned", ctx.warnings[0]) if ctx.warnings else ("taken", "")

    found, text = run(scenario)
    assert found == outcome
    assert found == "taken" or f'{prefix}duplicate field "' in text


@pytest.mark.parametrize(
    ("kind", "patch", "message"),
    [
        ("merge", {"apiVersion": "v9"}, 'no kind "ConfigMap" is registered for version "v9"'),
        ("merge", None, "Invalid JSON Patch"),
        ("merge", [], "cannot unmarshal array into Go value of type map"),
        ("merge", {"metadata": None}, "was undeterminable: name must be provided"),
        ("apply", {"apiVersion": "v1", "kind": "Secret"}, "invalid object type: /v1, Kind=Secret"),
        ("apply", {"apiVersion": "v1"}, "invalid object type: /v1, Kind="),
        ("apply", {"apiVersion": "v1", "kind": "ConfigMap", "dat": 1}, ".dat: field not declared in schema"),
        (
            "apply",
            {"apiVersion": "v1", "kind": "ConfigMap", "binaryData": {"b": "!"}},
            "error decoding from json: illegal base64 data",
        ),
    ],
)
def test_what_is_no_patch(run, kind: str, patch: object, message: str) -> None:
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}})
        with pytest.raises((errors.Invalid, errors.BadRequest)) as caught:
            await cluster.patch("configmaps", "a", patch, kind, field_manager="m")
        return caught.value.message

    assert message in run(scenario)


def test_what_is_applied_is_yaml_in_any_style(run) -> None:
    """A body that begins as JSON and goes on as YAML; the fields of a manager are told in order."""

    text = b'{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "i",},],},}'

    async def scenario(cluster):
        return await cluster.patch("pods", "p", text, "apply", field_manager="me")

    (entry,) = run(scenario)["metadata"]["managedFields"]
    (container,) = entry["fieldsV1"]["f:spec"]["f:containers"].values()
    assert list(container) == [".", "f:image", "f:name"]


def test_applied_replicas_conflict_with_whoever_set_them(run) -> None:
    async def scenario(cluster):
        await cluster.create("deployments.apps", DEPLOYMENT)
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 5}}
        with pytest.raises(errors.Conflict) as caught:
            await cluster.patch("deployments.apps", "web", scale, "apply", sub="scale", field_manager="m")
        forced = await cluster.patch(
            "deployments.apps", "web", scale, "apply", sub="scale", field_manager="m", force=True
        )
        return caught.value.message, forced, (await cluster.get("deployments.apps", "web"))["metadata"]["managedFields"]

    message, forced, managers = run(scenario)
    assert message.endswith('conflict with "kubectl" using autoscaling/v1: .spec.replicas')
    assert forced["spec"] == {"replicas": 5}
    applied = next(entry for entry in managers if entry["operation"] == "Apply")
    assert (applied["subresource"], applied["apiVersion"]) == ("scale", "apps/v1")
    assert applied["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in next(entry for entry in managers if entry["operation"] == "Update")["fieldsV1"]["f:spec"]


def test_a_status_write_does_not_come_to_own_labels_of_a_deployment(run) -> None:
    async def scenario(cluster):
        await cluster.create("deployments.apps", DEPLOYMENT)
        status = {"metadata": {"labels": {"x": "y"}}, "status": {"replicas": 1}}
        return await cluster.patch("deployments.apps", "web", status, sub="status", field_manager="m")

    entry = next(e for e in run(scenario)["metadata"]["managedFields"] if e["manager"] == "m")
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}


@pytest.mark.parametrize("verb", ["merge", "put"])
def test_an_empty_list_of_managers_forgets_them_for_good(run, verb: str) -> None:
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}, "data": {"k": "v"}})
        if verb == "put":
            made["metadata"]["managedFields"] = []
            await cluster.update("configmaps", made)
        else:
            await cluster.patch("configmaps", "a", {"metadata": {"managedFields": []}})
        forgotten = await cluster.get("configmaps", "a")
        return forgotten, await cluster.patch("configmaps", "a", {"data": {"k": "w"}})

    for found in run(scenario):
        assert "managedFields" not in found["metadata"]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({}, "spec.signerName: Required value"),
        ({"usages": ["x"]}, 'spec.usages[0]: Unsupported value: "x"'),
        ({"usages": ["any", "any"]}, 'spec.usages[1]: Duplicate value: "any"'),
        ({"expirationSeconds": 599}, "may not specify a duration less than 600 seconds"),
        ({"request": "eA=="}, "PEM block type must be CERTIFICATE REQUEST"),
    ],
)
def test_certificate_requests_that_are_refused(run, spec: dict[str, object], problem: str) -> None:
    async def scenario(cluster):
        tree = {"metadata": {"name": "c"}, "spec": spec}
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create("certificatesigningrequests.certificates.k8s.io", tree)
        return caught.value.message

    assert problem in run(scenario)
