"""RBAC decisions, their reasons, and what one set of rules lacks of another."""

from __future__ import annotations

import pytest

from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authorizers import rules
from pybernetes.apiserver.authorizers.attributes import Attributes, forbidden
from pybernetes.apiserver.authorizers.rbac import RbacAuthorizer

ALICE = UserInfo("alice", groups=("dev", "system:authenticated"))
ROBOT = UserInfo("system:serviceaccount:ns:robot")
GROUP = "rbac.authorization.k8s.io"


def rule(verbs: str, groups: str, resources: str, names: str = "") -> PolicyRule:
    return PolicyRule(
        verbs=verbs.split(),
        apiGroups=[g.replace("core", "") for g in groups.split()],
        resources=resources.split(),
        resourceNames=names.split(),
    )


def filled() -> RbacAuthorizer:
    rbac = RbacAuthorizer()
    reader = [rule("get list", "core", "pods pods/log"), rule("update", "*", "*/scale")]
    rbac.put_role(ClusterRole(metadata=ObjectMeta(name="reader"), rules=reader))
    only = [rule("get", "core", "secrets", "one two"), PolicyRule(verbs=["get"], nonResourceURLs=["/logs/*", "/x"])]
    rbac.put_role(ClusterRole(metadata=ObjectMeta(name="only"), rules=only))
    rbac.put_role(Role(metadata=ObjectMeta(name="local", namespace="ns"), rules=[rule("*", "apps", "*")]))
    bind(rbac, "", "c", "ClusterRole", "only", Subject(kind="User", apiGroup=GROUP, name="alice"))
    bind(rbac, "ns", "r", "ClusterRole", "reader", Subject(kind="Group", apiGroup=GROUP, name="dev"))
    bind(rbac, "ns", "l", "Role", "local", Subject(kind="ServiceAccount", name="robot"))
    return rbac


def bind(rbac: RbacAuthorizer, namespace: str, name: str, kind: str, role: str, subject: Subject) -> None:
    ref = RoleRef(apiGroup=GROUP, kind=kind, name=role)
    if namespace:
        metadata = ObjectMeta(name=name, namespace=namespace)
        rbac.put_binding(RoleBinding(metadata=metadata, roleRef=ref, subjects=[subject]))
    else:
        rbac.put_binding(ClusterRoleBinding(metadata=ObjectMeta(name=name), roleRef=ref, subjects=[subject]))


@pytest.mark.parametrize(
    ("question", "allowed"),
    [
        (Attributes(ALICE, "get", resource="pods", namespace="ns"), True),
        (Attributes(ALICE, "get", resource="pods", subresource="log", namespace="ns", name="p"), True),
        (Attributes(ALICE, "get", resource="pods", subresource="exec", namespace="ns"), False),
        (Attributes(ALICE, "get", resource="pods", namespace="other"), False),
        (Attributes(ALICE, "list", resource="pods"), False),
        (Attributes(ALICE, "update", group="apps", resource="deployments", subresource="scale", namespace="ns"), True),
        (Attributes(ALICE, "update", group="apps", resource="deployments", namespace="ns"), False),
        (Attributes(ALICE, "get", resource="secrets", namespace="other", name="two"), True),
        (Attributes(ALICE, "get", resource="secrets", namespace="other", name="three"), False),
        (Attributes(ALICE, "list", resource="secrets", namespace="other"), False),
        (Attributes(ALICE, "get", is_resource=False, path="/logs/a/b"), True),
        (Attributes(ALICE, "get", is_resource=False, path="/x"), True),
        (Attributes(ALICE, "get", is_resource=False, path="/y"), False),
        (Attributes(ROBOT, "deletecollection", group="apps", resource="deployments", namespace="ns"), True),
        (Attributes(ROBOT, "get", group="batch", resource="jobs", namespace="ns"), False),
    ],
)
def test_decisions(question: Attributes, allowed: bool) -> None:
    rbac = filled()
    assert rbac.decide(question).allowed is allowed
    assert rbac.decide(question).allowed is allowed


def test_reasons() -> None:
    rbac = filled()
    pods = Attributes(ALICE, "get", resource="pods", namespace="ns")
    assert rbac.decide(pods).reason == 'RBAC: allowed by RoleBinding "r/ns" of ClusterRole "reader" to Group "dev"'
    rbac.remove_role(("", "reader"))
    gone = rbac.decide(pods)
    assert (gone.allowed, gone.reason) == (False, 'RBAC: clusterroles.rbac.authorization.k8s.io "reader" not found')


def test_changes_count_at_once() -> None:
    rbac = filled()
    jobs = Attributes(ALICE, "get", group="batch", resource="jobs", namespace="ns")
    assert not rbac.decide(jobs).allowed
    rbac.put_role(ClusterRole(metadata=ObjectMeta(name="reader"), rules=[rule("get", "batch", "jobs")]))
    assert rbac.decide(jobs).allowed
    rbac.remove_binding(("ns", "r"))
    assert not rbac.decide(jobs).allowed
    bind(rbac, "ns", "l", "Role", "local", Subject(kind="User", apiGroup=GROUP, name="alice"))
    assert not rbac.decide(Attributes(ROBOT, "get", group="apps", resource="x", namespace="ns")).allowed


def test_rules_for_a_user() -> None:
    verbs = [r.verbs for r in filled().rules_for(ALICE, "ns").rules]
    assert verbs == [["get"], ["get"], ["get", "list"], ["update"]]
    assert [r.verbs for r in filled().rules_for(ALICE, "").rules] == [["get"], ["get"]]


@pytest.mark.parametrize(
    ("owned", "wanted", "missing"),
    [
        ([rule("*", "*", "*")], [rule("get", "core", "pods")], []),
        (
            [rule("get list", "core", "pods")],
            [rule("get watch", "core", "pods")],
            ['{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}'],
        ),
        (
            [rule("get", "core", "pods", "a")],
            [rule("get", "core", "pods")],
            ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
        ),
        ([rule("get", "core", "pods")], [rule("get", "core", "pods", "a")], []),
        ([rule("get", "*", "*/scale")], [rule("get", "apps", "deployments/scale")], []),
        (
            [rule("get", "apps", "deployments")],
            [rule("get", "apps", "deployments/scale")],
            ['{APIGroups:["apps"], Resources:["deployments/scale"], Verbs:["get"]}'],
        ),
        (
            [PolicyRule(verbs=["get"], nonResourceURLs=["/a/*"])],
            [PolicyRule(verbs=["get"], nonResourceURLs=["/a/b", "/c"])],
            ['{NonResourceURLs:["/c"], Verbs:["get"]}'],
        ),
    ],
)
def test_uncovered(owned: list[PolicyRule], wanted: list[PolicyRule], missing: list[str]) -> None:
    found = rules.uncovered(owned, wanted)
    assert [rules.described(each) for each in rules.compacted(found)] == missing


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            Attributes(ALICE, "list", resource="pods", namespace="default"),
            'pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"',
        ),
        (
            Attributes(
                ALICE, "get", group="apps", resource="deployments", subresource="scale", namespace="a", name="d"
            ),
            'deployments.apps "d" is forbidden: User "alice" cannot get resource "deployments/scale" in API '
            'group "apps" in the namespace "a"',
        ),
        (
            Attributes(ALICE, "list", resource="nodes"),
            'nodes is forbidden: User "alice" cannot list resource "nodes" in API group "" at the cluster scope',
        ),
        (
            Attributes(ALICE, "get", is_resource=False, path="/<x>"),
            'forbidden: User "alice" cannot get path "/&lt;x&gt;"',
        ),
    ],
)
def test_forbidden_in_upstreams_words(question: Attributes, message: str) -> None:
    assert forbidden(question).message == message
