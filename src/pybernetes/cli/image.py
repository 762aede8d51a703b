"""`pybernetes image load|ls`."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from pybernetes.cli.output import Progress, table
from pybernetes.cli.selection import add_name, running
from pybernetes.cluster import node_images
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.images.archive import names_in
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec

_REFERENCE = re.compile(
    r"[a-z0-9][a-zA-Z0-9._-]*(:[0-9]+)?(/[a-zA-Z0-9._-]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="load|ls")
    load = actions.add_parser("load", help="put images into every node", allow_abbrev=False)
    load.add_argument(
        "source",
        metavar="FILE|REF",
        help="an archive (OCI or docker), or an image name: taken from the local Docker, else pulled by each node",
    )
    add_name(load)
    ls = actions.add_parser("ls", help="list the images on the nodes", allow_abbrev=False)
    ls.add_argument("-o", "--output", choices=["json"], help="print JSON")
    add_name(ls)


def run(args: argparse.Namespace) -> int:
    spec, layout = running(args.name)
    if spec.runtime != "containerd":
        raise ClusterError(f"the cluster {spec.name!r} has no container runtime, so it needs no images")
    return _load(spec, layout, args.source) if args.action == "load" else _ls(spec, layout, args.output == "json")


def _load(spec: ClusterSpec, layout: Layout, source: str) -> int:
    progress = Progress()
    path = Path(source)
    if path.is_file():
        progress.step(f"loading {path.name} into {spec.nodes} node{'s' if spec.nodes > 1 else ''}")
        names = _load_file(spec, layout, path)
    elif path.exists():
        raise ClusterError(f"{source} is no file; pack it into an image archive first")
    elif ("/" in source and source.endswith((".tar", ".tar.gz", ".tgz"))) or not _REFERENCE.fullmatch(source):
        raise ClusterError(f"{source} is neither a file nor the name of an image; check its spelling")
    else:
        names = [_qualified(source)]
        progress.step(f"getting {source}")
        if not _load_from_docker(spec, layout, source):
            node_images.pull(spec, layout, names[0])
    progress.done()
    print("loaded " + ", ".join(names))
    return 0


def _load_file(spec: ClusterSpec, layout: Layout, path: Path) -> list[str]:
    try:
        names = names_in(path)
    except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise ClusterError(f"{path} is no image archive ({error}); make one with: docker save IMAGE -o FILE") from None
    if not names:
        raise ClusterError(f"{path} is an archive without named images; make one with: docker save NAME:TAG -o FILE")
    return node_images.load_archive(spec, layout, path.absolute()) or names


def _qualified(reference: str) -> str:
    """The full name of an image, as the kubelet asks for it. Source: distribution/reference normalize.go."""
    first, slash, _ = reference.partition("/")
    if not slash:
        reference = f"docker.io/library/{reference}"
    elif "." not in first and ":" not in first and first != "localhost":
        reference = f"docker.io/{reference}"
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"


def _load_from_docker(spec: ClusterSpec, layout: Layout, reference: str) -> bool:
    """Whether a local Docker or Podman has the image; then it is on the nodes."""
    program = shutil.which("docker") or shutil.which("podman")
    if program is None:
        return False
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        saved = subprocess.run([program, "save", "-o", file.name, reference], capture_output=True, check=False)
        if saved.returncode:
            return False
        node_images.load_archive(spec, layout, Path(file.name))
    return True


def _ls(spec: ClusterSpec, layout: Layout, as_json: bool) -> int:
    nodes: dict[str, list[str]] = {}
    images = {}
    for node, found in node_images.listed(spec, layout).items():
        for image in found:
            images[image.name] = image
            nodes.setdefault(image.name, []).append(node)
    if as_json:
        rows = [
            {"name": name, "digest": image.digest, "size": image.size, "nodes": nodes[name]}
            for name, image in sorted(images.items())
        ]
        print(json.dumps(rows, indent=2))
    else:
        lines = [
            (name, image.digest.removeprefix("sha256:")[:12], image.size, ",".join(nodes[name]))
            for name, image in sorted(images.items())
        ]
        print(table(("IMAGE", "ID", "SIZE", "NODES"), lines))
    return 0
