"""Clusters with IPv6: two nodes whose Pods, Services and names have addresses of both families, or of IPv6 alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.ports import free_ports

from .conftest import IMAGE, Cluster, eventually, make_cluster, quiet_fetch

pytestmark = pytest.mark.e2e
HOST_PORT = free_ports(1)[0]
OBJECTS = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: hello
        image: pybernetes.local/hello:1.0
        ports: [{{containerPort: 8080, hostPort: {HOST_PORT}}}]
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {{matchLabels: {{app: web}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: NodePort
  ipFamilyPolicy: PreferDualStack
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: box}}
spec:
  containers: [{{name: box, image: "{IMAGE}", command: [sleep, "1000"]}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: on-host}}
spec:
  nodeName: node-2
  hostNetwork: true
  containers: [{{name: box, image: "{IMAGE}", command: [sleep, "1000"]}}]
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: friends}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {run: friend}}}]}]
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    made = make_cluster(tmp_path, "ip")
    made.down()
    yield made
    made.down()


def reaches(cluster: Cluster, name: str, url: str) -> bool:
    done = cluster.kubectl("exec", name, "--", "timeout", "3", "wget", "-qO-", url, check=False)
    return done.stdout.startswith("Hello from web-")


def tells(command: Callable[[], subprocess.CompletedProcess[str]], *words: str) -> bool:
    told = command().stdout
    return all(word in told for word in words)


def families(addresses: list[str]) -> list[str]:
    return ["IPv6" if ":" in address else "IPv4" for address in addresses]


@pytest.mark.parametrize(("wanted", "expected"), [("dual-ipv6", ["IPv6", "IPv4"]), ("ipv6", ["IPv6"])])
def test_addresses_of_each_family(own: Cluster, wanted: str, expected: list[str]) -> None:
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    own.up("--nodes", "2", "--ip-family", wanted)
    own.kubectl("apply", "-f", "-", stdin=OBJECTS)
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    own.kubectl("wait", "pod/box", "pod/on-host", "--for=condition=Ready", "--timeout=120s")
    assert own.kubectl("exec", "on-host", "--", "hostname").stdout == "node-2\n", "not the machine's"
    with_example = own.command("up", "--name", own.name, "--data-dir", str(own.folder / "data")).stdout
    [example] = own.get("service", "hello")["spec"]["clusterIPs"]
    assert f"http://{bracketed(example)}/ says: Hello from hello-" in with_example
    service = own.get("service", "web")["spec"]
    pods = own.get("pods", "-l", "app=web")["items"]
    assert service["ipFamilies"] == families(service["clusterIPs"]) == expected
    assert all(families([ip["ip"] for ip in pod["status"]["podIPs"]]) == expected for pod in pods)
    names, port = {pod["metadata"]["name"] for pod in pods}, service["ports"][0]["nodePort"]
    nodes = own.get("nodes")["items"]
    places = [part["address"] for node in nodes for part in node["status"]["addresses"] if part["type"] == "InternalIP"]
    assert families(places) == expected * 2
    names_by_address = {ip["ip"]: pod["metadata"]["name"] for pod in pods for ip in pod["status"]["hostIPs"]}
    for place in [*map(bracketed, service["clusterIPs"]), *(f"{bracketed(place)}:{port}" for place in places)]:
        answers_of_all(place, names)
    for place in places:
        answers_of_all(f"{bracketed(place)}:{HOST_PORT}", {names_by_address[place]})
    for address in service["clusterIPs"]:
        inside = own.kubectl("exec", "box", "--", "timeout", "60", "wget", "-qO-", f"http://{bracketed(address)}")
        assert inside.stdout.startswith("Hello from web-")
        look_up = partial(own.kubectl, "exec", "box", "--", "nslookup", address, check=False)
        eventually("its name, from the address", partial(tells, look_up, "web.default.svc.cluster.local"))
    own.kubectl("apply", "-f", "-", stdin=POLICY)
    for name in ("friend", "stranger"):
        own.kubectl("run", name, f"--image={IMAGE}", "--", "sleep", "1000")
    own.kubectl("wait", "pod", "friend", "stranger", "--for=condition=Ready", "--timeout=120s")
    for address in [bracketed(ip["ip"]) for pod in pods for ip in pod["status"]["podIPs"]]:
        eventually(f"the friend reaches {address}", partial(reaches, own, "friend", f"http://{address}:8080"))
    eventually("a stranger does not", lambda: not reaches(own, "stranger", f"http://{address}:8080"))

    look_up = partial(own.kubectl, "exec", "box", "--", "nslookup", "web.default.svc.cluster.local", check=False)
    eventually("its addresses, from the name", partial(tells, look_up, *service["clusterIPs"]))
    own.down()
    routes = subprocess.run(["ip", "-6", "route"], capture_output=True, text=True, check=True).stdout
    assert not [cidr for node in nodes for cidr in node["spec"]["podCIDRs"] if cidr in routes]


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def answers_of_all(place: str, names: set[str]) -> None:
    seen: set[str] = set()

    def all_seen() -> bool:
        seen.update(quiet_fetch(f"http://{place}/").split()[-1:])
        return names <= seen

    eventually(f"every Pod answers at {place}", all_seen)
