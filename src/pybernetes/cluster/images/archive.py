"""Images as one OCI archive: what `ctr images import`, `docker load` and `skopeo` read.

The archive is an OCI image layout (index.json, blobs) and carries docker's manifest.json as well. Layers
that images share are stored once. Source: opencontainers/image-spec image-layout.md, config.md.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from platform import machine
from typing import Any

from pybernetes.host.files import write_atomic

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA = "application/vnd.oci.image"
_MANIFEST = f"{_MEDIA}.manifest.v1+json"
_CREATED = "1970-01-01T00:00:00Z"
DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def architecture() -> str:
    """This machine's, in OCI's words."""
    return _ARCHITECTURES.get(machine(), machine())


@dataclass(frozen=True, slots=True)
class Image:
    """An image to be: its full name with tag, its layers as tars, and how it runs."""

    name: str
    layers: tuple[bytes, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = (DEFAULT_PATH,)
    user: str = ""
    working_dir: str = ""
    ports: tuple[int, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, Any]:
        run: dict[str, Any] = {
            "Env": list(self.environment),
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "User": self.user,
            "WorkingDir": self.working_dir,
            "ExposedPorts": {f"{port}/tcp": {} for port in self.ports},
            "Labels": self.labels,
        }
        return {
            "created": _CREATED,
            "architecture": architecture(),
            "os": "linux",
            "config": {key: value for key, value in run.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in self.layers]},
            "history": [{"created": _CREATED, "created_by": "pybernetes"} for _ in self.layers],
        }


def _digest(data: bytes) -> str:
    return "sha256:" + sha256(data).hexdigest()


def _json(tree: Any) -> bytes:
    return json.dumps(tree, separators=(",", ":"), sort_keys=True).encode()


def archive_blobs(image: Image) -> tuple[list[bytes], bytes]:
    """What a registry holds of an image: its config and layers, and the manifest that names them."""
    config = _json(image.config())

    def descriptor(data: bytes, media: str) -> dict[str, Any]:
        return {"mediaType": f"{_MEDIA}.{media}", "digest": _digest(data), "size": len(data)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": descriptor(config, "config.v1+json"),
        "layers": [descriptor(layer, "layer.v1.tar") for layer in image.layers],
    }
    return [config, *image.layers], _json(manifest)


def archive(images: Sequence[Image]) -> bytes:
    """The whole archive; the same images give the same bytes."""
    blobs: dict[str, bytes] = {}
    manifests = []
    docker = []
    for image in images:
        parts, manifest = archive_blobs(image)
        blobs |= {_digest(part): part for part in (*parts, manifest)}
        manifests.append(
            {
                "mediaType": _MANIFEST,
                "digest": _digest(manifest),
                "size": len(manifest),
                "platform": {"architecture": architecture(), "os": "linux"},
                "annotations": {
                    "io.containerd.image.name": image.name,
                    "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
                },
            }
        )
        config, *layers = (_blob_path(_digest(part)) for part in parts)
        docker.append({"Config": config, "RepoTags": [image.name], "Layers": layers})
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "mediaType": f"{_MEDIA}.index.v1+json", "manifests": manifests}),
        "manifest.json": _json(docker),
    }
    files |= {_blob_path(digest): data for digest, data in blobs.items()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            entry_info = tarfile.TarInfo(name)
            entry_info.size = len(data)
            tar.addfile(entry_info, io.BytesIO(data))
    return buffer.getvalue()


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def write_archive(images: Sequence[Image], path: Path) -> None:
    write_atomic(path, archive(images))


def names_in(path: Path) -> list[str]:
    """The image names that an archive (OCI or docker) gives; raises OSError, tarfile.TarError, ValueError."""
    names: dict[str, None] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            if member.name.removeprefix("./") == "index.json" and (file := tar.extractfile(member)):
                for entry in json.load(file).get("manifests", []):
                    if name := (entry.get("annotations") or {}).get("io.containerd.image.name"):
                        names[name] = None
            elif member.name.removeprefix("./") == "manifest.json" and (file := tar.extractfile(member)):
                for entry in json.load(file):
                    names |= dict.fromkeys(entry.get("RepoTags") or [])
    return list(names)
