"""The client library `kubernetes` from PyPI, unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import IMAGE, Cluster

pytestmark = pytest.mark.e2e
kubernetes = pytest.importorskip("kubernetes")


@pytest.fixture
def api(cluster: Cluster) -> Any:
    from kubernetes import client, config

    config.load_kube_config(str(cluster.kubeconfig))
    return client.CoreV1Api()


def test_create_list_watch_exec(cluster: Cluster, namespace: str, api: Any) -> None:
    from kubernetes import watch
    from kubernetes.client import V1Container, V1ObjectMeta, V1Pod, V1PodSpec
    from kubernetes.stream import stream

    container = V1Container(name="main", image=IMAGE, command=["sleep", "1000"])
    pod = V1Pod(
        metadata=V1ObjectMeta(name="box"), spec=V1PodSpec(containers=[container], termination_grace_period_seconds=1)
    )
    created = api.create_namespaced_pod(namespace, pod)
    phases = []
    watcher = watch.Watch()
    for event in watcher.stream(
        api.list_namespaced_pod, namespace, resource_version=created.metadata.resource_version, timeout_seconds=60
    ):
        phases.append(event["object"].status.phase)
        if phases[-1] == "Running":
            watcher.stop()
    assert phases[-1] == "Running"
    assert [p.metadata.name for p in api.list_namespaced_pod(namespace).items] == ["box"]
    said = stream(
        api.connect_get_namespaced_pod_exec, "box", namespace, command=["echo", "hello"],
        stdout=True, stderr=True, stdin=False, tty=False,
    )  # fmt: skip
    assert said == "hello\n"
    talk = stream(
        api.connect_get_namespaced_pod_exec, "box", namespace, command=["sh"],
        stdout=True, stderr=True, stdin=True, tty=False, _preload_content=False,
    )  # fmt: skip
    talk.write_stdin("echo typed; exit 4\n")
    talk.run_forever(timeout=20)
    assert talk.read_stdout() == "typed\n"
    assert talk.returncode == 4
    assert api.read_namespaced_pod_log("box", namespace) == ""
    api.delete_namespaced_pod("box", namespace)


def test_errors_are_statuses(cluster: Cluster, api: Any) -> None:
    from kubernetes.client.exceptions import ApiException

    with pytest.raises(ApiException) as missing:
        api.read_namespaced_pod("nobody", "default")
    assert missing.value.status == 404
    with pytest.raises(ApiException) as invalid:
        api.create_namespaced_config_map("default", {"metadata": {"name": "Not_A_Name"}})
    assert invalid.value.status == 422
