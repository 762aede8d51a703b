"""Settings of `up` that cannot be are told before anything is done."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path

import pytest

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.machine.control_plane import components
from pybernetes.cluster.settings import check, check_nodes, check_pool_apart, check_store, of_nodes_alone, with_digests
from pybernetes.cmd import wiring
from tests.unit.cluster.builders import spec


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"feature_gates": "NoSuch=true"}, "unrecognized feature gate: NoSuch"),
        ({"feature_gates": "AllBeta"}, "missing bool value for AllBeta"),
        ({"runtime_config": "nosuch/v1=true"}, "unknown api groups nosuch/v1"),
        ({"cluster_domain": "Not_a.domain"}, "--cluster-domain 'Not_a.domain' cannot be"),
        ({"cluster_domain": ""}, "--cluster-domain '' cannot be"),
    ],
)
def test_refused(settings: dict[str, str], error: str) -> None:
    with pytest.raises(ClusterError, match=error):
        check(settings)


def test_good_ones() -> None:
    check({"feature_gates": "AllBeta=true", "runtime_config": "api/beta=true"})


@pytest.mark.parametrize(
    ("store", "files", "error"),
    [
        ("sqlite", {"etcd_user_file": "/user"}, "go with --store etcd=URL"),
        ("etcd", {"etcd_ca_file": "/ca"}, "go with --store etcd=URL"),
        ("etcd=https://a:1", {"etcd_cert_file": "/cert"}, "go together"),
    ],
)
def test_keys_that_do_not_go_with_the_store(store: str, files: dict[str, str], error: str) -> None:
    with pytest.raises(ClusterError, match=error):
        check_store(spec(store=store, **files))


@pytest.mark.parametrize(
    ("pool", "error"),
    [
        ("203.0.113.0/28,10.96.4.0/24", "10.96.0.0/16 is of Services"),
        ("10.244.0.1-10.244.0.9", "10.244.0.0/16 is of Pods"),
        ("172.31.255.0/29", "172.31.255.1 is of the host"),
        ("172.31.255.12", "172.31.255.12 is of node-2"),
        ("203.0.113.0/28,172.31.255.200-172.31.255.220", ""),
        ("fd00:10:96::/112", ""),
        ("", ""),
    ],
)
def test_a_pool_has_no_address_of_something_else(pool: str, error: str) -> None:
    made = spec(load_balancer_pool=pool)
    if not error:
        check_pool_apart(made)
        return
    with pytest.raises(ClusterError, match=error):
        check_pool_apart(made)


def test_a_pool_leaves_the_address_of_the_machine_out() -> None:
    with pytest.raises(ClusterError, match=r"192\.0\.2\.2 is of node-1"):
        check_pool_apart(spec(nodes=1, node_address="192.0.2.2", load_balancer_pool="192.0.2.0/24"))
    check_pool_apart(spec(nodes=1, load_balancer_pool="192.0.2.0/24"))


def test_what_opens_a_given_etcd_reaches_the_apiservers(tmp_path: Path) -> None:
    given = spec(
        store="etcd=https://a:1", control_planes=3, etcd_ca_file="/ca", etcd_cert_file="/cert", etcd_key_file="/key",
        etcd_user_file="/user", encryption_config="/encryption",
    )  # fmt: skip
    check_store(given)
    flags = components(given, Layout("default", tmp_path), "control-plane-1")["apiserver"]
    assert {"--etcd-cafile=/ca", "--etcd-certfile=/cert", "--etcd-keyfile=/key", "--etcd-user-file=/user"} <= {*flags}
    assert {"--encryption-provider-config=/encryption", "--encryption-provider-config-automatic-reload"} <= {*flags}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("clusterDNS: [192.0.2.1]", "clusterDNS is for the cluster to say; leave it out"),
        ("authentication: {x509: {clientCAFile: /ca}}", "authentication.x509.clientCAFile is for the cluster to say"),
        ("maxPods: many", 'maxPods: "many" is not a whole number'),
        ("cpuManagerPolicy: static", "needs CPU that is reserved for the system"),
        ("memoryManagerPolicy: Static", "0 bytes of memory are reserved of NUMA nodes, but 104857600"),
    ],
)
def test_kubelet_configurations_that_nodes_of_a_cluster_cannot_have(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(f"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n{text}\n")
    with pytest.raises(ClusterError, match=why):
        check({"kubelet_config": str(file)})


def test_nodes_refuse_a_kubelet_configuration_that_has_changed_since(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    given = spec(kubelet_config=str(file))
    for text, why in (("clusterDNS: [192.0.2.1]", "is for the cluster to say"), ("maxPods: -1", "maxPods")):
        file.write_text(f"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n{text}\n")
        with pytest.raises(ValueError, match=why):
            wiring.kubelet(given, Layout("c", tmp_path), "node-1")


def test_nodes_of_a_cluster_follow_a_kubelet_configuration(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 7\n")
    check({"kubelet_config": str(file)})
    config = wiring.kubelet(spec(kubelet_config=str(file)), Layout("c", tmp_path), "node-1")
    assert (config.max_pods, config.cluster_domain) == (7, "cluster.local")


def test_a_kubelet_configuration_of_the_same_name_with_other_contents_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    seen = []
    for contents in ("maxPods: 7", "maxPods: 7", "maxPods: 8"):
        file.write_text(contents)
        seen.append(spec(**with_digests({"kubelet_config": str(file)})))
    assert seen[0] == seen[1] != seen[2]
    assert spec(**with_digests({"kubelet_config": ""})) == spec() != seen[0]
    assert with_digests({"snapshot_keep": 3}) == {"snapshot_keep": 3}, "what was given before stays"


def test_what_kubelets_read_is_no_matter_of_the_control_plane(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text("maxPods: 7")
    before = spec(kubelet_config=str(file))
    now = spec(**with_digests({"kubelet_config": str(file)}))
    assert of_nodes_alone(before, now) and of_nodes_alone(now, spec())
    assert not of_nodes_alone(before, dataclasses.replace(now, feature_gates="AllBeta=true"))


def test_a_kubelet_configuration_that_does_not_go_with_what_containers_have(tmp_path: Path) -> None:
    layout, file = Layout("c", tmp_path), tmp_path / "kubelet.yaml"
    kubelet = layout.node("node-2").kubelet
    kubelet.mkdir(parents=True)
    state = kubelet / "cpu_manager_state"
    for text, given, entries, why in (
        (
            "cpuManagerPolicy: none",
            str(file),
            {"uid": {"c": "1"}},
            'policy "none" differs .* policy "static"; drain this',
        ),
        ("cpuManagerPolicy: none", str(file), {}, ""),
        ("", "", {"uid": {"c": "1"}}, 'policy "none" differs'),
        ('cpuManagerPolicy: static\nreservedSystemCPUs: "0"', str(file), {"uid": {"c": "0"}}, "not all reserved cpus"),
    ):
        file.write_text(f"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n{text}\n")
        state.write_text(json.dumps({"policyName": "static", "defaultCpuSet": "1", "entries": entries}))
        with pytest.raises(ClusterError, match=f"^node-2: .*{why}") if why else contextlib.nullcontext():
            check_nodes(spec(nodes=2, kubelet_config=given), layout)
