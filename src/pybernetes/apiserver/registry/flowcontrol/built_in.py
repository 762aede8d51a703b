"""The FlowSchemas and PriorityLevelConfigurations that every cluster has. Pure.

Source: apiserver/pkg/apis/flowcontrol/bootstrap/default.go.
"""

from __future__ import annotations

from collections.abc import Callable

from pybernetes.api.flowcontrol import v1 as flow
from pybernetes.api.meta.v1 import ObjectMeta

AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec"
_EVERYBODY = ("system:unauthenticated", "system:authenticated")
_NODES = ("system:nodes",)
_CONTROLLERS, _SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"
_LIMITED: dict[str, tuple[int, int, tuple[int, int, int]]] = {
    "system": (30, 33, (64, 6, 50)),
    "node-high": (40, 25, (64, 6, 50)),
    "leader-election": (10, 0, (16, 4, 50)),
    "workload-high": (40, 50, (128, 6, 50)),
    "workload-low": (100, 90, (128, 6, 50)),
    "global-default": (20, 50, (128, 6, 50)),
}
"""Shares, the percentage that may be lent; queues, hand size and the length of a queue."""


def levels() -> list[flow.PriorityLevelConfiguration]:
    return [_exempt(), _catch_all_level(), *(_limited(name) for name in _LIMITED)]


def schemas() -> list[flow.FlowSchema]:
    probes = flow.NonResourcePolicyRule(verbs=["get"], nonResourceURLs=["/healthz", "/readyz", "/livez"])
    leases = _resources(["get", "create", "update"], "coordination.k8s.io", ["leases"], cluster=False)
    all_leases = _resources(["*"], "coordination.k8s.io", ["leases"], cluster=False)
    nodes = _resources(["*"], "", ["nodes", "nodes/status"])
    leaders = [*_users(_CONTROLLERS, _SCHEDULER), _account("kube-system")]
    system_accounts = [_account("kube-system")]
    return [
        _exempt_schema(),
        _schema("probes", "exempt", 2, "", _groups(*_EVERYBODY), [], [probes]),
        _schema("system-leader-election", "leader-election", 100, "ByUser", leaders, [leases], []),
        _schema("system-node-high", "node-high", 400, "ByUser", _groups(*_NODES), [nodes, all_leases], []),
        _schema("system-nodes", "system", 500, "ByUser", _groups(*_NODES)),
        _schema("kube-controller-manager", "workload-high", 800, "ByNamespace", _users(_CONTROLLERS)),
        _schema("kube-scheduler", "workload-high", 800, "ByNamespace", _users(_SCHEDULER)),
        _schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", system_accounts),
        _schema("service-accounts", "workload-low", 9000, "ByUser", _groups("system:serviceaccounts")),
        _schema("global-default", "global-default", 9900, "ByUser", _groups(*_EVERYBODY)),
        _catch_all_schema(),
    ]


def reconciled(existing: flow.FlowSchema, wanted: flow.FlowSchema) -> bool:
    """The spec follows this version unless its owner has taken that over."""
    if (existing.metadata.annotations or {}).get(AUTO_UPDATE) != "true" or existing.spec == wanted.spec:
        return False
    existing.spec = wanted.spec
    return True


def reconciled_level(existing: flow.PriorityLevelConfiguration, wanted: flow.PriorityLevelConfiguration) -> bool:
    if (existing.metadata.annotations or {}).get(AUTO_UPDATE) != "true" or existing.spec == wanted.spec:
        return False
    existing.spec = wanted.spec
    return True


def _metadata(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, annotations={AUTO_UPDATE: "true"})


def _exempt() -> flow.PriorityLevelConfiguration:
    exempt = flow.ExemptPriorityLevelConfiguration(nominalConcurrencyShares=0, lendablePercent=0)
    spec = flow.PriorityLevelConfigurationSpec(type="Exempt", exempt=exempt)
    return flow.PriorityLevelConfiguration(metadata=_metadata("exempt"), spec=spec)


def _catch_all_level() -> flow.PriorityLevelConfiguration:
    limited = flow.LimitedPriorityLevelConfiguration(
        nominalConcurrencyShares=5, lendablePercent=0, limitResponse=flow.LimitResponse(type="Reject")
    )
    spec = flow.PriorityLevelConfigurationSpec(type="Limited", limited=limited)
    return flow.PriorityLevelConfiguration(metadata=_metadata("catch-all"), spec=spec)


def _limited(name: str) -> flow.PriorityLevelConfiguration:
    shares, lendable, (queues, hand, length) = _LIMITED[name]
    queuing = flow.QueuingConfiguration(queues=queues, handSize=hand, queueLengthLimit=length)
    limited = flow.LimitedPriorityLevelConfiguration(
        nominalConcurrencyShares=shares,
        lendablePercent=lendable,
        limitResponse=flow.LimitResponse(type="Queue", queuing=queuing),
    )
    spec = flow.PriorityLevelConfigurationSpec(type="Limited", limited=limited)
    return flow.PriorityLevelConfiguration(metadata=_metadata(name), spec=spec)


def _exempt_schema() -> flow.FlowSchema:
    return _schema("exempt", "exempt", 1, "", _groups("system:masters"))


def _catch_all_schema() -> flow.FlowSchema:
    return _schema("catch-all", "catch-all", 10000, "ByUser", _groups(*_EVERYBODY))


def _schema(
    name: str,
    level: str,
    precedence: int,
    method: str,
    subjects: list[flow.Subject],
    resources: list[flow.ResourcePolicyRule] | None = None,
    urls: list[flow.NonResourcePolicyRule] | None = None,
) -> flow.FlowSchema:
    """Without rules of its own: for every request of the subjects."""
    rule = flow.PolicyRulesWithSubjects(
        subjects=subjects,
        resourceRules=[_resources(["*"], "*", ["*"])] if resources is None else resources,
        nonResourceRules=[flow.NonResourcePolicyRule(verbs=["*"], nonResourceURLs=["*"])] if urls is None else urls,
    )
    spec = flow.FlowSchemaSpec(
        priorityLevelConfiguration=flow.PriorityLevelConfigurationReference(name=level),
        matchingPrecedence=precedence,
        distinguisherMethod=flow.FlowDistinguisherMethod(type=method) if method else None,
        rules=[rule],
    )
    return flow.FlowSchema(metadata=_metadata(name), spec=spec)


def _resources(verbs: list[str], group: str, resources: list[str], *, cluster: bool = True) -> flow.ResourcePolicyRule:
    return flow.ResourcePolicyRule(
        verbs=verbs, apiGroups=[group], resources=resources, namespaces=["*"], clusterScope=cluster or None
    )


def _groups(*names: str) -> list[flow.Subject]:
    return [flow.Subject(kind="Group", group=flow.GroupSubject(name=name)) for name in names]


def _users(*names: str) -> list[flow.Subject]:
    return [flow.Subject(kind="User", user=flow.UserSubject(name=name)) for name in names]


def _account(namespace: str) -> flow.Subject:
    every = flow.ServiceAccountSubject(namespace=namespace, name="*")
    return flow.Subject(kind="ServiceAccount", serviceAccount=every)


MANDATORY_SCHEMAS: dict[str, Callable[[], flow.FlowSchema]] = {
    "exempt": _exempt_schema,
    "catch-all": _catch_all_schema,
}
MANDATORY_LEVELS: dict[str, Callable[[], flow.PriorityLevelConfiguration]] = {
    "exempt": _exempt,
    "catch-all": _catch_all_level,
}
