"""kubectl against the apiserver alone (no controllers, no nodes): what it prints and what is stored."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.apiserver.conftest import Cluster

BIN = Path("/usr/bin/kubectl").resolve().parent


def config_map(**data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data})


def test_a_fresh_cluster(cluster: Cluster) -> None:
    names = {item["metadata"]["name"] for item in cluster.json("get", "namespaces")["items"]}
    assert {"default", "kube-system", "kube-public", "kube-node-lease"} <= names
    service = cluster.json("get", "service", "kubernetes")
    assert service["spec"]["clusterIP"] == "10.96.0.1"
    address = cluster.json("get", "endpoints", "kubernetes")["subsets"][0]["addresses"][0]["ip"]
    slices = cluster.json("get", "endpointslices", "-l", "kubernetes.io/service-name=kubernetes")["items"]
    assert address == slices[0]["endpoints"][0]["addresses"][0] == "192.0.2.10"
    roles = {item["metadata"]["name"]: item for item in cluster.json("get", "clusterroles")["items"]}
    assert {"cluster-admin", "admin", "edit", "view", "system:node", "system:controller:job-controller"} <= set(roles)
    assert any("configmaps" in rule.get("resources", []) for rule in roles["view"]["rules"])


def test_create_get_and_delete(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    assert cluster.kubectl("create", "-f", "-", *n, stdin=config_map(a="1")).stdout == "configmap/c created\n"
    again = cluster.kubectl("create", "-f", "-", *n, stdin=config_map(a="1"), check=False)
    assert 'configmaps "c" already exists' in again.stderr
    assert re.fullmatch(r"NAME\s+DATA\s+AGE\nc\s+1\s+\d+s\n", cluster.kubectl("get", "cm", "c", *n).stdout)
    assert cluster.kubectl("get", "cm", "c", *n, "-o", "jsonpath={.data.a}").stdout == "1"
    assert cluster.kubectl("delete", "cm", "c", *n).stdout.startswith('configmap "c" deleted')
    assert 'configmaps "c" not found' in cluster.kubectl("get", "cm", "c", *n, check=False).stderr


def test_what_kubectl_sends_in_protobuf(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    cluster.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2", "--port=80", *n)
    cluster.kubectl("create", "secret", "generic", "s", "--from-literal=a=b", *n)
    cluster.kubectl("create", "job", "j", "--image=busybox", *n, "--", "true")
    found = cluster.json("get", "deployment", "web", *n)["spec"]
    assert found["replicas"] == 2 and found["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] == 80
    assert cluster.json("get", "secret", "s", *n)["data"] == {"a": "Yg=="}
    assert cluster.json("get", "job", "j", *n)["spec"]["template"]["spec"]["containers"][0]["command"] == ["true"]


def test_apply_and_diff(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    assert "created" in cluster.kubectl("apply", "-f", "-", *n, stdin=config_map(a="1", b="2")).stdout
    assert "unchanged" in cluster.kubectl("apply", "-f", "-", *n, stdin=config_map(a="1", b="2")).stdout
    diff = cluster.kubectl("diff", "-f", "-", *n, stdin=config_map(a="1"), check=False)
    assert diff.returncode == 1 and '-  b: "2"' in diff.stdout
    assert "configured" in cluster.kubectl("apply", "-f", "-", *n, stdin=config_map(a="1")).stdout
    assert cluster.json("get", "cm", "c", *n)["data"] == {"a": "1"}


def test_server_side_apply_and_its_conflicts(cluster: Cluster, namespace: str) -> None:
    apply = ("apply", "--server-side", "-f", "-", "-n", namespace)
    assert "serverside-applied" in cluster.kubectl(*apply, "--field-manager=one", stdin=config_map(a="1")).stdout
    clash = cluster.kubectl(*apply, "--field-manager=two", stdin=config_map(a="2"), check=False)
    assert 'conflict with "one": .data.a' in clash.stderr
    cluster.kubectl(*apply, "--field-manager=two", "--force-conflicts", stdin=config_map(a="2"))
    managers = cluster.json("get", "cm", "c", "-n", namespace, "--show-managed-fields")["metadata"]["managedFields"]
    assert [m["manager"] for m in managers if m["operation"] == "Apply"] == ["two"]


@pytest.mark.parametrize(
    ("kind", "patch", "expected"),
    [
        ("merge", {"data": {"a": None, "b": "2"}}, {"b": "2"}),
        ("strategic", {"data": {"b": "2"}}, {"a": "1", "b": "2"}),
        ("json", [{"op": "replace", "path": "/data/a", "value": "9"}], {"a": "9"}),
    ],
)
def test_patches(cluster: Cluster, namespace: str, kind: str, patch: Any, expected: dict[str, str]) -> None:
    n = ("-n", namespace)
    cluster.kubectl("apply", "-f", "-", *n, stdin=config_map(a="1"))
    cluster.kubectl("patch", "cm", "c", *n, f"--type={kind}", "-p", json.dumps(patch))
    assert cluster.json("get", "cm", "c", *n)["data"] == expected
    cluster.kubectl("delete", "cm", "c", *n)


def test_label_annotate_edit_scale_and_set(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    cluster.kubectl("create", "deployment", "web", "--image=nginx", *n)
    cluster.kubectl("label", "deployment", "web", "tier=front", *n)
    cluster.kubectl("annotate", "deployment", "web", "note=x", *n)
    cluster.kubectl("scale", "deployment", "web", "--replicas=3", *n)
    cluster.kubectl("set", "image", "deployment/web", "nginx=nginx:2", *n)
    editor = "sed -i s/revisionHistoryLimit:.10/revisionHistoryLimit:\\ 4/"
    assert "edited" in cluster.kubectl("edit", "deployment", "web", *n, EDITOR=editor).stdout
    found = cluster.json("get", "deployments", "-l", "tier=front", *n)["items"][0]
    assert found["metadata"]["annotations"]["note"] == "x" and found["metadata"]["generation"] == 5
    assert found["spec"]["replicas"] == 3 and found["spec"]["revisionHistoryLimit"] == 4
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"


def test_get_watch_prints_changes_as_they_happen(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    command = cluster.command("get", "configmaps", "-w", "--no-headers", "--output-watch-events", *n)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        cluster.kubectl("apply", "-f", "-", *n, stdin=config_map(a="1"))
        lines = [watch.stdout.readline()]
        cluster.kubectl("apply", "-f", "-", *n, stdin=config_map(a="1", b="2"))
        lines.append(watch.stdout.readline())
        cluster.kubectl("delete", "cm", "c", *n)
        lines.append(watch.stdout.readline())
        watch.terminate()
    assert [line.split()[:3] for line in lines] == [["ADDED", "c", "1"], ["MODIFIED", "c", "2"], ["DELETED", "c", "2"]]


def test_lists_in_chunks_and_by_selector(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{i}", "labels": {"half": str(i % 2)}}}
        for i in range(7)
    ]
    cluster.kubectl("create", "-f", "-", *n, stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    chunked = cluster.kubectl("get", "cm", *n, "--chunk-size=2", "-o", "name").stdout.split()
    assert chunked == [f"configmap/c{i}" for i in range(7)]
    assert len(cluster.json("get", "cm", "-l", "half=1", *n)["items"]) == 3
    assert len(cluster.json("get", "cm", "-l", "half notin (1)", *n)["items"]) == 4
    assert len(cluster.json("get", "cm", "--field-selector=metadata.name=c4", *n)["items"]) == 1
    page = json.loads(cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/configmaps?limit=3").stdout)
    assert page["metadata"]["remainingItemCount"] == 4 and page["metadata"]["continue"]
    cluster.kubectl("delete", "cm", "--all", *n)
    assert cluster.json("get", "cm", *n)["items"] == []


def test_rbac(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    refused = cluster.kubectl("get", "pods", *n, user="alice", check=False).stderr
    assert refused.strip() == (
        "Error from server (Forbidden): pods is forbidden: "
        f'User "alice" cannot list resource "pods" in API group "" in the namespace "{namespace}"'
    )
    cluster.kubectl("create", "rolebinding", "dev", "--clusterrole=edit", "--group=dev", *n)
    assert cluster.kubectl("auth", "can-i", "create", "deployments", *n, user="alice").stdout.strip() == "yes"
    assert cluster.kubectl("auth", "can-i", "get", "nodes", user="alice", check=False).stdout.strip() == "no"
    as_alice = cluster.kubectl("auth", "can-i", "create", "roles", *n, "--as=alice", "--as-group=dev", check=False)
    assert as_alice.stdout.strip() == "no"
    assert "configmaps" in cluster.kubectl("auth", "can-i", "--list", *n, user="alice").stdout
    cluster.kubectl("create", "configmap", "mine", *n, user="alice")
    who = cluster.json("auth", "whoami", user="alice")["status"]["userInfo"]
    assert (who["username"], who["groups"]) == ("alice", ["dev", "system:authenticated"])


def test_nobody_grants_what_they_lack(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    cluster.kubectl("create", "rolebinding", "admin", "--clusterrole=admin", "--user=alice", *n)
    cluster.kubectl("create", "role", "fine", "--verb=get", "--resource=pods", *n, user="alice")
    role = cluster.kubectl("create", "role", "no", "--verb=get", "--resource=nodes", *n, user="alice", check=False)
    assert "is attempting to grant RBAC permissions not currently held:\n" in role.stderr
    assert '{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}' in role.stderr
    binding = cluster.kubectl(
        "create", "rolebinding", "no", "--clusterrole=cluster-admin", "--user=alice", *n, user="alice", check=False
    )
    assert "not currently held" in binding.stderr


def test_service_account_tokens(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    cluster.kubectl("create", "serviceaccount", "robot", *n)
    cluster.kubectl("create", "rolebinding", "view", "--clusterrole=view", f"--serviceaccount={namespace}:robot", *n)
    token = cluster.kubectl("create", "token", "robot", *n).stdout.strip()
    bare = cluster.folder / "bare"
    config = json.loads(cluster.kubeconfig.read_text())
    config["users"] = [{"name": "admin", "user": {"token": token}}]
    bare.write_text(json.dumps(config))
    as_robot = ["kubectl", "--kubeconfig", str(bare)]
    who = subprocess.run([*as_robot, "auth", "whoami", "-o", "json"], capture_output=True, text=True, check=True)
    assert json.loads(who.stdout)["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"
    assert subprocess.run([*as_robot, "get", "cm", *n], capture_output=True, check=True)
    assert subprocess.run([*as_robot, "get", "secrets", *n], capture_output=True).returncode == 1
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    found = json.loads(cluster.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review)).stdout)
    assert found["status"]["authenticated"] and "system:serviceaccounts" in found["status"]["user"]["groups"]
    keys = json.loads(cluster.kubectl("get", "--raw", "/openid/v1/jwks").stdout)["keys"]
    assert keys[0]["alg"] == "ES256"


def test_a_node_reads_what_its_pods_need(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    for name in ("needed", "other"):
        cluster.kubectl("create", "secret", "generic", name, "--from-literal=a=b", *n)
    cluster.kubectl("create", "serviceaccount", "default", *n)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "nodeName": "n1",
            "automountServiceAccountToken": False,
            "containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": "needed"}}]}],
        },
    }
    cluster.kubectl("create", "-f", "-", *n, stdin=json.dumps(pod))
    assert cluster.json("get", "secret", "needed", *n, user="node")["data"] == {"a": "Yg=="}
    refused = cluster.kubectl("get", "secret", "other", *n, user="node", check=False).stderr
    assert "no relationship found between node 'n1' and this object" in refused
    assert cluster.json("get", "pods", "-A", "--field-selector=spec.nodeName=n1", user="node")["items"]
    assert cluster.kubectl("get", "pods", "-A", user="node", check=False).returncode
    cluster.kubectl("delete", "pod", "p", "--force", *n)


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"spec": {"replica": 3}}, 'unknown field "spec.replica"'),
        ({"metadata": {}}, "name or generateName is required"),
        ({"spec": {"replicas": "x"}}, "cannot be handled as a Deployment"),
        ({"spec": {"selector": {"matchLabels": {"a": "c"}}}}, "`selector` does not match template `labels`"),
    ],
    ids=["unknown field", "no name", "wrong type", "selector"],
)
def test_mistakes_are_told_in_the_apis_words(cluster: Cluster, manifest: dict[str, Any], why: str) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    }
    deployment |= {"metadata": manifest.get("metadata", deployment["metadata"])}
    deployment |= {"spec": {**deployment["spec"], **manifest.get("spec", {})}}  # type: ignore[dict-item]
    done = cluster.kubectl("create", "-f", "-", "-n", "default", stdin=json.dumps(deployment), check=False)
    assert done.returncode == 1 and why in done.stderr


def test_explain_api_resources_and_raw_pages(cluster: Cluster) -> None:
    assert "FIELD: image <string>" in cluster.kubectl("explain", "pod.spec.containers.image").stdout
    resources = cluster.kubectl("api-resources", "--no-headers", "-o", "wide").stdout
    assert re.search(r"deployments\s+deploy\s+apps/v1\s+true\s+Deployment\s+\S+get,list", resources)
    assert "[+]ping ok" in cluster.kubectl("get", "--raw", "/readyz?verbose").stdout
    assert "apiserver_request_total{" in cluster.kubectl("get", "--raw", "/metrics").stdout
    nothing = cluster.kubectl("get", "--raw", "/apis/none/v1/things", check=False)
    assert "the server could not find the requested resource" in nothing.stderr


@pytest.mark.parametrize("minor", range(27, 34))
def test_other_kubectls(cluster: Cluster, minor: int) -> None:
    binary = BIN / f"kubectl.1.{minor}"
    if not binary.exists():
        pytest.skip("not on this machine")
    n = ("-n", "default")
    name = f"v{minor}"
    run = {"binary": str(binary)}
    assert "created" in cluster.kubectl("create", "configmap", name, "--from-literal=a=b", *n, **run).stdout
    assert name in cluster.kubectl("get", "configmaps", *n, **run).stdout
    cluster.kubectl("label", "configmap", name, "x=y", *n, **run)
    apply = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "c"}}
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", *n, stdin=json.dumps(apply), **run)
    assert "server" in cluster.kubectl("version", **run).stdout.lower()
    cluster.kubectl("delete", "configmap", name, *n, **run)


def test_nothing_is_lost_when_it_is_killed(cluster: Cluster, namespace: str) -> None:
    n = ("-n", namespace)
    cluster.kubectl("create", "configmap", "kept", "--from-literal=a=b", *n)
    version = cluster.json("get", "cm", "kept", *n)["metadata"]["resourceVersion"]
    cluster.stop(signal.SIGKILL)
    cluster.start()
    kept = cluster.json("get", "cm", "kept", *n)
    assert kept["data"] == {"a": "b"} and kept["metadata"]["resourceVersion"] == version
