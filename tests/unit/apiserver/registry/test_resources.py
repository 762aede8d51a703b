"""The other resources: what each adds to the pipeline."""

from __future__ import annotations

import base64

import pytest

from pybernetes.api.authentication.v1 import TokenRequest
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import RESOURCES, struct_of
from pybernetes.apiserver.registry.generic.table import human_duration
from pybernetes.apiserver.registry.strategies import STRATEGIES


def test_every_strategy_is_of_a_resource():
    known = {(r.group, r.plural) for r in RESOURCES}
    assert set(STRATEGIES) <= known


def test_every_storable_resource_is_served(run):
    """An empty object of each kind goes through decoding, defaults and its row."""

    async def scenario(cluster):
        for resource in RESOURCES:
            if "list" not in resource.verbs or resource.plural == "componentstatuses":
                continue
            storage = cluster.registry.storage_for(resource)
            obj = struct_of(resource.group, resource.version, resource.kind)()
            obj.metadata.name = "x"
            stored = storage.codec.to_storage(obj)
            storage.strategy.default(stored)
            value = storage.codec.serve(storage.codec.encode(stored))
            assert len(storage.row(value, 0.0)) == len(storage.columns), resource.qualified
            assert (await cluster.list(f"{resource.plural}.{resource.group}/{resource.version}")).revision > 0

    run(scenario)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0.5, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (10800, "3h"),
        (11000, "3h3m"),
        (28800, "8h"),
        (172799, "47h"),
        (172800, "2d"),
        (180000, "2d2h"),
        (691200, "8d"),
        (63072000, "2y"),
        (63158400, "2y1d"),
        (252288000, "8y"),
    ],
)
def test_ages(seconds, text):
    assert human_duration(seconds) == text


def test_secrets_take_plain_text(run):
    async def scenario(cluster):
        made = await cluster.create("secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
        changed = await cluster.patch("secrets", "s", {"stringData": {"c": "d"}})
        with pytest.raises(errors.Invalid) as typed:
            await cluster.patch("secrets", "s", {"type": "other"})
        with pytest.raises(errors.Invalid) as tls:
            await cluster.create("secrets", {"metadata": {"name": "t"}, "type": "kubernetes.io/tls"})
        return made, changed, typed.value.message, tls.value.message, await cluster.row("secrets", "s")

    made, changed, typed, tls, row = run(scenario)
    assert (made["type"], made["data"]) == ("Opaque", {"a": base64.b64encode(b"b").decode()})
    assert "stringData" not in changed and set(changed["data"]) == {"a", "c"}
    assert 'type: Invalid value: "other": field is immutable' in typed
    assert "data[tls.crt]: Required value" in tls
    assert row == ["s", "Opaque", 2, "0s"]


@pytest.mark.parametrize("plural", ["configmaps", "secrets"])
def test_immutable_data(run, plural):
    async def scenario(cluster):
        await cluster.create(plural, {"metadata": {"name": "a"}, "immutable": True, "data": {"k": "dg=="}})
        await cluster.patch(plural, "a", {"metadata": {"labels": {"x": "y"}}})
        found = []
        for patch in ({"data": {"k": "dw=="}}, {"immutable": False}):
            with pytest.raises(errors.Invalid) as caught:
                await cluster.patch(plural, "a", patch)
            found.append(caught.value.message)
        return found

    data, immutable = run(scenario)
    assert "data: Forbidden: field is immutable when `immutable` is set" in data
    assert "immutable: Forbidden: field is immutable when `immutable` is set" in immutable


def test_a_namespace_goes_when_its_finalizer_does(run):
    async def scenario(cluster):
        made = await cluster.create("namespaces", {"metadata": {"name": "n"}}, ns="")
        await cluster.create("configmaps", {"metadata": {"name": "a"}}, ns="n")
        going = await cluster.delete("namespaces", "n", ns="")
        with pytest.raises(errors.Forbidden) as caught:
            await cluster.create("configmaps", {"metadata": {"name": "b"}}, ns="n")
        again = await cluster.delete("namespaces", "n", ns="")
        going["spec"]["finalizers"] = []
        await cluster.update("namespaces", going, ns="", sub="finalize")
        with pytest.raises(errors.NotFound):
            await cluster.get("namespaces", "n", ns="")
        return made, going, again, caught.value

    made, going, again, error = run(scenario)
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    assert (made["spec"]["finalizers"], made["status"]["phase"]) == (["kubernetes"], "Active")
    assert (going["status"]["phase"], bool(going["metadata"]["deletionTimestamp"])) == ("Terminating", True)
    assert again["status"]["phase"] == "Terminating"
    assert error.message == (
        'configmaps "b" is forbidden: unable to create new content in namespace n because it is being terminated'
    )
    assert error.details.causes[0].reason == "NamespaceTerminating"


def test_nodes(run):
    async def scenario(cluster):
        labels = {"node-role.kubernetes.io/control-plane": ""}
        status = {
            "conditions": [{"type": "Ready", "status": "True"}],
            "capacity": {"cpu": "4"},
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Debian", "architecture": "amd64"},
        }
        made = await cluster.create("nodes", {"metadata": {"name": "n1", "labels": labels}, "status": status})
        await cluster.patch("nodes", "n1", {"spec": {"unschedulable": True, "podCIDR": "10.244.0.0/24"}})
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("nodes", "n1", {"spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}})
        return made, await cluster.get("nodes", "n1"), caught.value.message, await cluster.row("nodes", "n1")

    made, node, message, row = run(scenario)
    assert made["status"]["allocatable"] == {"cpu": "4"}
    assert made["spec"]["taints"] == [{"effect": "NoSchedule", "key": "node.kubernetes.io/not-ready"}]
    assert node["spec"]["podCIDRs"] == ["10.244.0.0/24"]
    assert 'node updates may not change podCIDR except from "" to valid' in message
    assert row == [
        "n1",
        "Ready,SchedulingDisabled",
        "control-plane",
        "0s",
        "v1.36.0",
        "10.0.0.1",
        "<none>",
        "Debian",
        "<unknown> (amd64)",
        "<unknown>",
    ]


class Issuer:
    def __init__(self) -> None:
        self.seen: list[TokenRequest] = []

    async def issue(self, service_account, request, bound):
        self.seen.append(request)
        return f"token of {service_account.metadata.name}", "2027-01-15T09:00:00Z"


def test_tokens(run):
    async def scenario(cluster):
        cluster.registry.token_issuer = Issuer()
        await cluster.create("pods", cluster.pod())
        pod = await cluster.get("pods", "web")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        plain = await cluster.post("serviceaccounts", "default", "token", request)
        reference = {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": pod["metadata"]["uid"]}
        request["spec"] = {"audiences": ["x"], "expirationSeconds": 600, "boundObjectRef": reference}
        bound = await cluster.post("serviceaccounts", "default", "token", request)
        reference["uid"] = "other"
        with pytest.raises(errors.Conflict):
            await cluster.post("serviceaccounts", "default", "token", request)
        request["spec"] = {"expirationSeconds": 5}
        with pytest.raises(errors.Invalid) as caught:
            await cluster.post("serviceaccounts", "default", "token", request)
        with pytest.raises(errors.NotFound):
            await cluster.post("serviceaccounts", "missing", "token", {"spec": {}})
        return plain, bound, caught.value.message

    plain, bound, message = run(scenario)
    assert plain["status"] == {"token": "token of default", "expirationTimestamp": "2027-01-15T09:00:00Z"}
    assert (plain["spec"]["expirationSeconds"], bound["spec"]["audiences"]) == (3600, ["x"])
    assert "spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes" in message


@pytest.mark.parametrize(
    ("plural", "tree", "message"),
    [
        ("roles.rbac.authorization.k8s.io", {"rules": [{"verbs": ["get"]}]}, "rules[0].apiGroups: Required value"),
        (
            "clusterroles.rbac.authorization.k8s.io",
            {"rules": [{"apiGroups": [""], "resources": ["pods"]}]},
            "rules[0].verbs: Required value: verbs must contain at least one value",
        ),
        (
            "rolebindings.rbac.authorization.k8s.io",
            {"roleRef": {"kind": "Pod", "name": "x"}},
            "roleRef.kind: Unsupported value",
        ),
        (
            "clusterrolebindings.rbac.authorization.k8s.io",
            {"roleRef": {"kind": "ClusterRole", "name": "x"}, "subjects": [{"kind": "ServiceAccount", "name": "s"}]},
            "subjects[0].namespace: Required value",
        ),
        (
            "endpoints",
            {"subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 1}]}]},
            "may not be in the loopback range",
        ),
        (
            "endpointslices.discovery.k8s.io",
            {"addressType": "IPv4", "endpoints": [{"addresses": []}]},
            "endpoints[0].addresses: Required value: must contain at least 1 address",
        ),
        (
            "endpointslices.discovery.k8s.io",
            {"addressType": "IPv6", "endpoints": [{"addresses": ["10.0.0.1"]}]},
            "must be an IPv6 address",
        ),
        (
            "priorityclasses.scheduling.k8s.io",
            {"value": 2000000000},
            "maximum allowed value of a user defined priority",
        ),
        ("poddisruptionbudgets.policy", {"spec": {"minAvailable": 1, "maxUnavailable": 1}}, "cannot be both set"),
        ("events", {"involvedObject": {"namespace": "other"}}, "does not match event.namespace"),
        ("persistentvolumeclaims", {"spec": {}}, "at least 1 access mode is required"),
        ("ingresses.networking.k8s.io", {"spec": {}}, "either `defaultBackend` or `rules` must be specified"),
        ("storageclasses.storage.k8s.io", {}, "provisioner: Required value"),
        (
            "horizontalpodautoscalers.autoscaling/v2",
            {"spec": {"maxReplicas": 0, "scaleTargetRef": {"kind": "D", "name": "d"}}},
            "spec.maxReplicas: Required value: must be set and greater than 0",
        ),
    ],
)
def test_what_is_refused(run, plural, tree, message):
    async def scenario(cluster):
        return await cluster.refused(plural, {"metadata": {"name": "x"}, **tree})

    assert message in run(scenario)


def test_a_role_binding_keeps_its_role(run):
    async def scenario(cluster):
        plural = "rolebindings.rbac.authorization.k8s.io"
        subjects = [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s", "namespace": "default"}]
        made = await cluster.create(
            plural, {"metadata": {"name": "system:x"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}
        )
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch(plural, "system:x", {"roleRef": {"name": "other"}})
        return made, caught.value.message, await cluster.row(plural, "system:x")

    made, message, row = run(scenario)
    assert made["roleRef"]["apiGroup"] == made["subjects"][0]["apiGroup"] == "rbac.authorization.k8s.io"
    assert "cannot change roleRef" in message
    assert row == ["system:x", "Role/r", "0s", "u", "", "default/s"]


def test_autoscalers_are_served_in_both_versions(run):
    async def scenario(cluster):
        spec = {
            "maxReplicas": 5,
            "targetCPUUtilizationPercentage": 60,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        }
        one = await cluster.create("horizontalpodautoscalers.autoscaling/v1", {"metadata": {"name": "h"}, "spec": spec})
        two = await cluster.get("horizontalpodautoscalers.autoscaling/v2", "h")
        return one, two, await cluster.row("horizontalpodautoscalers.autoscaling/v1", "h")

    one, two, row = run(scenario)
    assert one["spec"]["targetCPUUtilizationPercentage"] == 60
    assert two["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    assert row == ["h", "Deployment/d", "cpu: <unknown>/60%", "1", 5, 0, "0s"]


def test_certificate_requests_say_who_asks(run, signing_request):
    async def scenario(cluster):
        spec = {
            "request": signing_request,
            "signerName": "example.com/clients",
            "usages": ["client auth"],
            "username": "somebody else",
        }
        plural = "certificatesigningrequests.certificates.k8s.io"
        made = await cluster.create(plural, {"metadata": {"name": "c"}, "spec": spec})
        made["status"] = {"conditions": [{"type": "Approved", "status": "True"}]}
        approved = await cluster.update(plural, made, sub="approval")
        return made, approved, await cluster.row(plural, "c")

    made, approved, row = run(scenario)
    assert made["spec"]["username"] == "admin"
    assert approved["status"]["conditions"][0]["type"] == "Approved"
    assert row[-1] == "Approved"


def test_events_vanish_after_an_hour(run):
    async def scenario(cluster):
        await cluster.create("events", {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}})
        from pybernetes.apiserver.registry.core.events.strategy import EventStrategy

        return EventStrategy.ttl_s, await cluster.row("events", "e")

    ttl_s, row = run(scenario)
    assert ttl_s == 3600
    assert row[-1] == "e"
