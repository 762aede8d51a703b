"""The filters around a handler that tells who came through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from pybernetes.apimachinery.errors import Forbidden, TooManyRequests
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver import chain
from pybernetes.apiserver.authenticators.client_certificate import ClientCertificates
from pybernetes.apiserver.authenticators.service_account import ServiceAccountTokens, TokenKeys
from pybernetes.apiserver.authorizers.attributes import NO_OPINION, Attributes, Decision, UserRules
from pybernetes.apiserver.filters import authentication, deadline, errors, impersonation, in_flight, metrics
from pybernetes.apiserver.filters.request_info import with_request_info
from pybernetes.apiserver.metrics import RequestMetrics
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.messages import Handler, Request, Response, Upgrade

PATH = "/api/v1/namespaces/a/pods"


async def echo_user(request: Request) -> Response:
    user = request.user
    assert isinstance(user, UserInfo)
    return Response(200, [], f"{user.name} {','.join(user.groups)} {user.uid} {dict(user.extra)}".encode())


class Allowing:
    """Allows what it is given, as verb resource[/subresource] name."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed

    async def authorize(self, attributes: Attributes) -> Decision:
        what = attributes.resource + (f"/{attributes.subresource}" if attributes.subresource else "")
        return Decision(True) if f"{attributes.verb} {what} {attributes.name}" in self.allowed else NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        return UserRules([])


def through(filters: Sequence[chain.Filter], request: Request, inner: Handler = echo_user) -> Response:
    handler = chain.compose([errors.status_for_errors(Random(1)), with_request_info, *filters], inner)
    answer = asyncio.run(_call(handler, request))
    assert isinstance(answer, Response)
    return answer


async def _call(handler: Handler, request: Request) -> Response | Upgrade:
    return await handler(request)


def authn(**changes: object) -> chain.Filter:
    tokens = ServiceAccountTokens(TokenKeys("", ()), "https://i", ("https://i",), SystemClock(), Random(1))
    static = {"t0ken": UserInfo("carol", "7", ("ops",))}
    made = authentication.Authentication(ClientCertificates(SystemClock(), ""), tokens, static)
    return authentication.authenticated(replace(made, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "user", "status", "text"),
    [
        ({}, None, 200, b"system:anonymous system:unauthenticated"),
        ({"authorization": "Bearer t0ken"}, None, 200, b"carol ops,system:authenticated 7"),
        ({"authorization": "bearer  t0ken "}, None, 200, b"carol ops,system:authenticated 7"),
        ({"authorization": "Bearer wrong"}, None, 401, b'"message":"Unauthorized"'),
        ({"authorization": "Basic eA=="}, None, 200, b"system:anonymous"),
        ({"sec-websocket-protocol": "base64url.bearer.authorization.k8s.io.dDBrZW4, v4"}, None, 200, b"carol"),
        ({"x-remote-user": "eve"}, None, 200, b"system:anonymous"),
        ({}, UserInfo("local", groups=("x",)), 200, b"local x,system:authenticated"),
    ],
)
def test_authentication(headers: dict[str, str], user: UserInfo | None, status: int, text: bytes) -> None:
    answer = through([authn()], Request("GET", PATH, headers=headers, user=user))
    assert answer.status == status
    assert isinstance(answer.body, bytes) and text in answer.body


def test_without_anonymous_requests_need_credentials() -> None:
    assert through([authn(anonymous=False)], Request("GET", PATH)).status == 401


@pytest.mark.parametrize(
    ("headers", "allowed", "status", "text"),
    [
        ({"impersonate-user": "bob"}, ["impersonate users bob"], 200, "bob system:authenticated "),
        ({"impersonate-user": "bob"}, [], 403, 'users \\"bob\\" is forbidden: User \\"admin\\" cannot impersonate'),
        (
            {"impersonate-user": "bob", "impersonate-group": "a\nb,c"},
            ["impersonate users bob", "impersonate groups a", "impersonate groups b,c"],
            200,
            "bob a,b,c,system:authenticated",
        ),
        ({"impersonate-user": "bob", "impersonate-group": "a"}, ["impersonate users bob"], 403, "groups"),
        (
            {"impersonate-user": "system:serviceaccount:ns:sa"},
            ["impersonate serviceaccounts sa"],
            200,
            "system:serviceaccount:ns:sa system:serviceaccounts,system:serviceaccounts:ns,system:authenticated",
        ),
        (
            {"impersonate-user": "bob", "impersonate-uid": "9", "impersonate-extra-a%2fb": "x"},
            ["impersonate users bob", "impersonate uids 9", "impersonate userextras/a/b x"],
            200,
            "bob system:authenticated 9 {'a/b': ('x',)}",
        ),
        ({"impersonate-group": "a"}, [], 400, "without impersonating a user"),
        (
            {"impersonate-user": "system:anonymous"},
            ["impersonate users system:anonymous"],
            200,
            "system:anonymous system:unauthenticated",
        ),
    ],
)
def test_impersonation(headers: dict[str, str], allowed: list[str], status: int, text: str) -> None:
    request = Request("GET", PATH, headers=headers, user=UserInfo("admin"))
    answer = through([impersonation.impersonating(Allowing(*allowed))], request)
    assert isinstance(answer.body, bytes)
    assert answer.status == status and text in answer.body.decode()


def test_errors_become_statuses_and_tell_nothing_of_the_inside() -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("secret detail")

    async def refused(request: Request) -> Response:
        raise Forbidden("no", kind="pods")

    answer = through([], Request("GET", PATH), broken)
    assert isinstance(answer.body, bytes)
    status = msgspec.json.decode(answer.body)
    assert (answer.status, status["kind"], status["reason"]) == (500, "Status", "InternalError")
    assert b"secret detail" not in answer.body
    assert answer.headers[0][0] == "Audit-Id" and answer.headers[0][1]
    assert through([], Request("GET", PATH), refused).status == 403


@pytest.mark.parametrize(("query", "status"), [("", 504), ("timeout=1ms", 504), ("timeout=x", 400)])
def test_deadline(query: str, status: int) -> None:
    async def stuck(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response()

    assert through([deadline.with_deadline(0.01)], Request("GET", PATH, query), stuck).status == status


def test_a_watch_has_no_deadline() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.03)
        return Response()

    assert through([deadline.with_deadline(0.01)], Request("GET", PATH, "watch=1"), slow).status == 200


def test_seats_are_given_in_order_and_the_line_ends() -> None:
    async def main() -> None:
        seats = in_flight.Seats(1)
        await seats.take()
        order: list[int] = []

        async def wait(number: int) -> None:
            await seats.take()
            order.append(number)

        waiting = [asyncio.create_task(wait(i)) for i in range(10)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await seats.take()
        waiting[3].cancel()
        await asyncio.sleep(0)
        for _ in range(9):
            seats.give_back()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert order == [0, 1, 2, 4, 5, 6, 7, 8, 9]
        seats.give_back()
        await seats.take()

    asyncio.run(main())


def test_metrics_in_prometheus_form() -> None:
    figures = RequestMetrics()
    through([metrics.measured(figures)], Request("GET", PATH, user=UserInfo("x")))
    through([metrics.measured(figures)], Request("GET", '/apis/evil"/v1/x', user=UserInfo("x")))
    text = "\n".join(figures.lines())
    labels = 'verb="LIST",group="",version="v1",resource="pods",subresource="",scope="namespace"'
    assert f'apiserver_request_total{{{labels},code="200"}} 1' in text
    assert f'apiserver_request_duration_seconds_bucket{{{labels},le="+Inf"}} 1' in text
    assert 'apiserver_current_inflight_requests{request_kind="readOnly"} 0' in text
    assert "evil" not in text
