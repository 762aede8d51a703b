"""Pods and runtime states for tests of the kubelet, from as few words as possible."""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.pod_spec import container_hash, find_container
from pybernetes.kubelet.runtime import Container, PodRuntime, Sandbox


def pod(
    containers: list[dict[str, Any]] | None = None,
    init: list[dict[str, Any]] | None = None,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> Pod:
    tree = {
        "metadata": {"name": "web", "namespace": "default", "uid": "u1", "generation": 1},
        "spec": {
            "containers": containers or [{"name": "c", "image": "busybox:1"}],
            "initContainers": init or [],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            **spec,
        },
        "status": status or {},
    }
    return msgspec.convert(tree, Pod)


def sandbox(number: int = 0, *, ready: bool = True, ip: str = "10.0.0.2") -> Sandbox:
    return Sandbox(
        id=f"s{number}", attempt=number, ready=ready, created_at_s=float(number + 1), ips=(ip,) if ip else ()
    )


def container(
    of: Pod, name: str = "c", number: int = 0, state: str = "running", exit_code: int = 0, at_s: float = 10.0
) -> Container:
    spec = find_container(of, name)
    assert spec is not None
    return Container(
        id=f"{name}-{number}",
        name=name,
        sandbox_id="s0",
        state=state,  # type: ignore[arg-type]
        restart_count=number,
        hash=container_hash(spec),
        created_at_s=at_s,
        started_at_s=at_s,
        finished_at_s=at_s + 5 if state == "exited" else 0.0,
        exit_code=exit_code,
        reason="" if state != "exited" else ("Completed" if exit_code == 0 else "Error"),
        image=spec.image or "",
        image_ref="sha256:1",
    )


def running(*containers: Container, sandboxes: tuple[Sandbox, ...] = (sandbox(),)) -> PodRuntime:
    result = PodRuntime(sandboxes=sandboxes)
    for one in containers:
        result = result.with_container(one)
    return result
