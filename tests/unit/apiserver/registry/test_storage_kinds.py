"""Volumes, classes and what else storage.k8s.io and others hold: what is refused, and what is filled in."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.apimachinery import errors

VOLUME: dict[str, Any] = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
CSI = {"driver": "x.io", "volumeHandle": "h"}
CLAIM: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def without(tree: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if name not in names}


WEBHOOK: dict[str, Any] = {
    "name": "a.b.c",
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "clientConfig": {"url": "https://a.b/c"},
    "rules": [{"apiGroups": ["g"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["foos"]}],
}
HOOKS = "validatingwebhookconfigurations.admissionregistration.k8s.io"


@pytest.mark.parametrize(
    ("plural", "tree", "message"),
    [
        (
            "persistentvolumes",
            {"spec": without(VOLUME, "hostPath")},
            "spec: Required value: must specify a volume type",
        ),
        ("persistentvolumes", {"spec": VOLUME | {"csi": CSI}}, "may not specify more than 1 volume type"),
        ("persistentvolumes", {"spec": VOLUME | {"capacity": {}}}, "spec.capacity: Unsupported value"),
        (
            "persistentvolumes",
            {"spec": without(VOLUME, "hostPath") | {"csi": CSI | {"nodePublishSecretRef": {"name": "s"}}}},
            "spec.csi.nodePublishSecretRef.namespace: Required value",
        ),
        (
            "persistentvolumes",
            {"spec": without(VOLUME, "hostPath") | {"local": {"path": "/x"}}},
            "Local volume requires node affinity",
        ),
        (
            "persistentvolumeclaims",
            {"spec": CLAIM | {"accessModes": ["ReadWriteOnce", "ReadWriteOncePod"]}},
            "may not use ReadWriteOncePod with other access modes",
        ),
        (
            "persistentvolumeclaims",
            {"spec": CLAIM | {"dataSourceRef": {"kind": "Pod", "name": "p"}}},
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        ),
        ("csinodes.storage.k8s.io", {"spec": {"drivers": [{"name": "d"}]}}, "spec.drivers[0].nodeID: Required value"),
        ("volumeattributesclasses.storage.k8s.io", {"driverName": "d"}, "must contain at least one key/value pair"),
        ("runtimeclasses.node.k8s.io", {"handler": "A"}, 'handler: Invalid value: "A"'),
        (HOOKS, {"webhooks": [WEBHOOK | {"name": "a.b"}]}, "at least three segments"),
        (HOOKS, {"webhooks": [WEBHOOK, WEBHOOK]}, 'webhooks[1].name: Duplicate value: "a.b.c"'),
        (HOOKS, {"webhooks": [without(WEBHOOK, "clientConfig")]}, "exactly one of url or service is required"),
        (HOOKS, {"webhooks": [WEBHOOK | {"clientConfig": {"url": "http://a"}}]}, "'https' is the only allowed"),
        (
            "validatingadmissionpolicybindings.admissionregistration.k8s.io",
            {"spec": {"policyName": "p", "validationActions": ["Deny", "Warn"]}},
            "must not contain both Deny and Warn",
        ),
        (
            "resourceclaims.resource.k8s.io",
            {"spec": {"devices": {"requests": [{"name": "r"}]}}},
            "exactly one of `exactly` or `firstAvailable` is required",
        ),
        (
            "resourcequotas",
            {"spec": {"hard": {"services": "1"}, "scopes": ["BestEffort"]}},
            "unsupported scope applied to resource",
        ),
        (
            "limitranges",
            {"spec": {"limits": [{"type": "PersistentVolumeClaim"}]}},
            "either minimum or maximum storage value is required",
        ),
    ],
)
def test_what_is_refused(run, plural, tree, message):
    async def scenario(cluster):
        return await cluster.refused(plural, {"metadata": {"name": "x"}, **tree})

    assert message in run(scenario)


def test_a_webhook_gets_its_defaults(run):
    async def scenario(cluster):
        return await cluster.create(HOOKS, {"metadata": {"name": "x"}, "webhooks": [WEBHOOK]}, ns="")

    made = run(scenario)
    hook = made["webhooks"][0]
    assert made["metadata"]["generation"] == 1
    assert (hook["failurePolicy"], hook["matchPolicy"], hook["timeoutSeconds"]) == ("Fail", "Equivalent", 10)
    assert hook["namespaceSelector"] == hook["objectSelector"] == {}
    assert hook["rules"][0]["scope"] == "*"


def test_a_claim_for_a_device_asks_for_one(run):
    async def scenario(cluster):
        asked = {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}
        plural = "resourceclaims.resource.k8s.io"
        made = await cluster.create(plural, {"metadata": {"name": "x"}, "spec": {"devices": asked}})
        return made, await cluster.row(plural, "x")

    made, row = run(scenario)
    assert made["spec"]["devices"]["requests"][0]["exactly"] == {
        "deviceClassName": "c",
        "allocationMode": "ExactCount",
        "count": 1,
    }
    assert row[1] == "pending"


def test_a_claims_two_sources_say_the_same(run):
    async def scenario(cluster):
        spec = CLAIM | {"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "o"}}
        return await cluster.create("persistentvolumeclaims", {"metadata": {"name": "x"}, "spec": spec})

    spec = run(scenario)["spec"]
    assert spec["dataSource"] == {"apiGroup": None, "kind": "PersistentVolumeClaim", "name": "o"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hostPath": {"path": "/y"}}, "spec.persistentvolumesource is immutable after creation"),
        ({"volumeMode": "Block"}, ": volumeMode: Invalid value"),
        ({"persistentVolumeReclaimPolicy": "Delete"}, ""),
    ],
)
def test_where_a_volumes_data_is_never_changes(run, change, message):
    async def scenario(cluster):
        await cluster.create("persistentvolumes", {"metadata": {"name": "x"}, "spec": VOLUME}, ns="")
        return await cluster.patch("persistentvolumes", "x", {"spec": change}, ns="")

    if message:
        with pytest.raises(errors.Invalid) as caught:
            run(scenario)
        assert message in caught.value.message
    else:
        assert run(scenario)["spec"]["persistentVolumeReclaimPolicy"] == "Delete"


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ({"kind": "Pod", "name": "p"}, False),
        ({"kind": "VolumeSnapshot", "apiGroup": "snapshot.storage.k8s.io", "name": "s"}, True),
        ({"kind": "PersistentVolumeClaim", "name": "c"}, True),
    ],
)
def test_the_old_data_source_takes_claims_and_snapshots(run, source, kept):
    async def scenario(cluster):
        return await cluster.create(
            "persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": CLAIM | {"dataSource": source}}
        )

    spec = run(scenario)["spec"]
    assert ("dataSource" in spec, "dataSourceRef" in spec) == (kept, kept)


@pytest.mark.parametrize(
    ("certificate", "key", "problem"),
    [
        (b"", b"", "tls: failed to find any PEM data in certificate input"),
        (
            b"-----BEGIN X-----\nAA==\n-----END X-----\n",
            b"",
            'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the '
            "following types: [X]",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
            b"x",
            "tls: failed to find any PEM data in key input",
        ),
    ],
)
def test_a_key_pair_that_is_none_is_warned_of(certificate, key, problem):
    from pybernetes.apiserver.registry.core.secrets.key_pairs import key_pair_problem

    assert key_pair_problem(certificate, key) == problem
