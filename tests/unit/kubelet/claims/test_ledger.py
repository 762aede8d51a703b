"""What is known of prepared claims."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.claims.ledger import ClaimedDevice, Claims, KnownClaim

DRIVER = "gpus.example.com"
BIG = ClaimedDevice("pool", "big", ("large",), ("gpus.example.com/gpu=big",))
SMALL = ClaimedDevice("pool", "small", ("little",))


def claims() -> Claims:
    made = Claims()
    made.add(KnownClaim("ns", "mine", "u", [DRIVER], ["pod-1", "pod-2"], True, {DRIVER: [BIG, SMALL]}))
    return made


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param([("mine", "")], ["big", "small"], id="all requests"),
        pytest.param([("mine", "large")], ["big"], id="one request"),
        pytest.param([("mine", "large/of-several")], ["big"], id="one of the alternatives of a request"),
        pytest.param([("mine", "large"), ("mine", "")], ["big", "small"], id="each once"),
        pytest.param([("mine", "other")], [], id="a request without devices"),
        pytest.param([("theirs", "")], [], id="a claim that was not prepared"),
    ],
)
def test_devices_of_what_a_container_uses(wanted: list[tuple[str, str]], expected: list[str]) -> None:
    assert [device.name for _, _, device in claims().devices("ns", wanted)] == expected
    assert not list(claims().devices("elsewhere", wanted))


def test_health_is_told_by_the_first_cdi_device_or_by_where_the_device_is() -> None:
    told = claims().health("ns", "gpu", "mine", "", lambda driver, pool, name: ("Healthy", f"{name} is fine"))
    assert told is not None and told.name == "claim:gpu"
    found = [(each.resourceID, each.message) for each in told.resources]
    assert found == [("gpus.example.com/gpu=big", "big is fine"), ("gpus.example.com/pool/small", "small is fine")]
    one = claims().health("ns", "gpu", "mine", "little", lambda *where: ("Unknown", ""))
    assert one is not None and one.name == "claim:gpu/little"
    assert claims().health("ns", "gpu", "theirs", "", lambda *where: ("Unknown", "")) is None


def test_what_was_kept_is_remembered() -> None:
    later = Claims()
    later.remember(claims().as_text())
    assert later.pods() == {"pod-1", "pod-2"} == later.pods_with(DRIVER) and not later.pods_with("other")
    assert later.get("ns", "mine") == claims().get("ns", "mine") == later.of_pod("pod-1")[0]
