"""Three control planes: whatever one is lost of them, no write is lost and no Pod is made twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pybernetes.client.transport import HttpTransport

from .conftest import IMAGE, PATIENCE_S, Cluster, eventually, make_cluster

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Traffic:
    """Writers and a watcher that go on over whatever is lost, as client libraries do, in a thread of their own."""

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._ending = False
        self.acknowledged: set[str] = set()
        self.seen: dict[str, int] = {}
        """How often the watcher saw each name added."""
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self.failure = error

    async def _main(self) -> None:
        transport = HttpTransport.from_kubeconfig(self._kubeconfig)
        status, start = await self._ask(transport, "GET", CONFIG_MAPS)
        assert status == 200, (status, start)
        watcher = asyncio.create_task(self._watch(int(start["metadata"]["resourceVersion"])))
        await asyncio.gather(*(self._write(transport, number) for number in range(4)))
        while len(self.seen) < len(self.acknowledged):
            assert not watcher.done(), watcher
            await asyncio.sleep(0.05)
        watcher.cancel()
        await transport.close()

    async def _write(self, transport: HttpTransport, number: int) -> None:
        count = 0
        while not self._ending:
            count += 1
            name = f"written-{number}-{count}"
            tree = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
            while True:
                status, answer = await self._ask(transport, "POST", CONFIG_MAPS, tree)
                if status in (201, 409):  # 409: an earlier try arrived, and its answer was lost
                    break
                assert status in (0, 429, 500, 503, 504), (status, answer)
                await asyncio.sleep(0.05)
            self.acknowledged.add(name)
            await asyncio.sleep(0.01)

    async def _watch(self, revision: int) -> None:
        while True:
            transport = HttpTransport.from_kubeconfig(self._kubeconfig)
            path = f"{CONFIG_MAPS}?watch=1&allowWatchBookmarks=true&resourceVersion={revision}"
            try:
                async with transport.stream("GET", path, {}) as stream:
                    rest = b""
                    async for piece in stream.chunks():
                        *lines, rest = (rest + piece).split(b"\n")
                        for event in map(json.loads, lines):
                            assert event["type"] in ("ADDED", "BOOKMARK"), event
                            revision = int(event["object"]["metadata"]["resourceVersion"])
                            if event["type"] == "ADDED":
                                name = event["object"]["metadata"]["name"]
                                self.seen[name] = self.seen.get(name, 0) + 1
            except OSError:
                pass
            finally:
                await transport.close()
            await asyncio.sleep(0.05)

    async def _ask(self, transport: HttpTransport, method: str, path: str, tree: Any = None) -> tuple[int, Any]:
        body = json.dumps(tree).encode() if tree else b""
        try:
            answer = await transport.request(method, path, {"Content-Type": "application/json"}, body, timeout_s=10)
        except (OSError, TimeoutError):
            return 0, None
        return answer.status, json.loads(answer.body) if answer.body[:1] == b"{" else answer.body

    def progress(self, what: str) -> None:
        """Waits until a good number of further writes are through."""
        goal = len(self.acknowledged) + 40
        eventually(f"writes after {what}", lambda: self.failure or len(self.acknowledged) >= goal)
        assert self.failure is None, self.failure

    def end(self) -> None:
        self._ending = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the watcher does not see every write"
        assert self.failure is None, self.failure


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    made = make_cluster(tmp_path, "ha")
    made.down()
    made.up("--control-planes", "3")
    yield made
    made.down()


def components(cluster: Cluster) -> dict[str, int]:
    """Process ids by name."""
    told = json.loads(cluster.command("status", "--name", cluster.name, "-o", "json", check=False).stdout)
    return {part["name"]: part["pid"] for part in told["components"]}


def kill(cluster: Cluster, *names: str) -> None:
    found = components(cluster)
    for name in names:
        os.kill(found[name], signal.SIGKILL)


def leader(cluster: Cluster, component: str) -> tuple[str, str]:
    """Who holds the component's Lease, and which process that is."""
    holder = cluster.get("lease", "-n", "kube-system", f"kube-{component}")["spec"]["holderIdentity"]
    for log in (cluster.folder / "data" / "logs").glob(f"{component}-control-plane-*.log"):
        if f"became leader as {holder}" in log.read_text():
            return holder, log.stem
    return holder, ""


def pods_are(cluster: Cluster, count: int) -> Callable[[], bool]:
    def check() -> bool:
        pods = cluster.get("pods", "-l", "app=web")["items"]
        ready = [
            p for p in pods for c in p["status"].get("conditions", []) if c["type"] == "Ready" and c["status"] == "True"
        ]
        return len(pods) == len(ready) == count

    return check


def endpoints(cluster: Cluster) -> list[str]:
    slice_ = cluster.get("endpointslice", "kubernetes")
    return [address for endpoint in slice_["endpoints"] or [] for address in endpoint["addresses"]]


def test_the_loss_of_any_one_part_is_survived(own: Cluster) -> None:
    own.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=2", "--", "sleep", "100000")
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    eventually("the Service kubernetes names every apiserver", lambda: len(endpoints(own)) == 3)
    everyone = endpoints(own)
    traffic = Traffic(str(own.kubeconfig))
    traffic.progress("the start")

    kill(own, "apiserver-control-plane-1")
    traffic.progress("the loss of an apiserver")
    kill(own, "etcd-control-plane-2")
    traffic.progress("the loss of an etcd")

    before = {component: leader(own, component) for component in ("controller-manager", "scheduler")}
    assert all(process for _, process in before.values()), before
    kill(own, *(process for _, process in before.values()))
    own.kubectl("scale", "deployment/web", "--replicas=4")
    eventually("the Pods run under new leaders", pods_are(own, 4))
    for component, (holder, _) in before.items():
        lease = own.get("lease", "-n", "kube-system", f"kube-{component}")["spec"]
        assert lease["holderIdentity"] != holder and lease["leaseTransitions"] >= 1

    own.command("node", "stop", "control-plane-3", "--name", own.name)
    traffic.progress("the loss of a machine")
    eventually("its apiserver is named no longer", lambda: endpoints(own) == everyone[:2])
    own.kubectl("scale", "deployment/web", "--replicas=5")
    eventually("the Pods run with two of three", pods_are(own, 5))
    own.command("node", "start", "control-plane-3", "--name", own.name)
    eventually("it is named again", lambda: endpoints(own) == everyone)
    well = lambda: own.command("status", "--name", own.name, check=False).returncode == 0  # noqa: E731
    eventually("the cluster is well", well)

    traffic.end()
    held = {item["metadata"]["name"] for item in own.get("configmaps")["items"]}
    assert traffic.acknowledged <= held, "an acknowledged write is lost"
    assert set(traffic.seen) == {name for name in held if name.startswith("written-")}
    assert set(traffic.seen.values()) == {1}, "the watch repeated a write"
    made = own.get("events", "--field-selector=reason=SuccessfulCreate,involvedObject.kind=ReplicaSet")["items"]
    assert sum(event.get("count") or 1 for event in made) <= 5, "a Pod was made twice"  # a killed leader tells no more
    check_restoring(own)


def check_restoring(own: Cluster) -> None:
    """A snapshot becomes the data of all three members, at a revision that nobody has seen."""
    file = str(own.folder / "etcd.snapshot")
    known = own.get("configmap", "written-0-1")["metadata"]
    own.command("snapshot", "save", file, "--name", own.name)
    own.kubectl("delete", "configmap", "written-0-1")
    own.command("down", "--name", own.name)
    own.command("snapshot", "restore", file, "--name", own.name)
    own.up()
    assert own.get("configmap", "written-0-1")["metadata"]["uid"] == known["uid"]
    watch = f"{CONFIG_MAPS}?watch=1&resourceVersion={known['resourceVersion']}&timeoutSeconds=5"
    assert json.loads(own.kubectl("get", "--raw", watch).stdout)["object"]["code"] == 410
    eventually("three members serve", lambda: len(endpoints(own)) == 3)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path, "ha2")
    even = cluster.command("up", "--name", cluster.name, "--control-planes", "2", check=False)
    assert (even.returncode, even.stderr) == (1, "pybernetes: --control-planes 2 cannot be; it is 1, 3 or 5\n")
    sqlite = cluster.command("up", "--name", cluster.name, "--control-planes", "3", "--store", "sqlite", check=False)
    assert sqlite.returncode == 1
    assert "need --store etcd" in sqlite.stderr
