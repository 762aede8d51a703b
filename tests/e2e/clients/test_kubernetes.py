"""The client library `kubernetes` from PyPI, unchanged."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from ..conftest import IMAGE, PATIENCE_S, Cluster, eventually
from .conftest import BOX

pytestmark = pytest.mark.e2e
kubernetes = pytest.importorskip("kubernetes")


@pytest.fixture
def api(cluster: Cluster) -> Any:
    from kubernetes import client, config

    config.load_kube_config(str(cluster.kubeconfig))
    return client.CoreV1Api()


@pytest.fixture
def box(api: Any, namespace: str) -> str:
    """The Pod of `BOX`, ready."""
    from kubernetes import watch

    created = api.create_namespaced_pod(namespace, BOX)
    watcher = watch.Watch()
    for event in watcher.stream(
        api.list_namespaced_pod, namespace, resource_version=created.metadata.resource_version,
        timeout_seconds=PATIENCE_S,
    ):  # fmt: skip
        if any(c.type == "Ready" and c.status == "True" for c in event["object"].status.conditions or ()):
            watcher.stop()
    return str(created.metadata.name)


def test_exec_log_and_port_forward(namespace: str, api: Any, box: str) -> None:
    from kubernetes.stream import portforward, stream

    def execute(**options: Any) -> Any:
        return stream(api.connect_get_namespaced_pod_exec, box, namespace, stderr=True, stdout=True, **options)

    assert execute(command=["echo", "hello"], stdin=False, tty=False) == "hello\n"
    talk = execute(command=["sh"], stdin=True, tty=False, _preload_content=False)
    talk.write_stdin("echo typed; echo wrong >&2; exit 4\n")
    talk.run_forever(timeout=PATIENCE_S)
    assert (talk.read_stdout(), talk.read_stderr(), talk.returncode) == ("typed\n", "wrong\n", 4)
    binary = execute(command=["head", "-c", "100000", "/dev/zero"], stdin=False, tty=False, binary=True)
    assert binary == bytes(100_000)
    eventually("the lines are there", lambda: api.read_namespaced_pod_log(box, namespace) == "one\ntwo\n")
    assert api.read_namespaced_pod_log(box, namespace, tail_lines=1) == "two\n"
    forwarded = portforward(api.connect_get_namespaced_pod_portforward, box, namespace, ports="8080")
    connection = forwarded.socket(8080)
    connection.setblocking(True)
    connection.sendall(b"GET / HTTP/1.0\r\nHost: box\r\n\r\n")
    answer = b""
    while data := connection.recv(4096):
        answer += data
    assert answer.endswith(b"served\n")
    assert forwarded.error(8080) is None
    assert api.connect_get_namespaced_pod_proxy_with_path("box:8080", namespace, "index.html") == "served\n"


def test_attach_talks_to_the_first_process(namespace: str, api: Any) -> None:
    from kubernetes.stream import stream

    container = {"name": "c", "image": IMAGE, "stdin": True, "stdinOnce": True, "command": ["cat"]}
    spec = {"containers": [container], "restartPolicy": "Never"}
    api.create_namespaced_pod(namespace, {"metadata": {"name": "echo"}, "spec": spec})
    eventually("it runs", lambda: api.read_namespaced_pod("echo", namespace).status.phase == "Running")
    attached = stream(
        api.connect_get_namespaced_pod_attach, "echo", namespace,
        stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False,
    )  # fmt: skip
    attached.write_stdin("typed\n")
    assert attached.readline_stdout(timeout=PATIENCE_S) == "typed"
    attached.close()
    eventually("its input has ended", lambda: api.read_namespaced_pod("echo", namespace).status.phase == "Succeeded")


def test_pages_and_selectors(namespace: str, api: Any) -> None:
    for number in range(7):
        labels = {"parity": "odd" if number % 2 else "even"}
        api.create_namespaced_config_map(namespace, {"metadata": {"name": f"c{number}", "labels": labels}})
    names: list[str] = []
    versions = set()
    token = None
    while token != "":
        page = api.list_namespaced_config_map(namespace, limit=3, _continue=token, label_selector="parity")
        names += [item.metadata.name for item in page.items]
        versions.add(page.metadata.resource_version)
        token = page.metadata._continue or ""
        api.patch_namespaced_config_map("c6", namespace, {"data": {"seen": str(len(names))}})
    assert names == [f"c{number}" for number in range(7)]
    assert len(versions) == 1, "every page is of one moment"
    odd = api.list_namespaced_config_map(namespace, label_selector="parity in (odd),parity!=even")
    assert [item.metadata.name for item in odd.items] == ["c1", "c3", "c5"]
    one = api.list_namespaced_config_map(namespace, field_selector="metadata.name=c2")
    assert [item.metadata.name for item in one.items] == ["c2"]
    api.delete_collection_namespaced_config_map(namespace, label_selector="parity=odd")
    left = api.list_namespaced_config_map(namespace, label_selector="parity")
    assert [item.metadata.name for item in left.items] == ["c0", "c2", "c4", "c6"]


def test_patches_and_apply(namespace: str, api: Any) -> None:
    from kubernetes.client.exceptions import ApiException

    api.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}})
    patched = api.patch_namespaced_config_map("c", namespace, {"data": {"a": None}})
    assert patched.data == {"b": "2"}
    steps = [{"op": "test", "path": "/data/b", "value": "2"}, {"op": "add", "path": "/data/c", "value": "3"}]
    assert api.patch_namespaced_config_map("c", namespace, steps).data == {"b": "2", "c": "3"}
    merge = "application/merge-patch+json"
    patched = api.patch_namespaced_config_map("c", namespace, {"data": {"b": None}}, _content_type=merge)
    assert patched.data == {"c": "3"}
    apply: dict[str, Any] = {"field_manager": "me", "_content_type": "application/apply-patch+yaml"}
    wanted: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"d": "4"}}
    assert api.patch_namespaced_config_map("c", namespace, wanted, **apply).data == {"c": "3", "d": "4"}
    wanted["data"] = {"c": "9"}
    with pytest.raises(ApiException) as conflict:
        api.patch_namespaced_config_map("c", namespace, wanted, **apply)
    assert conflict.value.status == 409
    assert ".data.c" in conflict.value.body
    assert api.patch_namespaced_config_map("c", namespace, wanted, force=True, **apply).data == {"c": "9"}
    dry = api.patch_namespaced_config_map("c", namespace, {"data": {"x": "y"}}, dry_run="All")
    assert dry.data == {"c": "9", "x": "y"}
    assert api.read_namespaced_config_map("c", namespace).data == {"c": "9"}


def test_status_scale_and_eviction(namespace: str, api: Any) -> None:
    from kubernetes import client

    apps = client.AppsV1Api()
    template = {"metadata": {"labels": {"app": "idle"}}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "idle"}}, "template": template}
    apps.create_namespaced_deployment(namespace, {"metadata": {"name": "idle"}, "spec": spec})
    scale = apps.read_namespaced_deployment_scale("idle", namespace)
    assert scale.status.selector == "app=idle"
    apps.patch_namespaced_deployment_scale("idle", namespace, {"spec": {"replicas": 1}})
    assert apps.read_namespaced_deployment("idle", namespace).spec.replicas == 1
    condition = {"type": "Told", "status": "True", "reason": "Because", "message": "", "lastTransitionTime": None}
    told = apps.patch_namespaced_deployment_status("idle", namespace, {"status": {"conditions": [condition]}})
    assert "Told" in {c.type for c in told.status.conditions}
    apps.delete_namespaced_deployment("idle", namespace, propagation_policy="Foreground")
    api.create_namespaced_pod(namespace, {**BOX, "spec": {**BOX["spec"], "schedulerName": "nobody"}})
    metadata = {"name": "box", "namespace": namespace}
    policy = client.PolicyV1Api()
    budget = {"selector": {"matchLabels": {"app": "box"}}, "maxUnavailable": 1}
    policy.create_namespaced_pod_disruption_budget(namespace, {"metadata": {"name": "box"}, "spec": budget})
    api.create_namespaced_pod_eviction("box", namespace, {"metadata": metadata})
    eventually(
        "the Pod is gone",
        lambda: not api.list_namespaced_pod(namespace, label_selector="app=box").items,
    )
    assert api.create_namespaced_service_account_token("default", namespace, {"spec": {}}).status.token.count(".") == 2


def test_watch_resumes_and_tells_where_it_is(namespace: str, api: Any) -> None:
    from kubernetes import watch

    start = api.list_namespaced_config_map(namespace).metadata.resource_version
    for number in range(3):
        api.create_namespaced_config_map(namespace, {"metadata": {"name": f"w{number}"}})

    def follow(version: str, count: int) -> list[Any]:
        watcher = watch.Watch()
        seen = []
        for event in watcher.stream(
            api.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=PATIENCE_S
        ):
            seen.append(event)
            if len(seen) == count:
                watcher.stop()
        return seen

    first = follow(start, 1)
    assert [(e["type"], e["object"].metadata.name) for e in first] == [("ADDED", "w0")]
    rest = follow(first[0]["object"].metadata.resource_version, 2)
    assert [e["object"].metadata.name for e in rest] == ["w1", "w2"]
    watcher = watch.Watch()
    events = watcher.stream(
        api.list_namespaced_config_map, namespace, allow_watch_bookmarks=True, timeout_seconds=PATIENCE_S,
        send_initial_events=True, resource_version_match="NotOlderThan",
    )  # fmt: skip
    bookmark = next(e["raw_object"] for e in events if e["type"] == "BOOKMARK")
    watcher.stop()
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_informer(namespace: str, api: Any) -> None:
    from kubernetes import informer

    seen: queue.Queue[str] = queue.Queue()
    shared = informer.SharedInformer(api.list_namespaced_config_map, namespace, label_selector="told")
    for kind in ("ADDED", "MODIFIED", "DELETED"):
        shared.add_event_handler(kind, lambda found, kind=kind: seen.put(f"{kind} {found.metadata.name}"))
    shared.start()
    try:
        api.create_namespaced_config_map(namespace, {"metadata": {"name": "c", "labels": {"told": ""}}})
        assert seen.get(timeout=PATIENCE_S) == "ADDED c"
        api.patch_namespaced_config_map("c", namespace, {"data": {"a": "b"}})
        assert seen.get(timeout=PATIENCE_S) == "MODIFIED c"
        api.patch_namespaced_config_map("c", namespace, {"metadata": {"labels": {"told": None}}})
        assert seen.get(timeout=PATIENCE_S) == "DELETED c"
    finally:
        shared.stop()


def test_custom_resources(namespace: str, api: Any, gadgets: str) -> None:
    from kubernetes import client, dynamic
    from kubernetes.client.exceptions import ApiException

    custom = client.CustomObjectsApi()
    where = (gadgets, "v1", namespace, "gadgets")
    body = {"apiVersion": f"{gadgets}/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"color": "red"}}
    created = custom.create_namespaced_custom_object(*where, body)
    assert created["spec"] == {"color": "red", "size": 1}
    custom.patch_namespaced_custom_object_status(*where, "g", {"status": {"size": 1}})
    custom.patch_namespaced_custom_object_scale(*where, "g", {"spec": {"replicas": 3}})
    found = custom.get_namespaced_custom_object(*where, "g")
    assert (found["spec"]["size"], found["status"]) == (3, {"size": 1})
    with pytest.raises(ApiException) as invalid:
        custom.patch_namespaced_custom_object(*where, "g", {"spec": {"color": "green"}})
    assert invalid.value.status == 422
    assert "spec.color" in invalid.value.body
    resources = dynamic.DynamicClient(client.ApiClient()).resources
    gadget = resources.get(api_version=f"{gadgets}/v1", kind="Gadget")
    applied = gadget.server_side_apply(
        body={**body, "metadata": {"name": "h"}}, name="h", namespace=namespace, field_manager="me"
    )
    assert applied.spec.size == 1
    assert [item.metadata.name for item in gadget.get(namespace=namespace).items] == ["g", "h"]
    custom.delete_collection_namespaced_custom_object(*where)
    assert custom.list_namespaced_custom_object(*where)["items"] == []


def test_errors_are_statuses(cluster: Cluster, api: Any) -> None:
    from kubernetes.client.exceptions import ApiException

    def status(call: Any, *arguments: Any, **options: Any) -> int:
        with pytest.raises(ApiException) as refused:
            call(*arguments, **options)
        return int(refused.value.status)

    assert status(api.read_namespaced_pod, "nobody", "default") == 404
    assert status(api.create_namespaced_config_map, "default", {"metadata": {"name": "Not_A_Name"}}) == 422
    assert status(api.create_namespace, {"metadata": {"name": "default"}}) == 409
    assert status(api.list_namespaced_config_map, "default", label_selector="a in") == 400
    assert status(api.list_namespaced_config_map, "default", _continue="nonsense") == 400
    from kubernetes import client

    custom = client.CustomObjectsApi()
    where = ("apps", "v1", "default", "deployments")
    unknown = {"metadata": {"name": "c"}, "specc": {}}
    assert status(custom.create_namespaced_custom_object, *where, unknown, field_validation="Strict") == 400
    stranger = client.Configuration(host=api.api_client.configuration.host)
    stranger.verify_ssl = False
    with client.ApiClient(stranger) as nobody:
        assert status(client.CoreV1Api(nobody).list_namespaced_pod, "default") in (401, 403)
