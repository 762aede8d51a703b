"""Admission that looks at other objects: default classes, claims that grow, Pod security of a namespace."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery import errors

CLAIM = {
    "metadata": {"name": "c"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
CLASSES = "storageclasses.storage.k8s.io"
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


def test_a_claim_gets_the_newest_default_class(run):
    async def scenario(cluster):
        for name in ("old", "new"):
            meta = {"name": name, "annotations": DEFAULT}
            await cluster.create(CLASSES, {"metadata": meta, "provisioner": "x.io/y"}, ns="")
            cluster.clock.time += 5
        return await cluster.create("persistentvolumeclaims", CLAIM)

    claim = run(scenario)
    assert claim["spec"]["storageClassName"] == "new"
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


@pytest.mark.parametrize(("expands", "phase"), [(True, "Pending"), (False, "Bound"), (True, "Bound")])
def test_only_bound_claims_of_an_expandable_class_grow(run, expands, phase):
    async def scenario(cluster):
        given = {"metadata": {"name": "s", "annotations": DEFAULT}, "provisioner": "x.io/y"}
        await cluster.create(CLASSES, given | {"allowVolumeExpansion": expands}, ns="")
        claim = await cluster.create("persistentvolumeclaims", CLAIM)
        claim["status"]["phase"] = phase
        await cluster.update("persistentvolumeclaims", claim, sub="status")
        grown = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        return await cluster.patch("persistentvolumeclaims", "c", grown)

    if expands and phase == "Bound":
        assert run(scenario)["spec"]["resources"]["requests"] == {"storage": "2Gi"}
    else:
        with pytest.raises((errors.Forbidden, errors.Invalid)):
            run(scenario)


def test_a_namespace_refuses_or_warns(run):
    pod = {"metadata": {"name": "p"}, "spec": {"hostPID": True, "containers": [{"name": "c", "image": "i"}]}}

    async def scenario(cluster):
        labels = {"pod-security.kubernetes.io/warn": "baseline"}
        await cluster.patch("namespaces", "default", {"metadata": {"labels": labels}}, ns="")
        await cluster.create("pods", pod)
        warned = cluster.warnings
        labels = {"pod-security.kubernetes.io/enforce": "baseline"}
        await cluster.patch("namespaces", "default", {"metadata": {"labels": labels}}, ns="")
        existing = cluster.warnings
        with pytest.raises(errors.Forbidden) as caught:
            await cluster.create("pods", {**pod, "metadata": {"name": "q"}})
        return warned, existing, caught.value.message

    warned, existing, refused = run(scenario)
    assert warned == ['would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)']
    assert existing == [
        'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
        "p: host namespaces",
    ]
    assert refused == 'pods "q" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)'


def test_a_class_of_devices_names_an_extended_resource(run):
    plural = "deviceclasses.resource.k8s.io"

    async def scenario(cluster):
        named = {"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "x.io/gpu"}}
        made = await cluster.create(plural, named, ns="")
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create(plural, {"metadata": {"name": "h"}, "spec": {"extendedResourceName": "gpu"}}, ns="")
        return made["spec"], cluster.warnings, caught.value.message

    spec, warnings, refused = run(scenario)
    assert (spec, warnings) == ({"extendedResourceName": "x.io/gpu"}, [])
    assert 'spec.extendedResourceName: Invalid value: "gpu": must be a valid extended resource name' in refused
