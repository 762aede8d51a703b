"""Settings of `up` that cannot be are told before anything is done."""

from __future__ import annotations

import pytest

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.settings import check


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"feature_gates": "NoSuch=true"}, "unrecognized feature gate: NoSuch"),
        ({"feature_gates": "AllBeta"}, "missing bool value for AllBeta"),
        ({"runtime_config": "nosuch/v1=true"}, "unknown api groups nosuch/v1"),
    ],
)
def test_refused(settings: dict[str, str], error: str) -> None:
    with pytest.raises(ClusterError, match=error):
        check(settings)


def test_good_ones() -> None:
    check({"feature_gates": "AllBeta=true", "runtime_config": "api/beta=true"})
