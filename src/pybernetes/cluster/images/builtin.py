"""The images that every cluster has: pause, busybox and hello, packed from this machine's own busybox."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.images.archive import Image, architecture
from pybernetes.cluster.images.layers import Layer
from pybernetes.cluster.images.names import BUSYBOX, HELLO, PAUSE
from pybernetes.cluster.images.pause import program

_BUSYBOX_PATHS = ("/bin/busybox", "/usr/bin/busybox")

_HELLO_SCRIPT = b"""#!/bin/sh
# Answers every request with the name of the pod. As process 1 it has to end by itself when told to.
trap 'exit 0' TERM INT
mkdir -p /www
echo "Hello from $(hostname)" >/www/index.html
httpd -f -p "${PORT:-8080}" -h /www &
wait
"""

_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUP = b"root:x:0:\nnobody:x:65534:\n"


def busybox_path() -> Path:
    """A statically linked busybox of this machine. Raises ClusterError where there is none."""
    for candidate in _BUSYBOX_PATHS:
        path = Path(candidate)
        if path.is_file() and b"/ld-linux" not in path.read_bytes():
            return path
    raise ClusterError("no static busybox for the images; install it: apt-get install busybox-static")


@lru_cache
def _applets(busybox: Path) -> tuple[str, ...]:
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.split() if name != "busybox")


def pause_image() -> Image:
    layer = Layer()
    layer.file("pause", program(architecture()), 0o755)
    return Image(PAUSE, (layer.tar(),), entrypoint=("/pause",), user="65535:65535")


def busybox_layer() -> bytes:
    """A root file system: busybox under the name of each of its applets."""
    busybox = busybox_path()
    layer = Layer()
    layer.standard_folders()
    layer.file("bin/busybox", busybox.read_bytes(), 0o755)
    for applet in _applets(busybox):
        layer.link(f"bin/{applet}", "/bin/busybox")
    layer.file("etc/passwd", _PASSWD)
    layer.file("etc/group", _GROUP)
    return layer.tar()


def builtin_images() -> list[Image]:
    base = busybox_layer()
    script = Layer()
    script.file("hello", _HELLO_SCRIPT, 0o755)
    return [
        pause_image(),
        Image(BUSYBOX, (base,), command=("sh",)),
        Image(HELLO, (base, script.tar()), command=("/hello",), ports=(8080,)),
    ]


def hello_image(tag: str) -> Image:
    """The hello image under another tag, with a layer that says so: something to update to."""
    script = Layer()
    script.file("hello", _HELLO_SCRIPT.replace(b"Hello from", f"Hello ({tag}) from".encode()), 0o755)
    name = HELLO.rpartition(":")[0]
    return Image(f"{name}:{tag}", (busybox_layer(), script.tar()), command=("/hello",), ports=(8080,))
