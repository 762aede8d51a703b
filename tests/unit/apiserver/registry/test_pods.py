"""Pods: defaults, validation in upstream's words, what may change, status, binding, eviction, the table."""

from __future__ import annotations

import orjson
import pytest

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import errors
from pybernetes.apiserver.endpoints.negotiation import Form
from pybernetes.apiserver.endpoints.tables import transformed
from pybernetes.apiserver.registry.core.pods.defaults import default_pod, pull_policy
from pybernetes.apiserver.registry.core.pods.valid_specs import ValidSpecs, text_of
from pybernetes.apiserver.registry.core.pods.validation import validate_pod_create
from pybernetes.apiserver.registry.generic.interface import DeleteOptions


def make(**spec) -> core.Pod:
    spec.setdefault("containers", [{"name": "c", "image": "nginx:1"}])
    tree = {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}
    from pybernetes.apimachinery import decoding

    pod, _ = decoding.from_tree({"apiVersion": "v1", "kind": "Pod", **tree}, core.Pod)
    default_pod(pod)
    return pod


def container(**more) -> dict:
    return {"containers": [{"name": "c", "image": "nginx:1", **more}]}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.2", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "a" * 64, "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image, policy):
    assert pull_policy(image) == policy


def test_defaults_of_a_container():
    pod = make(
        containers=[
            {
                "name": "c",
                "image": "i",
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
                "livenessProbe": {"httpGet": {"port": 80}},
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            }
        ],
        volumes=[
            {"name": "e"},
            {"name": "s", "secret": {"secretName": "x"}},
            {"name": "h", "hostPath": {"path": "/x"}},
        ],
    )
    c = pod.spec.containers[0]
    probe = c.livenessProbe
    assert probe is not None and probe.httpGet is not None
    assert c.ports[0].protocol == "TCP"
    assert c.resources.requests == {"cpu": "500m", "memory": "1Gi"}
    assert (probe.timeoutSeconds, probe.periodSeconds, probe.successThreshold, probe.failureThreshold) == (1, 10, 1, 3)
    assert (probe.httpGet.path, probe.httpGet.scheme) == ("/", "HTTP")
    assert c.env[0].valueFrom.fieldRef.apiVersion == "v1"
    e, s, h = pod.spec.volumes
    assert (e.emptyDir, s.secret.defaultMode, h.hostPath.type) == (core.EmptyDirVolumeSource(), 0o644, "")


def test_host_network_fills_in_host_ports():
    pod = make(hostNetwork=True, **container(ports=[{"containerPort": 80}]))
    assert pod.spec.containers[0].ports[0].hostPort == 80


INVALID = [
    ("no containers", {"containers": []}, "spec.containers: Required value"),
    (
        "container name",
        container(name="A_b"),
        'spec.containers[0].name: Invalid value: "A_b": a lowercase RFC 1123 label',
    ),
    ("no image", {"containers": [{"name": "c"}]}, "spec.containers[0].image: Required value"),
    ("image spaces", container(image=" x"), "must not have leading or trailing whitespace"),
    ("duplicate", {"containers": [{"name": "c", "image": "i"}] * 2}, 'spec.containers[1].name: Duplicate value: "c"'),
    (
        "restart policy",
        {"restartPolicy": "Sometimes"},
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ),
    ("dns policy", {"dnsPolicy": "Never"}, 'spec.dnsPolicy: Unsupported value: "Never"'),
    ("no dns", {"dnsPolicy": "None"}, "must provide `dnsConfig` when `dnsPolicy` is None"),
    (
        "port",
        container(ports=[{"containerPort": 70000}]),
        "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
    ),
    (
        "protocol",
        container(ports=[{"containerPort": 1, "protocol": "ICMP"}]),
        'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ),
    (
        "port clash",
        container(ports=[{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]),
        'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//9"',
    ),
    ("env name", container(env=[{"name": ""}]), "spec.containers[0].env[0].name: Required value"),
    (
        "env both",
        container(env=[{"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ),
    (
        "env field",
        container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]),
        "error converting fieldPath: field label not supported: spec.x",
    ),
    (
        "env labels",
        container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]),
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels"',
    ),
    (
        "mount",
        container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
        'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ),
    (
        "mount twice",
        {"volumes": [{"name": "v"}], **container(volumeMounts=[{"name": "v", "mountPath": "/x"}] * 2)},
        'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
    ),
    (
        "two sources",
        {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]},
        "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
    ),
    ("volume twice", {"volumes": [{"name": "v"}, {"name": "v"}]}, 'spec.volumes[1].name: Duplicate value: "v"'),
    ("secret volume", {"volumes": [{"name": "v", "secret": {}}]}, "spec.volumes[0].secret.secretName: Required value"),
    (
        "requests",
        container(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ),
    (
        "resource",
        container(resources={"limits": {"gold": "1"}}),
        'spec.containers[0].resources.limits[gold]: Invalid value: "gold": '
        "must be a standard resource type or fully qualified",
    ),
    (
        "negative",
        container(resources={"limits": {"cpu": "-1"}}),
        'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ),
    ("fractional gpu", container(resources={"limits": {"example.com/gpu": "500m"}}), "must be an integer"),
    (
        "gpu request",
        container(resources={"requests": {"example.com/gpu": "1"}}),
        "Limit must be set for non overcommitable resources",
    ),
    (
        "probe",
        container(livenessProbe={}),
        "spec.containers[0].livenessProbe: Required value: must specify a handler type",
    ),
    (
        "two handlers",
        container(livenessProbe={"tcpSocket": {"port": 1}, "httpGet": {"port": 1}}),
        "may not specify more than 1 handler type",
    ),
    (
        "success",
        container(livenessProbe={"tcpSocket": {"port": 1}, "successThreshold": 2}),
        "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
    ),
    (
        "init probe",
        {"initContainers": [{"name": "i", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}}]},
        "may not be set for init containers without restartPolicy=Always",
    ),
    ("toleration", {"tolerations": [{"operator": "Equal"}]}, "operator must be Exists when `key` is empty"),
    (
        "toleration seconds",
        {"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 1}]},
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
    ),
    (
        "affinity",
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}},
        "must have at least one node selector term",
    ),
    (
        "spread",
        {"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]},
        "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
    ),
    ("hostname", {"hostname": "a.b"}, 'spec.hostname: Invalid value: "a.b": must not contain dots'),
    ("deadline", {"activeDeadlineSeconds": 0}, "must be between 1 and 2147483647, inclusive"),
    (
        "privileged",
        container(securityContext={"privileged": True, "allowPrivilegeEscalation": False}),
        "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
    ),
    (
        "ephemeral",
        {"ephemeralContainers": [{"name": "e", "image": "i"}]},
        "spec.ephemeralContainers: Forbidden: cannot be set on create",
    ),
    (
        "sysctl",
        {
            "securityContext": {
                "sysctls": [{"name": "net/ipv4/conf.eth0", "value": "1"}, {"name": "bar..", "value": "1"}]
            }
        },
        'spec.securityContext.sysctls[1].name: Invalid value: "bar..": must have at most 253 characters',
    ),
    (
        "gated",
        {"nodeName": "n", "schedulingGates": [{"name": "g"}]},
        "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
    ),
]


@pytest.mark.parametrize(("spec", "message"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
def test_what_validation_says(spec, message):
    found = [str(error) for error in validate_pod_create(make(**spec))]
    assert any(message in text for text in found), found


def test_a_rich_pod_is_valid():
    pod = make(
        containers=[
            {
                "name": "c",
                "image": "i",
                "command": ["x"],
                "env": [
                    {"name": "A", "value": "$(B)"},
                    {"name": "L", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a.b/c']"}}},
                    {"name": "M", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "x"}}],
                "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a/b"}, {"name": "p", "mountPath": "/p"}],
                "lifecycle": {"preStop": {"exec": {"command": ["x"]}}, "postStart": {"httpGet": {"port": "http"}}},
                "readinessProbe": {"grpc": {"port": 5}, "successThreshold": 3},
                "resources": {
                    "limits": {"cpu": "1", "memory": "1Gi", "example.com/gpu": "1", "ephemeral-storage": "1Gi"}
                },
                "securityContext": {
                    "runAsUser": 0,
                    "capabilities": {"add": ["NET_ADMIN"]},
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            }
        ],
        initContainers=[
            {"name": "s", "image": "i", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 1}}}
        ],
        volumes=[
            {"name": "v"},
            {
                "name": "p",
                "projected": {
                    "sources": [
                        {"secret": {"name": "s"}},
                        {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
                    ]
                },
            },
        ],
        affinity={
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 1,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"a": "b"}},
                        },
                    }
                ]
            }
        },
        topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"}],
    )
    assert [str(error) for error in validate_pod_create(pod)] == []


def test_only_a_few_fields_of_a_pod_change(run):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod())
        image = await cluster.patch(
            "pods", "web", {"spec": {"containers": [{"name": "c", "image": "x:2"}]}}, "strategic"
        )
        more = {"key": "a", "operator": "Exists", "effect": "NoSchedule"}
        tolerations = [*image["spec"]["tolerations"], more]
        tolerated = await cluster.patch("pods", "web", {"spec": {"tolerations": tolerations}})
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("pods", "web", {"spec": {"nodeName": "n"}})
        with pytest.raises(errors.Invalid) as removed:
            await cluster.patch("pods", "web", {"spec": {"tolerations": tolerations[:2]}})
        return image, tolerated, caught.value.message, removed.value.message

    image, tolerated, message, removed = run(scenario)
    assert image["spec"]["containers"][0]["image"] == "x:2"
    assert image["metadata"]["generation"] == 2
    assert len(tolerated["spec"]["tolerations"]) == 3
    assert "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`" in message
    assert "existing toleration can not be modified except its tolerationSeconds" in removed


def test_a_pod_is_bound_once(run):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod())
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": "web"},
            "target": {"kind": "Node", "name": "n1"},
        }
        answer = await cluster.post("pods", "web", "binding", binding)
        pod = await cluster.get("pods", "web")
        with pytest.raises(errors.Conflict) as caught:
            await cluster.post("pods", "web", "binding", binding)
        nameless = {**binding, "target": {"kind": "Node"}}
        with pytest.raises(errors.Invalid):
            await cluster.post("pods", "web", "binding", nameless)
        on_node = await cluster.names("pods", "", field_selector="spec.nodeName=n1")
        elsewhere = await cluster.names("pods", "", field_selector="spec.nodeName=n2")
        return answer, pod, caught.value.message, on_node, elsewhere

    answer, pod, message, on_node, elsewhere = run(scenario)
    assert (answer["status"], answer["code"]) == ("Success", 201)
    assert pod["spec"]["nodeName"] == "n1"
    assert pod["status"]["conditions"][0]["type"] == "PodScheduled"
    assert pod["metadata"]["generation"] == 1
    assert message.endswith('pod web is already assigned to node "n1"')
    assert (on_node, elsewhere) == (["web"], [])


def test_deletion_waits_for_the_kubelet_only_where_there_is_one(run):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod("pending"))
        await cluster.create("pods", cluster.pod("bound", nodeName="n1"))
        await cluster.delete("pods", "pending")
        going = await cluster.delete("pods", "bound")
        again = await cluster.delete("pods", "bound")
        sooner = await cluster.delete("pods", "bound", options=DeleteOptions(grace_period_s=5))
        still = await cluster.names("pods")
        await cluster.delete("pods", "bound", options=DeleteOptions(grace_period_s=0))
        return going, again, sooner, still, await cluster.names("pods")

    going, again, sooner, still, left = run(scenario)
    assert going["metadata"]["deletionGracePeriodSeconds"] == 30
    assert going["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:30Z"
    assert again == going
    assert sooner["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:05Z"
    assert (still, left) == (["bound"], [])


def test_status_of_a_pod(run):
    async def scenario(cluster):
        made = await cluster.create("pods", cluster.pod(nodeName="n1"))
        status = {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}
        running = await cluster.update("pods", {**made, "spec": {"containers": []}, "status": status}, sub="status")
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("pods", "web", {"status": {"qosClass": "Guaranteed"}}, sub="status")
        return running, caught.value.message, await cluster.names("pods", "", field_selector="status.podIP=10.0.0.1")

    running, message, found = run(scenario)
    assert running["status"]["qosClass"] == "BestEffort"
    assert running["spec"]["containers"][0]["name"] == "c"
    assert 'status.qosClass: Invalid value: "Guaranteed": field is immutable' in message
    assert found == ["web"]


def test_ephemeral_containers_are_only_added(run):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod())
        debug = {"name": "debug", "image": "busybox", "targetContainerName": "c"}
        pod = await cluster.patch(
            "pods", "web", {"spec": {"ephemeralContainers": [debug]}}, "strategic", sub="ephemeralcontainers"
        )
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("pods", "web", {"spec": {"ephemeralContainers": None}}, sub="ephemeralcontainers")
        return pod, caught.value.message

    pod, message = run(scenario)
    assert pod["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"] == "File"
    assert 'existing ephemeral containers "debug" may not be removed' in message


def test_eviction_honours_the_budget(run):
    async def scenario(cluster):
        await cluster.create("pods", {**cluster.pod(nodeName="n1"), "metadata": {"name": "web", "labels": {"a": "b"}}})
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await cluster.patch("pods", "web", {"status": ready}, sub="status")
        budget = {"metadata": {"name": "pdb"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}
        await cluster.create("poddisruptionbudgets.policy", budget)
        status = {"observedGeneration": 1, "disruptionsAllowed": 0, "desiredHealthy": 1, "currentHealthy": 1}
        await cluster.patch("poddisruptionbudgets.policy", "pdb", {"status": status}, sub="status")
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}}
        with pytest.raises(errors.TooManyRequests) as caught:
            await cluster.post("pods", "web", "eviction", eviction)
        await cluster.patch("poddisruptionbudgets.policy", "pdb", {"status": {"disruptionsAllowed": 1}}, sub="status")
        answer = await cluster.post("pods", "web", "eviction", eviction)
        pod = await cluster.get("pods", "web")
        return caught.value, answer, pod, await cluster.get("poddisruptionbudgets.policy", "pdb")

    error, answer, pod, budget = run(scenario)
    assert error.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert error.details.causes[0].reason == "DisruptionBudget"
    assert answer["status"] == "Success"
    assert pod["metadata"]["deletionTimestamp"]
    assert pod["status"]["conditions"][-1]["type"] == "DisruptionTarget"
    assert (budget["status"]["disruptionsAllowed"], list(budget["status"]["disruptedPods"])) == (0, ["web"])


def status(**more) -> dict:
    return {"name": "c", "image": "i", "imageID": "", "ready": False, "restartCount": 0, **more}


ROWS = [
    ("pending", {"phase": "Pending"}, ["0/1", "Pending", "0"]),
    (
        "running",
        {"phase": "Running", "containerStatuses": [status(ready=True, state={"running": {}})]},
        ["1/1", "Running", "0"],
    ),
    (
        "crash",
        {
            "phase": "Running",
            "containerStatuses": [
                status(
                    restartCount=3,
                    state={"waiting": {"reason": "CrashLoopBackOff"}},
                    lastState={"terminated": {"exitCode": 1, "finishedAt": "2027-01-15T07:59:00Z"}},
                )
            ],
        },
        ["0/1", "CrashLoopBackOff", "3 (60s ago)"],
    ),
    (
        "done",
        {
            "phase": "Succeeded",
            "containerStatuses": [status(state={"terminated": {"exitCode": 0, "reason": "Completed"}})],
        },
        ["0/1", "Completed", "0"],
    ),
    (
        "failed",
        {"phase": "Failed", "containerStatuses": [status(state={"terminated": {"exitCode": 3}})]},
        ["0/1", "ExitCode:3", "0"],
    ),
    ("evicted", {"phase": "Failed", "reason": "Evicted"}, ["0/1", "Evicted", "0"]),
]


@pytest.mark.parametrize(("given", "cells"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_the_row_of_a_pod(run, given, cells):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod())
        await cluster.patch("pods", "web", {"status": given}, sub="status")
        return await cluster.row("pods", "web")

    row = run(scenario)
    assert row[:5] == ["web", *cells, "0s"]
    assert row[5:] == ["<none>", "<none>", "<none>", "<none>"]


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Running", None),
        ("Succeeded", ("Completed", "True", "Succeeded", "The pod has completed successfully.")),
        ("Failed", ("Completed", "True", "Failed", "The pod failed.")),
    ],
)
def test_the_row_of_a_finished_pod_says_so(run, phase, expected):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod())
        await cluster.patch("pods", "web", {"status": {"phase": phase}}, sub="status")
        context = cluster.context("pods", "get", "default", "web")
        storage = cluster.storage(context)
        form = Form(kind="Table", group="meta.k8s.io", version="v1")
        return orjson.loads(transformed(storage, await storage.get(context), form, "None", cluster.clock.now()))

    (row,) = run(scenario)["rows"]
    assert [tuple(each.values()) for each in row.get("conditions", [])] == ([expected] if expected else [])


def test_the_row_of_a_pod_that_goes_and_of_one_that_initializes(run):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod("bound", nodeName="n1"))
        await cluster.delete("pods", "bound")
        init = {"initContainers": [{"name": "i", "image": "i"}]}
        await cluster.create("pods", cluster.pod("init", **init))
        given = {
            "phase": "Pending",
            "initContainerStatuses": [status(name="i", state={"waiting": {"reason": "ErrImagePull"}})],
        }
        await cluster.patch("pods", "init", {"status": given}, sub="status")
        return (await cluster.row("pods", "bound"))[2], (await cluster.row("pods", "init"))[2]

    assert run(scenario) == ("Terminating", "Init:ErrImagePull")


def test_a_node_watches_its_own_pods(run):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod("other", nodeName="n2"))
        watch = await cluster.watch("pods", "", field_selector="spec.nodeName=n1")
        await cluster.create("pods", cluster.pod("web"))
        await cluster.post("pods", "web", "binding", {"target": {"name": "n1"}})
        frames = await anext(watch)
        await watch.aclose()
        return [(f.type, orjson.loads(f.value)["metadata"]["name"]) for f in frames]

    assert run(scenario) == [("ADDED", "web")]


def with_token(suffix: str, **spec) -> core.Pod:
    name = f"kube-api-access-{suffix}"
    mounts = [{"name": name, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    token = {"serviceAccountToken": {"path": "token"}}
    return make(
        containers=[{"name": "c", "image": "i", "volumeMounts": mounts}],
        volumes=[{"name": name, "projected": {"sources": [token]}}],
        serviceAccountName="default",
        **spec,
    )


def test_specs_of_a_template_are_one_text():
    assert text_of(with_token("abcde").spec) == text_of(with_token("fghij").spec)
    assert text_of(with_token("abcde").spec) != text_of(with_token("fghij", hostNetwork=True).spec)
    assert text_of(with_token("abcde").spec) != text_of(with_token("ABCDE").spec), "a name that nobody draws"


def test_a_claim_of_its_own_goes_by_the_name_of_the_pod():
    claim = {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}
    assert text_of(make(volumes=[{"name": "data", "ephemeral": claim}]).spec) == b""


def test_what_was_found_valid_says_nothing_of_others():
    assert validate_pod_create(with_token("abcde")) == []
    assert validate_pod_create(with_token("fghij")) == []
    assert validate_pod_create(with_token("fghij", dnsPolicy="Nowhere"))
    assert validate_pod_create(with_token("klmno", dnsPolicy="Nowhere")), "what was found wrong is looked at again"
    assert validate_pod_create(with_token("ABCDE"))


def test_the_oldest_valid_spec_is_forgotten():
    known = ValidSpecs()
    for number in range(257):
        known.add(b"%d" % number)
    assert b"0" not in known
    assert b"1" in known
    assert b"256" in known
