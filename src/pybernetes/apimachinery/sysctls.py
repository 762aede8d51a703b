"""Names of the kernel's settings that pods may ask for.

Source: component-helpers/node/util/sysctl, pkg/kubelet/sysctl/safe_sysctls.go.
Differs: kernels before 4.15, where some of the safe ones are the whole node's, are not told apart.
"""

from __future__ import annotations

SAFE = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
})  # fmt: skip
"""Each pod has its own, and does nothing to others with it."""
_OF_IPC = frozenset({
    "kernel.sem", "kernel.shm", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    "kernel.msg", "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
})  # fmt: skip
_SWAPPED = str.maketrans("./", "/.")


def normalized(name: str) -> str:
    """With dots between its parts, as the kernel's folders are named: `net/ipv4/conf/eth0.1` has a dot in one."""
    first = next((letter for letter in name if letter in "./"), ".")
    return name if first == "." else name.translate(_SWAPPED)


def namespace_of(name: str) -> str:
    """Which of a pod's namespaces has one of its own: "IPC", "Net", or "" for none that is known."""
    if name in _OF_IPC or name.startswith("fs.mqueue."):
        return "IPC"
    return "Net" if name.startswith("net.") else ""
