"""Which devices, CPUs, memory and claims containers have: the gRPC service that monitoring agents of the node ask.

Source: pkg/kubelet/apis/podresources/server_v1.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pybernetes.api.core.v1 import Container, Pod
from pybernetes.http.grpc_server import GrpcServer
from pybernetes.kubelet.devices.ledger import Device
from pybernetes.kubelet.giving import Giving
from pybernetes.kubelet.pod_spec import is_sidecar, uid_of
from pybernetes.kubelet.resources.memory_map import Block
from pybernetes.kubelet.rpc import RpcError, serve

SOCKET = "kubelet.sock"


class PodResources:
    """`pods` are those that have not ended."""

    def __init__(self, folder: Path, giving: Giving, pods: Callable[[], list[Pod]]) -> None:
        self._folder = folder
        self._giving = giving
        self._pods = pods
        self._server: GrpcServer | None = None

    @property
    def _pb(self) -> Any:
        from pybernetes.kubelet.serving import pod_resources_pb2

        return pod_resources_pb2

    async def start(self) -> None:
        """Raises OSError where it cannot listen."""
        pb = self._pb
        methods = {
            "List": (self._list, pb.ListPodResourcesRequest),
            "Get": (self._get, pb.GetPodResourcesRequest),
            "GetAllocatableResources": (self._allocatable, pb.AllocatableResourcesRequest),
        }
        self._server = await serve(self._folder / SOCKET, "v1.PodResourcesLister", methods)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    async def _list(self, request: Any) -> Any:
        return self._pb.ListPodResourcesResponse(pod_resources=[self._of_pod(pod) for pod in self._pods()])

    async def _get(self, request: Any) -> Any:
        name = request.pod_namespace, request.pod_name
        found = next((p for p in self._pods() if (p.metadata.namespace, p.metadata.name) == name), None)
        if found is None:
            message = f"pod {request.pod_name} in namespace {request.pod_namespace} not found"
            raise RpcError("UNKNOWN", message)
        return self._pb.GetPodResourcesResponse(pod_resources=self._of_pod(found))

    async def _allocatable(self, request: Any) -> Any:
        resources = self._giving.ledger.resources
        devices = [
            one for name, resource in resources.items() for one in self._devices(name, resource.devices.values())
        ]
        cpus = self._giving.cpus
        own = sorted(cpus.allocatable()) if cpus is not None else ()
        memory = self._giving.memory.allocatable() if self._giving.memory is not None else ()
        return self._pb.AllocatableResourcesResponse(devices=devices, cpu_ids=own, memory=self._memory(memory))

    def _of_pod(self, pod: Pod) -> Any:
        containers = [*(c for c in pod.spec.initContainers if is_sidecar(c)), *pod.spec.containers]
        return self._pb.PodResources(
            name=pod.metadata.name,
            namespace=pod.metadata.namespace,
            containers=[self._of_container(pod, container) for container in containers],
        )

    def _of_container(self, pod: Pod, container: Container) -> Any:
        ledger = self._giving.ledger
        devices = []
        for held in ledger.of_container(uid_of(pod), container.name):
            known = ledger.resources[held.resource].devices if held.resource in ledger.resources else {}
            devices += self._devices(held.resource, [known.get(name, Device(name)) for name in held.devices], ill=True)
        return self._pb.ContainerResources(
            name=container.name,
            devices=devices,
            dynamic_resources=self._claims(pod, container),
            cpu_ids=sorted(cpus.own(uid_of(pod), container.name)) if (cpus := self._giving.cpus) is not None else (),
            memory=self._memory(m.of(uid_of(pod), container.name) if (m := self._giving.memory) is not None else ()),
        )

    def _memory(self, blocks: Iterable[Block]) -> list[Any]:
        pb = self._pb
        return [
            pb.ContainerMemory(
                memory_type=block.type,
                size=block.size,
                topology=pb.TopologyInfo(nodes=[pb.NUMANode(ID=node) for node in block.numa_affinity]),
            )
            for block in blocks
        ]

    def _devices(self, resource: str, devices: Iterable[Device], ill: bool = False) -> list[Any]:
        """A message a device, as upstream tells them."""
        pb = self._pb
        found = []
        for device in devices:
            if device.healthy or ill:
                made = pb.ContainerDevices(resource_name=resource, device_ids=[device.id])
                made.topology.nodes.extend(pb.NUMANode(ID=node) for node in device.numa_nodes)
                found.append(made)
        return found

    def _claims(self, pod: Pod, container: Container) -> list[Any]:
        pb, claims = self._pb, self._giving.claims
        found: dict[str, Any] = {}
        for name, driver, device in claims.devices(pod, container) if claims is not None else ():
            told = found.setdefault(name, pb.DynamicResource(claim_name=name, claim_namespace=pod.metadata.namespace))
            told.claim_resources.add(
                cdi_devices=[pb.CDIDevice(name=each) for each in device.cdi],
                driver_name=driver,
                pool_name=device.pool,
                device_name=device.name,
                share_id=device.share,
            )
        return list(found.values())
