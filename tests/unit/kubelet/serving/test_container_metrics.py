"""The page of cadvisor's figures."""

from __future__ import annotations

from pybernetes.api.core.v1 import NodeSystemInfo
from pybernetes.kubelet.node.status import Machine
from pybernetes.kubelet.node.usage import Interface
from pybernetes.kubelet.resources.cpu_topology import Cpu
from pybernetes.kubelet.runtime import Container
from pybernetes.kubelet.serving.container_metrics import (
    Group,
    container_metrics,
    figures_of,
    figures_of_network,
    machine_metrics,
)
from tests.unit.kubelet.pods import pod

USED = {
    "cpu": {"usageCoreNanoSeconds": 2_500_000_000},
    "memory": {"workingSetBytes": 10, "usageBytes": 20, "pageFaults": 3},
    "rootfs": {"usedBytes": 7},
    "startTime": "2026-01-01T00:00:00Z",
}


def test_container_metrics() -> None:
    groups = [
        Group("/x/c1", 1767225600.5, pod(), Container(id="c1", name="a", image="i"), figures_of(USED)),
        Group("/x", 1767225600.5, pod(), figures=figures_of_network([Interface("eth0", 5, 1, 0, 0, 6, 2, 1, 0)])),
    ]
    mine = 'container="a",id="/x/c1",image="i",name="c1",namespace="default",pod="web"'
    of_pod = 'container="",id="/x",image="",name="",namespace="default",pod="web"'
    on_wire = f'{of_pod},interface="eth0"'
    faults = f'{mine},failure_type="pgfault",scope'
    stamp = "1767225600500"
    assert [line for line in container_metrics(groups) if not line.startswith("#")] == [
        f"container_last_seen{{{mine}}} 1767225600 {stamp}",
        f"container_last_seen{{{of_pod}}} 1767225600 {stamp}",
        f"container_memory_usage_bytes{{{mine}}} 20 {stamp}",
        f"container_memory_working_set_bytes{{{mine}}} 10 {stamp}",
        f"container_fs_usage_bytes{{{mine}}} 7 {stamp}",
        f"container_start_time_seconds{{{mine}}} 1767225600.0",
        f'container_cpu_usage_seconds_total{{{mine},cpu="total"}} 2.5 {stamp}',
        f'container_memory_failures_total{{{faults}="container"}} 3 {stamp}',
        f'container_memory_failures_total{{{faults}="hierarchy"}} 3 {stamp}',
        f"container_network_receive_bytes_total{{{on_wire}}} 5 {stamp}",
        f"container_network_receive_packets_total{{{on_wire}}} 1 {stamp}",
        f"container_network_receive_packets_dropped_total{{{on_wire}}} 0 {stamp}",
        f"container_network_receive_errors_total{{{on_wire}}} 0 {stamp}",
        f"container_network_transmit_bytes_total{{{on_wire}}} 6 {stamp}",
        f"container_network_transmit_packets_total{{{on_wire}}} 2 {stamp}",
        f"container_network_transmit_packets_dropped_total{{{on_wire}}} 0 {stamp}",
        f"container_network_transmit_errors_total{{{on_wire}}} 1 {stamp}",
        "container_scrape_error 0",
    ]


def test_machine_metrics() -> None:
    info = NodeSystemInfo(bootID="b", machineID="m", systemUUID="s", kernelVersion="6.1", osImage="Debian")
    topology = {number: Cpu(number, number // 2) for number in range(4)}
    lines = machine_metrics(Machine(memory_bytes=8, swap_bytes=0, info=info), topology)
    mine = 'boot_id="b",machine_id="m",system_uuid="s"'
    assert [line for line in lines if not line.startswith("#")] == [
        f"machine_cpu_cores{{{mine}}} 4",
        f"machine_cpu_physical_cores{{{mine}}} 2",
        f"machine_cpu_sockets{{{mine}}} 1",
        f"machine_memory_bytes{{{mine}}} 8",
        f"machine_swap_bytes{{{mine}}} 0",
        "machine_scrape_error 0",
        'cadvisor_version_info{cadvisorRevision="",cadvisorVersion="",dockerVersion="",kernelVersion="6.1",'
        'osVersion="Debian"} 1',
    ]
