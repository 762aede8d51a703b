"""A KubeletConfiguration out of a file and a folder of files that change it, and out of flags.

What it says becomes values of KubeletConfig; what stands twice or is not known is told of and passed over, as upstream
does with this version.

Source: cmd/kubelet/app/server.go (loadConfigFile, mergeKubeletConfigurations), pkg/kubelet/kubeletconfig.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pybernetes.apimachinery.patches import merge
from pybernetes.kubelet.configuration import kinds
from pybernetes.kubelet.configuration.fields import FIELDS, OBJECTS, Field

API_VERSION, KIND = "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"
_SUFFIX = ".conf"
Tell = Callable[[str], None]


def read(file: str, folder: str, tell: Tell) -> dict[str, Any]:
    """Values of KubeletConfig by attribute: those of the file, changed by those of the folder in the order of paths.

    Either may be "". `tell` takes a line for all that makes no difference. Raises ValueError with one line.
    """
    tree: dict[str, Any] = {}
    for place in [*([Path(file)] if file else []), *(_drop_ins(Path(folder), tell) if folder else ())]:
        about = f"kubelet configuration {place}"
        given = _parsed(place, about, tell)
        settings_of(given, about, tell)
        tree = merge.apply(tree, given)
    return settings_of(tree, "kubelet configuration", lambda line: None)


def settings_of(tree: Mapping[str, Any], about: str, tell: Tell) -> dict[str, Any]:
    """What a tree says, by attribute of KubeletConfig. Raises ValueError with one line, which names the field."""
    found: dict[str, Any] = {}
    for name, value in _leaves(tree, "", about):
        field = FIELDS.get(name)
        if field is None:
            tell(f'{about}: unknown field "{name}"')
            continue
        meant = _meant(field, value, f"{about}: {name}")
        if field.attribute:
            if field.zero_counts or not _is_zero(value, meant):
                found[field.attribute] = meant
        elif not _is_zero(value, meant) or (field.refused and field.zero_counts):
            _without_effect(field, value, meant, f"{about}: {name}", tell)
    return _with_derived(found)


def settings_of_flags(given: Mapping[str, tuple[Field, Sequence[str]]], tell: Tell) -> dict[str, Any]:
    """What flags say, by attribute of KubeletConfig, which are given by name: zeros are values, and nothing follows
    from them. Raises ValueError with one line, which names the flag.

    Source: cmd/kubelet/app/server.go (kubeletConfigFlagPrecedence).
    """
    found: dict[str, Any] = {}
    for flag, (field, texts) in given.items():
        try:
            value = field.kind.of_flag(texts)
        except ValueError as error:
            why = f" ({error})" if field.kind is kinds.SWITCHES else ""
            raise ValueError(f"{flag} is {field.kind.form}, not {', '.join(map(repr, texts))}{why}") from None
        meant = _meant(field, value, flag)
        if field.attribute:
            found[field.attribute] = meant
        else:
            _without_effect(field, value, meant, flag, tell)
    return found


def names_of(attributes: Collection[str]) -> list[str]:
    """The fields that set them."""
    return [field.name for field in FIELDS.values() if field.attribute in attributes]


def _drop_ins(folder: Path, tell: Tell) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"kubelet configuration {folder}: there is no such folder")
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    for other in (file for file in files if file.suffix != _SUFFIX):
        tell(f"kubelet configuration {other} is not read: it does not end with {_SUFFIX}")
    return [file for file in files if file.suffix == _SUFFIX]


def _parsed(place: Path, about: str, tell: Tell) -> dict[str, Any]:
    """The tree, its paths absolute."""
    from pybernetes.apimachinery.yaml_text import parse_yaml

    try:
        text = place.read_bytes()
        tree, repeated = parse_yaml(text)
    except OSError as error:
        raise ValueError(f"{about} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{about}: {error}") from None
    if not text:
        raise ValueError(f"{about} is empty")
    kind = (tree.get("apiVersion"), tree.get("kind")) if isinstance(tree, dict) else ()
    if kind != (API_VERSION, KIND):
        raise ValueError(f"{about}: it must be a {KIND} of {API_VERSION}")
    for problem in repeated:
        tell(f"{about}: {problem.splitlines()[-1].strip()}")
    return _with_paths({n: v for n, v in tree.items() if n not in ("apiVersion", "kind")}, place.parent.absolute(), "")


def _with_paths(tree: Mapping[str, Any], folder: Path, above: str) -> dict[str, Any]:
    found = {}
    for key, value in tree.items():
        name = above + key
        if name in OBJECTS and isinstance(value, dict):
            value = _with_paths(value, folder, f"{name}.")
        elif name in FIELDS and FIELDS[name].path and value and isinstance(value, str):
            value = str(folder / value)
        found[key] = value
    return found


def _leaves(tree: Mapping[str, Any], above: str, about: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        name = above + key
        if value is None:
            continue
        if name not in OBJECTS:
            yield name, value
        elif isinstance(value, dict):
            yield from _leaves(value, f"{name}.", about)
        else:
            raise ValueError(f"{about}: {name}: {json.dumps(value)} is not an object")


def _meant(field: Field, value: Any, about: str) -> Any:
    try:
        return field.kind.read(value)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = f" ({error})" if type(error) is ValueError and str(error) else ""
        raise ValueError(f"{about}: {json.dumps(value)} is not {field.kind.what}{why}") from None


def _is_zero(value: Any, meant: Any) -> bool:
    return value in ("", 0, [], {}) or (type(meant) in (int, float) and meant == 0)


def _without_effect(field: Field, value: Any, meant: Any, about: str, tell: Tell) -> None:
    if field.value is not None and meant == field.kind.read(field.value):
        return
    line = f"{about}: {json.dumps(value)}"
    if field.refused:
        raise ValueError(f"{line} cannot be had: {field.why}")
    tell(f"{line} makes no difference: {field.why}")


def _with_derived(found: dict[str, Any]) -> dict[str, Any]:
    """Defaults that follow from what is said."""
    if "node_status_update_frequency_s" in found:
        found.setdefault("node_status_report_frequency_s", found["node_status_update_frequency_s"])
    if found.get("max_parallel_image_pulls", 0) > 1:
        found.setdefault("serialize_image_pulls", False)
    return found
