"""Files, cgroups, images, manifests: what the kubelet does on its machine."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.core.v1 import PodStatus, Secret
from pybernetes.apimachinery import errors
from pybernetes.host.clock import SystemClock
from pybernetes.kubelet.backoff import BackOff
from pybernetes.kubelet.containers.termination_message import end_of_log, termination_message
from pybernetes.kubelet.image_names import registry_of
from pybernetes.kubelet.images import ImageError, credentials_for, with_default_tag
from pybernetes.kubelet.node.garbage import ImageUse, containers_to_remove, images_to_remove
from pybernetes.kubelet.node.log_rotation import compress_older
from pybernetes.kubelet.probes.thresholds import Thresholds
from pybernetes.kubelet.resources.cgroups import Cgroups, Hierarchies, detect
from pybernetes.kubelet.serving.host import log_container_id
from pybernetes.kubelet.sources.static_pods import parse_manifest
from pybernetes.kubelet.volumes import atomic_writer, subpath
from pybernetes.kubelet.volumes.atomic_writer import File

from .pods import container, pod, running


def test_files_change_all_at_once(tmp_path: Path) -> None:
    assert atomic_writer.write(tmp_path, {"a": File(b"1"), "deep/b": File(b"2", 0o400)})
    first = (tmp_path / "..data").readlink()
    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "deep/b").stat().st_mode & 0o777 == 0o400
    assert not atomic_writer.write(tmp_path, {"a": File(b"1"), "deep/b": File(b"2", 0o400)})
    assert (tmp_path / "..data").readlink() == first
    assert atomic_writer.write(tmp_path, {"c": File(b"3")})
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("..2")) == ["..data", "c"]
    assert len([p for p in tmp_path.iterdir() if p.name.startswith("..2")]) == 1, "the old set is gone"


@pytest.mark.parametrize("path", ["/a", "../a", "a/../../b", "..a", ""])
def test_files_stay_in_their_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="invalid path"):
        atomic_writer.write(tmp_path, {path: File(b"")})


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "d/x", "d/y"]), st.binary(max_size=3)), min_size=1, max_size=5)
)
def test_any_row_of_writes_ends_with_the_last(rows: list[dict[str, bytes]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for row in rows:
            atomic_writer.write(folder, {k: File(v) for k, v in row.items()})
        tops = {k.partition("/")[0] for k in rows[-1]}
        assert {p.name for p in folder.iterdir() if not p.name.startswith("..")} == tops
        assert all((folder / k).read_bytes() == v for k, v in rows[-1].items())


def test_sub_paths_cannot_leave(tmp_path: Path) -> None:
    volume, outside = tmp_path / "v", tmp_path / "secret"
    volume.mkdir(mode=0o777)
    outside.mkdir()
    (volume / "evil").symlink_to(outside)
    with pytest.raises(subpath.SubPathError):
        subpath.bind(volume, "evil", tmp_path / "target")
    with pytest.raises(subpath.SubPathError):
        subpath.make_folder(volume, "evil/new")
    assert not (outside / "new").exists()
    subpath.make_folder(volume, "a/b")
    assert (volume / "a/b").stat().st_mode & 0o777 == volume.stat().st_mode & 0o777
    for bad in ("/abs", "a/../../b"):
        with pytest.raises(subpath.SubPathError):
            subpath.check(bad)


V1 = """30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 25 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
"""
V2 = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def test_cgroup_versions() -> None:
    old = detect(V1)
    assert old.version == 1
    assert old.controllers["cpuacct"] == Path("/sys/fs/cgroup/cpu,cpuacct")
    assert "xattr" not in old.controllers
    assert [folder.name for folder in old.limiting()] == ["cpu,cpuacct", "memory"]
    assert [folder.name for folder in old.folders()] == ["cpu,cpuacct", "memory", "systemd", "unified"]
    new = detect(V2)
    assert (new.version, new.folders()) == (2, [Path("/sys/fs/cgroup")])


def asking(cpu: str) -> Any:
    limits = {"cpu": cpu, "memory": "64Mi"}
    return pod([{"name": "c", "image": "i", "resources": {"limits": limits, "requests": {"cpu": "100m"}}}])


def test_cgroups_v2(tmp_path: Path) -> None:
    for place in ("", "pyb", "pyb/kubepods", "pyb/kubepods/burstable", "pyb/kubepods/besteffort"):
        folder = tmp_path / place
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text("cpu memory pids rdma")
        (folder / "cgroup.subtree_control").write_text("")
    groups = Cgroups("/pyb", Hierarchies(2, {}, tmp_path))
    groups.setup()
    of = asking("200m")
    assert groups.parent_of(of) == "/pyb/kubepods/burstable/podu1"
    groups.create(of)
    place = tmp_path / "pyb/kubepods/burstable/podu1"
    assert (place / "cpu.max").read_text() == "20000 100000"
    assert (place / "memory.max").read_text() == str(64 << 20)
    assert (place / "cpu.weight").read_text() == "4"
    assert groups.pods() == {"u1"}


def test_cgroups_v1(tmp_path: Path) -> None:
    controllers = {name: tmp_path / name for name in ("cpu", "memory", "cpuset")}
    for folder in controllers.values():
        folder.mkdir()
    beside = tmp_path / "systemd"
    groups = Cgroups("/pyb", Hierarchies(1, controllers, beside=(beside,)))
    groups.setup()
    groups.create(asking("200m"))
    assert not beside.exists()
    place = "pyb/kubepods/burstable"
    assert (tmp_path / "cpu" / place / "podu1/cpu.cfs_quota_us").read_text() == "20000"
    assert (tmp_path / "memory" / place / "podu1/memory.limit_in_bytes").read_text() == str(64 << 20)
    assert (tmp_path / "cpu" / place / "cpu.shares").read_text() == "102"
    for file in [*tmp_path.glob(f"*/{place}/podu1/*")]:
        file.unlink()  # the kernel's own files vanish with a cgroup
    made_by_runc = beside / place / "podu1"
    made_by_runc.mkdir(parents=True)
    groups.remove("u1")
    assert groups.pods() == set()
    assert not made_by_runc.exists()


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", "busybox:latest"),
        ("busybox:1", "busybox:1"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
        ("a@sha256:" + "0" * 64, "a@sha256:" + "0" * 64),
    ],
)
def test_default_tags(image: str, expected: str) -> None:
    assert with_default_tag(image) == expected


@pytest.mark.parametrize("image", ["", "A", "a b", "a:", "-a", "a//b"])
def test_names_that_are_none(image: str) -> None:
    with pytest.raises(ImageError) as caught:
        with_default_tag(image)
    assert caught.value.reason == "InvalidImageName"


def test_credentials() -> None:
    auths = {
        "registry.example.com": {"username": "u", "password": "p"},
        "https://registry.example.com/team": {"auth": base64.b64encode(b"team:secret").decode()},
        "*.other.io": {"username": "star", "password": "x"},
        "https://index.docker.io/v1/": {"username": "hub", "password": "y"},
    }
    text = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
    held = [Secret(data={".dockerconfigjson": text})]

    def users(image: str) -> list[str]:
        return [c.username for c in credentials_for(image, held)]

    assert users("registry.example.com/team/app:1") == ["team", "u"]
    assert users("registry.example.com/else/app:1") == ["u"]
    assert users("a.other.io/app") == ["star"]
    assert users("busybox") == ["hub"]
    assert users("nothing.example.org/app") == []
    assert registry_of("busybox:1") == ("index.docker.io", "library/busybox")


def test_manifests() -> None:
    text = b"""
kind: Pod
apiVersion: v1
metadata: {name: Web}
spec:
  containers:
  - {name: c, image: busybox, args: [2026-01-01, 12:30], resources: {limits: {cpu: 1, memory: 1Gi}}}
"""
    found = parse_manifest(text, "Node-A", SystemClock())
    assert (found.metadata.name, found.metadata.namespace) == ("web-node-a", "default")
    assert found.metadata.annotations["kubernetes.io/config.source"] == "file"
    assert found.spec.containers[0].args == ["2026-01-01", "12:30"], "no dates and no base 60, as kubectl reads it"
    assert found.spec.containers[0].resources.requests == {"cpu": "1", "memory": "1Gi"}
    assert found.spec.containers[0].imagePullPolicy == "Always"
    assert found.metadata.uid == parse_manifest(text, "Node-A", SystemClock()).metadata.uid
    assert found.metadata.uid != parse_manifest(text, "Node-B", SystemClock()).metadata.uid
    for bad in (b"kind: Node", b"- a", b"{", b"kind: Pod\nspec: {containers: 1}", b"kind: Pod\nmetadata: {name: x}"):
        with pytest.raises(ValueError, match=r"\w"):
            parse_manifest(bad, "n", SystemClock())


def test_last_words(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(
        b"2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:00Z stderr P tw\n2026-01-01T00:00:00Z stderr F o\n"
    )
    assert end_of_log(log.read_bytes()) == "one\ntwo\n"
    said = tmp_path / "message"
    said.write_text("said")
    path, policy = "io.kubernetes.container.terminationMessagePath", "io.kubernetes.container.terminationMessagePolicy"

    def message(code: int, host_path: Path) -> str:
        status = SimpleNamespace(
            annotations={path: "dev/log", policy: "FallbackToLogsOnError"},
            mounts=[SimpleNamespace(container_path="/dev/log", host_path=str(host_path))],
            exit_code=code,
            reason="Error",
            log_path=str(log),
        )
        return termination_message(status)

    assert message(1, said) == "said"
    assert message(1, tmp_path / "none") == "one\ntwo\n"
    assert message(0, tmp_path / "none") == ""


def test_back_off() -> None:
    backoff = BackOff(10, 300)
    delays, now = [], 0.0
    for _ in range(7):
        backoff.next("k", now, now)
        delays.append(backoff.delay_s("k"))
        assert backoff.until("k", now) == now + delays[-1]
        now += delays[-1]
    assert delays == [10, 20, 40, 80, 160, 300, 300]
    assert backoff.until("k", now + 601) == 0.0
    backoff.next("k", now + 601, now + 601)
    assert backoff.delay_s("k") == 10


def test_thresholds() -> None:
    rows = Thresholds(success_threshold=2, failure_threshold=3)
    answers = [True, True, False, False, True, False, False, False, True]
    assert [rows.add(a) for a in answers] == [None, True, None, None, None, None, None, False, None]


def test_garbage() -> None:
    of = pod()
    dead = [container(of, number=n, state="exited", at_s=n) for n in range(4)]
    runtime = running(*dead, container(of, number=4, at_s=9))
    assert [c.id for c in containers_to_remove(runtime, 1)] == ["c-2", "c-1", "c-0"]
    images = [
        ImageUse("new", 5, 95, 0),
        ImageUse("old", 5, 0, 1),
        ImageUse("pinned", 5, 0, 0, True),
        ImageUse("older", 5, 0, 0),
    ]
    assert [image.id for image in images_to_remove(images, 100, 60)] == ["older", "old"]


BEFORE = {"terminated": {"containerID": "containerd://before", "exitCode": 1}}
WAITING = 'container "c" in pod "web" is waiting to start'


@pytest.mark.parametrize(
    ("state", "last", "previous", "expected"),
    [
        ({"running": {}}, {}, False, "now"),
        ({"running": {}}, BEFORE, True, "before"),
        ({"running": {}}, {}, True, 'previous terminated container "c" in pod "web" not found'),
        ({"waiting": {"reason": "ContainerCreating"}}, {}, False, f"{WAITING}: ContainerCreating"),
        ({"waiting": {"reason": "ErrImagePull"}}, {}, False, f"{WAITING}: image can't be pulled"),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, BEFORE, False, "before"),
        ({"terminated": {"containerID": "containerd://now", "exitCode": 0}}, {}, False, "now"),
    ],
)
def test_which_log_is_meant(state: Any, last: Any, previous: bool, expected: str) -> None:
    tree = {
        "containerStatuses": [
            {
                "name": "c",
                "image": "",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "containerID": "containerd://now",
                "state": state,
                "lastState": last,
            }
        ]
    }
    status = msgspec.convert(tree, PodStatus)
    try:
        found = log_container_id("web", status, "c", previous)
    except errors.BadRequest as error:
        found = error.message
    assert found == expected


def test_log_rotation_keeps_so_many_files(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_text("now")
    for number in range(6):
        (tmp_path / f"0.log.2026010{number}-000000{'.gz' if number < 5 else ''}").write_text("x")
    compress_older(log, 5)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "0.log", "0.log.20260103-000000.gz", "0.log.20260104-000000.gz", "0.log.20260105-000000.gz",
    ]  # fmt: skip
