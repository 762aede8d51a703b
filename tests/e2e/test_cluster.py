"""The command and the machine under the cluster: the example, several clusters, images, half-dead clusters."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.cluster.images.archive import write_archive
from pybernetes.cluster.images.builtin import hello_image
from pybernetes.host.processes import Process

from .conftest import IMAGE, PATIENCE_S, Cluster, eventually, fetch, make_cluster, quiet_fetch
from .load import Load

pytestmark = pytest.mark.e2e


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    made = make_cluster(tmp_path, "own")
    made.down()
    yield made
    made.down()


def parts(cluster: Cluster) -> dict[str, int]:
    told = json.loads(cluster.command("status", "--name", cluster.name, "-o", "json", check=False).stdout)
    return {part["name"]: part["pid"] for part in told["components"]}


def test_the_example_answers_and_a_second_up_is_harmless(own: Cluster) -> None:
    place = ("--name", own.name, "--data-dir", str(own.folder / "data"))
    told = own.command("up", *place)
    assert "Hello from hello-" in told.stdout
    assert told.stdout.strip().endswith(f"The cluster '{own.name}' is up.")
    assert told.stderr == "", "no progress without a terminal"
    address = own.get("service", "hello")["spec"]["clusterIP"]
    names = {pod["metadata"]["name"] for pod in own.get("pods", "-l", "app=hello")["items"]}
    assert len(names) == 3
    seen: set[str] = set()
    (through,) = (line for line in told.stdout.splitlines() if line.startswith("Through its Ingress"))
    command = shlex.split(through.partition(": ")[2])
    answer = subprocess.run([*command, "-s"], capture_output=True, text=True, check=False).stdout
    assert answer.startswith("Hello from hello-"), through
    eventually("every pod answers", lambda: seen.add(fetch(f"http://{address}/").split()[-1]) or seen == names)

    before = parts(own)
    own.kubectl("scale", "deployment/hello", "--replicas=1")
    again = own.command("up", *place)
    assert "Hello from hello-" in again.stdout
    assert parts(own) == before, "nothing was started again"
    assert own.get("deployment", "hello")["spec"]["replicas"] == 1, "what the user changed stays"
    own.kubectl("delete", "deployment/hello", "service/hello")
    assert "Hello" not in own.command("up", *place).stdout, "what the user deleted stays deleted"


def test_down_keeps_the_state_and_purge_does_not(own: Cluster) -> None:
    own.up()
    own.kubectl("explain", "pod")
    own.kubectl("create", "configmap", "kept")
    own.kubectl("create", "deployment", "web", "--image=pybernetes.local/hello:1.0", "--replicas=2")
    own.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080")
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    told = own.command("down", "--name", own.name).stdout
    assert f"Its state stays in {own.folder / 'data'}" in told
    assert "pybernetes" not in own.kubeconfig.read_text()
    own.up()
    own.kubectl("get", "configmap", "kept")
    address = own.get("service", "web")["spec"]["clusterIP"]
    eventually("its pods run again", lambda: "Hello" in quiet_fetch(f"http://{address}/"))
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    own.command("down", "--name", own.name, "--purge")
    assert not (own.folder / "data").exists()


def test_keys_that_run_out_are_renewed(own: Cluster) -> None:
    own.up()
    own.kubectl("create", "configmap", "kept")
    index = own.folder / "data" / "pki" / "index.json"
    entries = json.loads(index.read_text())
    for name in ("apiserver", "admin", "kubelet-server-node-1"):
        entries[name]["not_after_s"] = int(time.time()) + 86400
    index.write_text(json.dumps(entries))
    certificates = {name: own.folder / "data" / "pki" / f"{name}.crt" for name in ("apiserver", "admin", "proxy")}
    before = {name: path.read_text() for name, path in certificates.items()}
    plane = parts(own)["control-plane"]
    own.up()
    after = {name: path.read_text() for name, path in certificates.items()}
    assert [name for name in before if before[name] != after[name]] == ["apiserver", "admin"]
    assert parts(own)["control-plane"] != plane, "started again with the new keys"
    port = json.loads(own.command("status", "--name", own.name, "-o", "json").stdout)["api"]["url"].rpartition(":")[2]
    assert ssl.get_server_certificate(("127.0.0.1", int(port))).split() == after["apiserver"].split()
    own.kubectl("get", "configmap", "kept")


def test_two_clusters_side_by_side(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = make_cluster(tmp_path_factory.mktemp("other"), "other")
    other.down()
    ask = ("exec", "deployment/web", "--", "nslookup", "web.default.svc.cluster.local")
    try:
        own.up()
        other.up()
        for each in (own, other):
            each.kubectl("create", "deployment", "web", "--image=pybernetes.local/hello:1.0")
            each.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080", "--type=NodePort")
            each.kubectl("create", "ingress", "web", "--rule=/*=web:80")
            each.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
        for each in (own, other):
            service = each.get("service", "web")["spec"]
            (pod,) = each.get("pods")["items"]
            node = each.get("nodes")["items"][0]["status"]["addresses"][0]["address"]
            ingress_port = json.loads((each.folder / "data" / "cluster.json").read_text())["ingress_http_port"]
            places = (service["clusterIP"], f"{node}:{service['ports'][0]['nodePort']}", f"{node}:{ingress_port}")
            for url in (f"http://{place}/" for place in places):
                eventually(url, lambda url=url, pod=pod: pod["metadata"]["name"] in quiet_fetch(url))  # type: ignore[misc]
            address = service["clusterIP"]
            eventually(
                "its name is known",
                lambda each=each, address=address: address in each.kubectl(*ask, check=False).stdout,  # type: ignore[misc]
            )
        other.down()
        assert own.get("nodes")["items"][0]["status"]["conditions"], "the other one's end does not touch this one"
        address = own.get("service", "web")["spec"]["clusterIP"]
        assert "Hello" in fetch(f"http://{address}/")
    finally:
        other.down()


def test_every_process_comes_back_and_services_go_on(own: Cluster) -> None:
    own.up()
    own.kubectl("create", "deployment", "web", "--image=pybernetes.local/hello:1.0", "--replicas=2")
    own.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080")
    own.kubectl("run", "echo", f"--image={IMAGE}", "--port=7", "--expose", "--", "nc", "-ll", "-p", "7", "-e", "cat")
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    own.kubectl("wait", "pod/echo", "--for=condition=Ready", "--timeout=120s")
    web, echo = (own.get("service", name)["spec"]["clusterIP"] for name in ("web", "echo"))

    def connected() -> socket.socket | None:
        with contextlib.suppress(OSError):
            return socket.create_connection((echo, 7), timeout=PATIENCE_S)
        return None

    eventually("requests are answered", lambda: quiet_fetch(f"http://{web}/"))
    with eventually("a connection stands", connected) as connection, connection.makefile("rwb") as line:
        load = Load(web, 80, "web", keep_alive=False)
        for name in ("containerd-node-1", "control-plane", "supervisor"):
            before = parts(own)
            os.kill(before[name], signal.SIGKILL)

            def back(name: str = name, before: dict[str, int] = before) -> bool:
                now = parts(own)
                return now[name] not in (0, before[name])

            eventually(f"{name} is started again", back)
            # A kubelet that begins while there is no runtime says that its node, and so each Pod of it, is not ready.
            eventually(
                "the node goes on", lambda: own.kubectl("exec", "echo", "--", "true", check=False).returncode == 0
            )
        eventually("all is well", lambda: own.command("status", "--name", own.name, check=False).returncode == 0)
        own.kubectl("run", "box", f"--image={IMAGE}", "--", "sleep", "1000")
        own.kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=120s")
        line.write(b"still there\n")
        line.flush()
        assert line.readline() == b"still there\n"
        sent = load.sent
        eventually("requests go on", lambda: load.sent > sent + 20)
        load.end()
    assert load.failures == []


def test_down_of_a_half_dead_cluster(own: Cluster) -> None:
    own.up("--nodes", "2")
    own.kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=4", "--", "sleep", "1000")
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    before = parts(own)
    for name in ("supervisor", "control-plane", "containerd-node-1", "node-2"):
        os.kill(before[name], signal.SIGSTOP)
    for name in ("supervisor", "control-plane", "containerd-node-1", "node-2"):
        os.kill(before[name], signal.SIGKILL)
    for record in Path("/run/pybernetes", own.name, "processes").iterdir():
        record.unlink()
    own.down()
    assert not any(Process.of(pid) for pid in before.values())
    assert not Path("/run/pybernetes", own.name).exists()
    assert own.name not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert own.name not in subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if f"/{own.name}/" in line]
    assert not list(Path("/sys/fs/cgroup").glob(f"*/pybernetes-{own.name}"))


def test_images_are_loaded_into_every_node(own: Cluster, tmp_path: Path) -> None:
    own.up("--nodes", "2")
    write_archive([hello_image("2.0")], tmp_path / "hello.tar")
    loaded = own.command("image", "load", str(tmp_path / "hello.tar"), "--name", own.name)
    assert loaded.stdout == "loaded pybernetes.local/hello:2.0\n"
    (row,) = [
        row
        for row in json.loads(own.command("image", "ls", "--name", own.name, "-o", "json").stdout)
        if row["name"] == "pybernetes.local/hello:2.0"
    ]
    assert row["nodes"] == ["node-1", "node-2"]
    own.kubectl("create", "deployment", "web", "--image=pybernetes.local/hello:2.0", "--replicas=2")
    own.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    for bad, words in ((str(tmp_path), "is no file"), (__file__, "is no image archive"), ("No/Such", "neither a file")):
        done = own.command("image", "load", bad, "--name", own.name, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert words in done.stderr


def test_a_data_directory_on_a_full_disk(own: Cluster, tmp_path: Path) -> None:
    disk, place = tmp_path / "disk.img", tmp_path / "full"
    place.mkdir()
    with disk.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    subprocess.run(["mount", "-o", "loop", disk, place], check=True)
    try:
        done = own.command("up", "--name", own.name, "--data-dir", str(place / "data"), check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "free some space" in done.stderr
        with (place / "fill").open("wb") as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(b"0" * (1 << 20))
                file.flush()
        done = own.command("up", "--name", own.name, "--data-dir", str(place / "other"), check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "--data-dir" in done.stderr
    finally:
        subprocess.run(["umount", place], check=True)
