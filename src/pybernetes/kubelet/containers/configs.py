"""What the runtime is told: the configurations of sandboxes and containers.

Everything that a container needs comes together here; nothing is started.

Source: pkg/kubelet/kuberuntime/kuberuntime_sandbox.go, kuberuntime_container.go generateContainerConfig, labels.go.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod, Service
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.sysctls import normalized
from pybernetes.kubelet import runtime
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers import network_files, security, stop_signals
from pybernetes.kubelet.containers.environment import ConfigError, Facts, Objects, container_environment
from pybernetes.kubelet.containers.expansion import expand
from pybernetes.kubelet.containers.given import Given
from pybernetes.kubelet.containers.user_namespaces import UserNamespaces
from pybernetes.kubelet.cri.client import CriClient
from pybernetes.kubelet.pod_spec import container_hash, uid_of
from pybernetes.kubelet.resources.cgroups import Cgroups
from pybernetes.kubelet.resources.requests import (
    QUOTA_PERIOD_US,
    cpu_quota,
    cpu_shares,
    hugepages,
    oom_score_adjust,
    page_name,
    resources_of,
    size_of,
)
from pybernetes.kubelet.resources.unified_memory import MemoryRules, unified
from pybernetes.kubelet.runtime import Size
from pybernetes.kubelet.volumes.claims import is_read_only
from pybernetes.kubelet.volumes.manager import Volumes

_PROTOCOLS = {"TCP": 0, "UDP": 1, "SCTP": 2}
_PROPAGATION = {"None": 0, "HostToContainer": 1, "Bidirectional": 2}
_CAP_SYS_RESOURCE = 24
_LOG_NUMBER = re.compile(r"^(\d+)\.log")


@cache
def lowest_oom_score_adjust() -> int:
    """What oom_score_adj a process started from here may have: without CAP_SYS_RESOURCE not below our own."""
    status = Path("/proc/self/status").read_text()
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    if match is None or int(match[1], 16) >> _CAP_SYS_RESOURCE & 1:
        return -1000
    return int(Path("/proc/self/oom_score_adj").read_text())


def instance_of(config: KubeletConfig) -> str:
    """The value of the label that marks what this kubelet made."""
    identity = f"{config.cgroup_root}\0{config.node_name}\0{config.root_dir}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


@dataclass(slots=True)
class NodeFacts:
    """What the node contributes to its pods."""

    host_ips: list[str] = field(default_factory=list)
    allocatable: dict[str, str] = field(default_factory=dict)
    memory_capacity_bytes: int = 0
    swap_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NewContainer:
    """A container of a pod that is to be made."""

    pod: Pod
    spec: Container | EphemeralContainer
    image_ref: str
    image: Any | None
    """The CRI's Image, where the runtime tells of it."""
    restart_count: int
    pod_ips: tuple[str, ...]
    target_id: str = ""
    """The container whose processes an ephemeral one is to see."""
    given: Given = field(default_factory=Given)


class Configs:
    def __init__(
        self,
        cri: CriClient,
        config: KubeletConfig,
        volumes: Volumes,
        objects: Objects,
        services: Callable[[], Iterable[Service]],
        cgroups: Cgroups | None,
        node: NodeFacts,
    ) -> None:
        self._cri = cri
        self._config = config
        self._volumes = volumes
        self._objects = objects
        self._services = services
        self._cgroups = cgroups
        self._node = node
        self._instance = instance_of(config)
        self.user_namespaces = UserNamespaces(Path(config.root_dir, "pods"))

    def facts(self, pod_ips: Iterable[str] = ()) -> Facts:
        return Facts(
            node_name=self._config.node_name,
            host_ips=self._node.host_ips,
            pod_ips=list(pod_ips),
            allocatable=self._node.allocatable,
        )

    # Sandboxes.

    def log_folder(self, namespace: str, name: str, uid: str) -> Path:
        return Path(self._config.pod_log_dir) / f"{namespace}_{name}_{uid}"

    def log_folder_of(self, pod: Pod) -> Path:
        return self.log_folder(pod.metadata.namespace or "", pod.metadata.name or "", uid_of(pod))

    def make_log_folder(self, pod: Pod, container: str = "") -> None:
        """Raises OSError."""
        (self.log_folder_of(pod) / container).mkdir(parents=True, exist_ok=True, mode=0o755)

    def remove_log_folder(self, pod: Pod) -> None:
        shutil.rmtree(self.log_folder_of(pod), ignore_errors=True)

    def sandbox(self, pod: Pod, attempt: int, handler: str = "") -> tuple[Any, list[str]]:
        """PodSandboxConfig, and warnings about its DNS. Raises ValueError for what cannot be had here."""
        meta, pb = pod.metadata, self._cri.pb
        security_context = security.sandbox_context(pb, pod)
        security_context.namespace_options.userns_options.CopyFrom(self.user_namespaces.of(pb, pod, handler))
        dns = self._dns(pod)
        labels = {**meta.labels, **self._pod_labels(pod)}
        config = pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(name=meta.name, namespace=meta.namespace, uid=uid_of(pod), attempt=attempt),
            hostname="" if pod.spec.hostNetwork else network_files.kernel_host_name(pod, self._config.cluster_domain),
            log_directory=str(self.log_folder_of(pod)),
            dns_config=pb.DNSConfig(servers=dns.servers, searches=dns.searches, options=dns.options),
            labels=labels,
            annotations=meta.annotations,
            linux=pb.LinuxPodSandboxConfig(
                cgroup_parent=self._cgroups.parent_of(pod) if self._cgroups is not None else "",
                security_context=security_context,
                sysctls={
                    normalized(s.name): s.value
                    for s in (pod.spec.securityContext.sysctls if pod.spec.securityContext is not None else [])
                },
            ),
        )
        if not pod.spec.hostNetwork:
            for container in (*pod.spec.containers, *pod.spec.initContainers):
                for port in container.ports:
                    if port.hostPort:
                        config.port_mappings.add(
                            protocol=_PROTOCOLS[port.protocol or "TCP"],
                            container_port=port.containerPort,
                            host_port=port.hostPort,
                            host_ip=port.hostIP or "",
                        )
        return config, dns.warnings

    def _dns(self, pod: Pod) -> network_files.Dns:
        host = network_files.Dns()
        if self._config.resolver_config:
            path = Path(self._config.resolver_config)
            host = network_files.parse_resolv_conf(path.read_text() if path.exists() else "")
        return network_files.pod_dns(pod, host, self._config.cluster_dns, self._config.cluster_domain)

    def _pod_labels(self, pod: Pod) -> dict[str, str]:
        return {
            runtime.POD_NAME_LABEL: pod.metadata.name or "",
            runtime.POD_NAMESPACE_LABEL: pod.metadata.namespace or "",
            runtime.POD_UID_LABEL: uid_of(pod),
            runtime.KUBELET_LABEL: self._instance,
        }

    # Containers.

    def restart_count_from_logs(self, pod: Pod, name: str) -> int:
        """One more than the highest log there is: the runtime may have forgotten the container."""
        folder = self.log_folder_of(pod) / name
        if not folder.is_dir():
            return 0
        numbers = [int(match[1]) + 1 for entry in folder.iterdir() if (match := _LOG_NUMBER.match(entry.name))]
        return max(numbers, default=0)

    def environment(self, new: NewContainer) -> dict[str, str]:
        """Raises ConfigError."""
        facts = self.facts(new.pod_ips)
        found = container_environment(
            new.pod, new.spec, self._objects, self._services(), facts, self.file_reader(new.pod)
        )
        return {**new.given.environment, **found}

    def container(self, new: NewContainer) -> Any:
        """ContainerConfig; makes the files it mounts. Raises ConfigError."""
        pb, pod, spec, image = self._cri.pb, new.pod, new.spec, new.image
        environment = self.environment(new)
        image_user = image.username if image is not None else ""
        image_uid = image.uid.value if image is not None and image.HasField("uid") else None
        if image_uid is None and not image_user:
            image_uid = 0  # an image that names no user runs as root
        context = security.container_context(
            pb,
            pod,
            spec,
            image_uid,
            image_user,
            seccomp_default=self._config.seccomp_default,
            seccomp_root=f"{self._config.root_dir}/seccomp",
            target_id=new.target_id,
        )
        users = self.user_namespaces.of(pb, pod)
        context.namespace_options.userns_options.CopyFrom(users)
        mounts = self._mounts(new, environment)
        for mount in mounts:
            mount.uidMappings.extend(users.uids)
            mount.gidMappings.extend(users.gids)
        self.make_log_folder(pod, spec.name)
        resources = self.resources(pod, spec, size_of(pod, spec), owns_cpus=new.given.owns_cpus)
        resources.cpuset_cpus = new.given.cpus
        resources.cpuset_mems = new.given.memory_nodes
        return pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=spec.name, attempt=new.restart_count),
            image=pb.ImageSpec(image=new.image_ref, user_specified_image=spec.image or ""),
            command=[expand(word, environment.get) for word in spec.command],
            args=[expand(word, environment.get) for word in spec.args],
            working_dir=spec.workingDir or "",
            envs=[pb.KeyValue(key=k, value=v.encode(errors="surrogateescape")) for k, v in environment.items()],
            mounts=mounts,
            devices=self._devices(new),
            CDI_devices=[pb.CDIDevice(name=name) for name in new.given.cdi],
            labels={**self._pod_labels(pod), runtime.CONTAINER_NAME_LABEL: spec.name},
            annotations={**new.given.annotations, **_annotations(pod, spec, new.restart_count)},
            log_path=f"{spec.name}/{new.restart_count}.log",
            stdin=bool(spec.stdin),
            stdin_once=bool(spec.stdinOnce),
            tty=bool(spec.tty),
            stop_signal=stop_signals.for_runtime(spec),
            linux=pb.LinuxContainerConfig(resources=resources, security_context=context),
        )

    def file_reader(self, pod: Pod) -> Callable[[str, str, str], str | None] | None:
        """For variables out of files in volumes: `read(volume, path, key)`."""

        def read(volume_name: str, path: str, key: str) -> str | None:
            volume = next((v for v in pod.spec.volumes if v.name == volume_name), None)
            place = self._volumes.path(pod, volume) if volume is not None else None
            if place is None or ".." in path.split("/"):
                raise ConfigError(f'cannot find the volume "{volume_name}" referenced by FileKeyRef')
            try:
                lines = (place / path).read_text().splitlines()
            except OSError:
                raise ConfigError("couldn't parse env file") from None
            pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
            return next((value.strip("'\"") for name, equals, value in pairs if equals and name == key), None)

        return read

    def resources(self, pod: Pod, spec: Container | EphemeralContainer, size: Size, *, owns_cpus: bool) -> Any:
        """LinuxContainerResources of a container of that size. Source: calculateLinuxResources.

        With CPUs of its own it cannot use more than these: a quota would only hold it up.
        """
        adjust = oom_score_adjust(pod, spec, self._node.memory_capacity_bytes)
        rules = self._memory_rules()
        return self._cri.pb.LinuxContainerResources(
            cpu_period=QUOTA_PERIOD_US,
            cpu_quota=-1 if owns_cpus else cpu_quota(size.cpu_limit_milli),
            cpu_shares=cpu_shares(size.cpu_request_milli),
            memory_limit_in_bytes=size.memory_limit_bytes,
            memory_swap_limit_in_bytes=size.memory_limit_bytes if rules is None else 0,
            unified=unified(pod, spec, size, rules) if rules is not None else {},
            oom_score_adj=max(adjust, lowest_oom_score_adjust()),
            hugepage_limits=[self._cri.pb.HugepageLimit(page_size=name, limit=n) for name, n in self._pages(pod, spec)],
        )

    def _memory_rules(self) -> MemoryRules | None:
        """On cgroup v2, where the machine's memory is held that way."""
        if self._cgroups is None or self._cgroups.version == 1:
            return None
        config, node = self._config, self._node
        return MemoryRules(
            node.memory_capacity_bytes,
            quantity.value(node.allocatable.get("memory", "0")),
            node.swap_bytes,
            holds_swap=self._cgroups.holds_swap,
            limited_swap=config.swap_behavior == "LimitedSwap",
            single_process_oom_kill=bool(config.single_process_oom_kill),
            quality=FeatureGates(config.feature_gates).enabled("MemoryQoS"),
            tiered=config.memory_reservation_policy == "TieredReservation",
            throttling=config.memory_throttling_factor,
        )

    def _pages(self, pod: Pod, spec: Container | EphemeralContainer) -> Iterable[tuple[str, int]]:
        """Huge pages that a container may have; of sizes that it does not ask for none."""
        own, whole = resources_of(spec).limits, pod.spec.resources.limits if pod.spec.resources is not None else {}
        amounts = {
            **dict.fromkeys((n for n in self._node.allocatable if n.startswith("hugepages-")), "0"),
            **whole,
            **own,
        }
        return ((page_name(size), amount) for size, amount in hugepages(amounts))

    def _devices(self, new: NewContainer) -> list[Any]:
        """Source: pkg/kubelet/kubelet_pods.go makeBlockVolumes."""
        found = [
            self._cri.pb.Device(host_path=source, container_path=path, permissions=permissions)
            for path, (source, permissions) in new.given.devices.items()
        ]
        for device in new.spec.volumeDevices:
            source, read_only = self._volumes.device_source(new.pod, device)
            made = self._cri.pb.Device(host_path=str(source), container_path=device.devicePath)
            made.permissions = "r" if read_only else "mrw"
            found.append(made)
        return found

    def _mounts(self, new: NewContainer, environment: Mapping[str, str]) -> list[Any]:
        pb, pod, spec, ips = self._cri.pb, new.pod, new.spec, new.pod_ips
        result = [
            pb.Mount(container_path=path, host_path=source, readonly=read_only)
            for path, (source, read_only) in new.given.mounts.items()
        ]
        for mount in spec.volumeMounts:
            source, volume, sub_path = self._volumes.mount_source(pod, spec, mount, environment)
            container_path = mount.mountPath if mount.mountPath.startswith("/") else f"/{mount.mountPath}"
            made = pb.Mount(
                container_path=container_path,
                host_path=str(source) if source is not None else "",
                readonly=bool(mount.readOnly) or is_read_only(volume),
                propagation=_PROPAGATION[mount.mountPropagation or "None"],
            )
            if volume.image is not None and source is None:  # the runtime is to mount it
                made.image.image = made.image.user_specified_image = volume.image.reference or ""
                made.image_sub_path = sub_path
            result.append(made)
        folder = self._volumes.pod_folder(uid_of(pod))
        paths = {m.container_path for m in result}
        if "/etc/hosts" not in paths and (ips or pod.spec.hostNetwork):
            hosts = folder / "etc-hosts"
            node_hosts = Path("/etc/hosts").read_text() if pod.spec.hostNetwork else ""
            text = network_files.hosts_file(pod, list(ips), self._config.cluster_domain, node_hosts)
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            hosts.write_text(text)
            hosts.chmod(0o644)
            result.append(pb.Mount(container_path="/etc/hosts", host_path=str(hosts)))
        message_path = spec.terminationMessagePath
        if message_path:
            place = folder / "containers" / spec.name
            place.mkdir(parents=True, exist_ok=True, mode=0o750)
            file = place / secrets.token_hex(4)
            file.touch()
            file.chmod(0o666)
            result.append(pb.Mount(container_path=_absolute(message_path), host_path=str(file)))
        return result


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _annotations(pod: Pod, spec: Container | EphemeralContainer, restart_count: int) -> dict[str, str]:
    """What a kubelet that knows nothing else must know of the container."""
    found = {
        runtime.HASH_ANNOTATION: container_hash(spec),
        runtime.RESTART_COUNT_ANNOTATION: str(restart_count),
        runtime.SIZE_ANNOTATION: size_of(pod, spec).as_text(),
        runtime.MESSAGE_PATH_ANNOTATION: spec.terminationMessagePath or "",
        runtime.MESSAGE_POLICY_ANNOTATION: spec.terminationMessagePolicy or "",
    }
    if pod.spec.terminationGracePeriodSeconds is not None:
        found[runtime.GRACE_PERIOD_ANNOTATION] = str(pod.spec.terminationGracePeriodSeconds)
    if spec.lifecycle is not None and spec.lifecycle.preStop is not None:
        found["io.kubernetes.container.preStopHandler"] = msgspec.json.encode(spec.lifecycle.preStop).decode()
    if spec.ports:
        found["io.kubernetes.container.ports"] = msgspec.json.encode(spec.ports).decode()
    return found
