"""The pages that a controller manager shows of itself, and who may look at them: the apiserver decides."""

from __future__ import annotations

import asyncio
from argparse import Namespace

import msgspec
import pytest

from pybernetes.api.core.v1 import Secret, ServiceAccount
from pybernetes.api.rbac.v1 import ClusterRole, ClusterRoleBinding
from pybernetes.apimachinery.errors import Forbidden, Unauthorized
from pybernetes.apimachinery.user import AUTHENTICATED, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.cmd.delegated_access import DelegatedAccess
from pybernetes.cmd.secure_serving import Pages, serving
from pybernetes.controllers.manager import ControllerManager
from pybernetes.host.clock import SystemClock
from pybernetes.http.messages import Request, Response
from tests.fake_api import FakeApi
from tests.integration.cluster_world import World, in_world

MANAGER = UserInfo("system:kube-controller-manager", groups=(AUTHENTICATED,))


class WithBootstrapTokens(World):
    api_config = ApiServerConfig(bind_addresses=(), port=-1, bootstrap_token_auth=True)


def request(path: str, token: str = "") -> Request:
    return Request("GET", path, headers={"authorization": f"Bearer {token}"} if token else {})


def test_the_apiserver_says_who_may_look() -> None:
    async def body(w: World) -> None:
        client = Client(LocalTransport(w.api.handler, MANAGER), "test")
        access = DelegatedAccess(client, w.clock, "", ["/healthz"])
        await access.check(request("/healthz"))
        for path in ("/metrics", "/healthz/job-controller"):
            with pytest.raises(Forbidden, match='User "system:anonymous" cannot get path'):
                await access.check(request(path))
        with pytest.raises(Unauthorized):
            await access.check(request("/metrics", "nonsense"))

        token = "abcdef.0123456789abcdef"
        data = {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}
        meta = {"name": "bootstrap-token-abcdef", "namespace": "kube-system"}
        await w.create(Secret, {"metadata": meta, "type": "bootstrap.kubernetes.io/token", "stringData": data})
        with pytest.raises(Forbidden, match="system:bootstrap:abcdef"):
            await access.check(request("/metrics", token))
        rule = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
        role = {"metadata": {"name": "look"}, "rules": [rule]}
        subject = {"kind": "User", "name": "system:bootstrap:abcdef", "apiGroup": "rbac.authorization.k8s.io"}
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "look"}
        await w.client.create(msgspec.convert(role, ClusterRole))
        binding = {"metadata": {"name": "look"}, "roleRef": ref, "subjects": [subject]}
        await w.client.create(msgspec.convert(binding, ClusterRoleBinding))
        await asyncio.sleep(11)  # virtual: an answer is remembered for ten seconds
        await access.check(request("/metrics", token))

    in_world(body, made=WithBootstrapTokens)


def test_health_is_told_by_controller() -> None:
    async def body(w: World) -> None:
        manager = w.manager
        manager._problems["job-controller"] = "died: a bug"
        pages = Pages("kubecontrollermanager.config.k8s.io", manager.metrics, w._config)
        for name, check in manager.checks().items():
            pages.health.add(name, check, ("healthz",))

        def page(path: str, query: str = "") -> tuple[int, str]:
            answer = pages.answer(Request("GET", path, query))
            assert isinstance(answer, Response)
            assert isinstance(answer.body, bytes)
            return answer.status, answer.body.decode()

        assert page("/healthz/deployment-controller") == (200, "ok")
        assert page("/healthz/job-controller")[0] == 500
        status, text = page("/healthz")
        assert status == 500
        assert "[-]job-controller failed" in text
        assert "[+]deployment-controller ok" in text
        assert 'workqueue_depth{name="job"}' in page("/metrics")[1]
        assert (
            'running_managed_controllers{manager="kube-controller-manager",name="job-controller"} 0'
            in page("/metrics")[1]
        )
        assert "load_balancer_pool" in page("/configz")[1]
        assert page("/elsewhere")[0] == 404

    in_world(body)


def test_one_listens_with_a_certificate_of_its_own() -> None:
    async def main() -> None:
        flags = {"bind_address": "127.0.0.1", "secure_port": 0, "tls_cert_file": "", "tls_private_key_file": ""}
        args = Namespace(**flags, client_ca_file="", authorization_always_allow_paths="/healthz")
        pages = Pages("x", lambda: iter(()), {})
        client = FakeApi().client()
        async with serving(args, pages, client, SystemClock()):
            pass  # Port 0 listens nowhere.
        args.tls_cert_file = "only.crt"
        args.secure_port = 1
        with pytest.raises(ValueError, match="belong together"):
            async with serving(args, pages, client, SystemClock()):
                pass

    asyncio.run(main())


def test_one_controller_that_cannot_start_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from pybernetes.controllers.ttl.controller import TtlController

    def broken(self: object, context: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(TtlController, "__init__", broken)

    async def body(w: World) -> None:
        manager: ControllerManager = w.manager
        health = manager.health()
        assert health["ttl-controller"] == "cannot start: a bug"
        assert {problem for name, problem in health.items() if name != "ttl-controller"} == {""}

        async def account() -> bool:
            return not await w.gone(ServiceAccount, "default")

        await w.until(account)

    in_world(body)
