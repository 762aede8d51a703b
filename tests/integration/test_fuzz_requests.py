"""Requests that nobody would write, against an apiserver in memory: no 500, no hang, and what is stored can be read.

A short sample with a fixed seed; FUZZ_EXAMPLES (`make soak`) says how many examples each test makes, at random, and
how many requests that were is printed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery import cbor
from pybernetes.apimachinery.protobuf import encoding as protobuf
from pybernetes.apimachinery.scheme import RESOURCES, Resource
from tests.fuzzing import fuzzed
from tests.integration.apiserver_in_a_thread import TOKEN, Answer, Served, read_answer, serving
from tests.tree_strategies import NAMES, NUMBERS, OPERATIONS, TEXT, TREES

sampled = fuzzed(120)
NAMESPACE = "default"
STORED = {
    "pods": ("v1", "Pod", {"spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]}}),
    "configmaps": ("v1", "ConfigMap", {"data": {"a": "b"}}),
    "secrets": ("v1", "Secret", {"data": {"a": "Yg=="}}),
    "services": ("v1", "Service", {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}),
    "deployments": (
        "apps/v1",
        "Deployment",
        {
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}}]},
                },
            }
        },
    ),
    "jobs": (
        "batch/v1",
        "Job",
        {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}},
    ),
    "roles": (
        "rbac.authorization.k8s.io/v1",
        "Role",
        {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    ),
}


@pytest.fixture(scope="module")
def api() -> Iterator[Served]:
    gates = {"CBORServingAndStorage": True, "AllBeta": True, "GenericWorkload": True}
    with serving(feature_gates=gates, runtime_config={"api/all": True}) as served:
        served.make(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "default"}})
        yield served
        print(f"\n{served.asked} requests")


def collection(plural: str) -> str:
    version = STORED[plural][0]
    return f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/{NAMESPACE}/{plural}"


def fresh(api: Served, plural: str) -> str:
    """The path of the kind's object, made anew when the last example deleted or broke it."""
    version, kind, rest = STORED[plural]
    path = f"{collection(plural)}/one"
    if api.ask("GET", path).status == 404:
        api.make(collection(plural), {"apiVersion": version, "kind": kind, "metadata": {"name": "one"}, **rest})
    return path


def fine(answer: Answer) -> None:
    """No failure of the server, and an answer that is JSON."""
    assert answer.status < 500 or answer.status == 504, answer.message
    if answer.body:
        json.loads(answer.body)


def readable(api: Served, plural: str) -> None:
    """Everything stored decodes into its type and is as valid as what can be written again."""
    version, _, _ = STORED[plural]
    group, _, number = version.rpartition("/")
    resource = next(r for r in RESOURCES if (r.group, r.version, r.plural) == (group, number, plural))
    decoder = msgspec.json.Decoder(resource.struct())
    listed = api.ask("GET", collection(plural))
    assert listed.status == 200
    for item in json.loads(listed.body)["items"]:
        decoder.decode(json.dumps(item).encode())
        stored = json.dumps(item).encode()
        again = api.ask("PUT", f"{collection(plural)}/{quote(item['metadata']['name'])}", stored)
        assert again.status in (200, 409), again.message


@sampled
@given(plural=st.sampled_from(list(STORED)), operations=st.lists(OPERATIONS, max_size=4) | TREES)
def test_json_patches(api: Served, plural: str, operations: Any) -> None:
    answer = api.ask(
        "PATCH", fresh(api, plural), json.dumps(operations).encode(), content_type="application/json-patch+json"
    )
    fine(answer)
    if answer.status == 200:
        readable(api, plural)


@sampled
@given(
    plural=st.sampled_from(list(STORED)),
    kind=st.sampled_from(["merge", "strategic-merge"]),
    patch=st.dictionaries(NAMES, TREES, max_size=3) | TREES,
)
def test_merge_patches(api: Served, plural: str, kind: str, patch: Any) -> None:
    target = fresh(api, plural)
    answer = api.ask("PATCH", target, json.dumps(patch).encode(), content_type=f"application/{kind}-patch+json")
    fine(answer)
    if answer.status == 200:
        readable(api, plural)


def altered(tree: Any, path: list[int], value: Any) -> Any:
    """The tree with one of its parts, which the numbers lead to, replaced by `value`."""
    if not path or not isinstance(tree, dict | list) or not tree:
        return value
    if isinstance(tree, dict):
        key = sorted(tree)[path[0] % len(tree)]
        return {**tree, key: altered(tree[key], path[1:], value)}
    index = path[0] % len(tree)
    return [*tree[:index], altered(tree[index], path[1:], value), *tree[index + 1 :]]


PATHS = st.lists(st.integers(0, 30), min_size=1, max_size=8)


@sampled
@given(
    plural=st.sampled_from(list(STORED)),
    path=PATHS,
    value=TREES,
    verb=st.sampled_from(["PUT", "POST", "apply", "status"]),
    validation=st.sampled_from(["Strict", "Warn", "Ignore"]),
)
def test_objects_with_one_part_exchanged(
    api: Served, plural: str, path: list[int], value: Any, verb: str, validation: str
) -> None:
    target = fresh(api, plural)
    tree = altered(json.loads(api.ask("GET", target).body), path, value)
    body = json.dumps(tree).encode()
    if verb == "POST":
        if isinstance(tree, dict) and isinstance(tree.get("metadata"), dict):
            tree["metadata"].pop("resourceVersion", None)
            body = json.dumps(tree).encode()
        answer = api.ask("POST", f"{collection(plural)}?fieldValidation={validation}&dryRun=All", body)
    elif verb == "apply":
        if isinstance(tree, dict) and isinstance(tree.get("metadata"), dict):
            tree["metadata"].pop("managedFields", None)
            body = json.dumps(tree).encode()
        options = f"fieldManager=f&force=true&fieldValidation={validation}"
        answer = api.ask("PATCH", f"{target}?{options}", body, content_type="application/apply-patch+yaml")
    else:
        view = "/status" if verb == "status" else ""
        answer = api.ask("PUT", f"{target}{view}?fieldValidation={validation}", body)
    fine(answer)
    if answer.status in (200, 201):
        readable(api, plural)


def creatable() -> list[Resource]:
    return [r for r in RESOURCES if "create" in r.verbs]


@sampled
@given(resource=st.sampled_from(creatable()), fields=st.dictionaries(NAMES, TREES, max_size=4), name=TEXT)
def test_objects_of_every_kind(api: Served, resource: Resource, fields: dict[str, Any], name: str) -> None:
    tree = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}} | fields
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    where = f"{root}/namespaces/{NAMESPACE}" if resource.namespaced else root
    fine(api.ask("POST", f"{where}/{resource.plural}?dryRun=All", json.dumps(tree).encode()))


QUERY = st.dictionaries(
    st.sampled_from(
        [
            "labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch", "watch",
            "allowWatchBookmarks", "sendInitialEvents", "timeoutSeconds", "timeout", "pretty", "dryRun",
            "fieldManager", "includeObject", "gracePeriodSeconds", "propagationPolicy",
        ]
    ),
    TEXT
    | st.sampled_from(["a=b", "a in (b,c)", "!a", "a notin ()", "a=b,", "metadata.name=one", "metadata.name!=", "true"])
    | st.integers(-2, 10).map(str),
    max_size=5,
)  # fmt: skip


@sampled
@given(
    plural=st.sampled_from(list(STORED)),
    query=QUERY,
    method=st.sampled_from(["GET", "GET", "GET", "DELETE", "HEAD", "OPTIONS", "BREW"]),
    accept=st.sampled_from(
        [
            "", "application/json", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "text/html", "*/*;q=x", ";;;,",
        ]
    ),
)  # fmt: skip
def test_queries(api: Served, plural: str, query: dict[str, str], method: str, accept: str) -> None:
    fresh(api, plural)
    text = "&".join(f"{key}={quote(value, errors='replace')}" for key, value in query.items())
    answer = api.ask(method, f"{collection(plural)}?{text}", accept=accept)
    assert answer.status < 500 or (answer.status == 504 and b"ResourceVersionTooLarge" in answer.body), answer.message


QUANTITY = (
    st.from_regex(r"[+-]?[0-9]{0,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3}|[numkMGTPE]|[KMGTPE]i)?", fullmatch=True)
    | TEXT
    | NUMBERS
)


@sampled
@given(limit=QUANTITY, request=QUANTITY)
def test_quantities(api: Served, limit: Any, request: Any) -> None:
    resources = {"limits": {"memory": limit}, "requests": {"memory": request}}
    container = {"name": "c", "image": "i", "resources": resources}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "q"}, "spec": {"containers": [container]}}
    answer = api.ask("POST", f"{collection('pods')}?dryRun=All", json.dumps(pod).encode())
    fine(answer)
    if answer.status == 201:
        again = json.loads(answer.body)["spec"]["containers"][0]["resources"]
        container["resources"] = again
        second = api.ask("POST", f"{collection('pods')}?dryRun=All", json.dumps(pod).encode())
        assert second.status == 201, second.message
        assert json.loads(second.body)["spec"]["containers"][0]["resources"] == again  # already canonical


def damaged(data: bytes, places: list[tuple[int, bytes]], end: int | None) -> bytes:
    """The bytes with some of them exchanged, and perhaps cut off."""
    for place, new in places:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + len(new) :]
    return data if end is None else data[: end % (len(data) + 1)]


DAMAGE = st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4)), max_size=4)


@sampled
@given(
    plural=st.sampled_from(list(STORED)),
    form=st.sampled_from(["application/vnd.kubernetes.protobuf", "application/cbor", "application/apply-patch+cbor"]),
    damage=DAMAGE,
    end=st.none() | st.integers(0, 2000),
    fields=st.dictionaries(NAMES, TREES, max_size=2),
)
def test_damaged_bodies_in_protobuf_and_cbor(
    api: Served, plural: str, form: str, damage: list[tuple[int, bytes]], end: int | None, fields: dict[str, Any]
) -> None:
    version, kind, rest = STORED[plural]
    tree = {"apiVersion": version, "kind": kind, "metadata": {"name": "two"}, **rest}
    if form.endswith("protobuf"):
        good = protobuf.encode(tree)
    else:
        good = cbor.encode(json.loads(json.dumps({**tree, **fields}, default=str)))
    body = damaged(good, damage, end)
    if "patch" in form:
        target = f"{collection(plural)}/two?fieldManager=f&force=true&dryRun=All"
        fine(api.ask("PATCH", target, body, content_type=form, accept="application/json"))
    else:
        fine(api.ask("POST", f"{collection(plural)}?dryRun=All", body, content_type=form, accept="application/json"))


TOKENS = st.one_of(
    st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")),
    st.fixed_dictionaries(
        {},
        optional={"v": TEXT | st.just("meta.k8s.io/v1"), "rv": NUMBERS, "start": TEXT | st.just("default/one\u0000")},
    ).map(lambda tree: base64.urlsafe_b64encode(json.dumps(tree).encode()).decode().rstrip("=")),
    TEXT,
)
SELECTORS = st.lists(
    st.sampled_from(
        ["a", "b", "x/y", "=", "==", "!=", "!", " in ", " notin ", "(", ")", ",", ">", "<", "1", "metadata.name", "\\"]
    )
    | TEXT,
    max_size=8,
).map("".join)


@sampled
@given(plural=st.sampled_from(list(STORED)), token=TOKENS, labels=SELECTORS, fields=SELECTORS)
def test_selectors_and_continue_tokens(api: Served, plural: str, token: str, labels: str, fields: str) -> None:
    fresh(api, plural)
    for name, value in (("limit=1&continue", token), ("labelSelector", labels), ("fieldSelector", fields)):
        answer = api.ask("GET", f"{collection(plural)}?{name}={quote(value, safe='', errors='replace')}")
        assert answer.status in (200, 400, 410, 504), answer.message


NAMED = st.sampled_from(["m0", "m1", "m2"])
DATA = st.dictionaries(st.sampled_from(["a", "b", "c"]), TEXT, max_size=3)
STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "replace", "merge", "json", "apply", "delete", "broken"]), NAMED, DATA),
    min_size=1,
    max_size=12,
)


@sampled
@given(steps=STEPS)
def test_maps_follow_a_model(api: Served, steps: list[tuple[str, str, dict[str, str]]]) -> None:
    """What is answered with success is there whole, what is answered with an error has changed nothing."""
    model: dict[str, dict[str, str]] = {}
    where = collection("configmaps")
    for name in ("m0", "m1", "m2"):
        api.ask("DELETE", f"{where}/{name}")
    for act, name, data in steps:
        whole = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        body, one = json.dumps(whole).encode(), f"{where}/{name}"
        if act == "create":
            done = api.ask("POST", where, body).status == 201
            assert done == (name not in model)
            if done:
                model[name] = data
        elif act == "replace":
            if (answer := api.ask("PUT", one, body)).status == 200:
                model[name] = data
            else:
                assert answer.status == 404 and name not in model
        elif act == "merge":
            answer = api.ask("PATCH", one, body, content_type="application/merge-patch+json")
            assert answer.status == (200 if name in model else 404)
            if name in model:
                model[name] = {**model[name], **data}
        elif act == "json":
            operations = [{"op": "replace", "path": "/data", "value": data}, {"op": "test", "path": "/data/a"}]
            content = json.dumps(operations).encode()
            answer = api.ask("PATCH", one, content, content_type="application/json-patch+json")
            assert answer.status in (200, 404, 422)
            if answer.status == 200:
                model[name] = data
        elif act == "apply":
            target = f"{one}?fieldManager=model&force=true"
            answer = api.ask("PATCH", target, cbor.encode(whole), content_type="application/apply-patch+cbor")
            assert answer.status in (200, 201)
            model[name] = json.loads(answer.body).get("data", {})
            assert data.items() <= model[name].items()
        elif act == "delete":
            assert api.ask("DELETE", one).status == (200 if name in model else 404)
            model.pop(name, None)
        else:
            assert api.ask("PUT", one, body[:-1]).status == 400
    items = json.loads(api.ask("GET", where).body)["items"]
    found = {item["metadata"]["name"]: item.get("data", {}) for item in items}
    assert {name: data for name, data in found.items() if name in ("m0", "m1", "m2")} == model


HEAD = f"{{}} {collection('configmaps')}?dryRun=All HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
REQUESTS = (
    (HEAD.format("GET") + "\r\n").encode(),
    (HEAD.format("POST") + "Content-Length: 2\r\n\r\n{}").encode(),
    (HEAD.format("POST") + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").encode(),
)


@sampled
@given(request=st.sampled_from(REQUESTS), damage=DAMAGE, end=st.none() | st.integers(0, 2000))
def test_damaged_requests(api: Served, request: bytes, damage: list[tuple[int, bytes]], end: int | None) -> None:
    """Whatever comes over the wire: an answer that is no failure, or the end; and the next request is served."""
    with api.open() as sock, contextlib.suppress(ConnectionError):
        sock.sendall(damaged(request, damage, end))
        with contextlib.suppress(OSError):  # it may have ended the connection already
            sock.shutdown(socket.SHUT_WR)
        answer = read_answer(sock)
        assert answer.status < 500 or answer.status in (501, 505), answer
    assert api.ask("GET", "/healthz").status == 200
