"""The admission plugins, each against a reader that knows a few objects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api.authentication import v1 as authentication
from pybernetes.api.coordination.v1 import Lease
from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.api.node import v1 as node_api
from pybernetes.api.scheduling.v1 import PriorityClass
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.admission.chain import AdmissionChain, default_plugins
from pybernetes.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from pybernetes.apiserver.admission.interface import Attributes, Plugin
from pybernetes.apiserver.admission.limit_ranger import LimitRanger
from pybernetes.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from pybernetes.apiserver.admission.node_restriction import NodeRestriction, node_name
from pybernetes.apiserver.admission.priority import Priority
from pybernetes.apiserver.admission.runtime_class import RuntimeClasses
from pybernetes.apiserver.admission.service_account import ServiceAccounts
from pybernetes.apiserver.admission.storage_object_in_use_protection import StorageObjectInUseProtection
from pybernetes.apiserver.admission.taint_nodes_by_condition import TaintNodesByCondition
from pybernetes.host.random import Random
from tests.unit.apiserver.admission.builders import ADMIN, Objects, attributes, meta, pod

NODE = UserInfo("system:node:n1", groups=("system:nodes",))


def admit(plugin: Plugin, given: Attributes) -> None:
    asyncio.run(plugin.admit(given))


def refused(plugin: Plugin, given: Attributes, error: type[errors.StatusError] = errors.Forbidden) -> str:
    with pytest.raises(error) as caught:
        admit(plugin, given)
    return caught.value.message


# -- the chain -----------------------------------------------------------------------------------


def test_the_chain_asks_only_those_that_want():
    asked: list[str] = []

    class Mutating(Plugin):
        name, mutates = "Mutating", True
        operations = frozenset({"CREATE"})
        resources = frozenset({("", "pods", "")})

        async def admit(self, attributes: Attributes) -> None:
            asked.append("admit")

    class Validating(Plugin):
        name, validates = "Validating", True
        operations = frozenset({"CREATE", "DELETE"})

        async def validate(self, attributes: Attributes) -> None:
            asked.append("validate")

    chain = AdmissionChain([Validating(Objects()), Mutating(Objects())])

    async def run() -> None:
        for given in (
            attributes("pods", pod()),
            attributes("nodes", core.Node()),
            attributes("pods", None, "DELETE", pod()),
        ):
            await chain.admit(given)
            await chain.validate(given)

    asyncio.run(run())
    assert asked == ["admit", "validate", "validate", "validate"]


def test_the_plugins_that_are_on():
    names = [plugin.name for plugin in default_plugins(Objects(), Random(1), FeatureGates())]
    assert names[0] == "NamespaceLifecycle"
    assert {"ServiceAccount", "Priority", "NodeRestriction", "DefaultTolerationSeconds"} <= set(names)


# -- NamespaceLifecycle -----------------------------------------------------------------------------


def test_namespaces_must_be_there():
    active = core.Namespace(metadata=meta("default", None), status=core.NamespaceStatus(phase="Active"))
    admit(NamespaceLifecycle(Objects(active)), attributes("pods", pod()))
    plugin = NamespaceLifecycle(Objects())
    assert refused(plugin, attributes("pods", pod()), errors.NotFound) == 'namespaces "default" not found'
    admit(plugin, attributes("nodes", core.Node(metadata=meta("n", None))))
    admit(plugin, attributes("pods", None, "DELETE", pod()))


def test_some_namespaces_never_go():
    plugin = NamespaceLifecycle(Objects())
    given = attributes(
        "namespaces", None, "DELETE", core.Namespace(metadata=meta("kube-system", None)), name="kube-system"
    )
    assert refused(plugin, given) == 'namespaces "kube-system" is forbidden: this namespace may not be deleted'
    admit(plugin, attributes("namespaces", None, "DELETE", core.Namespace(metadata=meta("x", None)), name="x"))


def test_nothing_is_created_in_one_that_goes():
    going = core.Namespace(metadata=meta("default", None), status=core.NamespaceStatus(phase="Terminating"))
    plugin = NamespaceLifecycle(Objects(going))
    assert "because it is being terminated" in refused(plugin, attributes("pods", pod()))
    admit(plugin, attributes("pods", pod(), "UPDATE", pod()))


# -- ServiceAccount ---------------------------------------------------------------------------------


def account(name: str = "default", **more: Any) -> core.ServiceAccount:
    return core.ServiceAccount(metadata=meta(name), **more)


def test_a_pod_gets_the_default_account_and_its_token():
    given = attributes("pods", pod())
    secrets = [core.LocalObjectReference(name="pull")]
    admit(ServiceAccounts(Objects(account(imagePullSecrets=secrets)), Random(1)), given)
    spec = given.object.spec
    mount = spec.containers[0].volumeMounts[0]
    assert spec.serviceAccountName == "default"
    assert mount.mountPath == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert mount.name == spec.volumes[0].name and mount.name.startswith("kube-api-access-")
    token = spec.volumes[0].projected.sources[0].serviceAccountToken
    assert (token.path, token.expirationSeconds) == ("token", 3607)
    assert spec.imagePullSecrets == secrets


@pytest.mark.parametrize(
    ("spec", "more"), [({"automountServiceAccountToken": False}, {}), ({}, {"automountServiceAccountToken": False})]
)
def test_no_token_where_none_is_wanted(spec, more):
    given = attributes("pods", pod(**spec))
    admit(ServiceAccounts(Objects(account(**more)), Random(1)), given)
    assert given.object.spec.volumes == []


def test_an_own_mount_keeps_the_token_out():
    mount = core.VolumeMount(name="v", mountPath="/var/run/secrets/kubernetes.io/serviceaccount")
    given = attributes("pods", pod(containers=[core.Container(name="c", image="i", volumeMounts=[mount])]))
    admit(ServiceAccounts(Objects(account()), Random(1)), given)
    assert given.object.spec.volumes == []


def test_an_account_must_be_there():
    given = attributes("pods", pod(serviceAccountName="missing"))
    assert refused(ServiceAccounts(Objects()), given) == (
        'pods "web" is forbidden: error looking up service account default/missing: serviceaccount "missing" not found'
    )


def test_a_mirror_pod_has_no_account():
    mirror = pod(serviceAccountName="x")
    mirror.metadata.annotations = {"kubernetes.io/config.mirror": "h"}
    assert "a mirror pod may not reference service accounts" in refused(
        ServiceAccounts(Objects()), attributes("pods", mirror)
    )


def test_an_account_may_limit_secrets():
    strict = account(secrets=[core.ObjectReference(name="ok")])
    strict.metadata.annotations = {"kubernetes.io/enforce-mountable-secrets": "true"}
    volume = core.Volume(name="v", secret=core.SecretVolumeSource(secretName="other"))
    plugin = ServiceAccounts(Objects(strict))
    with pytest.raises(errors.Forbidden) as caught:
        asyncio.run(plugin.validate(attributes("pods", pod(serviceAccountName="default", volumes=[volume]))))
    assert 'volume with secret.secretName="other" is not allowed' in caught.value.message


# -- Priority, tolerations, taints, finalizers ---------------------------------------------------------


def test_priority_comes_from_the_class():
    classes = [
        PriorityClass(metadata=meta("high", None), value=1000, preemptionPolicy="Never"),
        PriorityClass(
            metadata=meta("normal", None), value=7, globalDefault=True, preemptionPolicy="PreemptLowerPriority"
        ),
    ]
    plugin = Priority(Objects(*classes))
    named, unnamed = attributes("pods", pod(priorityClassName="high")), attributes("pods", pod())
    admit(plugin, named)
    admit(plugin, unnamed)
    assert (named.object.spec.priority, named.object.spec.preemptionPolicy) == (1000, "Never")
    assert (unnamed.object.spec.priority, unnamed.object.spec.priorityClassName) == (7, "normal")
    assert "no PriorityClass with name x was found" in refused(plugin, attributes("pods", pod(priorityClassName="x")))
    message = refused(plugin, attributes("pods", pod(priority=5)))
    assert "the integer value of priority (5) must not be provided in pod spec" in message


def test_there_is_one_default_class():
    plugin = Priority(Objects(PriorityClass(metadata=meta("a", None), value=1, globalDefault=True)))
    second = attributes(
        "priorityclasses.scheduling.k8s.io", PriorityClass(metadata=meta("b", None), globalDefault=True)
    )
    with pytest.raises(errors.Forbidden) as caught:
        asyncio.run(plugin.validate(second))
    assert "PriorityClass a is already marked as default" in caught.value.message


def test_tolerations_for_five_minutes():
    own = core.Toleration(
        key="node.kubernetes.io/not-ready", operator="Exists", effect="NoExecute", tolerationSeconds=1
    )
    given = attributes("pods", pod(tolerations=[own]))
    admit(DefaultTolerationSeconds(Objects()), given)
    assert [(t.key, t.tolerationSeconds) for t in given.object.spec.tolerations] == [
        ("node.kubernetes.io/not-ready", 1),
        ("node.kubernetes.io/unreachable", 300),
    ]
    everything = attributes("pods", pod(tolerations=[core.Toleration(operator="Exists")]))
    admit(DefaultTolerationSeconds(Objects()), everything)
    assert len(everything.object.spec.tolerations) == 1


def test_a_new_node_is_tainted():
    given = attributes("nodes", core.Node(metadata=meta("n", None)))
    admit(TaintNodesByCondition(Objects()), given)
    assert [(t.key, t.effect) for t in given.object.spec.taints] == [("node.kubernetes.io/not-ready", "NoSchedule")]


def test_claims_are_protected():
    given = attributes("persistentvolumeclaims", core.PersistentVolumeClaim(metadata=meta("c")))
    admit(StorageObjectInUseProtection(Objects()), given)
    assert given.object.metadata.finalizers == ["kubernetes.io/pvc-protection"]


# -- LimitRanger --------------------------------------------------------------------------------------


def limit_range(**item: Any) -> core.LimitRange:
    return core.LimitRange(metadata=meta("limits"), spec=core.LimitRangeSpec(limits=[core.LimitRangeItem(**item)]))


def sized(requests: dict[str, str], limits: dict[str, str]) -> core.Pod:
    held = core.ResourceRequirements(requests=requests, limits=limits)
    return pod(containers=[core.Container(name="c", image="i", resources=held)])


def test_a_namespace_sets_defaults():
    ranges = limit_range(type="Container", default={"cpu": "1"}, defaultRequest={"cpu": "100m", "memory": "1Gi"})
    given = attributes("pods", sized({"memory": "2Gi"}, {}))
    admit(LimitRanger(Objects(ranges)), given)
    held = given.object.spec.containers[0].resources
    assert (held.requests, held.limits) == ({"memory": "2Gi", "cpu": "100m"}, {"cpu": "1"})
    assert given.object.metadata.annotations == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    }


@pytest.mark.parametrize(
    ("item", "requests", "limits", "message"),
    [
        ({"min": {"cpu": "1"}}, {}, {}, "minimum cpu usage per Container is 1.  No request is specified"),
        ({"min": {"cpu": "1"}}, {"cpu": "500m"}, {}, "minimum cpu usage per Container is 1, but request is 500m"),
        ({"max": {"cpu": "1"}}, {"cpu": "1"}, {}, "maximum cpu usage per Container is 1.  No limit is specified"),
        ({"max": {"cpu": "1"}}, {}, {"cpu": "1500m"}, "maximum cpu usage per Container is 1, but limit is 1500m"),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, {"cpu": "1"}, {"cpu": "3"}, "but provided ratio is 3.000000"),
        ({"max": {"cpu": "1"}}, {"cpu": "1"}, {"cpu": "1000m"}, None),
    ],
)
def test_bounds_of_a_container(item, requests, limits, message):
    plugin = LimitRanger(Objects(limit_range(type="Container", **item)))
    given = attributes("pods", sized(requests, limits))
    if message is None:
        asyncio.run(plugin.validate(given))
        return
    with pytest.raises(errors.Forbidden) as caught:
        asyncio.run(plugin.validate(given))
    assert message in caught.value.message


def test_bounds_of_a_pod_count_what_runs_together():
    plugin = LimitRanger(Objects(limit_range(type="Pod", max={"cpu": "2"})))
    held = core.ResourceRequirements(limits={"cpu": "1"})
    three = [core.Container(name=f"c{i}", image="i", resources=held) for i in range(3)]
    asyncio.run(plugin.validate(attributes("pods", pod(containers=three[:2], initContainers=three[2:]))))
    with pytest.raises(errors.Forbidden) as caught:
        asyncio.run(plugin.validate(attributes("pods", pod(containers=three))))
    assert "maximum cpu usage per Pod is 2, but limit is 3" in caught.value.message


# -- NodeRestriction ----------------------------------------------------------------------------------


def test_who_is_a_node():
    assert node_name(NODE) == "n1"
    assert node_name(UserInfo("system:node:n1")) is None
    assert node_name(ADMIN) is None


def node(name: str = "n1", **labels: str) -> core.Node:
    return core.Node(metadata=meta(name, None, labels=labels, uid="u"))


def mirror(name: str = "n1", **more: Any) -> core.Pod:
    owner = OwnerReference(apiVersion="v1", kind="Node", name=name, uid="u", controller=True)
    made = pod(nodeName=name, **more)
    made.metadata.annotations = {"kubernetes.io/config.mirror": "h"}
    made.metadata.ownerReferences = [owner]
    return made


def lease(namespace: str, name: str) -> Lease:
    return Lease(metadata=meta(name, namespace))


NODE_CASES = [
    ("its node", "nodes", node(), "CREATE", None, "", None),
    ("another node", "nodes", node("n2"), "UPDATE", node("n2"), "", 'node "n1" is not allowed to modify node "n2"'),
    (
        "a label",
        "nodes",
        node(**{"node-restriction.kubernetes.io/x": "y"}),
        "CREATE",
        None,
        "",
        "is not allowed to set the following labels: node-restriction.kubernetes.io/x",
    ),
    (
        "a role",
        "nodes",
        node(**{"node-role.kubernetes.io/control-plane": ""}),
        "UPDATE",
        node(),
        "",
        "is not allowed to modify labels: node-role.kubernetes.io/control-plane",
    ),
    ("its own labels", "nodes", node(**{"kubernetes.io/hostname": "n1", "mine": "x"}), "CREATE", None, "", None),
    (
        "taints",
        "nodes",
        core.Node(metadata=node().metadata, spec=core.NodeSpec(taints=[core.Taint(key="a", effect="NoSchedule")])),
        "UPDATE",
        node(),
        "",
        "is not allowed to modify taints",
    ),
    ("a pod", "pods", pod(nodeName="n1"), "CREATE", None, "", "can only create mirror pods"),
    ("a mirror pod", "pods", mirror(), "CREATE", None, "", None),
    ("another's mirror pod", "pods", mirror("n2"), "CREATE", None, "", "spec.nodeName set to itself"),
    (
        "a mirror pod with an account",
        "pods",
        mirror(serviceAccountName="x"),
        "CREATE",
        None,
        "",
        "can not create pods that reference serviceaccounts",
    ),
    ("deleting its pod", "pods", None, "DELETE", pod(nodeName="n1"), "", None),
    (
        "deleting another's",
        "pods",
        None,
        "DELETE",
        pod(nodeName="n2"),
        "",
        "can only delete pods with spec.nodeName set to itself",
    ),
    ("updating a pod", "pods", pod(nodeName="n1"), "UPDATE", pod(nodeName="n1"), "", 'unexpected operation "UPDATE"'),
    ("its pod's status", "pods", pod(nodeName="n1"), "UPDATE", pod(nodeName="n1"), "status", None),
    (
        "another's status",
        "pods",
        pod(nodeName="n2"),
        "UPDATE",
        pod(nodeName="n2"),
        "status",
        "can only update pod status",
    ),
    (
        "a binding",
        "pods",
        core.Binding(metadata=meta("web")),
        "CREATE",
        None,
        "binding",
        'unexpected pod subresource "binding"',
    ),
    ("its lease", "leases.coordination.k8s.io", lease("kube-node-lease", "n1"), "CREATE", None, "", None),
    (
        "another lease",
        "leases.coordination.k8s.io",
        lease("kube-node-lease", "n2"),
        "UPDATE",
        None,
        "",
        "can only access node lease",
    ),
    ("a foreign lease", "leases.coordination.k8s.io", lease("default", "n1"), "UPDATE", None, "", "system namespace"),
]


@pytest.mark.parametrize(
    ("plural", "obj", "operation", "old", "sub", "message"), [c[1:] for c in NODE_CASES], ids=[c[0] for c in NODE_CASES]
)
def test_what_a_node_may_write(plural, obj, operation, old, sub, message):
    plugin = NodeRestriction(Objects(node()))
    shown = obj if obj is not None else old
    given = attributes(plural, obj, operation, old, NODE, sub, shown.metadata.name)
    if message is None:
        admit(plugin, given)
    else:
        assert message in refused(plugin, given)
    admit(plugin, attributes(plural, obj, operation, old, ADMIN, sub, shown.metadata.name))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (None, "node requested token not bound to a pod"),
        ({"name": "web"}, "node requested token with a pod binding without a uid"),
        ({"name": "web", "uid": "other"}, "does not match the UID in record"),
        ({"name": "far", "uid": "u"}, "node requested token bound to a pod scheduled on a different node"),
        ({"name": "web", "uid": "u"}, None),
    ],
)
def test_tokens_for_a_nodes_own_pods(reference, message):
    near, far = pod("web", nodeName="n1"), pod("far", nodeName="n2")
    near.metadata.uid = far.metadata.uid = "u"
    bound = None if reference is None else authentication.BoundObjectReference(apiVersion="v1", kind="Pod", **reference)
    request = authentication.TokenRequest(
        metadata=meta("default"), spec=authentication.TokenRequestSpec(boundObjectRef=bound)
    )
    given = attributes("serviceaccounts", request, user=NODE, sub="token", name="default")
    plugin = NodeRestriction(Objects(near, far))
    if message is None:
        admit(plugin, given)
    else:
        assert message in refused(plugin, given)


# -- RuntimeClass ----------------------------------------------------------------------------------


def runtime_class(**scheduling: Any) -> node_api.RuntimeClass:
    return node_api.RuntimeClass(
        metadata=meta("kata", None),
        handler="kata",
        overhead=node_api.Overhead(podFixed={"cpu": "10m"}),
        scheduling=node_api.Scheduling(**scheduling),
    )


def test_a_runtime_class_gives_overhead_and_placement():
    every = core.Toleration(key="a", operator="Exists")
    plugin = RuntimeClasses(Objects(runtime_class(nodeSelector={"vm": "yes"}, tolerations=[every])))
    narrow = core.Toleration(key="a", operator="Equal", value="1", effect="NoSchedule")
    other = core.Toleration(key="b", operator="Exists")
    given = pod(runtimeClassName="kata", nodeSelector={"disk": "ssd"}, tolerations=[narrow, other])
    admit(plugin, attributes("pods", given))
    asyncio.run(plugin.validate(attributes("pods", given)))
    assert given.spec.overhead == {"cpu": "10m"}
    assert given.spec.nodeSelector == {"disk": "ssd", "vm": "yes"}
    assert given.spec.tolerations == [other, every]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"runtimeClassName": "none"}, 'RuntimeClass "none" not found'),
        ({"runtimeClassName": "kata", "overhead": {"cpu": "1"}}, "doesn't match RuntimeClass's defined Overhead"),
        ({"runtimeClassName": "kata", "nodeSelector": {"vm": "no"}}, "pod.spec.nodeSelector[vm] = no"),
    ],
)
def test_what_a_runtime_class_refuses(spec: dict[str, Any], why: str):
    plugin = RuntimeClasses(Objects(runtime_class(nodeSelector={"vm": "yes"})))
    assert why in refused(plugin, attributes("pods", pod(**spec)))


def test_overhead_needs_a_runtime_class():
    with pytest.raises(errors.Forbidden, match="without corresponding RuntimeClass"):
        asyncio.run(RuntimeClasses(Objects()).validate(attributes("pods", pod(overhead={"cpu": "1"}))))
