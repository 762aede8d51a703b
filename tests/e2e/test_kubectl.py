"""What a new user does with kubectl on their first day, with real containers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_ports

from .conftest import IMAGE, Cluster, eventually, fetch, quiet_fetch

pytestmark = pytest.mark.e2e

SERVE = ("sh", "-c", "trap 'exit 0' TERM; hostname > /tmp/index.html; httpd -f -p 8080 -h /tmp & wait")
"""A web server that says which Pod answered, and ends when told to."""


@pytest.fixture
def web(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A Deployment `web` with three replicas that answer."""
    cluster.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=3", "--", *SERVE)
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    for pod in cluster.get("pods")["items"]:
        url = f"http://{pod['status']['podIP']}:8080"
        eventually(f"{url} answers", lambda url=url: quiet_fetch(url))  # type: ignore[misc]
    yield "web"


def pods(cluster: Cluster, selector: str = "app=web") -> list[str]:
    found = cluster.get("pods", "-l", selector)["items"]
    return sorted(p["metadata"]["name"] for p in found if "deletionTimestamp" not in p["metadata"])


def test_service_from_everywhere(cluster: Cluster, web: str) -> None:
    cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080", "--type=NodePort")
    service = cluster.get("service", "web")["spec"]
    node = cluster.get("nodes")["items"][0]
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    names = set(pods(cluster))
    eventually("the ClusterIP answers", lambda: quiet_fetch(f"http://{service['clusterIP']}") in names)
    seen: set[str] = set()
    eventually(
        "every replica takes its share", lambda: seen.add(fetch(f"http://{service['clusterIP']}")) or seen == names
    )
    assert fetch(f"http://{address}:{service['ports'][0]['nodePort']}") in names
    inside = cluster.kubectl(
        "run", "probe", "-i", "--rm", "--restart=Never", f"--image={IMAGE}", "--",
        "wget", "-q", "-O-", "http://web",
    )  # fmt: skip
    assert names & set(inside.stdout.split()), inside.stdout
    lookup = ("exec", next(iter(names)), "--", "nslookup", f"web.{web_namespace(cluster)}.svc.cluster.local")
    eventually("its name is known", lambda: service["clusterIP"] in cluster.kubectl(*lookup, check=False).stdout)


def web_namespace(cluster: Cluster) -> str:
    return cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}").stdout


def test_service_without_endpoints_refuses_at_once(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "service", "clusterip", "nobody", "--tcp=80:80")
    address = cluster.get("service", "nobody")["spec"]["clusterIP"]

    def refused() -> bool:
        with socket.socket() as probe:
            probe.settimeout(20)
            return probe.connect_ex((address, 80)) == 111

    eventually("the connection is refused", refused)


def test_host_ports(cluster: Cluster, namespace: str) -> None:
    """A Pod on a port of its node: from the node itself, by each address, and by the Pod itself."""
    (number,) = free_ports(1)
    container = {
        "name": "c",
        "image": IMAGE,
        "command": list(SERVE),
        "ports": [{"containerPort": 8080, "hostPort": number}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "at-home"}, "spec": {"containers": [container]}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/at-home", "--timeout=120s")
    node = cluster.get("nodes")["items"][0]
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    for host in ("127.0.0.1", address):
        url = f"http://{host}:{number}"
        eventually(f"{url} answers", lambda url=url: quiet_fetch(url) == "at-home")  # type: ignore[misc]
    inside = cluster.kubectl("exec", "at-home", "--", "wget", "-q", "-O-", f"http://{address}:{number}")
    assert inside.stdout.strip() == "at-home"
    cluster.kubectl("delete", "pod", "at-home", "--grace-period=1")
    eventually("the port is free again", lambda: not quiet_fetch(f"http://127.0.0.1:{number}"))


def test_logs(cluster: Cluster, namespace: str) -> None:
    script = "i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); sleep 0.2; done; echo end; sleep 1000"
    cluster.kubectl("run", "talk", f"--image={IMAGE}", "--", "sh", "-c", script)
    cluster.kubectl("wait", "pod/talk", "--for=condition=Ready", "--timeout=120s")
    follow = cluster.start("logs", "-f", "talk")
    seen = ""
    assert follow.stdout is not None
    for line in follow.stdout:
        seen += line
        if line == "end\n":
            break
    follow.kill()
    follow.wait()
    assert seen == "line 0\nline 1\nline 2\nline 3\nline 4\nend\n"
    assert cluster.kubectl("logs", "talk", "--tail=1").stdout == "end\n"
    stamped = cluster.kubectl("logs", "talk", "--timestamps", "--tail=1").stdout
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) end\n", stamped)


def test_exec(cluster: Cluster, web: str) -> None:
    name = pods(cluster)[0]
    assert cluster.kubectl("exec", name, "--", "hostname").stdout == name + "\n"
    failed = cluster.kubectl("exec", name, "--", "sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (failed.returncode, failed.stdout) == (3, "out\n")
    assert failed.stderr.startswith("err\n")
    assert cluster.kubectl("exec", "-i", name, "--", "cat", stdin="typed\n" * 10_000).stdout == "typed\n" * 10_000
    terminal = cluster.terminal("exec", "-it", name, "--", "sh")
    terminal.type("stty size; echo a$((40+2))\n")
    terminal.expect("a42")
    terminal.type("exit 7\n")
    assert terminal.wait() == 7


def test_attach_and_run(cluster: Cluster, namespace: str) -> None:
    terminal = cluster.terminal("run", "shell", "-it", "--rm", "--restart=Never", f"--image={IMAGE}", "--", "sh")
    terminal.expect("# ")
    terminal.type("echo in$((1+1))side\n")
    terminal.expect("in2side")
    terminal.type("exit\n")
    assert terminal.wait() == 0
    assert 'pod "shell" deleted' in terminal.seen
    cluster.kubectl("run", "beat", f"--image={IMAGE}", "--", "sh", "-c", "while true; do echo tick; sleep 0.1; done")
    cluster.kubectl("wait", "pod/beat", "--for=condition=Ready", "--timeout=120s")
    attached = cluster.start("attach", "beat")
    assert attached.stdout is not None
    assert any("tick" in attached.stdout.readline() for _ in range(3))
    attached.kill()
    attached.wait()


def test_a_short_session_says_all_it_has_to(cluster: Cluster, namespace: str) -> None:
    """A command that is over before anybody could attach: its output comes from the log, none is lost."""
    for number in range(5):
        done = cluster.kubectl(
            "run", f"short-{number}", "-i", "--rm", "--restart=Never", f"--image={IMAGE}", "--", "echo", "said"
        )  # fmt: skip
        assert "said" in done.stdout.splitlines(), done.stdout + done.stderr


def test_cp(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.kubectl("run", "box", f"--image={IMAGE}", "--", "sleep", "1000")
    cluster.kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=120s")
    sent = tmp_path / "sent"
    sent.write_bytes(os.urandom(1_000_000))
    cluster.kubectl("cp", str(sent), "box:/tmp/there")
    cluster.kubectl("cp", "box:/tmp/there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == sent.read_bytes()


def test_port_forward(cluster: Cluster, web: str) -> None:
    cluster.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080")
    forward = cluster.start("port-forward", "service/web", ":80")
    try:
        assert forward.stdout is not None
        line = forward.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+) -> 8080", line)
        assert found, line
        answers = {fetch(f"http://127.0.0.1:{found[1]}") for _ in range(5)}
        assert len(answers) == 1
        assert answers < set(pods(cluster)) | {""}
    finally:
        forward.kill()
        forward.wait()


def test_scale_update_and_undo(cluster: Cluster, web: str) -> None:
    cluster.kubectl("scale", "deployment/web", "--replicas=5")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    assert len(pods(cluster)) == 5
    cluster.kubectl("scale", "deployment/web", "--replicas=2")
    eventually("two Pods are left", lambda: len(pods(cluster)) == 2)
    cluster.kubectl("set", "image", "deployment/web", "busybox=pybernetes.local/none:1")
    eventually("the new image cannot be had", lambda: "ErrImage" in reasons(cluster) or "ImagePull" in reasons(cluster))
    eventually(
        "the old Pods stay until new ones are ready",
        lambda: cluster.get("deployment", "web")["status"]["availableReplicas"] == 2,
    )
    cluster.kubectl("rollout", "undo", "deployment/web")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    template = cluster.get("deployment", "web")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == IMAGE
    assert len(cluster.kubectl("rollout", "history", "deployment/web").stdout.strip().splitlines()) == 4
    cluster.kubectl("rollout", "restart", "deployment/web")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")


def reasons(cluster: Cluster) -> str:
    return cluster.kubectl("get", "pods").stdout


MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: applied, labels: {tier: one}}
spec:
  replicas: 1
  selector: {matchLabels: {app: applied}}
  template:
    metadata: {labels: {app: applied}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: main, image: "%s", command: [sleep, "1000"], env: [{name: A, value: one}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: red}
"""


@pytest.mark.parametrize("server_side", [[], ["--server-side"]], ids=["client side", "server side"])
def test_apply_and_diff(cluster: Cluster, namespace: str, server_side: list[str]) -> None:
    manifest = MANIFEST % IMAGE
    cluster.kubectl("apply", *server_side, "-f", "-", stdin=manifest)
    cluster.kubectl("rollout", "status", "deployment/applied", "--timeout=120s")
    again = cluster.kubectl("apply", *server_side, "-f", "-", stdin=manifest).stdout
    changed = (
        manifest.replace("color: red", "color: blue")
        .replace("value: one", "value: two")
        .replace("tier: one", "tier: two")
    )
    if not server_side:
        assert again.count("unchanged") == 2
    difference = cluster.kubectl("diff", *server_side, "-f", "-", stdin=changed, check=False)
    assert difference.returncode == 1, difference.stderr
    assert "+  color: blue" in difference.stdout
    cluster.kubectl("apply", *server_side, "-f", "-", stdin=changed)
    assert cluster.get("configmap", "settings")["data"] == {"color": "blue"}
    deployment = cluster.get("deployment", "applied")
    assert deployment["metadata"]["labels"]["tier"] == "two"
    assert deployment["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "two"}]
    if server_side:
        other = cluster.kubectl(
            "apply", "--server-side", "--field-manager=other", "-f", "-", stdin=manifest, check=False
        )
        assert other.returncode == 1
        assert "conflict" in other.stderr
        assert ".data.color" in other.stderr
        cluster.kubectl(
            "apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", stdin=manifest
        )
        assert cluster.get("configmap", "settings")["data"] == {"color": "red"}
    cluster.kubectl("rollout", "status", "deployment/applied", "--timeout=120s")
    cluster.kubectl("delete", "-f", "-", stdin=manifest)


def test_edit_patch_label_annotate(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "c", "--from-literal=a=1")
    cluster.kubectl("edit", "configmap", "c", KUBE_EDITOR="sed -i 's/\"1\"/changed/'")
    assert cluster.get("configmap", "c")["data"] == {"a": "changed"}
    cluster.kubectl("patch", "configmap", "c", "--type=merge", "-p", '{"data":{"b":"2"}}')
    cluster.kubectl("patch", "configmap", "c", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]')
    cluster.kubectl("patch", "configmap", "c", "-p", '{"metadata":{"finalizers":["example.com/x"]}}')
    cluster.kubectl(
        "patch", "configmap", "c", "-p", '{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/x"]}}'
    )
    cluster.kubectl("label", "configmap", "c", "tier=one")
    cluster.kubectl("annotate", "configmap", "c", "note=hello")
    found = cluster.get("configmap", "c")
    assert found["data"] == {"b": "2"}
    assert found["metadata"]["labels"] == {"tier": "one"}
    assert found["metadata"]["annotations"]["note"] == "hello"
    assert "finalizers" not in found["metadata"]
    assert cluster.kubectl("get", "configmap", "-l", "tier in (one,two)", "-o", "name").stdout == "configmap/c\n"
    refused = cluster.kubectl("label", "configmap", "c", "tier=two", check=False)
    assert refused.returncode == 1


def test_get_watch(cluster: Cluster, namespace: str) -> None:
    watch = cluster.start("get", "configmaps", "-w", "-o", "name")
    assert watch.stdout is not None
    assert watch.stdout.readline() == "configmap/kube-root-ca.crt\n"
    cluster.kubectl("create", "configmap", "seen")
    assert watch.stdout.readline() == "configmap/seen\n"
    watch.kill()
    watch.wait()


def test_columns_and_describe(cluster: Cluster, web: str) -> None:
    header, *rows = cluster.kubectl("get", "pods", "-o", "wide").stdout.splitlines()
    assert header.split() == [
        "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED", "NODE", "READINESS", "GATES",
    ]  # fmt: skip
    assert all(row.split()[1:4] == ["1/1", "Running", "0"] for row in rows)
    deployment = cluster.kubectl("get", "deployment").stdout.splitlines()
    assert deployment[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert deployment[1].split()[:4] == ["web", "3/3", "3", "3"]
    nodes = cluster.kubectl("get", "nodes").stdout.splitlines()
    assert nodes[0].split() == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert nodes[1].split()[1] == "Ready"
    described = cluster.kubectl("describe", "pod", pods(cluster)[0]).stdout
    for expected in ("Successfully assigned", "Created", "Started", "Ready             True", "kube-api-access-"):
        assert expected in described
    assert "NewReplicaSetAvailable" in cluster.kubectl("describe", "deployment", "web").stdout
    cluster.kubectl("describe", "nodes")
    cluster.kubectl("describe", "service", "kubernetes", "-n", "default")
    everything = cluster.kubectl("get", "all").stdout
    assert all(kind in everything for kind in ("pod/web-", "deployment.apps/web", "replicaset.apps/web-"))


def test_explain_and_resources(cluster: Cluster) -> None:
    explained = cluster.kubectl("explain", "deployment.spec.strategy.rollingUpdate.maxSurge").stdout
    assert "FIELD: maxSurge <IntOrString>" in explained
    assert "maximum number of pods" in explained
    resources = cluster.kubectl("api-resources").stdout
    assert re.search(r"^pods +po +v1 +true +Pod$", resources, re.M)
    assert re.search(r"^deployments +deploy +apps/v1 +true +Deployment$", resources, re.M)
    assert "apps/v1" in cluster.kubectl("api-versions").stdout.split()
    version = cluster.kubectl("version", "-o", "json").stdout
    assert re.search(r'"gitVersion": "v1\.36\.\d+\+pybernetes\.[\d.]+"', version)
    assert "is running at" in cluster.kubectl("cluster-info").stdout


def test_auth(cluster: Cluster, namespace: str) -> None:
    assert cluster.kubectl("auth", "can-i", "delete", "nodes").stdout == "yes\n"
    account = f"--as=system:serviceaccount:{namespace}:default"
    assert cluster.kubectl("auth", "can-i", "list", "pods", account, check=False).stdout == "no\n"
    cluster.kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
    cluster.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:default")
    eventually(
        "the binding counts",
        lambda: cluster.kubectl("auth", "can-i", "list", "pods", account, check=False).stdout == "yes\n",
    )
    refused = cluster.kubectl("get", "secrets", account, check=False)
    assert refused.returncode == 1
    assert f'cannot list resource "secrets" in API group "" in the namespace "{namespace}"' in refused.stderr
    assert "kubernetes-admin" in cluster.kubectl("auth", "whoami").stdout
    token = cluster.kubectl("create", "token", "default").stdout.strip()
    assert token.count(".") == 2


def test_a_bootstrap_token_lets_a_node_ask(cluster: Cluster) -> None:
    name, secret = "e2eboo", "0123456789abcdef"
    keep = ("--namespace=kube-system", "secret", f"bootstrap-token-{name}")
    parts = {"token-id": name, "token-secret": secret, "usage-bootstrap-authentication": "true"}
    literals = [f"--from-literal={key}={value}" for key, value in parts.items()]
    made = cluster.kubectl("create", *keep[:2], "generic", keep[2], "--type=bootstrap.kubernetes.io/token", *literals)
    assert "created" in made.stdout
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": f"{name}.{secret}"}}
    told = cluster.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(asked)).stdout
    cluster.kubectl("delete", *keep)
    status = json.loads(told)["status"]
    assert (status["authenticated"], status["user"]["username"]) == (True, f"system:bootstrap:{name}")
    assert "system:bootstrappers" in status["user"]["groups"]


def test_token_inside_a_pod(cluster: Cluster, namespace: str) -> None:
    """A ServiceAccount's mounted token and CA reach the API at its Service address."""
    cluster.kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
    cluster.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:default")
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    cluster.kubectl("run", "inside", f"--image={IMAGE}", "--", "sleep", "1000")
    cluster.kubectl("wait", "pod/inside", "--for=condition=Ready", "--timeout=120s")
    token = cluster.kubectl("exec", "inside", "--", "cat", f"{folder}/token").stdout
    assert cluster.kubectl("exec", "inside", "--", "cat", f"{folder}/namespace").stdout == namespace
    certificate = cluster.folder / "inside-ca.crt"
    certificate.write_text(cluster.kubectl("exec", "inside", "--", "cat", f"{folder}/ca.crt").stdout)
    environment = cluster.kubectl("exec", "inside", "--", "env").stdout
    found = dict(line.partition("=")[::2] for line in environment.splitlines())
    address = f"https://{found['KUBERNETES_SERVICE_HOST']}:{found['KUBERNETES_SERVICE_PORT']}"
    done = subprocess.run(
        ["kubectl", f"--server={address}", f"--certificate-authority={certificate}", f"--token={token}",
         "get", "pods", "-n", namespace, "-o", "name"],
        env={**os.environ, "KUBECONFIG": "/dev/null"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout == "pod/inside\n", done.stderr


def test_cordon_and_drain(cluster: Cluster, web: str) -> None:
    node = cluster.get("nodes")["items"][0]["metadata"]["name"]
    cluster.kubectl("cordon", node)
    try:
        assert "SchedulingDisabled" in cluster.kubectl("get", "node", node).stdout
        cluster.kubectl("run", "late", f"--image={IMAGE}", "--", "sleep", "1000")
        eventually("the Pod waits", lambda: "unschedulable" in cluster.kubectl("describe", "pod", "late").stdout)
        names = pods(cluster)
        drained = cluster.kubectl(
            "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--pod-selector=app=web",
            "--grace-period=1",
        )  # fmt: skip
        assert len(names) == 3
        assert all(f"pod/{name} evicted" in drained.stdout for name in names)
    finally:
        cluster.kubectl("uncordon", node)
    cluster.kubectl("wait", "pod/late", "--for=condition=Ready", "--timeout=120s")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")


def test_job(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "job", "once", f"--image={IMAGE}", "--", "sh", "-c", "echo done")
    cluster.kubectl("wait", "job/once", "--for=condition=Complete", "--timeout=120s")
    assert cluster.kubectl("logs", "job/once").stdout == "done\n"
    cluster.kubectl("delete", "job", "once")
    eventually("the Job's Pod goes with it", lambda: not cluster.get("pods")["items"])


def test_delete_cascades(cluster: Cluster, web: str) -> None:
    cluster.kubectl("delete", "deployment", "web", "--cascade=orphan")
    assert len(pods(cluster)) == 3
    (replicas,) = cluster.get("rs")["items"]
    assert "ownerReferences" not in replicas["metadata"]
    cluster.kubectl("delete", "rs", replicas["metadata"]["name"], "--cascade=foreground", "--timeout=120s")
    assert pods(cluster) == []


VOLUMES = """
apiVersion: v1
kind: Pod
metadata: {name: volumes, labels: {color: green}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: "%s"
    command: [sleep, "1000"]
    env:
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: hidden, key: password}}}
    - {name: BOTH, value: "$(COLOR)-$(PASSWORD)-$$(COLOR)"}
    - {name: LIMIT, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    envFrom: [{prefix: S_, configMapRef: {name: settings}}]
    resources: {limits: {cpu: 200m, memory: 64Mi}}
    volumeMounts:
    - {name: empty, mountPath: /empty}
    - {name: settings, mountPath: /settings}
    - {name: hidden, mountPath: /hidden, readOnly: true}
    - {name: host, mountPath: /host}
    - {name: info, mountPath: /info}
  volumes:
  - {name: empty, emptyDir: {medium: Memory}}
  - {name: settings, configMap: {name: settings}}
  - {name: hidden, secret: {secretName: hidden, defaultMode: 0400}}
  - {name: host, hostPath: {path: %s, type: Directory}}
  - name: info
    projected:
      sources:
      - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
      - configMap: {name: settings, items: [{key: color, path: deep/color}]}
"""


def test_environment_and_volumes(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("from the host")
    cluster.kubectl("create", "configmap", "settings", "--from-literal=color=red")
    cluster.kubectl("create", "secret", "generic", "hidden", "--from-literal=password=pw")
    cluster.kubectl("apply", "-f", "-", stdin=VOLUMES % (IMAGE, tmp_path))
    cluster.kubectl("wait", "pod/volumes", "--for=condition=Ready", "--timeout=120s")
    found = dict(line.partition("=")[::2] for line in shell(cluster, "env").splitlines())
    assert (found["COLOR"], found["PASSWORD"], found["BOTH"], found["S_color"]) == (
        "red",
        "pw",
        "red-pw-$(COLOR)",
        "red",
    )
    assert found["LIMIT"] == "64"
    assert found["NODE"] == cluster.get("pod", "volumes")["spec"]["nodeName"]
    assert shell(cluster, "cat /settings/color /hidden/password /info/deep/color") == "redpwred"
    assert shell(cluster, "stat -c %a -L /hidden/password") == "400\n"
    assert shell(cluster, "cat /info/labels") == 'color="green"'
    assert shell(cluster, "cat /host/file") == "from the host"
    assert "tmpfs" in shell(cluster, "grep ' /empty ' /proc/mounts")
    limit = shell(
        cluster, "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    )
    assert limit.strip() == str(64 * 2**20)
    cluster.kubectl("patch", "configmap", "settings", "-p", '{"data":{"color":"blue"}}')
    eventually("the mounted ConfigMap follows", lambda: shell(cluster, "cat /settings/color") == "blue")


def shell(cluster: Cluster, script: str) -> str:
    return cluster.kubectl("exec", "volumes", "--", "sh", "-c", script).stdout
