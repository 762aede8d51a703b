"""Pods, Services and nodes through the apiserver's proxy: as a browser or a script reaches them by kubectl proxy."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.http.certificates import Authority

from .backend import in_a_pod, leading_to
from .conftest import IMAGE, PATIENCE_S, Cluster, eventually

pytestmark = pytest.mark.e2e
NAMESPACE = "proxies"
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "tell"},
    "spec": {
        "selector": {"app": "tell"},
        "ports": [
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "https", "port": 443, "targetPort": "https"},
        ],
    },
}
LARGE = 12 << 20
"""Much more than a request for the API's own objects may have."""


@dataclass
class Door:
    """What `kubectl proxy` serves."""

    cluster: Cluster
    port: int

    def path(self, what: str, rest: str = "/") -> str:
        return f"/api/v1/namespaces/{NAMESPACE}/{what}/proxy{rest}"

    def ask(self, path: str, method: str = "GET", **request: Any) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(method, path, **request)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, body

    def told(self, path: str, method: str = "GET", **request: Any) -> dict[str, Any]:
        """What the server in the Pod tells of a request."""
        status, _, body = self.ask(path, method, **request)
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    def apply(self, *objects: dict[str, Any], check: bool = True) -> str:
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self.cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=items, check=check).stderr


@pytest.fixture(scope="module")
def door(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder: Path = tmp_path_factory.mktemp("certificates")
    certificate = Authority.create(folder, "ca").issue("tell", names=["tell"])
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    cluster.kubectl("create", "namespace", NAMESPACE)
    proxy = cluster.start("proxy", "--port=0")
    try:
        assert proxy.stdout is not None
        port = re.search(r":(\d+)", proxy.stdout.readline())
        assert port is not None
        made = Door(cluster, int(port[1]))
        made.apply(in_a_pod("tell", IMAGE, certificate), SERVICE)
        cluster.kubectl("wait", "-n", NAMESPACE, "pod/tell", "--for=condition=Ready", f"--timeout={PATIENCE_S}s")
        eventually("the Service leads there", lambda: cluster.get("endpoints", "-n", NAMESPACE, "tell").get("subsets"))
        yield made
    finally:
        proxy.kill()
        proxy.wait()
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def pieces() -> Iterator[bytes]:
    for number in range(LARGE >> 16):
        yield bytes([number % 256]) * 65536


@pytest.mark.parametrize("what", ["pods/tell:8080", "services/tell:80", "services/https:tell:https"])
def test_bodies_have_no_limit(door: Door, what: str) -> None:
    digest = hashlib.sha256(b"".join(pieces())).hexdigest()
    for headers in ({"content-length": str(LARGE)}, {}):
        told = door.told(door.path(what), "PUT", body=pieces(), headers=headers, encode_chunked=not headers)
        assert (told["length"], told["sha256"]) == (LARGE, digest)
        assert told["headers"].get("content-length") == headers.get("content-length")
    status, answered, body = door.ask(door.path(what, f"/bytes/{LARGE}"))
    assert (status, answered["content-length"], len(body)) == (200, str(LARGE), LARGE)
    assert not any(body)


@pytest.mark.parametrize(
    "what", ["pods/https:tell:8443", "services/https:tell:443", "services/https:tell:https", "services/tell:http"]
)
def test_the_servers_own_scheme_and_port(door: Door, what: str) -> None:
    told = door.told(door.path(what, "/a%20b/c/?q=1&q=2"), headers={"authorization": "Basic eA==", "x-own": "1"})
    assert (told["name"], told["path"]) == ("tell", "/a%20b/c/?q=1&q=2")
    assert told["headers"]["x-own"] == "1"
    assert "authorization" not in told["headers"]
    assert told["headers"]["x-forwarded-uri"] == door.path(what, "/a%20b/c/")
    assert "x-forwarded-for" in told["headers"]


@pytest.mark.parametrize("what", ["pods/tell:8080", "services/tell:80", "services/https:tell:443"])
def test_a_websocket_through_the_proxy(door: Door, what: str) -> None:
    websocket = pytest.importorskip("websocket")
    url = f"ws://127.0.0.1:{door.port}{door.path(what, '/socket')}"
    socket = websocket.create_connection(url, timeout=PATIENCE_S, enable_multithread=False)
    # The server sends back every byte as it came, so frames come back masked, which clients do not take.
    frame = websocket.ABNF.create_frame("hello", websocket.ABNF.OPCODE_TEXT).format()
    socket.sock.sendall(frame)
    assert _received(socket.sock, len(frame)) == frame
    large = bytes(range(256)) * 2048
    socket.sock.sendall(large)
    assert _received(socket.sock, len(large)) == large
    socket.shutdown()


def _received(sock: Any, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += sock.recv(count - len(found))
    return found


@pytest.mark.parametrize("what", ["pods/tell:8080", "services/tell:80"])
def test_links_and_redirects_stay_below_the_proxy(door: Door, what: str) -> None:
    base = door.path(what, "")
    status, headers, _ = door.ask(f"{base}?a=b")
    assert (status, headers["location"]) == (301, f"{base}/?a=b")
    status, headers, _ = door.ask(f"{base}/moved")
    assert (status, headers["location"]) == (302, f"{base}/there?x=1")
    _, headers, page = door.ask(f"{base}/page")
    links = f'<a href="{base}/there">there</a><img src="https://elsewhere.example/x.png"><a href="near">near</a>'
    assert page.decode() == links
    assert headers["content-length"] == str(len(links))
    assert "access-control-allow-origin" not in headers


def test_addresses_that_are_not_asked(door: Door) -> None:
    """Nobody reaches the apiserver's own machine, its neighbours or anything that is no Pod this way."""
    cluster = door.cluster
    unscheduled = {"schedulerName": "nobody", "containers": [{"name": "c", "image": IMAGE}]}
    door.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "nowhere"}, "spec": unscheduled})
    assert refusal(door, "pods/nowhere:8080") == (400, "BadRequest", "address not allowed")
    for address in ("127.0.0.1", "169.254.169.254", "::1"):
        status = json.dumps({"status": {"podIP": address, "podIPs": [{"ip": address}]}})
        cluster.kubectl(
            "patch", "-n", NAMESPACE, "pod", "nowhere", "--subresource=status", "--type=merge", "-p", status
        )
        assert refusal(door, "pods/nowhere:8080") == (400, "BadRequest", "address not allowed")
        assert refusal(door, "pods/https:nowhere:8080") == (400, "BadRequest", "address not allowed")

    door.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "own"}, "spec": {"ports": [{"port": 80}]}})
    tell = cluster.get("pod", "-n", NAMESPACE, "tell")
    node = tell["status"]["hostIP"]
    pod = {"kind": "Pod", "name": "tell", "namespace": NAMESPACE, "uid": tell["metadata"]["uid"]}
    for address in ({"ip": node}, {"ip": node, "targetRef": pod}):
        door.apply(endpoints("own", address))
        assert refusal(door, "services/own:80") == (
            503,
            "ServiceUnavailable",
            'no endpoints available for service "own:80"',
        )
    for ip, range_ in (("127.0.0.1", "the loopback range (127.0.0.0/8"), ("169.254.1.1", "the link-local range")):
        assert f"may not be in {range_}" in door.apply(endpoints("own", {"ip": ip}), check=False)
    for made in leading_to(node, 22, "slice"):
        door.apply(made)
    assert refusal(door, "services/slice:80")[:2] == (404, "NotFound"), "slices of others are not looked at"

    external = {"type": "ExternalName", "externalName": "localhost"}
    door.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "away"}, "spec": external})
    assert refusal(door, "services/away") == (404, "NotFound", 'endpoints "away" not found')
    assert refusal(door, "services/away:80") == (
        503,
        "ServiceUnavailable",
        'no service port 80 found for service "away"',
    )
    assert refusal(door, "services/ftp:tell:80") == (400, "BadRequest", 'invalid service request "ftp:tell:80"')


def test_a_node_that_is_the_apiservers_own_machine(door: Door) -> None:
    cluster = door.cluster
    cluster.kubectl("delete", "node", "mirror", "--ignore-not-found")
    door.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "mirror"}})
    try:
        for kind, address in (("InternalIP", "127.0.0.1"), ("Hostname", "localhost")):
            status = json.dumps(
                [{"op": "add", "path": "/status/addresses", "value": [{"type": kind, "address": address}]}]
            )
            cluster.kubectl("patch", "node", "mirror", "--subresource=status", "--type=json", "-p", status)
            for name in ("mirror", "mirror:22", "https:mirror:6443"):
                status_, _, body = door.ask(f"/api/v1/nodes/{name}/proxy/")
                assert (status_, json.loads(body)["message"]) == (400, "address not allowed")
    finally:
        cluster.kubectl("delete", "node", "mirror", "--wait=false")
    real = cluster.get("nodes")["items"][0]["metadata"]["name"]
    assert door.ask(f"/api/v1/nodes/{real}/proxy/healthz")[::2] == (200, b"ok")


def endpoints(name: str, address: dict[str, Any]) -> dict[str, Any]:
    subset = {"addresses": [address], "ports": [{"port": 22}]}
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": [subset]}


def refusal(door: Door, what: str) -> tuple[int, str, str]:
    status, _, body = door.ask(door.path(what))
    told = json.loads(body)
    return status, told["reason"], told["message"]
