"""The kubelet's flags: what they come to, and what is refused before anything starts."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import pytest

from pybernetes.cmd.kubelet import add_arguments, config_of, run
from pybernetes.kubelet.config import KubeletConfig


def config(*words: str) -> KubeletConfig:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return config_of(parser.parse_args(words))


def test_what_flags_come_to() -> None:
    headers = ("--manifest-url-header", "A:1,A:2", "--manifest-url-header", "B:x:y")
    found = config("--manifest-url=http://h/p", *headers, "--http-check-frequency=1m30s")
    assert (found.static_pod_url, found.http_check_frequency_s) == ("http://h/p", 90.0)
    assert found.static_pod_url_headers == {"A": ["1", "2"], "B": ["x:y"]}
    assert config("--eviction-hard=memory.available<5%").eviction_hard == {"memory.available": "5%"}


@pytest.mark.parametrize(
    ("words", "attribute", "value"),
    [
        ("--fail-swap-on", "fail_swap_on", True),
        ("--fail-swap-on=true", "fail_swap_on", True),
        ("--fail-swap-on=F", "fail_swap_on", False),
        ("--serialize-image-pulls=0", "serialize_image_pulls", False),
        ("--max-pods=0", "max_pods", 0),
        ("--max-pods=5 --max-pods 6", "max_pods", 6),
        ("--node-status-update-frequency=1m30s", "node_status_update_frequency_s", 90.0),
        ("--eviction-pressure-transition-period=0s", "eviction_pressure_transition_period_s", 0.0),
        ("--container-log-max-size=5Mi", "container_log_max_bytes", 5 << 20),
        (
            "--system-reserved=cpu=1,memory=1Gi --system-reserved=cpu=2",
            "system_reserved",
            {"cpu": "2", "memory": "1Gi"},
        ),
        ("--cluster-dns=1.1.1.1,2.2.2.2 --cluster-dns=3.3.3.3", "cluster_dns", ["1.1.1.1", "2.2.2.2", "3.3.3.3"]),
        ("--feature-gates=AllBeta=false,MemoryQoS=t", "feature_gates", {"AllBeta": False, "MemoryQoS": True}),
        (
            "--node-labels=a=b,kubernetes.io/os=linux,c=",
            "node_labels",
            {"a": "b", "kubernetes.io/os": "linux", "c": ""},
        ),
        (
            "--register-with-taints=a=b:NoSchedule,c/d:NoExecute",
            "register_with_taints",
            [("a", "b", "NoSchedule"), ("c/d", "", "NoExecute")],
        ),
        (
            "--reserved-memory=0:memory=1Gi --reserved-memory=1:memory=2Gi",
            "reserved_memory",
            [
                (0, {"memory": "1Gi"}),
                (1, {"memory": "2Gi"}),
            ],
        ),
        ("--authorization-mode=AlwaysAllow", "authorize_requests", False),
        ("--seccomp-default", "seccomp_default", True),
    ],
)
def test_flags_in_all_their_forms(words: str, attribute: str, value: object) -> None:
    assert getattr(config(*words.split()), attribute) == value


def test_flags_that_make_no_difference_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    config("--v=2", "-v", "4", "--hairpin-mode=none", "--read-only-port=0", "--cgroup-driver=cgroupfs")
    assert capsys.readouterr().err == "pybernetes kubelet: --v: 4 makes no difference: there is one level of detail\n"


def test_what_is_reserved_and_for_whom() -> None:
    found = config(
        "--kube-reserved=cpu=100m,pid=200", "--enforce-node-allocatable=kube-reserved", "--kube-reserved-cgroup=/k"
    )
    assert (found.kube_reserved, found.kube_reserved_cgroup) == ({"cpu": "100m", "pid": "200"}, "/k")
    assert found.enforce_node_allocatable == ["kube-reserved"]
    assert list(config().enforce_node_allocatable) == ["pods"]
    assert config("--enforce-node-allocatable=none").enforce_node_allocatable == []
    assert config("--cgroup-root=nodes/").cgroup_root == "/nodes"
    reserved = config("--reserved-memory=0:memory=1Gi,hugepages-2Mi=2Mi;1:memory=2Gi").reserved_memory
    assert reserved == [(0, {"memory": "1Gi", "hugepages-2Mi": "2Mi"}), (1, {"memory": "2Gi"})]
    both = "--cpu-manager-policy-options=full-pcpus-only=true,strict-cpu-reservation=false"
    assert config("--cpu-manager-policy=static", both).cpu_manager_policy_options == {
        "full-pcpus-only": "true",
        "strict-cpu-reservation": "false",
    }


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--eviction-hard=cpu<1", "unsupported eviction signal cpu"),
        ("--manifest-url-header=A=1", "--manifest-url-header is KEY:VALUE,..., not 'A=1'"),
        ("--system-reserved=cpu", "--system-reserved is KEY=VALUE,..., not 'cpu'"),
        ("--system-reserved=cpu=much", "cpu: 'much' is no amount"),
        (
            "--kube-reserved=memry=1Gi",
            r"kubeReserved \(--kube-reserved\): 'memry' is none of cpu, memory",
        ),
        ("--kube-reserved=memory=-1Gi", "memory: -1Gi is less than none"),
        ("--enforce-node-allocatable=system-reserved", r"needs systemReservedCgroup \(--system-reserved-cgroup\)"),
        ("--reserved-memory=memory=1Gi", "--reserved-memory is NODE:memory=AMOUNT,..., not 'memory=1Gi'"),
        ("--max-pods=many", "--max-pods is NUMBER, not 'many'"),
        ("--fail-swap-on=no", r"--fail-swap-on is true\|false, not 'no'"),
        ("--http-check-frequency=3", '--http-check-frequency: "3" is not a duration such as 1m30s'),
        ("--read-only-port=10255", "--read-only-port: 10255 cannot be had: there is no port"),
        ("--cgroup-driver=systemd", "--cgroup-driver: .* cgroups are made without systemd"),
        ("--register-with-taints=a=b:Never", "there is no effect 'Never'"),
        ("--register-with-taints=a:NoExecute,a=1:NoExecute", "two of them have the same key and effect"),
        ("--register-with-taints=a=b", "--register-with-taints is KEY=VALUE:EFFECT"),
        ("--feature-gates=MemoryQoS=on", "--feature-gates is NAME=true,"),
        ("--node-labels=kubernetes.io/role=x", "not a label that a kubelet may set"),
        ("--node-labels=a", "--node-labels is KEY=VALUE"),
        ("--node-labels=a=b/c", "--node-labels: a=b/c: a valid label must"),
        ("--allowed-unsafe-sysctls=vm.*", "are not known to be namespaced"),
        ("--cpu-manager-policy-options=full-pcpus-only=true", "needs cpuManagerPolicy static"),
        (
            "--cpu-manager-policy=static --cpu-manager-policy-options=x=true",
            "'x' is none of full-pcpus-only, strict",
        ),
        ("--cpu-manager-policy=static --cpu-manager-policy-options=full-pcpus-only=on", "is true or false, not 'on'"),
    ],
)
def test_flags_that_make_no_sense(words: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        config(*words.split())


def test_flags_have_the_last_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "kubelet.yaml"
    text = "maxPods: 5\nsystemReserved: {cpu: 1m}\nfeatureGates: {AllBeta: true, EventedPLEG: false}\nsyncFrequency: 1s"
    file.write_text(f"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n{text}")
    found = config(
        f"--config={file}", "--system-reserved=memory=1Gi", "--feature-gates=AllBeta=false", "--healthz-port=0"
    )
    assert (found.max_pods, found.system_reserved, found.healthz_port) == (5, {"memory": "1Gi"}, 0)
    assert found.feature_gates == {"AllBeta": False, "EventedPLEG": False}
    assert 'syncFrequency: "1s" makes no difference' in capsys.readouterr().err
    assert (config().healthz_port, config().fail_swap_on) == (10248, True)


def test_what_this_machine_cannot_do_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--cpu-manager-policy=static", "--enable-server=false", "--fail-swap-on=false", "--cgroups-per-qos=0"]
    words += [
        "--enforce-node-allocatable=none",
        f"--root-dir={tmp_path / 'root'}",
        f"--pod-log-dir={tmp_path / 'logs'}",
    ]
    assert asyncio.run(run(parser.parse_args(words))) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "pybernetes kubelet: the static CPU manager policy needs CPU that is reserved for the system"
    )
