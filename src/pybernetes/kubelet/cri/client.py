"""A client of the container runtime: CRI version 1 over gRPC on a unix socket.

One coroutine a call; messages are the generated ones of `cri_pb2`, which is imported
only when a request is made. Errors are `CriError`, with gRPC's code by name.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pybernetes.apimachinery.metrics_text import Durations
from pybernetes.kubelet.rpc import RpcClient, RpcError

_RUNTIME = "/runtime.v1.RuntimeService/"
_IMAGES = "/runtime.v1.ImageService/"

# Seconds a call may take; the runtime answers most of them at once, some wait for processes.
_CALL_TIMEOUT_S = 120.0
_SANDBOX_TIMEOUT_S = 240.0
_PULL_TIMEOUT_S = 3600.0
_AWAY_S = 0.2
_BOUNDS = tuple(0.005 * 2.5**step for step in range(14))
T = TypeVar("T")


class CriError(RpcError):
    """The runtime refused or could not be reached."""

    @property
    def away(self) -> bool:
        """Nobody answered: what was asked may have been done, or not. containerd says so itself while it starts."""
        return self.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED") or "server is not initialized yet" in self.message


async def once_it_answers(look: Callable[[], Awaitable[T]]) -> T:
    """What the runtime says, asked again while it is away. Raises CriError where it refuses."""
    while True:
        try:
            return await look()
        except CriError as error:
            if not error.away:
                raise
            await asyncio.sleep(_AWAY_S)


@functools.cache
def operation_of(method: str) -> str:
    """As metrics name a method: run_podsandbox. Source: pkg/kubelet/kuberuntime/instrumented_services.go."""
    name = re.sub("(?<=[a-z])(?=[A-Z])", "_", method).lower().replace("pod_sandbox", "podsandbox")
    return "update_container" if name == "update_container_resources" else name


class CriClient(RpcClient):
    """Calls of RuntimeService and ImageService; made inside a running event loop."""

    error = CriError

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.took = Durations("operation_type", bounds=_BOUNDS)
        """How long calls took, by `operation_of` their method."""
        self.failed: Counter[str] = Counter()
        """Those of them that failed."""
        self._making: list[float] = []
        """When the sandboxes were asked for that are being made."""

    @property
    def pb(self) -> Any:
        """The messages of the CRI; imported when the first one is made."""
        from pybernetes.kubelet.cri import cri_pb2

        return cri_pb2

    async def call(
        self, method: str, request: Any, *, timeout_s: float | None = _CALL_TIMEOUT_S, service: str = _RUNTIME
    ) -> Any:
        """One unary call by name; the response type follows from the name. Raises CriError."""
        began_s = time.perf_counter()
        try:
            return await self.unary(service + method, request, getattr(self.pb, method + "Response"), timeout_s)
        except CriError:
            self.failed[operation_of(method)] += 1
            raise
        finally:
            self.took.add(time.perf_counter() - began_s, operation_of(method))

    # The runtime itself.

    async def version(self) -> Any:
        return await self.call("Version", self.pb.VersionRequest(version="v1"), timeout_s=10)

    async def status(self, verbose: bool = False) -> Any:
        return await self.call("Status", self.pb.StatusRequest(verbose=verbose), timeout_s=10)

    # Pod sandboxes.

    async def run_pod_sandbox(self, config: Any, runtime_handler: str = "") -> str:
        request = self.pb.RunPodSandboxRequest(config=config, runtime_handler=runtime_handler)
        asked_s = time.monotonic()
        self._making.append(asked_s)
        try:
            answer = await self.call("RunPodSandbox", request, timeout_s=_SANDBOX_TIMEOUT_S)
        finally:
            self._making.remove(asked_s)
        return str(answer.pod_sandbox_id)

    def making_since(self) -> float:
        """When the oldest sandbox that is being made was asked for, by the monotonic clock; now where none is."""
        return min(self._making, default=time.monotonic())

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        request = self.pb.StopPodSandboxRequest(pod_sandbox_id=sandbox_id)
        await self._gone_is_fine("StopPodSandbox", request)

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        request = self.pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id)
        await self._gone_is_fine("RemovePodSandbox", request)

    async def pod_sandbox_status(self, sandbox_id: str, verbose: bool = False) -> Any:
        request = self.pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id, verbose=verbose)
        return await self.call("PodSandboxStatus", request)

    async def list_pod_sandboxes(self, labels: dict[str, str] | None = None) -> list[Any]:
        request = self.pb.ListPodSandboxRequest(filter=self.pb.PodSandboxFilter(label_selector=labels or {}))
        return list((await self.call("ListPodSandbox", request)).items)

    # Containers.

    async def create_container(self, sandbox_id: str, config: Any, sandbox_config: Any) -> str:
        request = self.pb.CreateContainerRequest(
            pod_sandbox_id=sandbox_id, config=config, sandbox_config=sandbox_config
        )
        answer = await self.call("CreateContainer", request)
        return str(answer.container_id)

    async def start_container(self, container_id: str) -> None:
        request = self.pb.StartContainerRequest(container_id=container_id)
        await self.call("StartContainer", request)

    async def stop_container(self, container_id: str, grace_period_s: int) -> None:
        request = self.pb.StopContainerRequest(container_id=container_id, timeout=grace_period_s)
        await self._gone_is_fine("StopContainer", request, timeout_s=grace_period_s + _CALL_TIMEOUT_S)

    async def remove_container(self, container_id: str) -> None:
        """Also one whose start was cut off, of which containerd says that it never ran and that its task is there."""
        request = self.pb.RemoveContainerRequest(container_id=container_id)
        try:
            await self._gone_is_fine("RemoveContainer", request)
        except CriError as error:
            if error.code != "FAILED_PRECONDITION":
                raise
            # Imported where it is needed at all.
            from pybernetes.kubelet.cri.containerd import end_task

            await end_task(self, container_id)
            await self._gone_is_fine("RemoveContainer", request)

    async def list_containers(self, labels: dict[str, str] | None = None) -> list[Any]:
        request = self.pb.ListContainersRequest(filter=self.pb.ContainerFilter(label_selector=labels or {}))
        return list((await self.call("ListContainers", request)).containers)

    async def container_status(self, container_id: str, verbose: bool = False) -> Any:
        request = self.pb.ContainerStatusRequest(container_id=container_id, verbose=verbose)
        return await self.call("ContainerStatus", request)

    async def container_stats(self, labels: dict[str, str] | None = None) -> list[Any]:
        request = self.pb.ListContainerStatsRequest(filter=self.pb.ContainerStatsFilter(label_selector=labels or {}))
        return list((await self.call("ListContainerStats", request)).stats)

    async def update_container_resources(self, container_id: str, resources: Any) -> None:
        request = self.pb.UpdateContainerResourcesRequest(container_id=container_id, linux=resources)
        await self.call("UpdateContainerResources", request)

    async def checkpoint_container(self, container_id: str, location: str, timeout_s: int) -> None:
        """Writes an archive; 0 leaves the time to the runtime."""
        request = self.pb.CheckpointContainerRequest(container_id=container_id, location=location, timeout=timeout_s)
        await self.call("CheckpointContainer", request, timeout_s=timeout_s + _CALL_TIMEOUT_S)

    async def reopen_container_log(self, container_id: str) -> None:
        await self.call("ReopenContainerLog", self.pb.ReopenContainerLogRequest(container_id=container_id))

    # Commands and streams in containers.

    async def exec_sync(self, container_id: str, command: list[str], timeout_s: float) -> tuple[bytes, bytes, int]:
        """stdout, stderr and exit code. Raises CriError (DEADLINE_EXCEEDED when it took too long)."""
        request = self.pb.ExecSyncRequest(container_id=container_id, cmd=command, timeout=int(timeout_s))
        answer = await self.call("ExecSync", request, timeout_s=timeout_s + 10 if timeout_s else None)
        return answer.stdout, answer.stderr, answer.exit_code

    async def exec_url(
        self, container_id: str, command: list[str], *, tty: bool, stdin: bool, stdout: bool, stderr: bool
    ) -> str:
        request = self.pb.ExecRequest(
            container_id=container_id, cmd=command, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return str((await self.call("Exec", request)).url)

    async def attach_url(self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        request = self.pb.AttachRequest(container_id=container_id, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr)
        return str((await self.call("Attach", request)).url)

    async def port_forward_url(self, sandbox_id: str, ports: list[int]) -> str:
        request = self.pb.PortForwardRequest(pod_sandbox_id=sandbox_id, port=ports)
        return str((await self.call("PortForward", request)).url)

    # Images.

    async def list_images(self) -> list[Any]:
        return list((await self.call("ListImages", self.pb.ListImagesRequest(), service=_IMAGES)).images)

    async def image_status(self, image: str) -> Any | None:
        """The image of that name or id, None when it is not there."""
        request = self.pb.ImageStatusRequest(image=self.pb.ImageSpec(image=image))
        answer = await self.call("ImageStatus", request, service=_IMAGES)
        return answer.image if answer.HasField("image") and answer.image.id else None

    async def pull_image(self, image: str, auth: Any | None = None, sandbox_config: Any | None = None) -> str:
        request = self.pb.PullImageRequest(
            image=self.pb.ImageSpec(image=image), auth=auth, sandbox_config=sandbox_config
        )
        answer = await self.call("PullImage", request, timeout_s=_PULL_TIMEOUT_S, service=_IMAGES)
        return str(answer.image_ref)

    async def remove_image(self, image: str) -> None:
        request = self.pb.RemoveImageRequest(image=self.pb.ImageSpec(image=image))
        await self._gone_is_fine("RemoveImage", request, service=_IMAGES)

    async def image_fs_info(self) -> Any:
        return await self.call("ImageFsInfo", self.pb.ImageFsInfoRequest(), service=_IMAGES)

    async def _gone_is_fine(
        self, method: str, request: Any, *, timeout_s: float = _CALL_TIMEOUT_S, service: str = _RUNTIME
    ) -> None:
        try:
            await self.call(method, request, timeout_s=timeout_s, service=service)
        except CriError as error:
            if not error.not_found:
                raise
