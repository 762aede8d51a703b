"""The QoS class of a Pod: from cpu and memory of its containers, or of the Pod as a whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import PodSpec
from pybernetes.apimachinery.quality_of_service import qos_class

WHOLE = {"cpu": "1", "memory": "1Gi"}


def spec(*resources: dict[str, Any], **more: Any) -> PodSpec:
    containers = [{"name": f"c{i}", "resources": each} for i, each in enumerate(resources)]
    return msgspec.convert({"containers": containers, **more}, PodSpec)


@pytest.mark.parametrize(
    ("pod", "quality"),
    [
        (spec({}), "BestEffort"),
        (spec({"requests": {"cpu": "0"}}), "BestEffort"),
        (spec({"requests": {"example.com/gpu": "1"}}), "BestEffort"),
        (spec({"requests": {"cpu": "1"}}), "Burstable"),
        (spec({"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}}), "Burstable"),
        (spec({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": WHOLE}), "Burstable"),
        (spec({"limits": WHOLE}, {}), "Burstable"),
        (spec({"limits": WHOLE}, initContainers=[{"name": "i"}]), "Burstable"),
        (spec({"limits": WHOLE}), "Guaranteed"),
        (spec({"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": WHOLE}), "Guaranteed"),
        (spec({}, resources={"limits": WHOLE}), "Guaranteed"),
        (spec({"limits": WHOLE}, resources={"requests": {"cpu": "1"}}), "Burstable"),
    ],
)
def test_quality_of_service(pod: PodSpec, quality: str) -> None:
    assert qos_class(pod) == quality
