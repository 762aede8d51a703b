"""Gives devices to containers and takes them back when their pod has ended.

The ledger decides, the plugins are asked; what was given is written down before the container is made.

Source: pkg/kubelet/cm/devicemanager/manager.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod
from pybernetes.apimachinery import quantity
from pybernetes.host.clock import Clock
from pybernetes.kubelet.checkpoint import Checkpoint
from pybernetes.kubelet.containers.given import Given
from pybernetes.kubelet.devices.ledger import Holding, Ledger
from pybernetes.kubelet.devices.plugins import DevicePlugins
from pybernetes.kubelet.pod_spec import ends_first, uid_of
from pybernetes.kubelet.resources.requests import pod_limits, resources_of
from pybernetes.kubelet.resources.topology import Hint, Hints

_FILE = "kubelet_internal_checkpoint"


class Devices:
    def __init__(self, folder: Path, ledger: Ledger, plugins: DevicePlugins, clock: Clock) -> None:
        self._checkpoint = Checkpoint(folder / _FILE, "which containers hold which devices")
        self._ledger = ledger
        self._plugins = plugins
        self._clock = clock

    def remember(self) -> None:
        """Reads what an earlier kubelet wrote."""
        self._checkpoint.read(lambda text: self._ledger.remember(text, self._clock.now()))

    def _asked(self, container: Container | EphemeralContainer) -> dict[str, int]:
        return self._of_limits(resources_of(container).limits)

    def _of_limits(self, limits: Mapping[str, str]) -> dict[str, int]:
        return {n: quantity.value(a) for n, a in limits.items() if "/" in n and self._ledger.knows(n)}

    # What hands out resources at admission.

    def concerns(self, pod: Pod) -> bool:
        return any(self._asked(c) for c in (*pod.spec.initContainers, *pod.spec.containers))

    def hints(self, pod: Pod, container: Container | None) -> Hints:
        if container is not None:
            names, wanted = [container.name], self._asked(container)
        else:
            names = [c.name for c in (*pod.spec.initContainers, *pod.spec.containers)]
            wanted = self._of_limits(pod_limits(pod))
        uid = uid_of(pod)
        return {name: self._ledger.hints(uid, names, name, amount) for name, amount in wanted.items()}

    async def allocate(self, pod: Pod, container: Container, affinity: Hint) -> None:
        """Raises AllocationError."""
        uid, ledger = uid_of(pod), self._ledger
        changed = False
        for resource, wanted in self._asked(container).items():
            if not wanted or not ledger.missing(uid, container.name, resource, wanted):
                continue
            choice = ledger.choice(uid, resource, wanted, affinity)
            preferred: list[str] = []
            if (question := choice.question()) is not None:
                preferred = await self._plugins.preferred(resource, *question, wanted)
            devices = choice.settle(preferred)
            answer = await self._plugins.allocate(resource, devices)
            ledger.hold(Holding(uid, container.name, resource, devices, answer))
            changed = True
        ledger.pass_on(uid, container.name, ends=ends_first(pod, container))
        if changed:
            self.keep()

    def release(self, uid: str) -> None:
        if self._ledger.release(uid):
            self.keep()

    def keep(self) -> None:
        """Writes down who has what."""
        self._checkpoint.keep(self._ledger.as_text())

    def only(self, uids: set[str]) -> None:
        """Pods that are gone since an earlier kubelet give back what they had."""
        for uid in self._ledger.pods() - uids:
            self.release(uid)

    # What containers get.

    async def given(self, pod: Pod, container: Container | EphemeralContainer) -> Given:
        """Raises AllocationError."""
        given = Given()
        asked = self._asked(container)
        for held in self._ledger.of_container(uid_of(pod), container.name):
            if held.resource not in asked:
                continue
            await self._plugins.before_start(held.resource, held.devices)
            answer = self._plugins.pb.ContainerAllocateResponse.FromString(held.answer)
            given.add_devices(answer)
        return given

    def allocatable(self) -> dict[str, str]:
        """As admission counts: no fewer than what is handed out already, though devices have become ill since."""
        free, used = self._ledger.allocatable(), self._ledger.in_use_by_resource()
        return {name: str(max(int(free.get(name, "0")), used.get(name, 0))) for name in {*free, *used}}
