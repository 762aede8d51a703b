from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from pybernetes.apimachinery.scheme import RESOURCES
from pybernetes.apiserver.openapi import documents, protobuf
from pybernetes.apiserver.openapi.answers import answer
from pybernetes.apiserver.openapi.definitions import Definitions, location, references
from pybernetes.apiserver.openapi.operations import group_versions
from pybernetes.apiserver.openapi.service import PROTOBUF, OpenApi
from pybernetes.http.messages import Request, Response


@pytest.fixture(scope="module")
def openapi() -> OpenApi:
    return OpenApi()


@pytest.fixture(scope="module")
def v2(openapi: OpenApi) -> Any:
    return orjson.loads(openapi.v2_json())


@pytest.fixture(scope="module")
def apps(openapi: OpenApi) -> Any:
    return orjson.loads(openapi.v3_document("apps/v1") or b"")


def test_v2_schemas_are_upstreams(v2: Any) -> None:
    pod = v2["definitions"]["io.k8s.api.core.v1.Pod"]
    assert pod["type"] == "object"
    assert pod["x-kubernetes-group-version-kind"] == [{"group": "", "kind": "Pod", "version": "v1"}]
    assert set(pod["properties"]["kind"]) == {"description", "type"}
    assert pod["properties"]["spec"]["$ref"] == "#/definitions/io.k8s.api.core.v1.PodSpec"
    containers = v2["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["type"] == "array"
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert v2["definitions"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"


def test_every_reference_leads_somewhere(openapi: OpenApi, v2: Any) -> None:
    assert set(references(v2["definitions"])) <= set(v2["definitions"])
    names = set(v2["definitions"]) | set(v2["parameters"])
    assert set(references(v2["paths"])) <= names
    for group, version in group_versions():
        name = f"{group}/{version}".lstrip("/")
        document = orjson.loads(openapi.v3_document(name) or b"")
        assert set(references(document)) <= set(document["components"]["schemas"]), name


def test_operation_ids_are_unique(v2: Any) -> None:
    ids = [o["operationId"] for item in v2["paths"].values() for o in item.values() if isinstance(o, dict)]
    assert len(ids) == len(set(ids)) > 900


@pytest.mark.parametrize(
    ("path", "method", "name", "action", "kind"),
    [
        ("/api/v1/namespaces/{namespace}/pods", "get", "listCoreV1NamespacedPod", "list", "Pod"),
        ("/api/v1/pods", "get", "listCoreV1PodForAllNamespaces", "list", "Pod"),
        ("/api/v1/namespaces/{namespace}/pods", "post", "createCoreV1NamespacedPod", "post", "Pod"),
        ("/api/v1/nodes/{name}", "patch", "patchCoreV1Node", "patch", "Node"),
        ("/api/v1/nodes", "delete", "deleteCoreV1CollectionNode", "deletecollection", "Node"),
        (
            "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale",
            "put",
            "replaceAppsV1NamespacedDeploymentScale",
            "put",
            "Scale",
        ),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/exec",
            "post",
            "connectCoreV1PostNamespacedPodExec",
            "connect",
            "PodExecOptions",
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}",
            "get",
            "readRbacAuthorizationV1ClusterRole",
            "get",
            "ClusterRole",
        ),
    ],
)
def test_operations_are_upstreams(v2: Any, path: str, method: str, name: str, action: str, kind: str) -> None:
    operation = v2["paths"][path][method]
    assert (operation["operationId"], operation["x-kubernetes-action"]) == (name, action)
    assert operation["x-kubernetes-group-version-kind"]["kind"] == kind


def test_every_resource_and_subresource_has_its_path(v2: Any) -> None:
    for r in RESOURCES:
        namespace = "{namespace}" if r.namespaced else None
        if "get" in r.verbs:
            assert "get" in v2["paths"][r.path(namespace, "{name}")]
        for sub in r.subresources:
            assert v2["paths"][r.path(namespace, "{name}", sub.name)]


def test_clients_find_dry_run_and_field_validation_at_the_patch_itself(v2: Any, apps: Any) -> None:
    path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    for document in (v2, apps):
        names = {p.get("name") for p in document["paths"][path]["patch"]["parameters"]}
        assert {"dryRun", "fieldValidation"} <= names


def test_v3_schemas_wrap_references_that_have_company(apps: Any) -> None:
    spec = apps["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]
    wrapped = [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"}]
    assert spec["template"]["allOf"] == wrapped
    assert spec["template"]["default"] == {}
    assert "default" not in spec["selector"]
    assert spec["strategy"]["x-kubernetes-patch-strategy"] == "retainKeys"
    container = apps["components"]["schemas"]["io.k8s.api.core.v1.Container"]["properties"]
    assert container["name"]["default"] == ""
    assert container["env"]["items"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.EnvVar"}
    quantity = apps["components"]["schemas"]["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    assert quantity["oneOf"] == [{"type": "string"}, {"type": "number"}]


def test_the_index_leads_to_every_document(openapi: OpenApi) -> None:
    paths = orjson.loads(openapi.v3_index())["paths"]
    assert {"api", "api/v1", "apis", "apis/apps", "apis/apps/v1", "version"} <= set(paths)
    url = paths["apis/apps/v1"]["serverRelativeURL"]
    assert url == f"/openapi/v3/apis/apps/v1?hash={openapi.version().upper()}"
    for name in paths:
        assert orjson.loads(openapi.v3_document(name) or b"")["openapi"] == "3.0.0"
    assert openapi.v3_document("apps/v9") is None


def read_fields(message: bytes) -> Iterable[tuple[int, bytes | int]]:
    """(field number, content) of a message."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            length = varint()
            yield key >> 3, message[position : position + length]
            position += length


def field(message: bytes, *numbers: int) -> Any:
    """The content of the last field on a path of field numbers."""
    found: Any = message
    for number in numbers:
        found = [content for n, content in read_fields(found) if n == number][-1]
    return found


def named(message: bytes, number: int) -> dict[str, bytes]:
    entries = [content for n, content in read_fields(message) if n == number]
    return {field(e, 1).decode(): field(e, 2) for e in entries if isinstance(e, bytes)}


def test_the_protobuf_form_says_the_same(openapi: OpenApi, v2: Any) -> None:
    message = openapi.v2_protobuf()
    assert field(message, 1) == b"2.0"
    paths, definitions = named(field(message, 8), 2), named(field(message, 9), 1)
    assert set(paths) == set(v2["paths"])
    assert set(definitions) == set(v2["definitions"])
    spec = v2["definitions"]["io.k8s.api.apps.v1.DeploymentSpec"]
    raw = definitions["io.k8s.api.apps.v1.DeploymentSpec"]
    assert [c for n, c in read_fields(raw) if n == 19] == [r.encode() for r in spec["required"]]
    properties = named(field(raw, 25), 1)
    assert set(properties) == set(spec["properties"])
    assert field(properties["replicas"], 22, 1) == b"integer"
    assert field(properties["replicas"], 2) == b"int32"
    assert field(properties["template"], 1) == b"#/definitions/io.k8s.api.core.v1.PodTemplateSpec"
    extensions = named(properties["strategy"], 31)
    assert field(extensions["x-kubernetes-patch-strategy"], 2) == b'"retainKeys"\n'


def test_an_operation_in_the_protobuf_form(openapi: OpenApi) -> None:
    path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    item = named(field(openapi.v2_protobuf(), 8), 2)[path]
    patch = field(item, 8)
    assert field(patch, 5) == b"patchAppsV1NamespacedDeployment"
    gvk = orjson.loads(field(named(patch, 13)["x-kubernetes-group-version-kind"], 2))
    assert gvk == {"group": "apps", "kind": "Deployment", "version": "v1"}
    parameters = [c for n, c in read_fields(patch) if n == 8 and isinstance(c, bytes)]
    inline = [c for p in parameters for n, c in read_fields(p) if n == 1]
    assert b"dryRun" in [field(p, 2, 3, 4) for p in inline if isinstance(p, bytes)]
    assert field(field(patch, 9), 1, 1) in (b"200", b"201", b"401")


def test_documents_are_kept_on_disk_and_survive_a_bad_directory(tmp_path: Path) -> None:
    first = OpenApi(tmp_path / "cache")
    document = first.v3_document("apps/v1")
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(b"kept")
    assert OpenApi(tmp_path / "cache").v3_document("apps/v1") == b"kept"
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert OpenApi(blocked / "cache").v3_document("apps/v1") == document


def test_asking_for_nothing_imports_nothing() -> None:
    code = (
        "import sys; from pybernetes.apiserver.openapi.service import OpenApi; OpenApi();"
        "print([m for m in sys.modules if m.startswith(('google', 'kubernetes_validate', 'yaml')) or"
        " m.endswith(('openapi.documents', 'openapi.operations'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_unknown_schema_keywords_are_not_lost_silently() -> None:
    with pytest.raises(KeyError):
        protobuf.schema({"patternProperties": {}})
    definitions = Definitions(location().read_bytes())
    assert all(protobuf.schema(definitions.v2(name)) for name in definitions.names)
    assert all(protobuf.path_item(documents.v2_path(item)) for item in documents.v2_paths())


def ask(openapi: OpenApi, path: str, query: str = "", **headers: str) -> Response | None:
    wire = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(answer(openapi, Request("GET", path, query, wire)))


def test_over_http(openapi: OpenApi) -> None:
    old = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    response = ask(openapi, "/openapi/v2", accept=old)
    assert response is not None
    headers = dict(response.headers)
    assert (response.status, headers["Content-Type"], response.body) == (200, PROTOBUF, openapi.v2_protobuf())
    again = ask(openapi, "/openapi/v2", accept=old, if_none_match=headers["Etag"])
    assert again is not None and (again.status, again.body) == (304, b"")
    response = ask(openapi, "/openapi/v2", accept="text/html, */*;q=0.5")
    assert response is not None and dict(response.headers)["Content-Type"] == "application/json"
    response = ask(openapi, "/openapi/v2", accept="text/html")
    assert response is not None and response.status == 406


def test_v3_over_http(openapi: OpenApi) -> None:
    response = ask(openapi, "/openapi/v3/apis/apps/v1", f"hash={openapi.version().upper()}")
    assert response is not None and response.status == 200
    assert "immutable" in dict(response.headers)["Cache-Control"]
    response = ask(openapi, "/openapi/v3/apis/apps/v1", "hash=OLD")
    assert response is not None and response.status == 301
    assert dict(response.headers)["Location"].endswith(openapi.version().upper())
    response = ask(openapi, "/openapi/v3")
    assert response is not None and response.body == openapi.v3_index()
    assert ask(openapi, "/openapi/v3/apis/nope/v1") is None
    assert ask(openapi, "/openapi") is None


def test_what_is_not_served_is_not_published() -> None:
    apps = OpenApi(resources=[r for r in RESOURCES if (r.group, r.version) == ("apps", "v1")])
    v2 = orjson.loads(apps.v2_json())
    assert "/apis/apps/v1/watch/namespaces/{namespace}/deployments/{name}" in v2["paths"]
    assert not [path for path in v2["paths"] if path.startswith("/apis/batch")]
    assert "io.k8s.api.core.v1.PodSpec" in v2["definitions"]
    assert "io.k8s.api.batch.v1.Job" not in v2["definitions"]
    assert [name for name in apps.v3_names() if name.startswith("apis/")] == ["apis/apps", "apis/apps/v1"]
    assert apps.etag("v2.json") != OpenApi().etag("v2.json")


def test_what_answers_are_written_in(v2: Any) -> None:
    produced = v2["paths"]["/api/v1/pods"]["get"]["produces"]
    assert "application/vnd.kubernetes.protobuf;stream=watch" in produced
    keys = v2["paths"]["/openid/v1/jwks/"]["get"]
    assert keys["produces"] == ["application/jwk-set+json"]
