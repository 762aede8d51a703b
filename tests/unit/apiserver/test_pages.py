"""Health, version and discovery as clients read them."""

from __future__ import annotations

import re

import msgspec
import pytest

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apiserver.endpoints.discovery import Discovery
from pybernetes.apiserver.endpoints.health import Health
from pybernetes.apiserver.endpoints.served import ServedResources
from pybernetes.apiserver.endpoints.version import version_info
from pybernetes.apiserver.runtime_config import RuntimeConfig
from pybernetes.http.messages import Request, Response

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def health() -> Health:
    made = Health()
    made.add("ping", lambda: "")
    made.add("etcd", lambda: "disk full", ("readyz",))
    return made


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("/healthz", 200, "ok"),
        ("/livez?verbose", 200, "[+]ping ok\nlivez check passed\n"),
        ("/readyz", 500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"),
        ("/readyz?exclude=etcd", 200, "ok"),
        ("/readyz?verbose&exclude=etcd", 200, "[+]ping ok\n[+]etcd excluded: ok\nreadyz check passed\n"),
        ("/readyz/ping", 200, "ok"),
        ("/readyz/etcd", 500, "internal server error: disk full\n"),
        ("/readyz/none", 404, "404 page not found\n"),
    ],
)
def test_health(target: str, status: int, text: str) -> None:
    path, _, query = target.partition("?")
    answer = health().answer(Request("GET", path, query))
    assert (answer.status, answer.body) == (status, text.encode())


def test_indicators_count_what_the_checks_said() -> None:
    made = health()
    for target in ("/livez", "/readyz", "/readyz/ping", "/readyz"):
        made.answer(Request("GET", target, ""))
    told = [line for line in made.indicators() if not line.startswith("#")]
    assert told == [
        'kubernetes_healthcheck{name="ping",type="livez"} 1',
        'kubernetes_healthcheck{name="etcd",type="readyz"} 0',
        'kubernetes_healthcheck{name="ping",type="readyz"} 1',
        'kubernetes_healthchecks_total{name="ping",status="success",type="livez"} 1',
        'kubernetes_healthchecks_total{name="etcd",status="error",type="readyz"} 2',
        'kubernetes_healthchecks_total{name="ping",status="success",type="readyz"} 3',
    ]


def test_version_is_semver() -> None:
    found = version_info()
    assert (found["major"], found["minor"]) == ("1", "36")
    assert re.fullmatch(r"v1\.36\.\d+\+pybernetes\.\d+\.\d+\.\d+", found["gitVersion"])


def discover(path: str, accept: str = "application/json") -> tuple[Response, dict[str, object]]:
    answer = Discovery(ServedResources(RuntimeConfig({}, FeatureGates())), lambda: "1.2.3.4:6443").answer(
        Request("GET", path, headers={"accept": accept})
    )
    assert answer is not None and isinstance(answer.body, bytes)
    return answer, msgspec.json.decode(answer.body) if answer.status == 200 else {}


def test_plain_discovery() -> None:
    assert discover("/api")[1]["versions"] == ["v1"]
    groups = discover("/apis")[1]["groups"]
    assert isinstance(groups, list)
    by_name = {group["name"]: group for group in groups}
    assert by_name["autoscaling"]["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}
    assert not any("alpha" in v["version"] or "beta" in v["version"] for g in groups for v in g["versions"])
    resources = discover("/api/v1")[1]["resources"]
    assert isinstance(resources, list)
    by_name = {resource["name"]: resource for resource in resources}
    assert by_name["pods"]["shortNames"] == ["po"] and by_name["pods"]["storageVersionHash"]
    assert by_name["pods/eviction"] | {"verbs": []} == {
        "name": "pods/eviction", "singularName": "", "namespaced": True, "group": "policy", "version": "v1",
        "kind": "Eviction", "verbs": [],
    }  # fmt: skip
    assert discover("/apis/apps/v2")[0].status == 404


def test_aggregated_discovery_says_its_type_and_is_cached_by_tag() -> None:
    answer, found = discover("/apis", f"{AGGREGATED},application/json")
    assert ("Content-Type", AGGREGATED) in answer.headers
    assert found["kind"] == "APIGroupDiscoveryList"
    items = found["items"]
    assert isinstance(items, list)
    apps = next(item for item in items if item["metadata"]["name"] == "apps")
    deployments = next(r for r in apps["versions"][0]["resources"] if r["resource"] == "deployments")
    assert deployments["responseKind"] == {"group": "", "version": "", "kind": "Deployment"}
    assert ("Cache-Control", "public") in answer.headers
    assert {sub["subresource"] for sub in deployments["subresources"]} == {"scale", "status"}
    tag = dict(answer.headers)["ETag"]
    again = Discovery(ServedResources(RuntimeConfig({}, FeatureGates())), lambda: "").answer(
        Request("GET", "/apis", headers={"accept": AGGREGATED, "if-none-match": tag})
    )
    assert again is not None and again.status == 304
