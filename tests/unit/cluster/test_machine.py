from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from pybernetes.cluster import teardown
from pybernetes.cluster.layout import Layout, NodeLayout
from pybernetes.cluster.machine import cgroups, containerd
from pybernetes.cluster.process_table import process_table
from pybernetes.cluster.spec import ClusterSpec

NODE = NodeLayout(Path('/srv/with "quotes"/node-1'), Path("/run/pybernetes/x/node-1"))


def spec(nodes: int) -> ClusterSpec:
    return ClusterSpec("x", 0, nodes, 6443, "10.244.0.0/16", "10.96.0.0/16", "172.31.255.0/24", 30000, 32767, 10250)


def test_containerd_owns_nothing_outside_its_folders() -> None:
    text = containerd.configuration(NODE, sandbox_image="pause:1", cni_bin="/usr/lib/cni", restrict_oom_score_adj=True)
    tree = tomllib.loads(text)
    cri = tree["plugins"]["io.containerd.grpc.v1.cri"]
    assert tree["version"] == 2
    assert tree["root"] == str(NODE.data / "containerd")
    assert tree["plugins"]["io.containerd.internal.v1.opt"]["path"].startswith(tree["root"])
    assert tree["grpc"]["address"] == "/run/pybernetes/x/node-1/containerd.sock"
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["sandbox_image"] == "pause:1"
    assert cri["cni"] == {
        "bin_dir": "/usr/lib/cni", "conf_dir": str(NODE.data / "cni" / "net.d"), "max_conf_num": 1
    }  # fmt: skip
    assert cri["registry"]["config_path"] == str(NODE.data / "certs.d")
    options = cri["containerd"]["runtimes"]["runc"]["options"]
    assert options == {"Root": "/run/pybernetes/x/node-1/runc", "SystemdCgroup": False}


@pytest.mark.parametrize(
    ("capabilities", "may"), [("000001ffffffffff", True), ("000001fffeffffff", False), ("0000000000000000", False)]
)
def test_cap_sys_resource(capabilities: str, may: bool) -> None:
    assert containerd.may_raise_limits(f"Name:\tx\nCapEff:\t{capabilities}\n") is may


def test_processes_of_one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    table = process_table(spec(1), Layout("x", Path("/data")))
    assert [(entry.name, entry.outlives) for entry in table] == [("control-plane", False), ("containerd-node-1", True)]
    assert table[0].argv[-6:] == ("pybernetes", "standalone", "--name", "x", "--data-dir", "/data")
    assert table[1].argv == ("/usr/bin/containerd", "--config", "/data/nodes/node-1/containerd.toml")


def test_simulated_nodes_are_one_process_beside_the_control_plane() -> None:
    simulated = replace(spec(1), runtime="simulated", simulated_nodes=1000)
    assert [entry.name for entry in process_table(simulated, Layout("x", Path("/data")))] == [
        "control-plane", "simulated-nodes",
    ]  # fmt: skip


def test_processes_of_two_nodes_are_in_their_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    table = process_table(spec(2), Layout("x", Path("/data")))
    assert [entry.name for entry in table] == [
        "control-plane", "containerd-node-1", "node-1", "containerd-node-2", "node-2",
    ]  # fmt: skip
    for entry in table[1:]:
        assert entry.argv[:3] == ("nsenter", f"--net=/run/netns/pybernetes-x-{entry.node}", "--")


def test_which_processes_are_the_clusters() -> None:
    own = ["--name", "x", "--data-dir", "/data"]
    wanted = ["pybernetes", "standalone", *own]
    assert teardown._contains(wanted, ["python", "-P", "-m", *wanted])
    assert not teardown._contains(wanted, ["python", "-m", "pybernetes", "up", *own])
    assert not teardown._contains(wanted, ["python", "-m", "pybernetes", "standalone", *own[:3], "/data2"])
    assert not teardown._contains(wanted, wanted[:-1])


def v1(tmp_path: Path) -> Path:
    for name in ("cpu", "cpuset", "memory"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").write_text("")
    (tmp_path / "unified").mkdir()
    for name in ("cgroup.procs", "cgroup.controllers"):
        (tmp_path / "unified" / name).write_text("")
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n")
    return tmp_path


def test_hierarchies(tmp_path: Path) -> None:
    assert [root.name for root in cgroups.hierarchies(v1(tmp_path))] == ["cpu", "cpuset", "memory"]
    unified = tmp_path / "unified"
    assert cgroups.hierarchies(unified) == [unified]
    assert cgroups.hierarchies(tmp_path / "none") == []


def test_cgroups_are_made_and_removed(tmp_path: Path) -> None:
    mount = v1(tmp_path)
    cgroups.prepare("/pybernetes-x/node-1", mount)
    (mount / "cpu" / "pybernetes-x" / "node-1" / "kubepods" / "pod").mkdir(parents=True)
    (mount / "unified" / "pybernetes-x" / "node-1").mkdir(parents=True)  # as runc does on a hybrid machine
    (mount / "cpu" / "pybernetes-xy").mkdir()
    assert (mount / "memory" / "pybernetes-x" / "node-1").is_dir()
    assert cgroups.remove("/pybernetes-x", mount) == []
    assert not any((mount / name / "pybernetes-x").exists() for name in ("cpu", "cpuset", "memory", "unified"))
    assert (mount / "cpu" / "pybernetes-xy").is_dir()


def test_shim_sockets_are_those_of_the_bundles(tmp_path: Path) -> None:
    place = NodeLayout(tmp_path / "data", tmp_path / "run")
    for name, address in (("a", "unix:///run/containerd/s/0a"), ("b", "unix:///var/run/docker.sock"), ("c", "")):
        bundle = place.containerd_state / "io.containerd.runtime.v2.task" / "k8s.io" / name
        bundle.mkdir(parents=True)
        (bundle / "address").write_text(address)
    assert teardown._shim_sockets(place) == [Path("/run/containerd/s/0a")]


def test_cni_results_are_those_of_the_nodes_sandboxes(tmp_path: Path) -> None:
    place = NodeLayout(tmp_path / "data", tmp_path / "run")
    (place.containerd_root / "io.containerd.grpc.v1.cri" / "sandboxes" / "aa").mkdir(parents=True)
    results = tmp_path / "results"
    results.mkdir()
    for name in ("pybernetes-x-aa-eth0", "cni-loopback-aa-lo", "cni-loopback-bb-lo", "pybernetes-x-bb-eth0"):
        (results / name).touch()
    found = teardown._cni_results("x", place, results)
    assert {file.name for file in found} == {"pybernetes-x-aa-eth0", "cni-loopback-aa-lo"}


def test_features_are_told_to_every_component_that_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    several = replace(spec(1), control_planes=3, store="etcd", feature_gates="HPAScaleToZero=true")
    table = process_table(several, Layout("x", Path("/data")))
    told = {entry.name for entry in table if "--feature-gates=HPAScaleToZero=true" in entry.argv}
    assert told == {f"{name}-control-plane-{n}" for name in ("apiserver", "controller-manager") for n in (1, 2, 3)}
