from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from pybernetes.api.apps import v1 as apps
from pybernetes.api.autoscaling import v1 as autoscaling
from pybernetes.api.core import v1 as core
from pybernetes.api.events import v1 as events
from pybernetes.apimachinery.decoding import decode, from_tree, tree_of
from pybernetes.apimachinery.errors import BadRequest

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "nginx", "resources": {"limits": {"cpu": "500m"}}}]},
}


def failure(body: Any, cls: type[msgspec.Struct] = core.Pod, **options: str) -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BadRequest) as caught:
        decode(data, cls, **options)
    return caught.value.message


def test_what_is_right_comes_through_unchanged() -> None:
    pod, warnings = decode(json.dumps(POD).encode(), core.Pod)
    assert warnings == []
    assert msgspec.to_builtins(pod) == POD | {"status": {}}
    assert from_tree(POD, core.Pod) == (pod, [])


def test_absent_type_is_filled_in() -> None:
    pod, _ = decode(b'{"metadata":{"name":"x"}}', core.Pod)
    assert (pod.apiVersion, pod.kind) == ("v1", "Pod")
    pod, _ = decode(b'{"apiVersion":"","kind":"","unknown":1}', core.Pod, field_validation="Ignore")
    assert (pod.apiVersion, pod.kind) == ("v1", "Pod")


@pytest.mark.parametrize("validation", ["Strict", "Warn", "", "Ignore"])
def test_unknown_and_duplicate_fields(validation: str) -> None:
    body = (
        b'{"metadata":{"name":"a","name":"b","labels":{"x":"1","x":"2"}},'
        b'"spec":{"foo":1,"containers":[{"name":"c","imagee":"y"}]}}'
    )
    problems = [
        'duplicate field "metadata.name"',
        'duplicate field "metadata.labels.x"',
        'unknown field "spec.foo"',
        'unknown field "spec.containers[0].imagee"',
    ]
    if validation == "Strict":
        start = 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        assert failure(body) == start + ", ".join(problems)
        return
    pod, warnings = decode(body, core.Pod, field_validation=validation)
    assert (pod.metadata.name, pod.metadata.labels) == ("b", {"x": "2"})
    assert warnings == ([] if validation == "Ignore" else problems)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ('"foo":1,"nodeName":"a","nodeName":"b","bar":2', ["foo", "nodeName", "bar"]),
        ('"nodeName":"a","foo":1,"nodeName":"b","bar":2', ["foo", "nodeName", "bar"]),
        ('"nodeName":"a","nodeName":"b","nodeName":"c","foo":1', ["nodeName", "foo"]),
        ('"hostname":"a","nodeName":"a","nodeName":"b","hostname":"b"', ["nodeName", "hostname"]),
    ],
)
def test_problems_are_told_in_the_order_of_the_document(spec: str, told: list[str]) -> None:
    _, warnings = decode(f'{{"spec":{{{spec}}}}}'.encode(), core.Pod, field_validation="Warn")
    assert [w.split('"')[1].removeprefix("spec.") for w in warnings] == told


def test_a_quoted_colon_is_no_duplicate_field() -> None:
    tree = {"metadata": {"annotations": {"a": '{"b":{"c":1}}', "d": '"": :'}}}
    assert decode(json.dumps(tree).encode(), core.ConfigMap)[1] == []
    assert decode(json.dumps(tree, separators=(",", " : ")).encode(), core.ConfigMap)[1] == []


@pytest.mark.parametrize(
    ("cls", "tree", "got", "field", "wanted"),
    [
        (apps.Deployment, {"spec": {"replicas": "3"}}, "string", "DeploymentSpec.spec.replicas", "int32"),
        (apps.Deployment, {"spec": {"replicas": 1.5}}, "number 1.5", "DeploymentSpec.spec.replicas", "int32"),
        (apps.Deployment, {"spec": {"replicas": 2**31}}, f"number {2**31}", "DeploymentSpec.spec.replicas", "int32"),
        (core.Pod, {"metadata": {"labels": {"a": 1}}}, "number", "ObjectMeta.metadata.labels", "string"),
        (
            core.Pod,
            {"spec": {"containers": [{"env": [{"value": True}]}]}},
            "bool",
            "EnvVar.spec.containers.env.value",
            "string",
        ),
        (core.Pod, {"spec": {"containers": {}}}, "object", "PodSpec.spec.containers", "[]v1.Container"),
        (core.Pod, {"spec": []}, "array", "Pod.spec", "v1.PodSpec"),
        (core.ConfigMap, {"data": "x"}, "string", "ConfigMap.data", "map[string]string"),
        (core.Service, {"spec": {"ports": [{"targetPort": True}]}}, "bool", "", "int32"),
    ],
)
def test_wrong_types_are_told_as_go_tells_them(
    cls: type[msgspec.Struct], tree: Any, got: str, field: str, wanted: str
) -> None:
    kind = cls.__name__
    into = f"struct field {field}" if field else "value"
    problem = f"{got} into Go {into} of type {wanted}"
    assert failure(tree, cls) == (
        f'{kind} in version "v1" cannot be handled as a {kind}: json: cannot unmarshal {problem}'
    )


def test_quantities_are_checked_and_written_canonically() -> None:
    def limits(value: Any) -> dict[str, Any]:
        return {"spec": {"containers": [{"name": "c", "resources": {"limits": value}}]}}

    for given in ({"cpu": "0.5", "memory": "1024Ki"}, {"cpu": 0.5, "memory": "1024Ki"}):
        pod, _ = decode(json.dumps(limits(given)).encode(), core.Pod)
        found = pod.spec.containers[0].resources
        assert found is not None and found.limits == {"cpu": "500m", "memory": "1Mi"}
        assert from_tree(limits(given), core.Pod)[0] == pod
    assert "quantities must match the regular expression" in failure(limits({"cpu": "1x"}))
    assert "unable to parse quantity's suffix" in failure(limits({"cpu": "1mm"}))


def test_times_and_base64() -> None:
    body = {"metadata": {"creationTimestamp": None, "deletionTimestamp": "2026-01-01T02:00:00+02:00"}}
    pod, _ = decode(json.dumps(body).encode(), core.Pod)
    assert pod.metadata.creationTimestamp is None
    assert pod.metadata.deletionTimestamp == "2026-01-01T00:00:00Z"
    assert 'parsing time "x"' in failure({"metadata": {"creationTimestamp": "x"}})
    secret, _ = decode(b'{"data":{"a":"YWJj\\n"}}', core.Secret)
    assert secret.data == {"a": "YWJj"}
    assert failure({"data": {"a": "YWJ*"}}, core.Secret).endswith("illegal base64 data at input byte 3")
    event, _ = decode(b'{"eventTime":null}', events.Event)
    assert msgspec.to_builtins(event)["eventTime"] is None


def test_nulls_count_as_absent() -> None:
    tree = {"metadata": {"labels": None}, "spec": {"containers": None, "volumes": [None], "nodeName": None}}
    pod, warnings = decode(json.dumps(tree).encode(), core.Pod)
    assert warnings == []
    assert (pod.metadata.labels, pod.spec.containers, pod.spec.nodeName) == ({}, [], None)
    assert pod.spec.volumes == [core.Volume()]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "unexpected end of JSON input (<empty>)"),
        (b'{"a":', 'unexpected end of JSON input ({"a":)'),
        (b"{a:1}", "invalid character 'a' looking for beginning of object key string ({a:1})"),
        (b'{"a":1 "b"}', 'invalid character \'"\' after object key:value pair ({"a":1 "b"})'),
        (b"{} x", "invalid character 'x' after top-level value ({} x)"),
        (b"nope", "invalid character 'n' looking for beginning of value (6e6f7065)"),
        (b'{"a":[1 2]}', "invalid character '2' after array element ({\"a\":[1 2]})"),
    ],
)
def test_what_is_no_json(body: bytes, problem: str) -> None:
    assert failure(body) == (
        "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: "
        + problem
    )


@pytest.mark.parametrize("body", [b"[1]", b"1", b"null", b'{"kind":1}', b"[" * 200_000, b"\xff\xfe"])
def test_other_shapes_are_refused_too(body: bytes) -> None:
    assert failure(body).startswith("the object provided is unrecognized (must be of type Pod): ")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"apiVersion": "v2"},
            'Pod in version "v2" cannot be handled as a Pod: no kind "Pod" is registered for version "v2" in scheme '
            '"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"',
        ),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment"},
            'Deployment in version "v1" cannot be handled as a Pod: converting (v1.Deployment) to (core.Pod): '
            "unknown conversion",
        ),
        (
            {"kind": "Foo"},
            'Foo in version "v1" cannot be handled as a Pod: no kind "Foo" is registered for version "v1" in scheme '
            '"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"',
        ),
    ],
)
def test_another_type_is_refused(tree: Any, message: str) -> None:
    assert failure(tree) == message


def test_another_version_of_the_kind_is_refused() -> None:
    assert failure({"apiVersion": "autoscaling/v2"}, autoscaling.HorizontalPodAutoscaler) == (
        "the API version in the data (autoscaling/v2) does not match the expected API version (autoscaling/v1)"
    )


@pytest.mark.parametrize("head", [{}, {"apiVersion": ""}, {"kind": ""}, {"apiVersion": "", "kind": None}])
def test_a_type_that_is_left_empty_is_the_one_that_is_wanted(head: Any) -> None:
    tree = {**head, "metadata": {"name": "a"}}
    for found, warnings in (decode(json.dumps(tree).encode(), core.Pod), from_tree(tree, core.Pod)):
        assert (found.apiVersion, found.kind, found.metadata.name, warnings) == ("v1", "Pod", "a", [])


YAML = b"""\
apiVersion: v1
kind: Pod
metadata:
  name: web
  creationTimestamp: 2026-01-01T00:00:00Z
  annotations: {when: "12:30:45", raw: '1'}
spec:
  containers:
  - &c
    name: a
    tty: on
    ports: [{containerPort: 0x50}]
  - <<: *c
    name: b
"""


def test_yaml() -> None:
    pod, _ = decode(YAML, core.Pod, content_type="application/yaml")
    assert pod.metadata.creationTimestamp == "2026-01-01T00:00:00Z"
    assert pod.metadata.annotations["when"] == "12:30:45"
    assert [(c.name, c.tty, c.ports[0].containerPort) for c in pod.spec.containers] == [
        ("a", True, 80),
        ("b", True, 80),
    ]


def test_yaml_base_sixty_stays_text() -> None:
    tree, _ = tree_of(
        b"a: 12:30:45\nb: 2026-01-01\nc: 0o17\nd: 1_000\ne: 1.5e3\nf: .5\n1: x\n", content_type="application/yaml"
    )
    assert tree == {"a": "12:30:45", "b": "2026-01-01", "c": 15, "d": 1000, "e": 1500.0, "f": 0.5, "1": "x"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"a: [\n", "yaml: line 2: did not find expected node content"),
        (b"a: &a [*a]\n", "yaml: document contains excessive aliasing"),
        (
            b"a: &a " + b"[" + b"1," * 1000 + b"]\nb: &b [" + b"*a," * 1000 + b"]\nc: [" + b"*b," * 1000 + b"]\n",
            "excessive aliasing",
        ),
        (b"a: 1\n---\nb: 2\n", "but found another document"),
    ],
    ids=["syntax", "recursive", "billion", "two"],
)
def test_bad_yaml(body: bytes, problem: str) -> None:
    assert problem in failure(body, content_type="application/yaml")


def test_yaml_duplicates_are_told() -> None:
    body = b"metadata:\n  name: a\n  name: b\n"
    assert 'key "name" already set in map' in failure(body, content_type="application/yaml")
    _, warnings = decode(body, core.Pod, field_validation="Warn", content_type="application/yaml")
    assert len(warnings) == 1


def test_trees_without_a_struct() -> None:
    assert tree_of(b'{"a":1}') == ({"a": 1}, [])
    body = b'{"spec":{"a":1,"a":2},"l":[{"b":1,"b":2}]}'
    problems = ['duplicate field "spec.a"', 'duplicate field "l[0].b"']
    with pytest.raises(BadRequest, match="strict decoding error: " + ", ".join(problems).replace("[", r"\[")):
        tree_of(body)
    assert tree_of(body, field_validation="Warn")[1] == problems
    assert tree_of(body, field_validation="Ignore") == ({"spec": {"a": 2}, "l": [{"b": 2}]}, [])
    with pytest.raises(BadRequest, match="invalid character 'x'"):
        tree_of(b"x")


@pytest.mark.parametrize("body", ['"hostNetwork": false, "nodeName": ""', '"hostNetwork": false, "nodeName": null'])
def test_zeros_that_go_leaves_out_count_as_absent(body: str) -> None:
    text = '{"spec": {"containers": [{"name": "c", "stdin": false}], "hostUsers": false, ' + body + "}}"
    pod, _ = decode(text.encode(), core.Pod)
    assert pod.spec.hostNetwork is None and pod.spec.nodeName is None and pod.spec.containers[0].stdin is None
    assert pod.spec.hostUsers is False, "a pointer keeps its zero"


def test_what_go_always_writes_is_there() -> None:
    event = msgspec.to_builtins(core.Event())
    assert event["eventTime"] is None and event["source"] == {} and event["reportingComponent"] == ""
