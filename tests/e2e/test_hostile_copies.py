"""`kubectl cp` with a Pod that means harm, and with paths that climb: nobody writes or reads outside the Pod's root,
nor outside the folder that the user named."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path

import pytest

from .conftest import IMAGE, Cluster

pytestmark = pytest.mark.e2e
CLIMB = "../" * 12


@pytest.fixture
def box(cluster: Cluster, namespace: str) -> str:
    cluster.kubectl("run", "box", f"--image={IMAGE}", "--", "sleep", "1000")
    cluster.kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=120s")
    return "box"


def tree(folder: Path) -> dict[str, str]:
    """Every file below it with its text, and what a link points to; nobody is followed."""
    found = {}
    for place in sorted(folder.rglob("*")):
        if place.is_symlink():
            found[str(place.relative_to(folder))] = f"-> {place.readlink()}"
        elif place.is_file():
            found[str(place.relative_to(folder))] = place.read_text()
    return found


def archive(rows: list[tuple[str, str]]) -> bytes:
    """A tar of names with their texts; one that begins with `->` is a link."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, text in rows:
            entry = tarfile.TarInfo(name)
            if text.startswith("->"):
                entry.type, entry.linkname = tarfile.SYMTYPE, text.removeprefix("->")
                tar.addfile(entry)
            else:
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
    return file.getvalue()


def test_a_pod_whose_tar_lies(cluster: Cluster, box: str, tmp_path: Path) -> None:
    """What it sends under names with `..`, absolute ones and through links stays in the folder that was asked for."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("mine")
    lies = archive(
        [
            ("files/good", "good"),
            (f"files/{CLIMB}{str(outside)[1:]}/precious", "overwritten"),
            ("files/../../escaped", "escaped"),
            ("files/link", f"->{outside}"),
            ("files/link/precious", "overwritten"),
            ("files/up", "->../outside"),
            ("files/up/planted", "planted"),
        ]
    )
    lay = "rm /bin/tar; base64 -d > /lies; printf '#!/bin/sh\\ncat /lies\\n' > /bin/tar; chmod +x /bin/tar"
    cluster.kubectl("exec", "-i", box, "--", "sh", "-c", lay, stdin=base64.b64encode(lies).decode())
    user = tmp_path / "user"
    user.mkdir()
    done = cluster.kubectl("cp", f"{box}:files", str(user / "files"))
    assert "skipping symlink" in done.stderr
    assert tree(outside) == {"precious": "mine"}
    got = tree(user)
    assert got["files/good"] == "good"
    assert all(name.startswith("files/") and not text.startswith("->") for name, text in got.items())


def test_names_of_another_root_are_refused(cluster: Cluster, box: str, tmp_path: Path) -> None:
    outside = tmp_path / "planted"
    lay = "rm /bin/tar; base64 -d > /lies; printf '#!/bin/sh\\ncat /lies\\n' > /bin/tar; chmod +x /bin/tar"
    lies = base64.b64encode(archive([(str(outside), "planted")])).decode()
    cluster.kubectl("exec", "-i", box, "--", "sh", "-c", lay, stdin=lies)
    done = cluster.kubectl("cp", f"{box}:files", str(tmp_path / "files"), check=False)
    assert done.returncode != 0 and "tar contents corrupted" in done.stderr
    assert tree(tmp_path) == {}


def test_paths_that_climb_end_at_the_root_of_the_pod(cluster: Cluster, box: str, tmp_path: Path) -> None:
    """In both directions: with `..` and through a link one comes to the Pod's files, not to the machine's."""
    sent = tmp_path / "sent"
    sent.write_text("sent")
    name = f"climbed-{tmp_path.name}"
    cluster.kubectl("cp", str(sent), f"{box}:/tmp/{CLIMB}{name}")
    assert cluster.kubectl("exec", box, "--", "cat", f"/{name}").stdout == "sent"
    assert not Path("/", name).exists()
    cluster.kubectl("exec", box, "--", "ln", "-s", f"{CLIMB}", "/tmp/up")
    cluster.kubectl("cp", str(sent), f"{box}:/tmp/up/{name}-by-link")
    assert cluster.kubectl("exec", box, "--", "cat", f"/{name}-by-link").stdout == "sent"
    assert not Path("/", f"{name}-by-link").exists()
    for source in (f"/tmp/{CLIMB}etc/hostname", f"{CLIMB}etc/hostname", "/tmp/up/etc/hostname"):
        back = tmp_path / "back"
        cluster.kubectl("cp", f"{box}:{source}", str(back))
        assert back.read_text() == f"{box}\n"
        back.unlink()


def test_links_among_what_is_copied(cluster: Cluster, box: str, tmp_path: Path) -> None:
    """A link goes neither way as what it points to on the other side."""
    secret = tmp_path / "secret"
    secret.write_text("of the machine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("file")
    (folder / "link").symlink_to(secret)
    cluster.kubectl("cp", str(folder), f"{box}:/tmp/folder")
    seen = cluster.kubectl("exec", box, "--", "sh", "-c", "cat /tmp/folder/file; cat /tmp/folder/link", check=False)
    assert seen.stdout == "file"
    links = f"rm -f /tmp/folder/link; ln -s {secret} /tmp/folder/link; ln -s {CLIMB}etc /tmp/folder/etc"
    cluster.kubectl("exec", box, "--", "sh", "-c", links)
    done = cluster.kubectl("cp", f"{box}:/tmp/folder", str(tmp_path / "back"))
    assert "skipping symlink" in done.stderr
    assert tree(tmp_path / "back") == {"file": "file"}
