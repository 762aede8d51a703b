"""Every resource of v1.36, alpha and beta ones switched on: discovered, listed in each form, created, none missing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pybernetes.apimachinery.scheme import RESOURCES, Resource
from tests.integration.apiserver_in_a_thread import Served, serving

FORMS = (
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/cbor",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/cbor;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
)


@pytest.fixture(scope="module")
def api() -> Iterator[Served]:
    gates = {"CBORServingAndStorage": True, "AllBeta": True, "GenericWorkload": True}
    with serving(feature_gates=gates, runtime_config={"api/all": True}) as served:
        yield served


def collection(resource: Resource) -> str:
    return resource.path(namespace="default" if resource.namespaced else None)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: f"{r.qualified}/{r.version}")
def test_lists_and_dry_runs(api: Served, resource: Resource) -> None:
    if "list" in resource.verbs:
        for form in FORMS if "watch" in resource.verbs else FORMS[:4]:
            answer = api.ask("GET", collection(resource), accept=form)
            assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, form.split(";")[0])
    if "create" in resource.verbs:
        tree = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "x"}}
        answer = api.ask("POST", f"{collection(resource)}?dryRun=All", json.dumps(tree).encode())
        assert answer.status in (200, 201, 400, 403, 422), answer.message


def test_discovery_has_them_all(api: Served) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    found = set()
    for root in ("/api", "/apis"):
        for group in json.loads(api.ask("GET", root, accept=accept).body)["items"]:
            for version in group["versions"]:
                name = group["metadata"].get("name", "")
                found |= {(name, version["version"], resource["resource"]) for resource in version["resources"]}
    assert found == {(r.group, r.version, r.plural) for r in RESOURCES}
