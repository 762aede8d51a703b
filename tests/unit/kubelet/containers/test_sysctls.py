"""Which settings of the kernel pods may have."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.kubelet.containers.sysctls import AllowedSysctls

from ..pods import pod


@pytest.mark.parametrize(
    ("unsafe", "name", "spec", "refusal"),
    [
        pytest.param("", "kernel.shm_rmid_forced", {}, "", id="safe"),
        pytest.param("", "net/ipv4/tcp_syncookies", {}, "", id="safe, with slashes"),
        pytest.param("", "kernel.msgmax", {}, '"kernel.msgmax" not allowlisted', id="unsafe"),
        pytest.param("", "vm.swappiness", {}, '"vm.swappiness" not allowlisted', id="the whole node's"),
        pytest.param("kernel.msgmax", "kernel.msgmax", {}, "", id="allowed"),
        pytest.param("kernel.msg*,net.core.*", "net.core.somaxconn", {}, "", id="allowed by how it begins"),
        pytest.param("kernel.msg*", "kernel.sem", {}, '"kernel.sem" not allowlisted', id="begins otherwise"),
        pytest.param(
            "net/ipv4/conf/eth0.1/arp_filter", "net/ipv4/conf/eth0.1/arp_filter", {}, "", id="a dot in a name"
        ),
        pytest.param(
            "", "kernel.shm_rmid_forced", {"hostIPC": True},
            '"kernel.shm_rmid_forced" not allowed with host IPC enabled', id="the node's by hostIPC",
        ),
        pytest.param(
            "net.core.*", "net.core.somaxconn", {"hostNetwork": True},
            '"net.core.somaxconn" not allowed with host Net enabled', id="the node's by hostNetwork",
        ),
        pytest.param("", "kernel.shm_rmid_forced", {"hostNetwork": True}, "", id="of another namespace"),
    ],
)  # fmt: skip
def test_what_a_pod_may_set(unsafe: str, name: str, spec: dict[str, Any], refusal: str) -> None:
    allowed = AllowedSysctls(unsafe.split(",") if unsafe else ())
    asked = pod(securityContext={"sysctls": [{"name": name, "value": "1"}]}, **spec)
    assert allowed.refusal(asked) == refusal
    assert allowed.refusal(pod(**spec)) == ""


@pytest.mark.parametrize("pattern", ["vm.swappiness", "kernel.*", "*", "fs.*"])
def test_what_is_the_whole_nodes_cannot_be_allowed(pattern: str) -> None:
    with pytest.raises(ValueError, match="are not known to be namespaced"):
        AllowedSysctls([pattern])
