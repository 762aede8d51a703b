"""Which nodes take no traffic any more, as one of them sees it."""

from __future__ import annotations

import msgspec

from pybernetes.api.coordination.v1 import Lease
from pybernetes.network.liveness import Liveness


def lease(name: str, renewed: str, holder: str | None = "") -> Lease:
    spec = {"holderIdentity": name if holder == "" else holder, "leaseDurationSeconds": 12, "renewTime": renewed}
    return msgspec.convert({"metadata": {"name": name}, "spec": spec}, Lease)


class Seen:
    """`me`, `a` and `b`, whose Leases are seen for the first time at 100 s."""

    def __init__(self) -> None:
        self.liveness, self.turn = Liveness("me"), 0
        assert self.renew(100, "me", "a", "b"), "from now on there is something to wait for"

    def renew(self, at_s: float, *names: str) -> bool:
        self.turn += 1
        told = [self.liveness.observe(lease(name, f"t{self.turn}"), at_s) for name in names]
        return any(told)


def test_a_lease_that_is_not_renewed_runs_out_after_its_duration() -> None:
    seen = Seen()
    assert not seen.renew(108, "me", "b")
    assert not seen.liveness.observe(lease("a", "t1"), 108), "seen again, not renewed"
    assert seen.liveness.next_s(108) == 112
    assert seen.liveness.lost(112) == set()
    assert seen.liveness.lost(112.1) == {"a"}
    assert seen.liveness.next_s(112.1) == 120
    assert seen.renew(113, "a"), "it is back"
    assert seen.liveness.lost(113) == set()


def test_one_that_is_given_up_is_lost_at_once() -> None:
    seen = Seen()
    assert seen.liveness.observe(lease("a", "t1", None), 101)
    assert seen.liveness.lost(101) == {"a"}
    seen.liveness.observe(lease("me", "t2", None), 101)
    assert seen.liveness.lost(101) == {"a"}, "nobody gives up himself"
    seen.liveness.forget("a")
    assert seen.liveness.lost(101) == set()


def test_who_cannot_renew_its_own_lease_judges_nobody_until_the_others_had_their_time() -> None:
    seen = Seen()
    seen.renew(110, "me", "b")
    assert seen.liveness.lost(113) == {"a"}
    assert seen.liveness.lost(140) == {"a"}, "the API may be away: nothing new is held against anybody"
    assert seen.liveness.next_s(140) is None
    assert seen.renew(141, "me"), "it is back"
    assert seen.liveness.next_s(141) == 153
    seen.renew(142, "b")
    seen.renew(150, "me")
    assert seen.liveness.lost(153.1) == {"a"}


def test_alone_it_judges_nobody() -> None:
    assert Liveness("me").lost(1000) == set()
    assert Liveness("me").next_s(1000) is None
