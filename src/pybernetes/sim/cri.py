"""A container runtime of one node that only pretends: containers are times and exit codes, by their scripts.

It has the CRI's calls and none of its processes. What it answers has the fields of the CRI's messages that the kubelet
reads. It remembers nothing over an end of the process: `adopt` takes from a Pod's status what ran before.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

from pybernetes.api.core.v1 import ContainerStatus, Pod
from pybernetes.apimachinery.pods import AnyContainer, containers_of, is_finished
from pybernetes.apimachinery.times import parse_time
from pybernetes.host.clock import Clock
from pybernetes.kubelet import runtime
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.images import ImageError, with_default_tag
from pybernetes.kubelet.pod_spec import container_hash, find_container, uid_of
from pybernetes.sim.script import Script, ScriptError, script_of

NAME = "simulated"
_RUNNING, _EXITED = 1, 2
_TERMINATED, _KILLED = 143, 137
_NS = 1_000_000_000
_NO_COMMANDS = "simulated containers run no commands and listen at no ports"


@dataclass(slots=True)
class SandboxConfig:
    pod: Pod
    attempt: int


@dataclass(slots=True)
class ContainerConfig:
    pod: Pod
    spec: AnyContainer
    image_ref: str
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(slots=True)
class SimulatedSandbox:
    """Reads like the CRI's PodSandbox and PodSandboxStatus."""

    id: str
    pod: Pod
    metadata: Any
    labels: dict[str, str]
    created_at: int
    network: Any
    state: int = 0


@dataclass(slots=True)
class SimulatedContainer:
    """Reads like the CRI's Container and ContainerStatus."""

    id: str
    pod_sandbox_id: str
    pod: Pod
    metadata: Any
    labels: dict[str, str]
    annotations: dict[str, str]
    image: Any
    image_ref: str
    created_at: int
    script: Script
    state: int = 0
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    log_path: str = ""
    stop_signal: int = 0
    mounts: tuple[()] = ()
    end: asyncio.TimerHandle | None = field(default=None, repr=False)
    cpu_ns: int = 0
    """CPU time that it used until `counted_at`."""
    counted_at: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once it has ended."""

    def HasField(self, _name: str) -> bool:
        return False


class SimulatedCri(CriClient):
    """`as_it_is` tells the newest of a Pod: what its annotations say of use may change."""

    def __init__(self, clock: Clock, pod_cidr: Callable[[], str], as_it_is: Callable[[Pod], Pod]) -> None:
        self.endpoint = "simulated://"
        self._clock = clock
        self._pod_cidr = pod_cidr
        self._as_it_is = as_it_is
        self.cpu_ns = 0
        """CPU time that all containers there ever were used, until they were counted."""
        self._sandboxes: dict[str, SimulatedSandbox] = {}
        self._containers: dict[str, SimulatedContainer] = {}
        self._absent: dict[str, bool] = {}
        """Images that a script wants to be pulled first, and whether they stay away: then every Pod pulls anew."""
        self._numbers = 0
        self.on_change: Callable[[str, str], None] = lambda _id, _kind: None

    async def close(self) -> None:
        for container in self._containers.values():
            if container.end is not None:
                container.end.cancel()

    async def call(self, method: str, request: Any, **_options: Any) -> Any:
        raise CriError("UNIMPLEMENTED", f"{method}: {_NO_COMMANDS}")

    def _now_ns(self) -> int:
        return int(self._clock.now() * _NS)

    # What ran before.

    def adopt(self, pod: Pod, labels: dict[str, str]) -> None:
        """Goes on with a Pod as its status says: same addresses, containers, starts and counts."""
        status = pod.status
        started = [s for s in (*status.initContainerStatuses, *status.containerStatuses) if s.containerID]
        if not started or is_finished(pod):
            return
        began = _ns(status.startTime)
        ips = [] if pod.spec.hostNetwork else [each.ip or "" for each in status.podIPs]
        sandbox = SimulatedSandbox(
            f"{uid_of(pod)}-adopted", pod, SimpleNamespace(attempt=0), labels, began, _network(ips)
        )
        self._sandboxes[sandbox.id] = sandbox
        for told in started:
            spec = find_container(pod, told.name)
            if spec is not None:
                self._adopt_container(pod, spec, told, sandbox.id, labels)

    def _adopt_container(
        self, pod: Pod, spec: AnyContainer, told: ContainerStatus, sandbox_id: str, labels: dict[str, str]
    ) -> None:
        count = told.restartCount or 0
        for state, number in ((told.lastState, count - 1), (told.state, count)):
            running, ended = (state.running, state.terminated) if state is not None else (None, None)
            identity = (
                ended.containerID if ended is not None else told.containerID if running is not None else ""
            ) or ""
            if not identity or number < 0:
                continue
            made = self._made(
                identity.rpartition("://")[2],
                ContainerConfig(pod, spec, told.imageID or "", labels, {}),
                sandbox_id,
            )
            made.annotations = {
                runtime.HASH_ANNOTATION: container_hash(spec),
                runtime.RESTART_COUNT_ANNOTATION: str(number),
            }
            made.started_at = made.created_at = _ns((running or ended).startedAt)  # type: ignore[union-attr]
            if ended is not None:
                made.state, made.exit_code, made.finished_at = _EXITED, ended.exitCode, _ns(ended.finishedAt)
                made.reason, made.message = ended.reason or "", ended.message or ""
                made.over.set()
            else:
                made.state = _RUNNING
                self._plan_end(made)
            self._containers[made.id] = made

    # The runtime itself.

    async def version(self) -> Any:
        return SimpleNamespace(runtime_name=NAME, runtime_version="1")

    async def status(self, verbose: bool = False) -> Any:
        status = SimpleNamespace(conditions=[])
        features = SimpleNamespace(supplemental_groups_policy=True)
        return SimpleNamespace(
            status=status, info={}, runtime_handlers=[], features=features, HasField=lambda field: field == "features"
        )

    # Sandboxes.

    async def run_pod_sandbox(self, config: Any, runtime_handler: str = "") -> str:
        asked: SandboxConfig = config
        pod = asked.pod
        ips = [] if pod.spec.hostNetwork else [self._address()]
        self._numbers += 1
        sandbox = SimulatedSandbox(
            id=f"{uid_of(pod)}-{self._numbers}",
            pod=pod,
            metadata=SimpleNamespace(attempt=asked.attempt),
            labels={runtime.POD_UID_LABEL: uid_of(pod)},
            created_at=self._now_ns(),
            network=_network(ips),
        )
        self._sandboxes[sandbox.id] = sandbox
        self._expect_pulls(pod)
        return sandbox.id

    def _address(self) -> str:
        """A free one of the node's range. Raises CriError."""
        cidr = self._pod_cidr()
        if not cidr:
            raise CriError("UNAVAILABLE", "the node has no podCIDR yet")
        used = {sandbox.network.ip for sandbox in self._sandboxes.values() if sandbox.state == 0}
        hosts = ip_network(cidr).hosts()
        next(hosts, None)  # where a real node has its bridge
        for host in hosts:
            if (text := str(host)) not in used:
                return text
        raise CriError("UNAVAILABLE", f"no address is left in {cidr}")

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is not None:
            sandbox.state = 1
            for container in self._of(sandbox_id):
                self._ended(container, _KILLED)

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        for container in list(self._of(sandbox_id)):
            await self.remove_container(container.id)
        self._sandboxes.pop(sandbox_id, None)

    async def pod_sandbox_status(self, sandbox_id: str, verbose: bool = False) -> Any:
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None:
            raise CriError("NOT_FOUND", f"there is no sandbox {sandbox_id}")
        return SimpleNamespace(status=sandbox)

    async def list_pod_sandboxes(self, labels: dict[str, str] | None = None) -> list[Any]:
        uid = (labels or {}).get(runtime.POD_UID_LABEL)
        return [each for each in self._sandboxes.values() if uid is None or uid_of(each.pod) == uid]

    # Containers.

    def _of(self, sandbox_id: str) -> Iterator[SimulatedContainer]:
        return (each for each in self._containers.values() if each.pod_sandbox_id == sandbox_id)

    def container(self, container_id: str) -> SimulatedContainer:
        """Raises CriError."""
        found = self._containers.get(container_id)
        if found is None:
            raise CriError("NOT_FOUND", f"there is no container {container_id}")
        return found

    def _made(self, identity: str, asked: ContainerConfig, sandbox_id: str) -> SimulatedContainer:
        try:
            script = script_of(asked.pod, asked.spec)
        except ScriptError as error:
            raise CriError("INVALID_ARGUMENT", str(error)) from None
        return SimulatedContainer(
            id=identity,
            pod_sandbox_id=sandbox_id,
            pod=asked.pod,
            metadata=SimpleNamespace(name=asked.spec.name),
            labels={**asked.labels, runtime.CONTAINER_NAME_LABEL: asked.spec.name},
            annotations=asked.annotations,
            image=SimpleNamespace(image=asked.spec.image or ""),
            image_ref=asked.image_ref,
            created_at=self._now_ns(),
            script=script,
        )

    async def create_container(self, sandbox_id: str, config: Any, sandbox_config: Any) -> str:
        self._numbers += 1
        asked: ContainerConfig = config
        made = self._made(f"{uid_of(asked.pod)}-{asked.spec.name}-{self._numbers}", asked, sandbox_id)
        self._containers[made.id] = made
        return made.id

    async def start_container(self, container_id: str) -> None:
        container = self.container(container_id)
        if container.script.start_for_s:
            await asyncio.sleep(container.script.start_for_s)
        container.started_at = self._now_ns()
        if container.script.start_error:
            self._ended(container, 128, "StartError", container.script.start_error)
            raise CriError("UNKNOWN", container.script.start_error)
        container.state = _RUNNING
        self._plan_end(container)

    def _plan_end(self, container: SimulatedContainer) -> None:
        lasts_s = container.script.run_for_s
        if lasts_s is not None:
            left_s = container.started_at / _NS + lasts_s - self._clock.now()
            loop = asyncio.get_running_loop()
            container.end = loop.call_later(max(left_s, 0.0), self._run_out, container)

    def _run_out(self, container: SimulatedContainer) -> None:
        if container.state == _RUNNING:
            self._ended(container, container.script.exit_code)
            self.on_change(container.id, "exit")

    def _ended(self, container: SimulatedContainer, code: int, reason: str = "", message: str = "") -> None:
        if container.end is not None:
            container.end.cancel()
            container.end = None
        if container.state == _EXITED:
            return
        container.state, container.exit_code, container.finished_at = _EXITED, code, self._now_ns()
        container.over.set()
        container.reason, container.message = reason or ("Error" if code else "Completed"), message

    async def stop_container(self, container_id: str, grace_period_s: int) -> None:
        container = self._containers.get(container_id)
        if container is None or container.state == _EXITED:
            return
        takes_s = container.script.stop_for_s
        if takes_s:
            await asyncio.sleep(min(takes_s, grace_period_s))
        self._ended(container, _KILLED if takes_s > grace_period_s else _TERMINATED)

    async def remove_container(self, container_id: str) -> None:
        container = self._containers.pop(container_id, None)
        if container is not None and container.end is not None:
            container.end.cancel()

    async def list_containers(self, labels: dict[str, str] | None = None) -> list[Any]:
        return list(self._containers.values())

    async def container_status(self, container_id: str, verbose: bool = False) -> Any:
        return SimpleNamespace(status=self.container(container_id))

    async def container_stats(self, labels: dict[str, str] | None = None) -> list[Any]:
        return [self._stats(each) for each in self._containers.values() if each.state == _RUNNING]

    def _stats(self, container: SimulatedContainer) -> Any:
        pod, now = self._as_it_is(container.pod), self._now_ns()
        spec, script = find_container(pod, container.metadata.name), container.script
        if spec is not None:
            with suppress(ScriptError):
                script = script_of(pod, spec)
        used_ns = script.cpu_milli * (now - max(container.counted_at, container.started_at)) // 1000
        container.cpu_ns += used_ns
        container.counted_at = now
        self.cpu_ns += used_ns
        nothing, memory = SimpleNamespace(value=0), SimpleNamespace(value=script.memory_bytes)
        return SimpleNamespace(
            attributes=container,
            cpu=SimpleNamespace(usage_core_nano_seconds=SimpleNamespace(value=container.cpu_ns)),
            memory=SimpleNamespace(
                usage_bytes=memory,
                working_set_bytes=memory,
                rss_bytes=memory,
                page_faults=nothing,
                major_page_faults=nothing,
            ),
            writable_layer=SimpleNamespace(used_bytes=nothing, inodes_used=nothing),
        )

    async def reopen_container_log(self, container_id: str) -> None:
        return

    # Commands.

    async def exec_sync(self, container_id: str, command: list[str], timeout_s: float) -> tuple[bytes, bytes, int]:
        """Hooks succeed and say nothing."""
        return b"", b"", 0

    # Images: all are there, but for those that a script wants to be pulled.

    def _expect_pulls(self, pod: Pod) -> None:
        for spec in containers_of(pod.spec):
            script = _script(pod, spec)
            if script.pulls:
                image = with_default_tag(spec.image or "")
                self._absent[image] = self._absent.get(image, False) or bool(script.pull_error)

    async def list_images(self) -> list[Any]:
        return []

    async def image_status(self, image: str) -> Any | None:
        return None if image in self._absent else _image(image)

    async def pull_image(self, image: str, auth: Any | None = None, sandbox_config: Any | None = None) -> str:
        asked: SandboxConfig | None = sandbox_config
        for spec in containers_of(asked.pod.spec) if asked is not None else ():
            if asked is None or not spec.image or with_default_tag(spec.image) != image:
                continue
            script = _script(asked.pod, spec)
            await asyncio.sleep(script.pull_for_s)
            if script.pull_error:
                raise CriError("UNKNOWN", script.pull_error)
        if self._absent.get(image) is False:
            del self._absent[image]
        return str(_image(image).id)

    async def remove_image(self, image: str) -> None:
        return

    async def image_fs_info(self) -> Any:
        return SimpleNamespace(image_filesystems=[])


class SimulatedEvents:
    """Hears of containers' ends from the runtime itself."""

    def __init__(self, cri: SimulatedCri, on_change: Callable[[str, str], None]) -> None:
        cri.on_change = on_change

    async def run(self) -> None:
        return


def _script(pod: Pod, spec: AnyContainer) -> Script:
    """Annotations or image names that cannot be understood are told when the container is made."""
    try:
        with_default_tag(spec.image or "")
        return script_of(pod, spec)
    except (ScriptError, ImageError):
        return Script()


def _network(ips: list[str]) -> Any:
    return SimpleNamespace(ip=ips[0] if ips else "", additional_ips=[SimpleNamespace(ip=ip) for ip in ips[1:]])


def _image(name: str) -> Any:
    identity = name if name.startswith("sha256:") else "sha256:" + hashlib.sha256(name.encode()).hexdigest()
    return SimpleNamespace(id=identity, size=0, username="", HasField=lambda _name: False)


def _ns(time: str | None) -> int:
    return int(parse_time(time) * _NS) if time else 0
