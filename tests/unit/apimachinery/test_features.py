"""Feature gates: known names, locks, needs, groups of gates, and what is said about settings that change nothing."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.features import ACTED_ON, DEPENDENCIES, GATES, FeatureGates, parse


def test_every_gate_acted_on_is_one_of_upstreams() -> None:
    assert set(GATES) >= ACTED_ON
    assert len(GATES) == 230
    assert set(GATES) >= {name for gate, needs in DEPENDENCIES.items() for name in (gate, *needs)}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("NoSuch=true", "unrecognized feature gate: NoSuch"),
        ("ClusterTrustBundle", "missing bool value for ClusterTrustBundle"),
        (
            "ClusterTrustBundle=yes",
            'invalid value of ClusterTrustBundle=yes, err: strconv.ParseBool: parsing "yes": invalid syntax',
        ),
        (
            "ConsistentListFromCache=false",
            "cannot set feature gate ConsistentListFromCache to false, feature is locked to true",
        ),
        (
            "GangScheduling=true",
            "GangScheduling is enabled, but depends on features that are disabled: [GenericWorkload]",
        ),
    ],
)
def test_refused(text: str, error: str) -> None:
    with pytest.raises(ValueError, match="^" + error.replace("[", r"\[").replace("(", r"\(") + "$"):
        FeatureGates(parse([text]))


@pytest.mark.parametrize(
    ("texts", "on"),
    [
        ([], False),
        (["ClusterTrustBundle=true"], True),
        (["AllBeta=true"], True),
        (["AllBeta=true,ClusterTrustBundle=false,ClusterTrustBundleProjection=false"], False),
        (["ClusterTrustBundle=false,ClusterTrustBundleProjection=0", "AllBeta=T"], False),
        (["ClusterTrustBundle=0", " ClusterTrustBundle = 1 "], True),
        (["AllAlpha=true"], False),
    ],
)
def test_a_gate_by_itself_wins_over_its_stage(texts: list[str], on: bool) -> None:
    assert FeatureGates(parse(texts)).enabled("ClusterTrustBundle") is on


def test_what_is_not_there_is_said_and_stays_off() -> None:
    gates = FeatureGates({"QOSReserved": True, "WindowsGracefulNodeShutdown": False, "ClusterTrustBundle": True})

    assert list(gates.warnings()) == [
        "feature gate QOSReserved: this version does not have the feature; it stays off",
        "feature gate WindowsGracefulNodeShutdown: cannot be switched off in this version; it stays on",
    ]
    lines = set(gates.metric_lines())
    assert 'kubernetes_feature_enabled{name="QOSReserved",stage="ALPHA"} 0' in lines
    assert 'kubernetes_feature_enabled{name="ClusterTrustBundle",stage="BETA"} 1' in lines
    assert 'kubernetes_feature_enabled{name="ConsistentListFromCache",stage=""} 1' in lines


def test_a_group_that_moves_not_all_says_which() -> None:
    (warning,) = FeatureGates({"AllAlpha": True}).warnings()

    assert warning.startswith("AllAlpha=true leaves at their defaults")
    assert "QOSReserved" in warning
    assert "GenericWorkload" not in warning


def test_gates_that_will_be_gone_are_told() -> None:
    assert list(FeatureGates({"ConsistentListFromCache": True}).warnings()) == [
        "setting GA feature gate ConsistentListFromCache=true; it will be removed in a future release"
    ]
