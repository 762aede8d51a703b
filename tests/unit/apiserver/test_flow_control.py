"""Which FlowSchema a request falls under."""

from __future__ import annotations

import msgspec
import pytest

from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.filters.flow_control import FlowTable
from pybernetes.apiserver.registry.flowcontrol import built_in
from pybernetes.apiserver.request_info import resolve
from pybernetes.http.messages import Request

EVERYBODY = ("system:authenticated",)


def table() -> FlowTable:
    made = FlowTable()
    for level in built_in.levels():
        level.metadata.uid = f"level {level.metadata.name}"
        made.put_level(("", level.metadata.name or ""), msgspec.json.encode(level))
    for schema in built_in.schemas():
        schema.metadata.uid = schema.metadata.name
        made.put_schema(("", schema.metadata.name or ""), msgspec.json.encode(schema))
    return made


@pytest.mark.parametrize(
    ("user", "groups", "target", "schema", "level"),
    [
        ("admin", ("system:masters",), "GET /api/v1/pods", "exempt", "exempt"),
        ("alice", (), "GET /healthz", "probes", "exempt"),
        ("alice", (), "GET /api/v1/namespaces/a/pods", "global-default", "global-default"),
        ("alice", (), "GET /version", "global-default", "global-default"),
        ("system:node:a", ("system:nodes",), "PATCH /api/v1/nodes/a/status", "system-node-high", "node-high"),
        ("system:node:a", ("system:nodes",), "GET /api/v1/pods", "system-nodes", "system"),
        (
            "system:kube-scheduler",
            (),
            "PUT /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x",
            "system-leader-election",
            "leader-election",
        ),
        ("system:kube-scheduler", (), "GET /api/v1/pods", "kube-scheduler", "workload-high"),
        (
            "system:serviceaccount:kube-system:job-controller",
            ("system:serviceaccounts",),
            "GET /api/v1/pods",
            "kube-system-service-accounts",
            "workload-high",
        ),
        (
            "system:serviceaccount:a:b",
            ("system:serviceaccounts",),
            "GET /api/v1/pods",
            "service-accounts",
            "workload-low",
        ),
    ],
)
def test_the_first_that_matches(user: str, groups: tuple[str, ...], target: str, schema: str, level: str) -> None:
    method, _, path = target.partition(" ")
    info = resolve(Request(method, path))
    found = table().headers(UserInfo(user, groups=(*groups, *EVERYBODY)), info)
    assert [value for _, value in found] == [schema, f"level {level}"]


def test_without_its_level_a_schema_matches_nothing() -> None:
    flows = table()
    flows.remove_level(("", "global-default"))
    info = resolve(Request("GET", "/api/v1/pods"))
    assert flows.headers(UserInfo("alice", groups=EVERYBODY), info)[0][1] == "catch-all"
    flows.remove_schema(("", "catch-all"))
    assert flows.headers(UserInfo("alice", groups=EVERYBODY), info) == ()
