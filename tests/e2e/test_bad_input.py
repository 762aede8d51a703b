"""Mistakes: the API's own error, or one plain line with the way out; never a traceback, nothing lost."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from .conftest import COMMAND, IMAGE, Cluster, eventually, run

pytestmark = pytest.mark.e2e

POD = "apiVersion: v1\nkind: Pod\nmetadata: {%s}\nspec:\n  containers:\n  - {name: c, image: x%s}\n"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        pytest.param(
            POD % ("name: p", ", colour: red"), ['unknown field "spec.containers[0].colour"'], id="wrong field"
        ),
        pytest.param(POD % ("labels: {a: b}", ""), ["name or generateName is required"], id="no name"),
        pytest.param(
            POD % ("name: p", ", resources: {limits: {cpu: lots}}"),
            ["quantities must match the regular expression"],
            id="quantity",
        ),
        pytest.param(
            POD % ("name: p", ", resources: {limits: {cpu: 1}, requests: {cpu: 2}}"),
            ["spec.containers[0].resources.requests", "must be less than or equal to cpu limit"],
            id="request over limit",
        ),
        pytest.param(POD % ("name: Not_A_Name", ""), ["metadata.name", "RFC 1123 subdomain"], id="bad name"),
        pytest.param(
            POD % ("name: p", ", imagePullPolicy: Sometimes"),
            ["imagePullPolicy", 'Unsupported value: "Sometimes"'],
            id="enum",
        ),
        pytest.param(
            "apiVersion: apps/v1\nkind: Nothing\nmetadata: {name: x}\n", ["no matches for kind"], id="unknown kind"
        ),
        pytest.param("apiVersion: v1\nkind: [\n", ["error"], id="broken yaml"),
    ],
)
def test_manifest(cluster: Cluster, namespace: str, manifest: str, words: list[str]) -> None:
    done = cluster.kubectl("create", "-f", "-", stdin=manifest, check=False)
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr
    assert cluster.get("pods")["items"] == []


def test_a_port_clash(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "service", "nodeport", "one", "--tcp=80:80")
    taken = cluster.get("service", "one")["spec"]["ports"][0]["nodePort"]
    done = cluster.kubectl("create", "service", "nodeport", "two", "--tcp=80:80", f"--node-port={taken}", check=False)
    assert f"Invalid value: {taken}: provided port is already allocated" in done.stderr


def test_an_image_that_does_not_exist(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("run", "none", "--image=pybernetes.local/does-not-exist:1")
    eventually(
        "the Pod says what is wrong",
        lambda: any(w in cluster.kubectl("get", "pod", "none").stdout for w in ("ErrImagePull", "ImagePullBackOff")),
    )
    eventually(
        "the event says why", lambda: "Failed to pull image" in cluster.kubectl("describe", "pod", "none").stdout
    )


def test_a_pod_that_fits_nowhere(cluster: Cluster, namespace: str) -> None:
    container = {"name": "big", "image": IMAGE, "resources": {"requests": {"cpu": "1000"}}}
    overrides = json.dumps({"spec": {"containers": [container]}})
    cluster.kubectl("run", "big", f"--image={IMAGE}", f"--overrides={overrides}")
    eventually(
        "the event says why", lambda: "0/1 nodes are available" in cluster.kubectl("describe", "pod", "big").stdout
    )
    assert "1 Insufficient cpu" in cluster.kubectl("describe", "pod", "big").stdout


def command(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run([*COMMAND, *args], {**os.environ, **env}, check=False)


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) <= 2 if code == 2 else len(lines) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_unknown_flag_and_verb() -> None:
    one_line(command("up", "--bogus"), 2, "--bogus")
    one_line(command("fly"), 2, "fly")


def test_broken_kubeconfig(cluster: Cluster, tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text("clusters: [{\n")
    place = ("--name", f"{cluster.name}broken", "--data-dir", str(tmp_path / "data"))
    done = command("up", *place, "--no-example", KUBECONFIG=str(broken))
    try:
        one_line(done, 1, str(broken))
        assert broken.read_text() == "clusters: [{\n", "nothing is lost"
    finally:
        command("down", *place, KUBECONFIG=str(tmp_path / "none"))


def test_unwritable_data_folder(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command(
        "up",
        "--name",
        f"{cluster.name}file",
        "--data-dir",
        str(tmp_path / "file" / "x"),
        "--no-example",
        KUBECONFIG=str(tmp_path / "k"),
    )
    one_line(done, 1, str(tmp_path / "file"))


def test_taken_port(cluster: Cluster, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        args = ("--name", f"{cluster.name}port", "--data-dir", str(tmp_path / "data"))
        done = command("up", *args, "--no-example", "--port", port, KUBECONFIG=str(tmp_path / "k"))
        command("down", *args, KUBECONFIG=str(tmp_path / "k"))
    one_line(done, 1, port)


def test_without_root(cluster: Cluster, tmp_path: Path) -> None:
    """The interpreter of a test run may lie where nobody else can read, so the process drops root once it is loaded."""
    args = ["up", "--name", f"{cluster.name}user", "--data-dir", str(tmp_path / "data"), "--no-example"]
    code = (
        "import os, sys; import pybernetes.cli.up, pybernetes.cli.failures; from pybernetes.cmd.main import main;"
        f"os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(main({args}))"
    )
    os.chmod(tmp_path, 0o777)  # noqa: PTH101
    env = {**os.environ, "KUBECONFIG": str(tmp_path / "k"), "HOME": str(tmp_path)}
    done = run([COMMAND[0], "-c", code], env, check=False)
    one_line(done, 1, "root", "sudo")
