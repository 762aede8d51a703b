"""Who may ask a kubelet for what. Source: pkg/kubelet/server/auth_test.go."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from pybernetes.api.authentication.v1 import TokenReview, TokenReviewStatus
from pybernetes.api.authentication.v1 import UserInfo as ReviewedUser
from pybernetes.api.authorization.v1 import SubjectAccessReview, SubjectAccessReviewStatus
from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.http.messages import Request
from pybernetes.kubelet.serving.access import Access


class Apiserver:
    """Knows the token "good", whose user may get metrics of the node n1; counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def create(self, review: Any) -> Any:
        self.asked += 1
        if isinstance(review, TokenReview):
            good = review.spec.token == "good"
            review.status = TokenReviewStatus(authenticated=good, user=ReviewedUser(username="prom") if good else None)
        else:
            assert isinstance(review, SubjectAccessReview)
            found = review.spec.resourceAttributes
            assert found is not None
            wanted = (review.spec.user, found.verb, found.resource, found.subresource, found.name)
            allowed = wanted == ("prom", "get", "nodes", "metrics", "n1")
            review.status = SubjectAccessReviewStatus(allowed=allowed)
        return review


def _request(header: str) -> Request:
    return Request("GET", "/metrics", headers={"authorization": header} if header else {})


@pytest.mark.parametrize(
    ("header", "name"),
    [("Bearer good", "prom"), ("Bearer bad", None), ("Basic good", None), ("", None)],
    ids=["token", "unknown-token", "no-bearer", "nothing"],
)
def test_users_of_tokens(header: str, name: str | None) -> None:
    user = asyncio.run(Access(cast("Client", Apiserver()), "n1").user(_request(header)))
    assert (user.name if user is not None else None) == name


@pytest.mark.parametrize(
    ("settings", "header", "name"),
    [
        ({"tokens": False}, "Bearer good", None),
        ({"anonymous": True}, "", "system:anonymous"),
        ({"anonymous": True}, "Bearer good", "prom"),
        ({"anonymous": True}, "Bearer bad", None),
        ({"anonymous": True, "tokens": False}, "Bearer good", "system:anonymous"),
    ],
)
def test_who_is_let_in_is_a_setting(settings: dict[str, bool], header: str, name: str | None) -> None:
    user = asyncio.run(Access(cast("Client", Apiserver()), "n1", **settings).user(_request(header)))
    assert (user.name if user is not None else None) == name


def test_without_authorization_everybody_may_do_everything() -> None:
    apiserver = Apiserver()
    access = Access(cast("Client", apiserver), "n1", authorize=False)
    assert asyncio.run(access.allows(UserInfo("other"), "create", ["proxy"]))
    assert not apiserver.asked


@pytest.mark.parametrize(
    ("user", "subresources", "allowed", "asked"),
    [
        (UserInfo("prom"), ["metrics"], True, 1),
        (UserInfo("prom"), ["pods", "proxy"], False, 2),
        (UserInfo("other"), ["metrics"], False, 1),
        (UserInfo("kube-apiserver-kubelet-client"), ["proxy"], True, 0),
        (UserInfo("admin", groups=("system:masters",)), ["proxy"], True, 0),
    ],
    ids=["allowed", "neither", "another-user", "the-apiserver", "administrators"],
)
def test_the_apiserver_says_what_they_may(user: UserInfo, subresources: list[str], allowed: bool, asked: int) -> None:
    apiserver = Apiserver()
    access = Access(cast("Client", apiserver), "n1")

    async def twice() -> list[bool]:
        return [await access.allows(user, "get", subresources) for _ in range(2)]

    assert asyncio.run(twice()) == [allowed, allowed]
    assert apiserver.asked == asked, "answers are remembered"


@pytest.mark.parametrize("other", [UserInfo("prom", uid="2"), UserInfo("prom", extra={"scopes": ("a",)})])
def test_what_is_remembered_of_one_user_is_not_of_another_by_the_same_name(other: UserInfo) -> None:
    apiserver = Apiserver()
    access = Access(cast("Client", apiserver), "n1")

    async def both() -> None:
        for user in (UserInfo("prom", uid="1"), other):
            await access.allows(user, "get", ["metrics"])

    asyncio.run(both())
    assert apiserver.asked == 2


def test_without_an_apiserver_tokens_are_nobodys() -> None:
    access = Access(None, "n1")
    assert asyncio.run(access.user(_request("Bearer good"))) is None
    assert asyncio.run(access.allows(UserInfo("prom"), "get", ["metrics"])) is False
