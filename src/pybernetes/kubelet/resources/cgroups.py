"""The control groups of pods, on cgroup v1 and v2, under a root of the cluster's own.

    ROOT/kubepods                    every pod
    ROOT/kubepods/pod<uid>           guaranteed
    ROOT/kubepods/burstable/pod<uid>, ROOT/kubepods/besteffort/pod<uid>

The runtime makes the containers' groups below these. Nothing outside ROOT is ever touched.

Source: pkg/kubelet/cm (cgroup_manager_linux.go, qos_container_manager_linux.go, pod_container_manager_linux.go).
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import quantity
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.resources.requests import (
    MIN_SHARES,
    QUOTA_PERIOD_US,
    CgroupValues,
    cpu_shares,
    cpu_weight,
    page_name,
    pod_cgroup_values,
    pod_requests,
    qos_class,
)

_LOG = logging.getLogger(__name__)
_V2_CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids", "hugetlb")
_REMOVE_TRIES = 50
_PREFIXES = ("", "crio-")
"""How containers' groups begin: containerd's with nothing."""
NO_LIMIT = 1 << 62
"""As large, or larger, version 1 shows a limit that there is not."""


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where cgroups are mounted: one folder by controller for v1, `unified` for v2.

    `beside` those of v1 are the ones that limit nothing, systemd's and a v2 hierarchy: runc makes groups there as well.
    """

    version: int
    controllers: dict[str, Path]
    unified: Path | None = None
    beside: tuple[Path, ...] = ()

    def limiting(self) -> list[Path]:
        """Each hierarchy once in which pods get limits."""
        if self.unified is not None:
            return [self.unified]
        return list(dict.fromkeys(self.controllers.values()))

    def folders(self) -> list[Path]:
        """Each hierarchy once in which pods can have a group."""
        return [*self.limiting(), *self.beside]


def detect(mountinfo: str | None = None) -> Hierarchies:
    """Reads /proc/self/mountinfo. A hybrid layout counts as v1."""
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    controllers: dict[str, Path] = {}
    unified: Path | None = None
    named: list[Path] = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or not kind:
            continue
        if kind[0] == "cgroup":
            options = kind[-1].split(",")
            if any(option.startswith("name=") for option in options):
                named.append(Path(fields[4]))
                continue
            for option in options:
                if option not in ("rw", "ro") and "=" not in option:
                    controllers.setdefault(option, Path(fields[4]))
        elif kind[0] == "cgroup2" and unified is None:
            unified = Path(fields[4])
    if "memory" in controllers or "cpu" in controllers:
        return Hierarchies(1, controllers, beside=(*named, *([unified] if unified else [])))
    return Hierarchies(2, {}, unified)


class Cgroups:
    """`page_sizes`: of the huge pages that the machine has, in bytes.

    With `protects` memory that pods ask for is kept from being taken back, where it is cgroup v2.
    """

    def __init__(
        self,
        root: str,
        hierarchies: Hierarchies | None = None,
        pod_pids_limit: int | None = None,
        page_sizes: Sequence[int] = (),
        *,
        protects: bool = False,
    ) -> None:
        self.root = root.rstrip("/")
        self.hierarchies = hierarchies or detect()
        self.version = self.hierarchies.version
        self._pids_limit = pod_pids_limit
        self._for_pages = next((place for place in self.hierarchies.beside if "hugetlb" in _available(place)), None)
        """Of the hierarchies beside those of v1 the one that can limit huge pages."""
        self._no_pages = dict.fromkeys(page_sizes, 0)
        self._burstable: dict[str, int] = {}
        self._protects = protects and self.version == 2
        self._protected: dict[str, tuple[str, int]] = {}
        """Quality of service and bytes, by uid."""

    def setup(self) -> None:
        """Makes the groups that all pods share. Raises OSError where cgroups cannot be written."""
        for name in ("", "/burstable", "/besteffort"):
            self._make(f"{self.of_pods}{name}")
        self._write(f"{self.of_pods}/besteffort", CgroupValues(cpu_shares=MIN_SHARES))
        self._update_burstable()

    @property
    def of_pods(self) -> str:
        """The group that all pods share."""
        return f"{self.root}/kubepods"

    @property
    def holds_swap(self) -> bool:
        """Whether the kernel can say how much a group may swap, in cgroup v2."""
        folder = self.hierarchies.unified
        return folder is not None and (folder / self.of_pods.lstrip("/") / "memory.swap.max").exists()

    def hold(self, group: str, values: CgroupValues) -> set[str]:
        """Sets limits of a group that is there; names the controllers that the host lacks for them. Raises OSError."""
        lacking = set()
        for controller, file, content in self._files(values):
            folder = self._folder(controller)
            if folder is not None and not (folder / group.lstrip("/")).is_dir():
                raise FileNotFoundError(errno.ENOENT, "there is no such cgroup", group)
            place = folder / group.lstrip("/") / file if folder is not None else None
            if place is not None and place.exists():
                place.write_text(content)
            elif controller != "hugetlb" or content != "0":
                lacking.add(controller)
        return lacking

    def parent_of(self, pod: Pod) -> str:
        """The pod's group, as the runtime is told it."""
        level = {"Burstable": "/burstable", "BestEffort": "/besteffort"}.get(qos_class(pod), "")
        return f"{self.of_pods}{level}/pod{uid_of(pod)}"

    def of_container(self, pod: Pod, container_id: str) -> str:
        """The group that the runtime made for a container, within the pod's."""
        folder = self._in_memory(pod)
        name = _own_name(folder, container_id) if folder is not None else container_id
        return f"{self.parent_of(pod)}/{name}"

    def create(self, pod: Pod, *, owns_cpus: bool = False) -> CgroupValues:
        """Makes the pod's group with its limits; again for one that exists only sets the limits. Returns these.

        A pod with CPUs of its own has no limit of CPU time, which would only hold it up. A limit of memory stays as it
        is where more is in use than it is to allow: the kernel would refuse, or end what runs.
        """
        group = self.parent_of(pod)
        self._make(group)
        values = pod_cgroup_values(pod)
        values = replace(values, memory_limit_bytes=self._memory_limit(pod, values.memory_limit_bytes))
        pages = tuple({**self._no_pages, **dict(values.hugepages)}.items())
        quota_us = -1 if owns_cpus else values.cpu_quota_us
        self._write(group, replace(values, pids_limit=self._pids_limit, hugepages=pages, cpu_quota_us=quota_us))
        self._protect(pod)
        if qos_class(pod) == "Burstable":
            self._burstable[uid_of(pod)] = quantity.milli(pod_requests(pod).get("cpu", "0"))
            self._update_burstable()
        return values

    def _memory_limit(self, pod: Pod, wanted: int | None) -> int | None:
        """The one wanted, or the one that the pod's group has where that cannot be."""
        group = self._in_memory(pod)
        try:
            if wanted is None or group is None or self.memory_usage(pod) < wanted:
                return wanted
            held = (group / ("memory.max" if self.version == 2 else "memory.limit_in_bytes")).read_text().strip()
        except OSError:
            return wanted
        return int(held) if held.isdecimal() and int(held) < NO_LIMIT else None

    def resize(self, pod: Pod, values: CgroupValues) -> None:
        """Sets limits of the pod's group. Raises OSError where the kernel refuses."""
        for path, content in self._writes(self.parent_of(pod), values):
            path.write_text(content)
        self._protect(pod)
        if qos_class(pod) == "Burstable" and values.cpu_shares is not None:
            self._burstable[uid_of(pod)] = quantity.milli(pod_requests(pod).get("cpu", "0"))
            self._update_burstable()

    def memory_usage(self, pod: Pod, container_id: str = "") -> int:
        """Bytes that the pod, or one container of it, holds now. Raises OSError."""
        group = self._in_memory(pod)
        if group is None:
            return 0
        if container_id:
            group /= _own_name(group, container_id)
        file = "memory.current" if self.version == 2 else "memory.usage_in_bytes"
        return int((group / file).read_text())

    def _in_memory(self, pod: Pod) -> Path | None:
        folder = self.hierarchies.unified or self.hierarchies.controllers.get("memory")
        return folder / self.parent_of(pod).lstrip("/") if folder is not None else None

    def processes(self, pod: Pod) -> int:
        """Raises OSError."""
        folder = self.hierarchies.unified or self.hierarchies.controllers.get("pids")
        if folder is None:
            return 0
        return int((folder / self.parent_of(pod).lstrip("/") / "pids.current").read_text())

    def remove(self, uid: str) -> None:
        """Removes the pod's group at every level it can be at, ending what is left in it. Raises OSError."""
        for level in ("", "/burstable", "/besteffort"):
            for folder in self.hierarchies.folders():
                _remove_tree(folder / f"{self.of_pods}{level}/pod{uid}".lstrip("/"))
        if self._burstable.pop(uid, None) is not None:
            self._update_burstable()
        if self._protected.pop(uid, None) is not None:
            self._update_protection()

    def pods(self) -> set[str]:
        """uids that have a group."""
        found: set[str] = set()
        for level in ("", "/burstable", "/besteffort"):
            for folder in self.hierarchies.folders():
                place = folder / f"{self.of_pods}{level}".lstrip("/")
                found.update(p.name.removeprefix("pod") for p in place.glob("pod*") if p.is_dir())
        return found

    def _update_burstable(self) -> None:
        shares = cpu_shares(sum(self._burstable.values()))
        self._write(f"{self.of_pods}/burstable", CgroupValues(cpu_shares=shares))

    def _protect(self, pod: Pod) -> None:
        """Source: cm/helpers_linux.go ResourceConfigForPod, qos_container_manager_linux.go setMemoryQoS."""
        request, quality = quantity.value(pod_requests(pod).get("memory", "0")), qos_class(pod)
        if not self._protects or not request:
            return
        hard = quality == "Guaranteed"
        values = CgroupValues(memory_min_bytes=request) if hard else CgroupValues(memory_low_bytes=request)
        self._write(self.parent_of(pod), values)
        self._protected[uid_of(pod)] = quality, request
        self._update_protection()

    def _update_protection(self) -> None:
        """What is protected of a group counts only as far as it is of the groups above."""
        burstable = sum(size for quality, size in self._protected.values() if quality == "Burstable")
        self._write(f"{self.of_pods}/burstable", CgroupValues(memory_low_bytes=burstable))
        everything = sum(size for _, size in self._protected.values())
        self._write(self.of_pods, CgroupValues(memory_min_bytes=everything))

    def _make(self, group: str) -> None:
        of_v2 = self.hierarchies.unified or self._for_pages
        if of_v2 is not None:
            _make_v2(of_v2, group)
        for folder in self.hierarchies.limiting() if self.version == 1 else ():
            place = folder
            for part in group.strip("/").split("/"):
                place = place / part
                if not place.is_dir():
                    place.mkdir(exist_ok=True)
                    if folder == self.hierarchies.controllers.get("cpuset"):
                        _inherit_cpuset(place)

    def _folder(self, controller: str) -> Path | None:
        found = self.hierarchies.unified or self.hierarchies.controllers.get(controller)
        return self._for_pages if found is None and controller == "hugetlb" else found

    def _write(self, group: str, values: CgroupValues) -> None:
        for path, content in self._writes(group, values):
            try:
                path.write_text(content)
            except FileNotFoundError:
                continue  # the controller is not there
            except OSError as error:
                _LOG.warning("cannot write %s to %s: %s", content, path, error.strerror)

    def _writes(self, group: str, values: CgroupValues) -> Iterable[tuple[Path, str]]:
        for controller, file, content in self._files(values):
            folder = self._folder(controller)
            if folder is not None:
                yield folder / group.lstrip("/") / file, content

    def _files(self, values: CgroupValues) -> Iterable[tuple[str, str, str]]:
        v2 = self.version == 2
        if values.cpu_shares is not None:
            yield (
                ("cpu", "cpu.weight", str(cpu_weight(values.cpu_shares)))
                if v2
                else (
                    "cpu",
                    "cpu.shares",
                    str(values.cpu_shares),
                )
            )
        if values.cpu_quota_us is not None:
            if v2:
                limit = "max" if values.cpu_quota_us < 0 else str(values.cpu_quota_us)
                yield "cpu", "cpu.max", f"{limit} {QUOTA_PERIOD_US}"
            else:
                yield "cpu", "cpu.cfs_period_us", str(QUOTA_PERIOD_US)
                yield "cpu", "cpu.cfs_quota_us", str(values.cpu_quota_us)
        if values.memory_limit_bytes is not None:
            file = "memory.max" if v2 else "memory.limit_in_bytes"
            yield "memory", file, str(values.memory_limit_bytes)
        if values.memory_min_bytes is not None and v2:
            yield "memory", "memory.min", str(values.memory_min_bytes)
        if values.memory_low_bytes is not None and v2:
            yield "memory", "memory.low", str(values.memory_low_bytes)
        if values.pids_limit is not None:
            yield "pids", "pids.max", str(values.pids_limit)
        for size, amount in values.hugepages:
            limit = "limit_in_bytes" if "hugetlb" in self.hierarchies.controllers else "max"
            yield "hugetlb", f"hugetlb.{page_name(size)}.{limit}", str(amount)


def _own_name(of_pod: Path, container_id: str) -> str:
    """Of a container's group; containerd's where there is none."""
    names = (prefix + container_id for prefix in _PREFIXES)
    return next((name for name in names if (of_pod / name).is_dir()), container_id)


def _available(place: Path) -> list[str]:
    """Controllers of a group of a v2 hierarchy."""
    with suppress(OSError):
        return (place / "cgroup.controllers").read_text().split()
    return []


def _make_v2(place: Path, group: str) -> None:
    for part in group.strip("/").split("/"):
        for controller in (c for c in _available(place) if c in _V2_CONTROLLERS):
            with suppress(OSError):
                (place / "cgroup.subtree_control").write_text(f"+{controller}")
        place = place / part
        place.mkdir(exist_ok=True)


def _inherit_cpuset(place: Path) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):
        file = place / name
        if file.exists() and not file.read_text().strip():
            file.write_text((place.parent / name).read_text())


def _remove_tree(place: Path) -> None:
    """Removes a group with those below it; processes left in it are killed."""
    if not place.is_dir():
        return
    for child in [p for p in place.iterdir() if p.is_dir()]:
        _remove_tree(child)
    for attempt in range(_REMOVE_TRIES):
        try:
            place.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            _kill_all(place)
            if attempt == _REMOVE_TRIES - 1:
                raise
            time.sleep(0.002)


def _kill_all(place: Path) -> None:
    with suppress(OSError):
        for pid in (place / "cgroup.procs").read_text().split():
            with suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
