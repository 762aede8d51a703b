"""What of a pod a node must be able to do."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.v1 import Node, NodeFeatures, NodeStatus
from pybernetes.kubelet.containers.sysctls import AllowedSysctls
from pybernetes.kubelet.resources.admission import admit, forbid

from ..pods import pod


@pytest.mark.parametrize(
    ("policy", "features", "refused"),
    [
        pytest.param("Strict", NodeFeatures(supplementalGroupsPolicy=True), False, id="the runtime has it"),
        pytest.param("Strict", NodeFeatures(supplementalGroupsPolicy=False), True, id="the runtime has it not"),
        pytest.param("Strict", None, True, id="the runtime knows no features"),
        pytest.param("Merge", None, False, id="the policy that every runtime has"),
        pytest.param(None, None, False, id="no policy"),
    ],
)
def test_strict_groups_need_a_runtime_that_has_them(
    policy: str | None, features: NodeFeatures | None, refused: bool
) -> None:
    asked = pod([{"name": "c", "image": "i"}], securityContext={"supplementalGroupsPolicy": policy})
    found = admit(asked, [], Node(status=NodeStatus(features=features)), {})
    assert (found is not None) == refused
    if found is not None:
        assert (found.reason, found.message) == (
            "SupplementalGroupsPolicyNotSupported",
            "SupplementalGroupsPolicy=Strict is not supported in this node",
        )


_LOCALHOST = {"appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"}}
_UNCONFINED = {"appArmorProfile": {"type": "Unconfined"}}


@pytest.mark.parametrize(
    ("of_pod", "of_init", "needs"),
    [
        pytest.param({}, {}, False, id="no profile"),
        pytest.param(_UNCONFINED, _UNCONFINED, False, id="none is wanted"),
        pytest.param(_LOCALHOST, {}, True, id="the pod's"),
        pytest.param({}, _LOCALHOST, True, id="one container's"),
        pytest.param(_UNCONFINED, {"appArmorProfile": {"type": "RuntimeDefault"}}, True, id="the runtime's"),
    ],
)
def test_profiles_need_a_kernel_with_them(of_pod: dict[str, Any], of_init: dict[str, Any], needs: bool) -> None:
    asked = pod(init=[{"name": "i", "image": "i", "securityContext": of_init}], securityContext=of_pod)
    assert forbid(asked, AllowedSysctls(), has_apparmor=True) is None
    found = forbid(asked, AllowedSysctls(), has_apparmor=False)
    assert (found is not None) == needs
    if found is not None:
        assert (found.reason, found.message) == (
            "AppArmor",
            "Cannot enforce AppArmor: AppArmor is not enabled on the host",
        )
