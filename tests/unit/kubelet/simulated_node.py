"""A pod worker against a runtime in memory: what it asks is done, late and sometimes badly, by a seed."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import msgspec

from pybernetes.api.core.v1 import Pod, PodStatus
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.pod_spec import container_hash
from pybernetes.kubelet.resources.requests import CgroupValues, size_of
from pybernetes.kubelet.resources.resizing import Update
from pybernetes.kubelet.runtime import Container, PodRuntime, Sandbox
from pybernetes.kubelet.worker import messages as m
from pybernetes.kubelet.worker.machine import PodWorker, Stage, WorkerSettings


class SimulatedNode:
    """Answers instructions after random delays. `fault` is the chance that one fails."""

    def __init__(self, pod: Pod, seed: int = 0, fault: float = 0.0) -> None:
        self.random = random.Random(seed)
        self.fault = fault
        self.now_s = 1_767_225_600.0
        self.settings = WorkerSettings(host_ips=["192.168.0.1"], began_s=self.now_s)
        self.worker = PodWorker(pod, self.settings)
        self.runtime = PodRuntime()
        self.answers: list[tuple[float, int, m.Event]] = []
        self.statuses: list[PodStatus] = []
        self.final = 0
        self.events: list[str] = []
        self.created: list[str] = []
        self._numbers = 0

    # The world.

    def post(self, event: m.Event) -> None:
        for instruction in self.worker.handle(event, self.now_s):
            self._take(instruction)
        assert not self.worker.violations(), self.worker.violations()
        running = [c.name for c in self.runtime.running()]
        assert len(running) == len(set(running)), f"twice at once: {running}"

    def run_until_quiet(self, limit_s: float = 3600.0) -> None:
        """Plays answers and alarms until nothing more would happen for a while."""
        end = self.now_s + limit_s
        while True:
            upcoming = min((a[0] for a in self.answers), default=math.inf)
            at_s = min(upcoming, self.worker.wake_at_s)
            if at_s > end or at_s == math.inf:
                return
            self.now_s = max(self.now_s, at_s)
            if upcoming <= self.worker.wake_at_s:
                answer = min(self.answers, key=lambda a: (a[0], a[1]))
                self.answers.remove(answer)
                self.post(answer[2])
            else:
                self.post(m.Tick())

    def exit(self, name: str, code: int) -> None:
        """A container ends by itself."""
        found = self.runtime.find(name)
        assert found is not None and found.state == "running"
        gone = self._ended(found, code)
        self.runtime = self.runtime.with_container(gone)
        self.post(m.ContainerObserved(gone))

    def delete(self, grace_period_s: int = 30) -> None:
        pod = self._copy()
        pod.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
        pod.metadata.deletionGracePeriodSeconds = grace_period_s
        self.post(m.PodUpdated(pod))

    def restart_kubelet(self) -> None:
        """A new worker, with the API's view and what the runtime has; answers on their way are lost."""
        pod = self._copy()
        if self.statuses:
            pod.status = self.statuses[-1]
        self.answers.clear()
        self.worker = PodWorker(pod, replace(self.settings, began_s=self.now_s))
        self.worker.runtime = self.runtime
        self.post(m.PodUpdated(pod))

    def _copy(self) -> Pod:
        return msgspec.json.decode(msgspec.json.encode(self.worker.pod), type=Pod)

    def _ended(self, container: Container, code: int) -> Container:
        reason = "Completed" if code == 0 else "Error"
        return replace(container, state="exited", exit_code=code, finished_at_s=self.now_s, reason=reason)

    # Instructions.

    def _take(self, instruction: m.Instruction) -> None:
        match instruction:
            case m.WriteStatus(status=status, final=final):
                self.statuses.append(msgspec.json.decode(msgspec.json.encode(status), type=PodStatus))
                self.final += final
            case m.Record(reason=reason, message=message):
                self.events.append(f"{reason}: {message}")
            case m.CancelStart(name=name):
                self._cancel(name)
            case m.CancelPrepare():
                self._cancel_prepare()
            case m.StartProbes() | m.StopProbes():
                pass
            case _:
                self._later(self._answer(instruction))

    def _later(self, event: m.Event) -> None:
        self._numbers += 1
        self.answers.append((self.now_s + self.random.uniform(0.01, 0.5), self._numbers, event))

    def _cancel(self, name: str) -> None:
        for answer in list(self.answers):
            if isinstance(answer[2], m.ImageReady) and answer[2].name == name:
                self.answers.remove(answer)
                self._later(m.ImageFailed(name, "ErrImagePull", "cancelled"))

    def _cancel_prepare(self) -> None:
        for answer in list(self.answers):
            if isinstance(answer[2], m.HostPrepared):
                self.answers.remove(answer)
                self._later(m.HostPrepared("the pod ends"))

    def _answer(self, instruction: m.Instruction) -> m.Event:
        bad = self.random.random() < self.fault
        self._numbers += 1
        match instruction:
            case m.PrepareHost():
                return m.HostPrepared("no such volume" if bad else "")
            case m.CreateSandbox(attempt=attempt):
                taken = tuple(self.runtime.sandboxes)
                assert all(one.attempt != attempt for one in taken), "the name of a sandbox is reserved"
                if bad and self.random.random() < 0.5:
                    left = Sandbox(f"s{self._numbers}", attempt, False, self.now_s, ())
                    self.runtime = self.runtime.with_sandbox(left)
                    return m.SandboxFailed("no network, and it stays", (left,))
                if bad:
                    return m.SandboxFailed("no network")
                made = Sandbox(f"s{self._numbers}", attempt, True, self.now_s, (f"10.0.0.{self._numbers % 250}",))
                self.runtime = self.runtime.with_sandbox(made)
                return m.SandboxCreated(made)
            case m.StopSandbox(sandbox_id=sandbox_id):
                if bad:
                    return m.SandboxStopped(sandbox_id, "busy")
                for one in self.runtime.sandboxes:
                    if one.id == sandbox_id:
                        self.runtime = self.runtime.with_sandbox(replace(one, ready=False))
                return m.SandboxStopped(sandbox_id)
            case m.EnsureImage(name=name):
                return m.ImageFailed(name, "ErrImagePull", "no route") if bad else m.ImageReady(name, "sha256:1")
            case m.StartContainer():
                return self._start(instruction, bad)
            case m.StopContainer(container=container):
                if bad:
                    return m.ContainerStopped(container.id, None, "busy")
                known = self.runtime.by_id(container.id)
                if known is not None and known.state == "running":
                    known = self._ended(known, 137)
                    self.runtime = self.runtime.with_container(known)
                return m.ContainerStopped(container.id, known)
            case m.RemoveContainers(container_ids=ids):
                for container_id in () if bad else ids:
                    self.runtime = self.runtime.without_container(container_id)
                return m.ContainersRemoved(failure="busy") if bad else m.ContainersRemoved(ids)
            case m.ResizePod(after=after, updates=updates):
                return m.PodResized({}, failure="busy") if bad else self._resized(after, updates)
            case m.CleanUp():
                return m.CleanedUp("mounted" if bad else "")
            case m.RemoveLeftovers():
                if not bad:
                    self.runtime = PodRuntime()
                return m.LeftoversRemoved("busy" if bad else "")
        raise AssertionError(instruction)

    def _resized(self, after: CgroupValues, updates: tuple[Update, ...]) -> m.PodResized:
        for update in updates:
            known = self.runtime.by_id(update.container_id)
            if known is not None:
                self.runtime = self.runtime.with_container(replace(known, size=update.after))
        return m.PodResized({u.container_id: u.after for u in updates}, after)

    def _start(self, asked: m.StartContainer, bad: bool) -> m.Event:
        if bad and self.random.random() < 0.5:
            return m.ContainerFailed(asked.name, "CreateContainerError", "no space")
        spec = pod_spec.find_container(self.worker.pod, asked.name)
        assert spec is not None
        made = Container(
            id=f"{asked.name}-{self._numbers}",
            name=asked.name,
            sandbox_id=asked.sandbox_id,
            state="running",
            restart_count=asked.restart_count or 0,
            hash=container_hash(spec),
            created_at_s=self.now_s,
            started_at_s=self.now_s,
            image_ref=asked.image_ref,
            size=size_of(self.worker.pod, spec),
        )
        self.created.append(asked.name)
        if bad:
            made = replace(made, state="exited", exit_code=128, finished_at_s=self.now_s, reason="StartError")
            self.runtime = self.runtime.with_container(made)
            return m.ContainerFailed(asked.name, "RunContainerError", "no such program", (made,))
        self.runtime = self.runtime.with_container(made)
        return m.ContainerStarted(made)

    @property
    def stage(self) -> Stage:
        return self.worker.stage
