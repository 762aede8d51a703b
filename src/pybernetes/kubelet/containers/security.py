"""From the API's security contexts to the CRI's. Pure, but for the generated messages.

Source: pkg/securitycontext/util.go, pkg/kubelet/kuberuntime/security_context.go.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.core.v1 import (
    AppArmorProfile,
    Container,
    EphemeralContainer,
    Pod,
    PodSecurityContext,
    SeccompProfile,
    SecurityContext,
)
from pybernetes.kubelet.containers.environment import ConfigError
from pybernetes.kubelet.pod_spec import full_name

MASKED_PATHS = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
)  # fmt: skip
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

# NamespaceMode of the CRI.
_POD, _CONTAINER, _NODE, _TARGET = range(4)


def namespace_options(pb: Any, pod: Pod, target_id: str = "") -> Any:
    """Which namespaces a pod's processes share with each other or the node."""
    pid = _NODE if pod.spec.hostPID else _POD if pod.spec.shareProcessNamespace else _CONTAINER
    if target_id and pid == _CONTAINER:
        pid = _TARGET
    return pb.NamespaceOption(
        network=_NODE if pod.spec.hostNetwork else _POD,
        pid=pid,
        ipc=_NODE if pod.spec.hostIPC else _POD,
        target_id=target_id if pid == _TARGET else "",
    )


def supplemental_groups(context: PodSecurityContext | None) -> list[int]:
    if context is None:
        return []
    return [*([context.fsGroup] if context.fsGroup is not None else []), *context.supplementalGroups]


def run_as(pod: Pod, container: Container | EphemeralContainer) -> tuple[int | None, int | None]:
    """uid and gid asked for: the container's, else the pod's."""
    own = container.securityContext or SecurityContext()
    pods = pod.spec.securityContext or PodSecurityContext()
    uid = own.runAsUser if own.runAsUser is not None else pods.runAsUser
    gid = own.runAsGroup if own.runAsGroup is not None else pods.runAsGroup
    return uid, gid


def verify_non_root(
    pod: Pod, container: Container | EphemeralContainer, image_uid: int | None, image_user: str
) -> None:
    """Raises ConfigError where runAsNonRoot forbids the user the container would have."""
    own = container.securityContext or SecurityContext()
    pods = pod.spec.securityContext or PodSecurityContext()
    wanted = own.runAsNonRoot if own.runAsNonRoot is not None else pods.runAsNonRoot
    if not wanted:
        return
    where = f'(pod: "{full_name(pod)}", container: {container.name})'
    uid, _ = run_as(pod, container)
    if uid is not None:
        if uid == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
    elif image_uid is None and image_user:
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image_user}), "
            f"cannot verify user is non-root {where}"
        )
    elif image_uid == 0:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")


def sandbox_context(pb: Any, pod: Pod) -> Any:
    context = pod.spec.securityContext
    security = pb.LinuxSandboxSecurityContext(
        namespace_options=namespace_options(pb, pod),
        privileged=is_privileged(pod),
        supplemental_groups=supplemental_groups(context),
        seccomp=pb.SecurityProfile(profile_type=0),
    )
    if context is not None:
        if context.runAsUser is not None:
            security.run_as_user.value = context.runAsUser
        if context.runAsGroup is not None and context.runAsUser is not None:
            security.run_as_group.value = context.runAsGroup
        if context.supplementalGroupsPolicy == "Strict":
            security.supplemental_groups_policy = 1
    return security


def is_privileged(pod: Pod) -> bool:
    return any(
        c.securityContext is not None and c.securityContext.privileged
        for c in (*pod.spec.containers, *pod.spec.initContainers)
    )


def container_context(
    pb: Any,
    pod: Pod,
    container: Container | EphemeralContainer,
    image_uid: int | None,
    image_user: str,
    *,
    seccomp_default: bool = False,
    seccomp_root: str = "",
    target_id: str = "",
) -> Any:
    """LinuxContainerSecurityContext of one container. Raises ConfigError."""
    verify_non_root(pod, container, image_uid, image_user)
    own = container.securityContext or SecurityContext()
    pods = pod.spec.securityContext or PodSecurityContext()
    uid, gid = run_as(pod, container)
    unmasked = own.procMount == "Unmasked"
    context = pb.LinuxContainerSecurityContext(
        namespace_options=namespace_options(pb, pod, target_id),
        privileged=bool(own.privileged),
        readonly_rootfs=bool(own.readOnlyRootFilesystem),
        supplemental_groups=supplemental_groups(pod.spec.securityContext),
        no_new_privs=own.allowPrivilegeEscalation is False,
        masked_paths=[] if unmasked else MASKED_PATHS,
        readonly_paths=[] if unmasked else READONLY_PATHS,
        seccomp=_seccomp(pb, own.seccompProfile or pods.seccompProfile, seccomp_default, seccomp_root),
    )
    if uid is not None:
        context.run_as_user.value = uid
    elif image_uid is not None:
        context.run_as_user.value = image_uid
    elif image_user:
        context.run_as_username = image_user
    if gid is not None:
        context.run_as_group.value = gid
    if own.capabilities is not None:
        context.capabilities.add_capabilities.extend(own.capabilities.add)
        context.capabilities.drop_capabilities.extend(own.capabilities.drop)
    if pods.supplementalGroupsPolicy == "Strict":
        context.supplemental_groups_policy = 1
    profile = own.appArmorProfile or pods.appArmorProfile
    if profile is not None:
        context.apparmor.CopyFrom(_profile(pb, profile, profile.localhostProfile))
    labels = own.seLinuxOptions or pods.seLinuxOptions
    if labels is not None:
        context.selinux_options.CopyFrom(
            pb.SELinuxOption(user=labels.user, role=labels.role, type=labels.type, level=labels.level)
        )
    return context


def _seccomp(pb: Any, profile: SeccompProfile | None, default: bool, root: str) -> Any:
    if profile is None:
        return pb.SecurityProfile(profile_type=0 if default else 1)
    return _profile(pb, profile, f"{root}/{profile.localhostProfile}")


def _profile(pb: Any, profile: SeccompProfile | AppArmorProfile, name: str | None) -> Any:
    """The CRI's, with the name that the runtime knows one of the node by."""
    if profile.type == "Localhost":
        return pb.SecurityProfile(profile_type=2, localhost_ref=name)
    return pb.SecurityProfile(profile_type=0 if profile.type == "RuntimeDefault" else 1)
