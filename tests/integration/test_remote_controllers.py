"""The controller manager as a process of its own would run: over HTTP, each controller as its ServiceAccount.

The apiserver is stopped and started again under it, with another key for tokens.
"""

from __future__ import annotations

import argparse
import asyncio

import msgspec

from pybernetes.api.apps.v1 import Deployment
from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.informer import InformerFactory
from pybernetes.client.kubeconfig import Kubeconfig
from pybernetes.client.transport import LocalTransport
from pybernetes.cmd import controller_manager
from pybernetes.cmd.controller_manager import remote_client_for
from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.controllers.manager import ControllerManager
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.storage.memory import MemoryStore
from tests.integration.cluster_world import deployment

_MANAGER = UserInfo("system:kube-controller-manager", groups=(AUTHENTICATED,))
_ADMIN = UserInfo("admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
_CONTROLLERS = ["deployment-controller", "replicaset-controller", "serviceaccount-controller"]


def server(store: MemoryStore, port: int) -> ApiServer:
    config = ApiServerConfig(bind_addresses=("127.0.0.1",), port=port, static_tokens={"secret": _MANAGER})
    return ApiServer(config, store, SystemClock(), Random())


async def scaled(api: ApiServer, replicas: int) -> None:
    """Sets the size and waits, by watching, until there are so many Pods."""
    client = Client(LocalTransport(api.handler, _ADMIN))
    await client.patch(Deployment, "web", "default", {"spec": {"replicas": replicas}})
    reached = asyncio.Event()
    factory = InformerFactory(client, SystemClock(), Random())
    pods = factory.informer(Pod)

    def look(*_: Pod) -> None:
        if len(pods.lister) == replicas:
            reached.set()

    pods.add_handler(look, look, look)
    async with asyncio.TaskGroup() as group:
        await factory.start(group)
        async with asyncio.timeout(100):
            await reached.wait()
        factory.stop()


def test_flags_say_which_controllers_run_and_how_long_the_lease_lasts() -> None:
    parser = argparse.ArgumentParser()
    controller_manager.add_arguments(parser)
    words = ["--kubeconfig", "k", "--controllers", "*,-job", "--leader-elect-lease-duration", "1m", "--leader-elect"]
    config = controller_manager.configuration(parser.parse_args(words), "me")
    assert (config.leader_elect, config.identity, config.controllers) == (True, "me", ["*", "-job"])
    assert (config.lease_duration_s, config.renew_deadline_s, config.retry_period_s) == (60, 10, 2)


def test_controllers_over_http_outlive_a_restart_of_the_apiserver() -> None:
    async def main() -> None:
        store = MemoryStore()
        api = server(store, 0)
        await api.start()
        port = api.port
        client_for = remote_client_for(Kubeconfig("test", f"http://127.0.0.1:{port}", token="secret"), True)
        config = ControllerManagerConfig(controllers=_CONTROLLERS)
        manager = ControllerManager(client_for, config, SystemClock(), Random())
        task = asyncio.create_task(manager.run())
        try:
            admin = Client(LocalTransport(api.handler, _ADMIN))
            tree = deployment(replicas=1)
            tree["metadata"]["namespace"] = "default"
            await admin.create(msgspec.convert(tree, Deployment))
            await scaled(api, 3)
            entries = await store.journal(limit=5000)
            users = {e.user for e in entries if e.key.startswith("/registry/pods/")}
            assert users == {"system:serviceaccount:kube-system:replicaset-controller"}
            await api.stop()
            api = server(store, port)
            await api.start()
            await scaled(api, 5)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client_for("").transport.close()
            await api.stop()

    asyncio.run(main())
