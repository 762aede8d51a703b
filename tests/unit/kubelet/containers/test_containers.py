"""What containers are given: environment, resolver, hosts, resources, security."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import ConfigMap, EnvVar, Pod, PodExtendedResourceClaimStatus, Secret, Service
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers import downward
from pybernetes.kubelet.containers.environment import ConfigError, Facts, container_environment, service_variables
from pybernetes.kubelet.containers.expansion import expand
from pybernetes.kubelet.containers.network_files import (
    Dns,
    host_name,
    hosts_file,
    kernel_host_name,
    parse_resolv_conf,
    pod_dns,
)
from pybernetes.kubelet.containers.security import verify_non_root
from pybernetes.kubelet.node.status import initial_node
from pybernetes.kubelet.resources.admission import admit
from pybernetes.kubelet.resources.requests import (
    cpu_quota,
    cpu_shares,
    cpu_weight,
    oom_score_adjust,
    pod_cgroup_values,
    pod_requests,
    qos_class,
)

from ..pods import pod

FACTS = Facts("node-a", ["192.168.0.1"], ["10.0.0.2"], {"cpu": "4", "memory": "8Gi"})


class Objects:
    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        return ConfigMap(data={"a": "1", "b": "two"}) if name == "cm" else None

    def secret(self, namespace: str, name: str) -> Secret | None:
        return Secret(data={"k": base64.b64encode(b"s").decode()}) if name == "sec" else None

    def trust_bundles(self, projection: object) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("$(A)$(A)x", "11x"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NONE)", "$(NONE)"),
        ("$(A", "$(A"),
        ("$A $", "$A $"),
        ("$()", "$()"),
        ("$((A))", "$((A))"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}.get) == expected


def environment(env: list[dict[str, Any]], **container: Any) -> dict[str, str]:
    of = pod([{"name": "c", "image": "i", "env": env, **container}])
    return container_environment(of, of.spec.containers[0], Objects(), [], FACTS)


def test_environment_sources() -> None:
    limits = {"limits": {"cpu": "1500m", "memory": "64Mi"}}
    found = environment(
        [
            {"name": "X", "value": "$(P_a)-$(X)"},
            {"name": "CM", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "b"}}},
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "k"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k", "optional": True}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            {"name": "EMPTY"},
        ],
        envFrom=[{"prefix": "P_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "no", "optional": True}}],
        resources=limits,
    )
    assert found == {
        "P_a": "1", "P_b": "two", "X": "1-$(X)", "CM": "two", "S": "s", "IP": "10.0.0.2", "HOST": "192.168.0.1",
        "CPU": "2", "MEM": "64", "EMPTY": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"configMapKeyRef": {"name": "no", "key": "k"}}, 'configmap "no" not found'),
        ({"configMapKeyRef": {"name": "cm", "key": "z"}}, "couldn't find key z in ConfigMap default/cm"),
        ({"secretKeyRef": {"name": "sec", "key": "z"}}, "couldn't find key z in Secret default/sec"),
        ({"fieldRef": {"fieldPath": "spec.bad"}}, "unsupported fieldPath: spec.bad"),
    ],
)
def test_environment_that_cannot_be_made(source: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match="^" + text.replace("'", ".") + "$"):
        environment([{"name": "V", "valueFrom": source}])


def test_limits_that_a_container_lacks_are_those_of_its_pod_or_of_the_node() -> None:
    def limit(name: str) -> dict[str, Any]:
        return {"name": name, "valueFrom": {"resourceFieldRef": {"resource": f"limits.{name}"}}}

    env = [limit("cpu"), limit("memory"), limit("ephemeral-storage")]
    of = pod([{"name": "c", "image": "i", "env": env}], resources={"limits": {"cpu": "1250m", "memory": "64Mi"}})
    facts = replace(FACTS, allocatable={"cpu": "8", "memory": "1Gi", "ephemeral-storage": "5"})
    found = container_environment(of, of.spec.containers[0], Objects(), [], facts)
    assert found == {"cpu": "2", "memory": str(64 << 20), "ephemeral-storage": "5"}


def test_service_variables() -> None:
    def service(name: str, namespace: str, address: str = "10.96.0.5") -> Service:
        tree = {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "clusterIP": address,
                "ports": [{"name": "web", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}],
            },
        }
        return msgspec.convert(tree, Service)

    services = [
        service("my-web", "default"),
        service("other", "elsewhere"),
        service("headless", "default", "None"),
        service("kubernetes", "default", "10.96.0.1"),
    ]
    found = service_variables(services, "default", True)
    assert found["MY_WEB_SERVICE_HOST"] == "10.96.0.5"
    assert found["MY_WEB_SERVICE_PORT"] == found["MY_WEB_SERVICE_PORT_WEB"] == "80"
    assert found["MY_WEB_PORT"] == found["MY_WEB_PORT_80_TCP"] == "tcp://10.96.0.5:80"
    assert found["MY_WEB_PORT_53_UDP_PROTO"] == "udp"
    assert not any(name.startswith(("OTHER", "HEADLESS")) for name in found)
    without = service_variables(services, "default", False)
    assert {k.split("_")[0] for k in without} == {"KUBERNETES"}


def test_downward_maps_are_sorted_and_quoted() -> None:
    of = pod()
    of.metadata.labels = {"b": 'say "hi"', "a": "1"}
    assert downward.field_value(of, "metadata.labels") == 'a="1"\nb="say \\"hi\\""'
    assert downward.field_value(of, "metadata.labels['b']") == 'say "hi"'


NDOTS_2 = {"name": "ndots", "value": "2"}
HOST = Dns(["8.8.8.8"], ["corp.example"], ["timeout:1"])


@pytest.mark.parametrize(
    ("spec", "servers", "searches", "options"),
    [
        ({}, ["10.96.0.10"], ["default.svc.c.local", "svc.c.local", "c.local", "corp.example"], ["ndots:5"]),
        ({"dnsPolicy": "Default"}, ["8.8.8.8"], ["corp.example"], ["timeout:1"]),
        ({"hostNetwork": True}, ["8.8.8.8"], ["corp.example"], ["timeout:1"]),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "options": [NDOTS_2, {"name": "edns0"}]}},
            ["1.1.1.1"],
            [],
            ["ndots:2", "edns0"],
        ),
        (
            {"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True, "dnsConfig": {"options": [NDOTS_2]}},
            ["10.96.0.10"],
            ["default.svc.c.local", "svc.c.local", "c.local", "corp.example"],
            ["ndots:2"],
        ),
    ],
)
def test_resolver(spec: dict[str, Any], servers: list[str], searches: list[str], options: list[str]) -> None:
    found = pod_dns(pod(**spec), HOST, ["10.96.0.10"], "c.local")
    assert (found.servers, found.searches, found.options) == (servers, searches, options)


def test_resolver_limits() -> None:
    of = pod(dnsConfig={"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3"]})
    found = pod_dns(of, HOST, ["10.96.0.10"], "c.local")
    assert len(found.servers) == 3
    assert found.warnings[0].startswith("Nameserver limits were exceeded")


def test_resolv_conf_is_read() -> None:
    text = "# note\nnameserver 1.2.3.4\nsearch a. b\nsearch c. .\noptions ndots:2 edns0\noptions ndots:3\n"
    found = parse_resolv_conf(text)
    assert (found.servers, found.searches, found.options) == (["1.2.3.4"], ["c"], ["ndots:3", "edns0"])


def test_host_names_and_hosts() -> None:
    of = pod(hostname="h", subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["x", "y"]}])
    assert host_name(of, "c.local") == ("h", "sub.default.svc.c.local")
    assert kernel_host_name(of, "c.local") == "h"
    of.spec.setHostnameAsFQDN = True
    assert kernel_host_name(of, "c.local") == "h.sub.default.svc.c.local"
    text = hosts_file(of, ["10.0.0.2"], "c.local")
    assert "10.0.0.2\th.sub.default.svc.c.local\th\n" in text
    assert text.endswith("\n# Entries added by HostAliases.\n1.2.3.4\tx\ty\n")
    of.metadata.name, of.spec.hostname = "a" * 62 + "-b", None
    assert host_name(of, "c.local")[0] == "a" * 62


def asking(requests: dict[str, str], limits: dict[str, str] | None = None, **more: Any) -> Pod:
    return pod([{"name": "c", "image": "i", "resources": {"requests": requests, "limits": limits or {}}}], **more)


def test_the_quality_that_was_told_holds_though_resources_change() -> None:
    of = asking({"cpu": "1"})
    assert qos_class(of) == "Burstable"
    of.status.qosClass = "Guaranteed"
    assert qos_class(of) == "Guaranteed"


def test_requests_of_init_containers_and_sidecars() -> None:
    def c(name: str, cpu: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "image": "i", "resources": {"requests": {"cpu": cpu}}, **more}

    of = pod([c("a", "100m"), c("b", "100m")], [c("big", "1"), c("side", "50m", restartPolicy="Always")])
    assert pod_requests(of)["cpu"] == "1"
    of = pod([c("a", "1")], [c("side", "500m", restartPolicy="Always"), c("step", "800m")])
    assert pod_requests(of)["cpu"] == "1500m"


def test_cgroup_values() -> None:
    assert (cpu_shares(0), cpu_shares(1000), cpu_shares(1)) == (2, 1024, 2)
    assert (cpu_weight(2), cpu_weight(1024), cpu_weight(262144)) == (1, 39, 10000)
    assert (cpu_quota(0), cpu_quota(200), cpu_quota(1)) == (0, 20000, 1000)
    found = pod_cgroup_values(asking({"cpu": "100m"}, {"cpu": "200m", "memory": "1Mi"}))
    assert (found.cpu_shares, found.cpu_quota_us, found.memory_limit_bytes) == (102, 20000, 1 << 20)
    unlimited = pod_cgroup_values(asking({"cpu": "100m"}))
    assert (unlimited.cpu_quota_us, unlimited.memory_limit_bytes) == (-1, None)


def test_oom_scores() -> None:
    gib = 1 << 30
    guaranteed, burstable = asking({}, {"cpu": "1", "memory": "1Gi"}), asking({"memory": "1Gi"})
    assert oom_score_adjust(guaranteed, guaranteed.spec.containers[0], 4 * gib) == -997
    assert oom_score_adjust(burstable, burstable.spec.containers[0], 4 * gib) == 750
    assert oom_score_adjust(pod(), pod().spec.containers[0], 4 * gib) == 1000
    critical = pod(priority=2_000_001_000)
    assert oom_score_adjust(critical, critical.spec.containers[0], gib) == -997


def test_non_root() -> None:
    of = pod(securityContext={"runAsNonRoot": True})
    c = of.spec.containers[0]
    verify_non_root(of, c, 1000, "")
    with pytest.raises(ConfigError, match="image will run as root"):
        verify_non_root(of, c, 0, "")
    with pytest.raises(ConfigError, match=r"non-numeric user \(app\)"):
        verify_non_root(of, c, None, "app")
    own = pod([{"name": "c", "image": "i", "securityContext": {"runAsUser": 0, "runAsNonRoot": True}}])
    with pytest.raises(ConfigError, match="runAsUser breaks non-root policy"):
        verify_non_root(own, own.spec.containers[0], 1000, "")


def test_admission() -> None:
    node = initial_node(KubeletConfig("node-a", node_labels={"disk": "ssd"}))
    room = {"cpu": "2", "memory": "1Gi", "pods": "3"}

    def reason(of: Pod, others: list[Pod] | None = None) -> str:
        found = admit(of, others or [], node, room)
        return found.reason if found is not None else ""

    assert reason(asking({"cpu": "1"})) == ""
    assert reason(asking({"cpu": "1500m"}), [asking({"cpu": "1"})]) == "OutOfcpu"
    assert reason(asking({"memory": "2Gi"})) == "OutOfmemory"
    assert reason(pod(), [pod()] * 3) == "OutOfpods"
    assert reason(asking({"example.com/gpu": "9"})) == "", "what the node does not know is not its business"
    assert reason(pod(nodeSelector={"disk": "ssd"})) == ""
    assert reason(pod(nodeSelector={"disk": "hdd"})) == "NodeAffinity"
    term = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["hdd", "ssd"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    assert reason(pod(affinity={"nodeAffinity": required})) == ""
    term["matchExpressions"][0]["operator"] = "NotIn"
    assert reason(pod(affinity={"nodeAffinity": required})) == "NodeAffinity"
    port = {"name": "c", "image": "i", "ports": [{"containerPort": 80, "hostPort": 8080}]}
    assert reason(pod([port]), [pod([port])]) == "NodePorts"
    assert reason(pod([port]), [pod()]) == ""
    assert reason(pod(os={"name": "windows"})) == "PodOSNotSupported"
    room["example.com/gpu"] = "0"
    given = asking({"example.com/gpu": "1"})
    assert reason(given) == "OutOfexample.com/gpu"
    mapping = {"containerName": "c", "resourceName": "example.com/gpu", "requestName": "r"}
    told = {"requestMappings": [mapping], "resourceClaimName": "made"}
    given.status.extendedResourceClaimStatus = msgspec.convert(told, PodExtendedResourceClaimStatus)
    assert reason(given) == "", "it comes from a claim"


def test_variables_of_one_container_do_not_leak() -> None:
    of = pod([{"name": "c", "image": "i"}])
    of.spec.containers[0].env = [EnvVar(name="A", value="1"), EnvVar(name="A", value="$(A)2")]
    assert container_environment(of, of.spec.containers[0], Objects(), [], FACTS) == {"A": "12"}
