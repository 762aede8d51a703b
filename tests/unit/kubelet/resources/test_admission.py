"""What of a pod a node must be able to do."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import Node, NodeFeatures, NodeStatus
from pybernetes.kubelet.resources.admission import admit

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
