"""The verbs of kubectl beside those of a first day; PYBERNETES_KUBECTL names another kubectl than the PATH's."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .conftest import IMAGE, Cluster, eventually, quiet_fetch

pytestmark = pytest.mark.e2e

GENERATED = [
    ("configmap", "c", "--from-literal=a=1"),
    ("secret", "generic", "s", "--from-literal=p=w"),
    ("secret", "docker-registry", "r", "--docker-server=r.example", "--docker-username=u", "--docker-password=p"),
    ("serviceaccount", "sa"),
    ("role", "r", "--verb=get", "--resource=pods,deployments.apps"),
    ("rolebinding", "r", "--role=r", "--user=jane"),
    ("quota", "q", "--hard=pods=100"),
    ("poddisruptionbudget", "b", "--selector=app=web", "--min-available=1"),
    ("cronjob", "cj", f"--image={IMAGE}", "--schedule=0 0 1 1 *", "--", "true"),
    ("job", "j", f"--image={IMAGE}", "--", "true"),
    ("ingress", "i", "--rule=foo.example/bar=web:80"),
    ("service", "clusterip", "s1", "--tcp=80:8080"),
    ("service", "nodeport", "s2", "--tcp=80"),
    ("service", "loadbalancer", "s3", "--tcp=80"),
    ("service", "externalname", "s4", "--external-name=x.example"),
    ("deployment", "d", f"--image={IMAGE}", "--replicas=0"),
]


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Iterator[Cluster]:
    path = os.environ.get("PYBERNETES_KUBECTL") or shutil.which("kubectl") or "kubectl"
    yield replace(cluster, kubectl_path=path)


def test_everything_that_create_makes_can_be_described(kubectl: Cluster) -> None:
    for arguments in GENERATED:
        kubectl.kubectl("create", *arguments)
    for kind in ("cm", "secret", "sa", "role", "rolebinding", "quota", "pdb", "cj", "job", "ing", "svc", "deploy"):
        assert kubectl.kubectl("describe", kind).stdout.startswith("Name:"), kind
    dry = kubectl.kubectl("create", "deployment", "x", f"--image={IMAGE}", "--dry-run=server", "-o", "json").stdout
    assert json.loads(dry)["spec"]["strategy"]["type"] == "RollingUpdate"
    kubectl.kubectl("wait", "job/j", "--for=condition=complete", "--timeout=120s")
    kubectl.kubectl("create", "job", "j2", "--from=cronjob/cj")
    kubectl.kubectl("expose", "deployment", "d", "--port=80", "--name=d")
    kubectl.kubectl("autoscale", "deployment", "d", "--min=1", "--max=4")
    assert "Deployment/d" in kubectl.kubectl("get", "hpa").stdout
    names = kubectl.kubectl("get", "svc", "-o", "custom-columns=N:.metadata.name", "--sort-by=.metadata.name").stdout
    assert names.split() == ["N", "d", "s1", "s2", "s3", "s4"]
    paged = kubectl.kubectl("get", "svc", "--chunk-size=2", "-o", "jsonpath={.items[*].metadata.name}").stdout
    assert sorted(paged.split()) == ["d", "s1", "s2", "s3", "s4"]


def test_apply_of_folders_prunes_and_replaces(kubectl: Cluster, tmp_path: Path) -> None:
    def config_map(name: str) -> str:
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"set": "a"}}})

    (tmp_path / "base.yaml").write_text(config_map("base"))
    (tmp_path / "kustomization.yaml").write_text("resources: [base.yaml]\nnamePrefix: my-\n")
    assert "configmap/my-base created" in kubectl.kubectl("apply", "-k", str(tmp_path)).stdout
    kubectl.kubectl("delete", "-k", str(tmp_path))
    prune = ("apply", "--prune", "-l", "set=a", "--prune-allowlist=core/v1/ConfigMap", "-f", "-")
    kubectl.kubectl(*prune, stdin=config_map("one"))
    assert "configmap/one pruned" in kubectl.kubectl(*prune, stdin=config_map("two")).stdout
    assert "replaced" in kubectl.kubectl("replace", "--force", "-f", "-", stdin=config_map("two")).stdout
    local = kubectl.kubectl("apply", "-f", "-", "--dry-run=server", stdin=config_map("three")).stdout
    assert "created (server dry run)" in local


def test_changes_through_subresources_and_set(kubectl: Cluster) -> None:
    kubectl.kubectl("create", "deployment", "d", f"--image={IMAGE}", "--replicas=0")
    kubectl.kubectl("patch", "deployment", "d", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":1}}')
    kubectl.kubectl("scale", "deployment", "d", "--replicas=0", "--current-replicas=1")
    assert "d" in kubectl.kubectl("get", "deployment", "d", "--subresource=status").stdout
    kubectl.kubectl("create", "configmap", "c", "--from-literal=a=1")
    kubectl.kubectl("set", "env", "deployment/d", "A=B", "--from=configmap/c")
    kubectl.kubectl("set", "resources", "deployment/d", "--limits=cpu=200m,memory=64Mi")
    kubectl.kubectl("set", "serviceaccount", "deployment/d", "default")
    container = kubectl.get("deployment", "d")["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"cpu": "200m", "memory": "64Mi"}
    assert {env["name"] for env in container["env"]} == {"A"}
    kubectl.kubectl("rollout", "pause", "deployment/d")
    kubectl.kubectl("rollout", "resume", "deployment/d")
    assert "#3" in kubectl.kubectl("rollout", "history", "deployment/d", "--revision=3").stdout
    node = kubectl.get("nodes")["items"][0]["metadata"]["name"]
    kubectl.kubectl("taint", "nodes", node, "e2e=here:PreferNoSchedule")
    kubectl.kubectl("taint", "nodes", node, "e2e-")
    nothing = "No resources found in "  # once the Pod of a moment is gone
    eventually("nothing is shown", lambda: kubectl.kubectl("top", "pods", check=False).stderr.startswith(nothing))


def test_debug_and_proxy(kubectl: Cluster, namespace: str) -> None:
    serve = "echo out; hostname > /tmp/index.html; httpd -f -p 8080 -h /tmp"
    kubectl.kubectl("run", "one", f"--image={IMAGE}", "--port=8080", "--expose", "--", "sh", "-c", serve)
    kubectl.kubectl("wait", "pod/one", "--for=jsonpath={.status.phase}=Running", "--timeout=120s")
    kubectl.kubectl("debug", "one", f"--image={IMAGE}", "-c", "probe", "--", "sh", "-c", "echo inside; sleep 1000")
    eventually(
        "the probe talks", lambda: kubectl.kubectl("logs", "one", "-c", "probe", check=False).stdout == "inside\n"
    )
    wanted = ["[pod/one/one] out", "[pod/one/probe] inside"]
    logs = ("logs", "one", "--all-containers", "--prefix")
    eventually("both talk", lambda: sorted(kubectl.kubectl(*logs).stdout.splitlines()) == wanted)
    kubectl.kubectl("debug", "one", f"--image={IMAGE}", "--copy-to=two", "--share-processes", "--", "sleep", "1000")
    assert kubectl.get("pod", "two")["spec"]["shareProcessNamespace"] is True
    assert "Started" in kubectl.kubectl("events", "--for=pod/one").stdout
    proxy = kubectl.start("proxy", "--port=0")
    try:
        assert proxy.stdout is not None
        port = re.search(r":(\d+)", proxy.stdout.readline())
        assert port is not None
        base = f"http://127.0.0.1:{port[1]}/api/v1/namespaces/{namespace}"
        for path in ("services/one:8080", "pods/one:8080"):
            eventually(f"{path} answers", lambda path=path: quiet_fetch(f"{base}/{path}/proxy/") == "one")  # type: ignore[misc]
    finally:
        proxy.kill()
        proxy.wait()
    kubectl.kubectl("delete", "pod", "--all", "--force", "--grace-period=0")
    kubectl.kubectl("wait", "pod/one", "--for=delete", "--timeout=120s")


def test_certificates_and_rights(kubectl: Cluster, namespace: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    wanted = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    request = base64.b64encode(wanted.public_bytes(serialization.Encoding.PEM)).decode()
    for verb, condition in (("approve", "Approved"), ("deny", "Denied")):
        body = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": f"jane-{verb}"},
            "spec": {
                "request": request,
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
            },
        }
        kubectl.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        kubectl.kubectl("certificate", verb, f"jane-{verb}")
        assert condition in kubectl.kubectl("get", "csr", f"jane-{verb}").stdout
        kubectl.kubectl("delete", "csr", f"jane-{verb}")
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role: dict[str, object] = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": rules}
    role["metadata"] = {"name": "r", "namespace": namespace}
    assert "reconciled" in kubectl.kubectl("auth", "reconcile", "-f", "-", stdin=json.dumps(role)).stdout
    assert "selfsubjectreviews" in kubectl.kubectl("auth", "can-i", "--list").stdout
