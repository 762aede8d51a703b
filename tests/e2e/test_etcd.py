"""A cluster on an etcd of its own: TLS, kill -9, snapshots that etcd's own tools read."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.host.processes import Process
from tests.e2e.conftest import Cluster, eventually, make_cluster, run

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def on_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if shutil.which("etcd") is None or shutil.which("etcdctl") is None:
        pytest.skip("needs etcd and etcdctl; Debian calls them etcd-server and etcd-client")
    made = make_cluster(tmp_path_factory.mktemp("etcd"), "etcd")
    made.down()
    made.up("--store", "etcd")
    yield made
    made.down()


def etcdctl(
    cluster: Cluster, *args: str, certificate: str = "apiserver-etcd-client", timeout: str = "60s"
) -> subprocess.CompletedProcess[str]:
    data = cluster.folder / "data"
    port = json.loads((data / "cluster.json").read_text())["etcd_port"]
    keys = data / "pki"
    command = [
        "etcdctl", "--endpoints", f"https://127.0.0.1:{port}", "--cacert", str(keys / "etcd-ca.crt"),
        "--cert", str(keys / f"{certificate}.crt"), "--key", str(keys / f"{certificate}.key"),
        "--dial-timeout", timeout, "--command-timeout", timeout, *args,
    ]  # fmt: skip
    return run(command, {**os.environ, "ETCDCTL_API": "3"}, check=False)


def test_upstreams_tools_read_it_and_no_other_key_does(on_etcd: Cluster) -> None:
    on_etcd.kubectl("create", "configmap", "readable", "--from-literal=a=b")
    value = etcdctl(on_etcd, "get", "/registry/configmaps/default/readable", "--print-value-only").stdout
    assert json.loads(value)["data"] == {"a": "b"}
    # It tries again until its time is over, so the time is short.
    refused = etcdctl(on_etcd, "get", "/registry/", "--prefix", "--limit", "1", certificate="admin", timeout="3s")
    assert refused.returncode != 0, "the cluster's own certificates do not open its etcd"
    why = on_etcd.command("why", "configmap/readable", "--name", on_etcd.name).stdout
    assert "kubernetes-admin" in why


def test_etcd_and_the_control_plane_come_back_after_kill_9(on_etcd: Cluster) -> None:
    on_etcd.kubectl("create", "configmap", "kept")
    for name in ("etcd", "control-plane"):
        status = json.loads(on_etcd.command("status", "--name", on_etcd.name, "-o", "json").stdout)
        (pid,) = (part["pid"] for part in status["components"] if part["name"] == name)
        killed = Process.of(pid)
        assert killed is not None
        killed.signal(signal.SIGKILL)
        eventually(
            "a write",
            lambda name=name: (
                on_etcd.kubectl("create", "configmap", f"after-{name}", check=False).returncode == 0
                or on_etcd.kubectl("get", "configmap", f"after-{name}", check=False).returncode == 0
            ),
        )
        assert on_etcd.kubectl("get", "configmap", "kept").returncode == 0


def test_a_snapshot_goes_into_the_stopped_cluster(on_etcd: Cluster, tmp_path: Path) -> None:
    file = str(tmp_path / "etcd.db")
    on_etcd.kubectl("create", "configmap", "in-the-snapshot")
    known = on_etcd.get("configmap", "in-the-snapshot")["metadata"]
    on_etcd.command("snapshot", "save", file, "--name", on_etcd.name)
    told = json.loads(on_etcd.command("snapshot", "status", file, "-o", "json").stdout)
    assert told["store"] == "etcd" and told["revision"] >= int(known["resourceVersion"])
    assert etcdctl(on_etcd, "snapshot", "status", file).returncode == 0
    on_etcd.kubectl("create", "configmap", "not-in-the-snapshot")
    lost = on_etcd.get("configmap", "not-in-the-snapshot")["metadata"]["resourceVersion"]
    refused = on_etcd.command("snapshot", "restore", file, "--name", on_etcd.name, check=False)
    assert refused.returncode == 1 and "stop it first" in refused.stderr
    on_etcd.command("down", "--name", on_etcd.name)
    on_etcd.command("snapshot", "restore", file, "--name", on_etcd.name)
    on_etcd.up()
    assert on_etcd.get("configmap", "in-the-snapshot")["metadata"]["uid"] == known["uid"]
    assert on_etcd.kubectl("get", "configmap", "not-in-the-snapshot", check=False).returncode == 1
    path = "/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=5&resourceVersion="
    for version in (known["resourceVersion"], lost):
        assert '"code":410' in on_etcd.kubectl("get", "--raw", path + version).stdout
