"""What the node, its pods and their containers use: `/stats/summary` and the figures of `/metrics/resource`.

Read from the cgroups when somebody asks, never in between; without cgroups the runtime is asked.
Source: pkg/kubelet/server/stats/summary.go, pkg/kubelet/stats/cri_stats_provider.go.
Differs: how much swap is left to a container is not told.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.times import format_micro_time, format_time
from pybernetes.kubelet import runtime
from pybernetes.kubelet.containers.configs import instance_of
from pybernetes.kubelet.node import group_figures
from pybernetes.kubelet.node.usage import (
    Interface,
    Usage,
    interfaces,
    meminfo,
    memory_in_use,
    memory_limit,
    process_of,
    processes,
    usage,
)
from pybernetes.kubelet.resources.cgroups import Cgroups
from pybernetes.kubelet.serving import disk_stats
from pybernetes.kubelet.serving.container_metrics import Group, figures_of, figures_of_network
from pybernetes.kubelet.volumes import stats as volume_stats
from pybernetes.kubelet.volumes.stats import NamedStats

if TYPE_CHECKING:
    from pybernetes.kubelet.kubelet import Kubelet
    from pybernetes.kubelet.worker.shell import PodRunner

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_RATE_WITHIN_S = 300.0
_NOT_COUNTED = ("veth", "docker", "nerdctl")
"""How links begin that are others' ends. Source: cadvisor container/libcontainer/handler.go ignoredDevicePrefixes."""
_PODS_AT_ONCE = 16
"""After so many pods others get their turn."""


class Stats:
    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._before: dict[str, tuple[float, int]] = {}
        """When each group was read last and the CPU time it had used, for the rate since."""

    async def summary(self) -> dict[str, Any]:
        """A Summary of kubelet stats v1alpha1."""
        now = self._kubelet.clock.now()
        stats = {each.attributes.id: each for each in await self._kubelet.cri.container_stats(self._mine())}
        found = await self._read(format_time(now), stats)
        self._add_rates(found, now)
        await self._add_details(found, format_time(now))
        return found

    async def _add_details(self, summary: dict[str, Any], shown: str) -> None:
        cgroups = self._kubelet.node.cgroups
        node, images = summary["node"], await disk_stats.of_images(self._kubelet.cri, shown)
        node["fs"] = disk = self._disk(shown)
        if images is not None:
            node["runtime"] = {"imageFs": images, "containerFs": images}
        node |= _network(_of_node(), shown)
        for number, told in enumerate(summary["pods"], 1):
            if number % _PODS_AT_ONCE == 0:
                await asyncio.sleep(0)
            runner = self._kubelet.runners.get(told["podRef"]["uid"])
            if runner is None:
                continue
            pod = runner.worker.pod
            if cgroups is not None:
                with suppress(OSError):
                    told["process_stats"] = {"process_count": cgroups.processes(pod)}
                told |= _network(_interfaces(cgroups, pod), shown)
            volumes = await self._kubelet.node.volumes.stats(pod)
            told["volume"] = [volume_stats.summary(each, shown) for each in volumes]
            for each in told["containers"]:
                if images is not None and "rootfs" in each:
                    rootfs = each["rootfs"]
                    each["rootfs"] = disk_stats.part(images, rootfs["usedBytes"], rootfs["inodesUsed"])
            logs = self._kubelet.node.configs.log_folder_of(pod)
            await asyncio.to_thread(disk_stats.add_logs, told, pod, logs, disk)

    def _disk(self, shown: str) -> dict[str, Any]:
        """Of the kubelet's folder, which a simulated node does not have."""
        place = Path(self._kubelet.config.root_dir)
        return disk_stats.whole(str(place if place.exists() else place.anchor), shown)

    def _system(self, shown: str) -> list[dict[str, Any]]:
        """All pods together, and the process that the kubelet is in."""
        started = format_time(self._kubelet.settings.began_s)
        found = [{"name": "kubelet", "startTime": started, **_of_process(shown)}]
        cgroups = self._kubelet.node.cgroups
        used = usage(cgroups.hierarchies, cgroups.of_pods) if cgroups is not None else None
        if cgroups is not None and used is not None:
            limit = memory_limit(cgroups.hierarchies, cgroups.of_pods)
            found.append({"name": "pods", "startTime": started, **_told(used, shown, limit)})
        return found

    async def of_claims(self) -> list[NamedStats]:
        """Of volumes that claims have given to pods."""
        pods = [runner.worker.pod for runner in list(self._kubelet.runners.values())]
        volumes = self._kubelet.node.volumes
        return [each for pod in pods for each in await volumes.stats(pod, only_claims=True)]

    async def resources(self) -> dict[str, Any]:
        """The same without files and rates, with times to the microsecond."""
        now = self._kubelet.clock.now()
        stats: Mapping[str, Any] = {}
        if self._kubelet.node.cgroups is None:
            stats = {each.attributes.id: each for each in await self._kubelet.cri.container_stats(self._mine())}
        return await self._read(format_micro_time(now), stats)

    async def groups(self) -> list[Group]:
        """The node, what all pods share, pods and containers, with cadvisor's figures."""
        now = self._kubelet.clock.now()
        stats = {each.attributes.id: each for each in await self._kubelet.cri.container_stats(self._mine())}
        summary = await self._read(format_micro_time(now), stats)
        cgroups = self._kubelet.node.cgroups
        found = [Group("/", now, figures=figures_of(summary["node"] | {"fs": self._disk("")}))]
        for told in summary["pods"]:
            runner = self._kubelet.runners.get(told["podRef"]["uid"])
            if runner is None:
                continue
            pod = runner.worker.pod
            group = cgroups.parent_of(pod) if cgroups is not None else f"/pod{runner.uid}"
            found.append(Group(group, now, pod, figures=figures_of(told)))
            for each in told["containers"]:
                running = runner.worker.runtime.find(each["name"])
                if running is not None:
                    own = cgroups.of_container(pod, running.id) if cgroups is not None else f"{group}/{running.id}"
                    found.append(Group(own, now, pod, running, figures_of(each)))
        if cgroups is not None:
            shared = [Group(f"{cgroups.of_pods}{level}", now) for level in ("", "/burstable", "/besteffort")]
            found[1:1] = shared
            await asyncio.to_thread(_add_figures, cgroups, found)
        return found

    def _mine(self) -> dict[str, str]:
        return {runtime.KUBELET_LABEL: instance_of(self._kubelet.config)}

    async def _read(self, shown: str, stats: Mapping[str, Any]) -> dict[str, Any]:
        pods = []
        for number, runner in enumerate(list(self._kubelet.runners.values()), 1):
            pod = self._pod(runner, shown, stats)
            if pod["containers"]:
                pods.append(pod)
            if number % _PODS_AT_ONCE == 0:
                await asyncio.sleep(0)
        node = _node_stats(self._kubelet.config.node_name, shown)
        return {"node": node | {"systemContainers": self._system(shown)}, "pods": pods}

    def _pod(self, runner: PodRunner, shown: str, stats: Mapping[str, Any]) -> dict[str, Any]:
        pod = runner.worker.pod
        cgroups = self._kubelet.node.cgroups
        found: dict[str, Any] = {
            "podRef": {"name": pod.metadata.name, "namespace": pod.metadata.namespace, "uid": runner.uid},
            "startTime": runner.worker.status.startTime or shown,
            "containers": [],
        }
        for container in runner.worker.runtime.containers:
            if container.state != "running":
                continue
            told = stats.get(container.id)
            used = usage(cgroups.hierarchies, cgroups.of_container(pod, container.id)) if cgroups is not None else None
            used = used or (_of_runtime(told) if told is not None else None)
            if used is None:
                continue
            one = {"name": container.name, "startTime": format_micro_time(container.started_at_s), **_told(used, shown)}
            if told is not None:
                layer = told.writable_layer
                one["rootfs"] = {
                    "time": shown, "usedBytes": layer.used_bytes.value, "inodesUsed": layer.inodes_used.value
                }  # fmt: skip
            found["containers"].append(one)
        if found["containers"]:
            whole = usage(cgroups.hierarchies, cgroups.parent_of(pod)) if cgroups is not None else None
            found |= _told(whole, shown) if whole is not None else _totals(found["containers"], shown)
        return found

    def _add_rates(self, summary: dict[str, Any], now: float) -> None:
        before, self._before = self._before, {}
        groups: list[tuple[str, dict[str, Any]]] = [("", summary["node"])]
        groups += [(f"/{each['name']}", each) for each in summary["node"]["systemContainers"]]
        for pod in summary["pods"]:
            uid = pod["podRef"]["uid"]
            groups.append((uid, pod))
            groups += [(f"{uid}/{each['name']}", each) for each in pod["containers"]]
        for key, each in groups:
            used = each["cpu"]["usageCoreNanoSeconds"]
            self._before[key] = (now, used)
            then, earlier = before.get(key, (0.0, 0))
            if 0 < now - then < _RATE_WITHIN_S and used >= earlier:
                each["cpu"]["usageNanoCores"] = round((used - earlier) / (now - then))


def _of_process(shown: str) -> dict[str, Any]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    cpu_ns = round((own.ru_utime + own.ru_stime) * 1e9)
    return _told(Usage(cpu_ns, resident, resident, resident, own.ru_minflt, own.ru_majflt), shown)


def _of_node() -> list[Interface]:
    """The kubelet's network namespace without the ends of links that are others'."""
    return [each for each in interfaces(os.getpid()) if not each.name.lower().startswith(_NOT_COUNTED)]


def _told(used: Usage, shown: str, limit_bytes: int | None = None) -> dict[str, Any]:
    left = {} if limit_bytes is None else {"availableBytes": max(0, limit_bytes - used.working_set_bytes)}
    return {
        "cpu": {"time": shown, "usageCoreNanoSeconds": used.cpu_ns},
        "memory": {
            "time": shown,
            **left,
            "workingSetBytes": used.working_set_bytes,
            "usageBytes": used.memory_bytes,
            "rssBytes": used.rss_bytes,
            "pageFaults": used.page_faults,
            "majorPageFaults": used.major_page_faults,
        },
        "swap": {"time": shown, "swapUsageBytes": used.swap_bytes},
    }


def _of_runtime(stat: Any) -> Usage:
    """What the runtime tells of one container."""
    return Usage(
        stat.cpu.usage_core_nano_seconds.value,
        stat.memory.usage_bytes.value,
        stat.memory.working_set_bytes.value,
        stat.memory.rss_bytes.value,
        stat.memory.page_faults.value,
        stat.memory.major_page_faults.value,
    )


def _interfaces(cgroups: Cgroups, pod: Pod) -> list[Interface]:
    """Of the network namespace that the pod's processes are in; none of the node's own."""
    process = None if pod.spec.hostNetwork else process_of(cgroups.hierarchies, cgroups.parent_of(pod))
    return interfaces(process) if process is not None else []


def _add_figures(cgroups: Cgroups, groups: list[Group]) -> None:
    """What the kernel's files have besides."""
    hierarchies = cgroups.hierarchies
    for group in groups:
        group.figures += group_figures.figures(hierarchies, group.id)
        if group.container is not None:
            group.figures += group_figures.processes(hierarchies, group.id)
        elif group.pod is not None:
            group.figures += figures_of_network(_interfaces(cgroups, group.pod))
        elif group.id == "/":
            group.figures += figures_of_network(_of_node())
        else:
            used = usage(hierarchies, group.id)
            group.figures += figures_of(_told(used, "")) if used is not None else []


def _network(found: list[Interface], shown: str) -> dict[str, Any]:
    told = [
        {"name": each.name, "rxBytes": each.received_bytes, "rxErrors": each.received_errors}
        | {"txBytes": each.sent_bytes, "txErrors": each.sent_errors}
        for each in found
    ]
    return {"network": {"time": shown, **told[0], "interfaces": told}} if told else {}


def _totals(containers: list[dict[str, Any]], shown: str) -> dict[str, Any]:
    def total(group: str, key: str) -> int:
        return sum(each[group][key] for each in containers)

    amounts = ("workingSetBytes", "usageBytes", "rssBytes", "pageFaults", "majorPageFaults")
    return {
        "cpu": {"time": shown, "usageCoreNanoSeconds": total("cpu", "usageCoreNanoSeconds")},
        "memory": {"time": shown, **{key: total("memory", key) for key in amounts}},
        "swap": {"time": shown, "swapUsageBytes": total("swap", "swapUsageBytes")},
    }


def _node_stats(name: str, now: str) -> dict[str, Any]:
    memory = meminfo()
    used, working_set = memory_in_use(memory)
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    busy = sum(ticks) - ticks[3] - ticks[4]
    faults = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    most, running = processes()
    return {
        "nodeName": name,
        "startTime": _booted(),
        "cpu": {"time": now, "usageCoreNanoSeconds": busy * 1_000_000_000 // _TICKS_PER_S},
        "memory": {
            "time": now,
            "availableBytes": memory["MemTotal"] - working_set,
            "usageBytes": used,
            "workingSetBytes": working_set,
            "rssBytes": memory["AnonPages"],
            "pageFaults": int(faults["pgfault"]),
            "majorPageFaults": int(faults["pgmajfault"]),
        },
        "swap": {
            "time": now,
            "swapAvailableBytes": memory["SwapFree"],
            "swapUsageBytes": memory["SwapTotal"] - memory["SwapFree"],
        },
        "rlimit": {"time": now, "maxpid": most, "curproc": running},
    }


def _booted() -> str:
    match = re.search(r"^btime (\d+)", Path("/proc/stat").read_text(), re.MULTILINE)
    return format_time(float(match[1]) if match else 0.0)
