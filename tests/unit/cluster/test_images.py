from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
import time
from hashlib import sha256
from pathlib import Path

import pytest

from pybernetes.cluster.images import builtin, names
from pybernetes.cluster.images.archive import Image, architecture, archive, names_in, write_archive
from pybernetes.cluster.images.layers import Layer
from pybernetes.cluster.images.pause import program

PATIENCE_S = 60


def layer(text: bytes = b"hello\n") -> bytes:
    made = Layer()
    made.file("etc/app/motd", text, 0o640)
    made.link("bin/app", "/etc/app/motd")
    return made.tar()


def test_a_layer_has_parents_first_and_nothing_of_this_machine() -> None:
    with tarfile.open(fileobj=io.BytesIO(layer())) as tar:
        members = tar.getmembers()
    assert [(m.name, m.type, m.mode) for m in members] == [
        ("etc", tarfile.DIRTYPE, 0o755),
        ("etc/app", tarfile.DIRTYPE, 0o755),
        ("etc/app/motd", tarfile.REGTYPE, 0o640),
        ("bin", tarfile.DIRTYPE, 0o755),
        ("bin/app", tarfile.SYMTYPE, 0o777),
    ]
    assert {(m.uid, m.gid, m.mtime, m.uname) for m in members} == {(0, 0, 0, "")}
    assert layer() == layer()


def test_a_tree_of_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "run").write_text("x")
    (tmp_path / "sub" / "run").chmod(0o755)
    (tmp_path / "ln").symlink_to("sub/run")
    os.mkfifo(tmp_path / "fifo")
    made = Layer()
    made.tree(tmp_path, "/opt")
    with tarfile.open(fileobj=io.BytesIO(made.tar())) as tar:
        assert {m.name: (m.type, m.linkname) for m in tar} == {
            "opt": (tarfile.DIRTYPE, ""),
            "opt/ln": (tarfile.SYMTYPE, "sub/run"),
            "opt/sub": (tarfile.DIRTYPE, ""),
            "opt/sub/run": (tarfile.REGTYPE, ""),
        }


def test_an_archive_is_a_valid_oci_layout(tmp_path: Path) -> None:
    images = [
        Image("reg.local/a:1", (layer(),), command=("sh",), ports=(80,), user="1000"),
        Image("reg.local/b:2", (layer(), layer(b"more")), entrypoint=("/b",), environment=("A=b",)),
    ]
    path = tmp_path / "images.tar"
    write_archive(images, path)
    assert path.read_bytes() == archive(images)
    assert names_in(path) == ["reg.local/a:1", "reg.local/b:2"]
    with tarfile.open(path) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    blobs = {name: data for name, data in files.items() if name.startswith("blobs/")}
    assert all(name == f"blobs/sha256/{sha256(data).hexdigest()}" for name, data in blobs.items())
    assert len(blobs) == 2 + 2 + 2, "two manifests, two configs, and two layers of which one is shared"
    for entry in json.loads(files["index.json"])["manifests"]:
        manifest = json.loads(files["blobs/" + entry["digest"].replace(":", "/")])
        config = json.loads(files["blobs/" + manifest["config"]["digest"].replace(":", "/")])
        assert config["rootfs"]["diff_ids"] == [part["digest"] for part in manifest["layers"]]
        assert [part["size"] for part in manifest["layers"]] == [
            len(files["blobs/" + part["digest"].replace(":", "/")]) for part in manifest["layers"]
        ]
    assert images[0].config()["config"] == {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Cmd": ["sh"], "User": "1000", "ExposedPorts": {"80/tcp": {}},
    }  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pause_runs_and_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "pause"
    path.write_bytes(program(architecture()))
    path.chmod(0o755)
    with subprocess.Popen([path]) as process:
        try:
            end = time.monotonic() + PATIENCE_S
            while not waits(process.pid):
                assert time.monotonic() < end
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.01)
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


def waits(pid: int) -> bool:
    """Whether the process sleeps, and has left its children to the kernel before."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = dict(line.split(":\t", 1) for line in lines)
    return told["State"].startswith("S") and bool(int(told["SigIgn"], 16) >> (signal.SIGCHLD - 1) & 1)


def test_pause_for_arm64_is_the_one_that_was_tried() -> None:
    """Traced under qemu-aarch64: rt_sigaction, rt_sigprocmask, rt_sigtimedwait, and exit_group(0) after SIGTERM."""
    tried = "af3fb8d6246af9d93deb59f6cc9e03ebdac895367fbc7e09ebe00e92cb8b1f87"
    assert sha256(program("arm64")).hexdigest() == tried


@pytest.mark.skipif(not Path("/bin/busybox").exists(), reason="needs busybox-static")
def test_the_builtin_images() -> None:
    images = {image.name: image for image in builtin.builtin_images()}
    assert set(images) == {names.PAUSE, names.BUSYBOX, names.HELLO}
    assert images[names.BUSYBOX].layers[0] == images[names.HELLO].layers[0], "shared, stored once"
    with tarfile.open(fileobj=io.BytesIO(images[names.BUSYBOX].layers[0])) as tar:
        held = tar.getnames()
        assert {"bin/sh", "bin/wget", "bin/nslookup", "bin/tar", "tmp", "etc/passwd"} <= set(held)
        assert tar.getmember("bin/busybox").mode == 0o755
    assert builtin.hello_image("2.0").name == "pybernetes.local/hello:2.0"
    assert b"Hello (2.0) from" in builtin.hello_image("2.0").layers[1]


def test_names_in_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"no tar")
    with pytest.raises(tarfile.TarError):
        names_in(path)
