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
    found = config("--manifest-url=http://h/p", *headers, "--http-check-frequency=3")
    assert (found.static_pod_url, found.http_check_frequency_s) == ("http://h/p", 3.0)
    assert found.static_pod_url_headers == {"A": ["1", "2"], "B": ["x:y"]}
    assert config("--eviction-hard=memory.available<5%").eviction_hard == {"memory.available": "5%"}


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
        ("--manifest-url-header=A=1", "is not KEY:VALUE"),
        ("--system-reserved=cpu", "--system-reserved: 'cpu' is not KEY=VALUE"),
        ("--system-reserved=cpu=much", "cpu: 'much' is no amount"),
        (
            "--kube-reserved=memry=1Gi",
            r"kubeReserved \(--kube-reserved\): 'memry' is none of cpu, memory",
        ),
        ("--kube-reserved=memory=-1Gi", "memory: -1Gi is less than none"),
        ("--enforce-node-allocatable=system-reserved", r"needs systemReservedCgroup \(--system-reserved-cgroup\)"),
        ("--reserved-memory=memory=1Gi", "'memory=1Gi' is not NODE:memory=AMOUNT"),
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
    words = ["--cpu-manager-policy=static", "--no-enable-server", "--no-fail-swap-on", "--no-cgroups-per-qos"]
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
