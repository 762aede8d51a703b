"""Images in the containerd of a node, in the namespace that the CRI looks at. Uses containerd's own `ctr`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybernetes.cluster.errors import ClusterError

NAMESPACE = "k8s.io"


@dataclass(frozen=True, slots=True)
class NodeImage:
    name: str
    digest: str
    size: str
    """As ctr prints it, such as "1.9 MiB"."""


class ContainerdImages:
    """The images of one node."""

    def __init__(self, socket: Path, certs_d: Path, network_namespace: str = "") -> None:
        self._socket = socket
        self._certs_d = certs_d
        self._network_namespace = network_namespace

    def load(self, archive: Path) -> list[str]:
        """Imports every image of an archive; their full names. Raises ClusterError."""
        output = self._ctr("images", "import", "--digests=false", str(archive))
        return [line.split()[1] for line in output.splitlines() if line.startswith("unpacking ")]

    def pull(self, name: str) -> None:
        """Pulls from the image's registry, with the node's registry settings. Raises ClusterError."""
        command = ["images", "pull", "--hosts-dir", str(self._certs_d), name]
        self._ctr(*command, enter_network=True)

    def list(self) -> list[NodeImage]:
        """Named images, sorted; the names by digest that the CRI adds are left out."""
        images = []
        for line in self._ctr("images", "list").splitlines()[1:]:
            name, _, rest = line.partition(" ")
            columns = rest.split()
            if name.startswith("sha256:") or "@sha256:" in name or len(columns) < 4:
                continue
            images.append(NodeImage(name, columns[1], f"{columns[2]} {columns[3]}"))
        return sorted(images, key=lambda image: image.name)

    def complete(self, names: Collection[str]) -> bool:
        """Whether each of these is there with all its parts, not only in the books."""
        try:
            found = self._ctr("images", "check", "--quiet", *(f"name=={name}" for name in names))
        except ClusterError:  # says ctr of a part that is missing
            return False
        return set(names) <= set(found.split())

    def _ctr(self, *arguments: str, enter_network: bool = False) -> str:
        program = shutil.which("ctr")
        if program is None:
            raise ClusterError("ctr is missing; install it: apt-get install containerd")
        command: Sequence[str] = [program, "--address", str(self._socket), "--namespace", NAMESPACE, *arguments]
        if enter_network and self._network_namespace:
            command = ["nsenter", f"--net=/run/netns/{self._network_namespace}", *command]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise ClusterError(
                f"{' '.join(arguments[:2])} failed: {_message(reason[-1] if reason else 'no reason given')}"
            )
        return done.stdout


def _message(line: str) -> str:
    return line.removeprefix("ctr: ")
