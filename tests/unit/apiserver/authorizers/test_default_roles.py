"""What the cluster's own parts may do by the roles that are there from the start."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.user import AUTHENTICATED, UserInfo
from pybernetes.apiserver.authorizers.attributes import Attributes
from pybernetes.apiserver.authorizers.rbac import RbacAuthorizer
from pybernetes.apiserver.bootstrap.roles import (
    default_cluster_role_bindings,
    default_cluster_roles,
    default_role_bindings,
    default_roles,
)

SIMULATED_NODES = UserInfo("system:pybernetes-simulated-nodes", groups=(AUTHENTICATED,))
PROXY = UserInfo("system:kube-proxy", groups=(AUTHENTICATED,))


@pytest.fixture(scope="module")
def rbac() -> RbacAuthorizer:
    made, features = RbacAuthorizer(), FeatureGates()
    for role in (*default_cluster_roles(features), *default_roles()):
        made.put_role(role)
    for binding in (*default_cluster_role_bindings(features), *default_role_bindings()):
        made.put_binding(binding)
    return made


@pytest.mark.parametrize(
    ("verb", "resource", "name", "allowed"),
    [
        ("impersonate", "users", "system:node:simulated-1", True),
        ("impersonate", "groups", "system:nodes", True),
        ("impersonate", "groups", "system:masters", False),
        ("impersonate", "serviceaccounts", "default", False),
        ("list", "pods", "", True),
        ("watch", "secrets", "", True),
        ("create", "pods", "", False),
        ("patch", "nodes", "simulated-1", False),
        ("delete", "nodes", "simulated-1", False),
    ],
)
def test_who_plays_all_simulated_nodes_writes_in_their_names_alone(
    rbac: RbacAuthorizer, verb: str, resource: str, name: str, allowed: bool
) -> None:
    assert rbac.decide(Attributes(SIMULATED_NODES, verb, resource=resource, name=name)).allowed is allowed


@pytest.mark.parametrize(
    ("verb", "namespace", "allowed"),
    [
        ("list", "kube-node-lease", True),
        ("watch", "kube-node-lease", True),
        ("patch", "kube-node-lease", False),
        ("list", "kube-system", False),
        ("list", "", False),
    ],
)
def test_who_announces_addresses_sees_the_leases_of_nodes_alone(
    rbac: RbacAuthorizer, verb: str, namespace: str, allowed: bool
) -> None:
    asked = Attributes(PROXY, verb, group="coordination.k8s.io", resource="leases", namespace=namespace)
    assert rbac.decide(asked).allowed is allowed
