"""The client library `kr8s` from PyPI, unchanged."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ..conftest import IMAGE, PATIENCE_S, Cluster, eventually, fetch
from .conftest import BOX

pytestmark = pytest.mark.e2e
kr8s = pytest.importorskip("kr8s")


@pytest.fixture
def api(cluster: Cluster, namespace: str) -> Any:
    return kr8s.api(kubeconfig=str(cluster.kubeconfig), namespace=namespace)


def config_map(api: Any, name: str, **labels: str) -> Any:
    from kr8s.objects import ConfigMap

    metadata = {"name": name, "namespace": api.namespace, "labels": labels}
    return ConfigMap({"metadata": metadata, "data": {"a": "1"}}, api=api)


def test_pods_talk(api: Any) -> None:
    from kr8s.objects import Pod, Service

    pod = Pod({**BOX, "metadata": {**BOX["metadata"], "namespace": api.namespace}}, api=api)
    pod.create()
    pod.wait("condition=Ready", timeout=PATIENCE_S)
    eventually("the lines are there", lambda: list(pod.logs()) == ["one", "two"])
    assert pod.exec(["echo", "hello"]).stdout == b"hello\n"
    failed = pod.exec(["sh", "-c", "echo wrong >&2; exit 3"], check=False)
    assert (failed.stderr, failed.returncode) == (b"wrong\n", 3)
    spec = {"selector": {"app": "box"}, "ports": [{"name": "web", "port": 80, "targetPort": 8080}]}
    service = Service({"metadata": {"name": "box", "namespace": api.namespace}, "spec": spec}, api=api)
    service.create()
    eventually("the Service has the Pod", service.ready)
    with pod.portforward(8080, local_port="auto") as port:
        assert fetch(f"http://127.0.0.1:{port}") == "served"
    assert service.proxy_http_get("/", port=80).text == "served\n"
    pod.delete()
    pod.wait("delete", timeout=PATIENCE_S)
    assert not pod.exists()


def test_objects_and_watches(api: Any) -> None:
    seen: list[tuple[str, str]] = []
    began, enough = threading.Event(), threading.Event()

    def follow() -> None:
        for event, found in api.watch("configmaps", label_selector="tier"):
            seen.append((event, found.name))
            began.set()
            if event == "DELETED":
                enough.set()
                return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    for name in ("a", "b", "c"):
        config_map(api, name, tier="one").create()
    assert began.wait(PATIENCE_S)
    assert [found.name for found in api.get("configmaps", label_selector={"tier": "one"})] == ["a", "b", "c"]
    assert [found.name for found in api.get("configmaps", field_selector={"metadata.name": "b"})] == ["b"]
    one = next(iter(api.get("cm", "a")))
    one.patch({"data": {"a": "2"}})
    one.patch([{"op": "add", "path": "/data/b", "value": "3"}], type="json")
    one.label(tier="two")
    one.annotate(note="said")
    one.refresh()
    assert (one.data, one.labels, one.annotations) == ({"a": "2", "b": "3"}, {"tier": "two"}, {"note": "said"})
    one.delete()
    assert enough.wait(PATIENCE_S)
    follower.join(PATIENCE_S)
    assert seen[-1] == ("DELETED", "a")


def test_scale_and_custom_resources(api: Any, gadgets: str) -> None:
    from kr8s.objects import Deployment, new_class

    template = {"metadata": {"labels": {"app": "idle"}}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "idle"}}, "template": template}
    deployment = Deployment({"metadata": {"name": "idle", "namespace": api.namespace}, "spec": spec}, api=api)
    deployment.create()
    deployment.scale(0)
    gadget_class = new_class("Gadget", f"{gadgets}/v1", plural="gadgets", scalable=True, scalable_spec="size")
    gadget = gadget_class({"metadata": {"name": "g", "namespace": api.namespace}, "spec": {"color": "red"}}, api=api)
    gadget.create()
    gadget.patch({"status": {"told": True}}, subresource="status")
    gadget.scale(3)
    gadget.refresh()
    assert (gadget.spec.size, gadget.status.told) == (3, True)
    assert [found.name for found in api.get(f"gadgets.{gadgets}")] == ["g"]


def test_errors(api: Any) -> None:
    config_map(api, "c").create()
    with pytest.raises(kr8s.ServerError) as conflict:
        config_map(api, "c").create()
    assert conflict.value.status["reason"] == "AlreadyExists"
    with pytest.raises(kr8s.NotFoundError):
        config_map(api, "none").refresh()
    with pytest.raises(kr8s.ServerError) as invalid:
        config_map(api, "Not_A_Name").create()
    assert invalid.value.status["code"] == 422
