"""What a file says to admission plugins: an AdmissionConfiguration with a configuration for each, or where one lies.

Source: apiserver/pkg/admission/config.go, apis/apiserver/v1/types.go.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T", bound=msgspec.Struct)


class _Plugin(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    path: str = ""
    configuration: dict[str, Any] | None = None


class _AdmissionConfiguration(msgspec.Struct, forbid_unknown_fields=True):
    apiVersion: str
    kind: str
    plugins: list[_Plugin] = []


def read(file: Path) -> dict[str, dict[str, Any]]:
    """The configuration of each plugin that has one, by name. Raises ValueError with one line."""
    kinds = {("apiserver.config.k8s.io/v1", "AdmissionConfiguration")}
    found: dict[str, dict[str, Any]] = {}
    for plugin in converted(_tree(file), _AdmissionConfiguration, kinds, str(file)).plugins:
        if plugin.configuration is not None:
            found.setdefault(plugin.name, plugin.configuration)
        elif plugin.path:
            found.setdefault(plugin.name, _tree(file.parent / plugin.path))
    return found


def converted(tree: dict[str, Any], to: type[_T], kinds: set[tuple[str, str]], about: str) -> _T:
    """The tree as a Struct that has `apiVersion` and `kind`, which are one of `kinds`. Raises ValueError."""
    said = (tree.get("apiVersion"), tree.get("kind"))
    if said not in kinds:
        known = " or ".join(f"{kind} of {version}" for version, kind in sorted(kinds))
        raise ValueError(f"{about}: it must be of kind {known}")
    try:
        return msgspec.convert(tree, to)
    except msgspec.ValidationError as error:
        raise ValueError(f"{about}: {error}") from None


def _tree(file: Path) -> dict[str, Any]:
    from pybernetes.apimachinery.yaml_text import parse_yaml

    try:
        tree, repeated = parse_yaml(file.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read the admission configuration {file}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    if repeated:
        raise ValueError(f"{file}: {repeated[0].splitlines()[-1].strip()}")
    if not isinstance(tree, dict):
        raise ValueError(f"{file}: it is no object")
    return tree
