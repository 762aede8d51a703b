"""The Node authorizer over its graph."""

from __future__ import annotations

import asyncio
import json

import pytest

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authorizers import node
from pybernetes.apiserver.authorizers.attributes import Attributes
from pybernetes.apiserver.bootstrap.roles import node_rules

N1 = UserInfo("system:node:n1", groups=("system:nodes",))


def pod(name: str, on: str, **spec: object) -> bytes:
    metadata = {"name": name, "namespace": "ns", "uid": f"uid-{name}"}
    return json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": on, **spec}}
    ).encode()


def graph() -> node.NodeGraph:
    made = node.NodeGraph()
    containers = [
        {
            "name": "c",
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "k"}}}],
            "envFrom": [{"configMapRef": {"name": "env-config"}}],
        }
    ]
    volumes = [
        {"name": "a", "secret": {"secretName": "volume-secret"}},
        {"name": "b", "projected": {"sources": [{"configMap": {"name": "projected"}}]}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
        {"name": "d", "ephemeral": {"volumeClaimTemplate": {}}},
    ]
    node.put_pod(
        made,
        pod(
            "p1",
            "n1",
            serviceAccountName="sa",
            containers=containers,
            volumes=volumes,
            imagePullSecrets=[{"name": "pull"}],
        ),
    )
    node.put_pod(made, pod("p2", "n2", volumes=[{"name": "a", "secret": {"secretName": "other"}}]))
    spec = {
        "claimRef": {"name": "claim", "namespace": "ns"},
        "csi": {"nodeStageSecretRef": {"name": "stage", "namespace": "s"}},
    }
    node.put_volume(made, json.dumps({"metadata": {"name": "pv"}, "spec": spec}).encode())
    return made


def allowed(made: node.NodeGraph, question: Attributes) -> bool:
    return asyncio.run(node.NodeAuthorizer(made, node_rules(FeatureGates())).authorize(question)).allowed


@pytest.mark.parametrize(
    ("verb", "resource", "namespace", "name", "yes"),
    [
        ("get", "secrets", "ns", "env-secret", True),
        ("get", "secrets", "ns", "volume-secret", True),
        ("watch", "secrets", "ns", "pull", True),
        ("get", "secrets", "ns", "other", False),
        ("get", "secrets", "elsewhere", "env-secret", False),
        ("list", "secrets", "ns", "", False),
        ("update", "secrets", "ns", "pull", False),
        ("get", "configmaps", "ns", "env-config", True),
        ("get", "configmaps", "ns", "projected", True),
        ("get", "persistentvolumeclaims", "ns", "claim", True),
        ("get", "persistentvolumeclaims", "ns", "p1-d", True),
        ("get", "persistentvolumes", "", "pv", True),
        ("get", "secrets", "s", "stage", True),
        ("get", "serviceaccounts", "ns", "sa", True),
        ("get", "pods", "ns", "p1", True),
        ("get", "pods", "ns", "p2", False),
        ("list", "services", "", "", True),
        ("list", "deployments", "", "", False),
        ("get", "nodes", "", "n1", True),
        ("get", "nodes", "", "n2", False),
        ("list", "nodes", "", "", False),
    ],
)
def test_reads(verb: str, resource: str, namespace: str, name: str, yes: bool) -> None:
    assert allowed(graph(), Attributes(N1, verb, resource=resource, namespace=namespace, name=name)) is yes


@pytest.mark.parametrize(
    ("question", "yes"),
    [
        (Attributes(N1, "create", resource="serviceaccounts", subresource="token", namespace="ns", name="sa"), True),
        (Attributes(N1, "create", resource="serviceaccounts", subresource="token", namespace="ns", name="x"), False),
        (Attributes(N1, "list", resource="pods", field_selector="spec.nodeName=n1"), True),
        (Attributes(N1, "list", resource="pods", field_selector="spec.nodeName=n2"), False),
        (Attributes(N1, "list", resource="pods"), False),
        (Attributes(N1, "patch", resource="pods", subresource="status", namespace="ns", name="p1"), True),
        (Attributes(N1, "patch", resource="pods", namespace="ns", name="p1"), False),
        (Attributes(N1, "patch", resource="nodes", subresource="status", name="n1"), True),
        (
            Attributes(
                N1, "update", group="coordination.k8s.io", resource="leases", namespace="kube-node-lease", name="n1"
            ),
            True,
        ),
        (
            Attributes(
                N1, "update", group="coordination.k8s.io", resource="leases", namespace="kube-node-lease", name="n2"
            ),
            False,
        ),
        (
            Attributes(N1, "update", group="coordination.k8s.io", resource="leases", namespace="default", name="n1"),
            False,
        ),
        (Attributes(UserInfo("system:node:n1"), "get", resource="nodes", name="n1"), False),
        (Attributes(UserInfo("n1", groups=("system:nodes",)), "get", resource="nodes", name="n1"), False),
    ],
)
def test_other_requests(question: Attributes, yes: bool) -> None:
    assert allowed(graph(), question) is yes


def test_graph_follows_pods() -> None:
    made = graph()
    secret = Attributes(N1, "get", resource="secrets", namespace="ns", name="volume-secret")
    made.remove(("pods", "ns", "p1"))
    assert not allowed(made, secret)
    node.put_pod(made, pod("p3", "n1", volumes=[{"name": "a", "secret": {"secretName": "volume-secret"}}]))
    assert allowed(made, secret)
    mirror = json.loads(pod("p3", "n1", volumes=[{"name": "a", "secret": {"secretName": "volume-secret"}}]))
    mirror["metadata"] |= {"uid": "new", "annotations": {"kubernetes.io/config.mirror": "x"}}
    node.put_pod(made, json.dumps(mirror).encode())
    assert not allowed(made, secret)


def test_empty_references_leave_nothing_behind() -> None:
    made = graph()
    for name in ("p1", "p2"):
        made.remove(("pods", "ns", name))
    made.remove_volume("pv")
    assert not made._nodes and not made._sources


def test_a_pods_claims_are_readable_once_its_status_names_them() -> None:
    made = node.NodeGraph()
    tree = json.loads(pod("p", "n1"))

    def readable(name: str) -> bool:
        return allowed(
            made, Attributes(N1, "get", group="resource.k8s.io", resource="resourceclaims", namespace="ns", name=name)
        )

    node.put_pod(made, json.dumps(tree).encode())
    assert not readable("of-a-template") and not readable("for-extended-resources")
    tree["status"] = {"resourceClaimStatuses": [{"name": "a", "resourceClaimName": "of-a-template"}, {"name": "none"}]}
    node.put_pod(made, json.dumps(tree).encode())
    assert readable("of-a-template") and not readable("for-extended-resources")
    tree["status"]["extendedResourceClaimStatus"] = {"resourceClaimName": "for-extended-resources"}
    node.put_pod(made, json.dumps(tree).encode())
    assert readable("of-a-template") and readable("for-extended-resources")
