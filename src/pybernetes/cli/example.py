"""The example that `up` applies: examples/hello, packaged with the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pybernetes
from pybernetes.api.apps.v1 import Deployment
from pybernetes.apimachinery import scheme
from pybernetes.apimachinery.errors import AlreadyExists, NotFound
from pybernetes.client.client import Client


def manifests() -> list[dict[str, Any]]:
    """The objects of examples/hello, in the order of the file."""
    import yaml

    path = Path(pybernetes.__file__).parent / "examples" / "hello" / "hello.yaml"
    return [tree for tree in yaml.safe_load_all(path.read_text()) if tree]


async def apply(client: Client) -> None:
    """Creates what is not there; what is there stays as it is."""
    for tree in manifests():
        group, _, version = tree["apiVersion"].rpartition("/")
        resource = next(
            found
            for found in scheme.RESOURCES
            if (found.group, found.version, found.kind) == (group, version, tree["kind"])
        )
        try:
            await client.dynamic.create(resource, tree, tree["metadata"]["namespace"])
        except AlreadyExists:
            continue


async def present(client: Client) -> bool:
    """Whether the user left the example's Deployment in place, with replicas."""
    try:
        found = await client.get(Deployment, "hello", "default")
    except NotFound:
        return False
    return bool(found.spec.replicas)
