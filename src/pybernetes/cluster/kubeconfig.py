"""kubeconfig files: the ones that components use, and the user's own, where ours is one entry of many.

Merging follows client-go: $KUBECONFIG is a list; an entry that exists is replaced in the file that has
it, a new one goes to the first file that exists, else to the last of the list. A file is locked as
kubectl locks it (FILE.lock) and replaced in one step.
Source: client-go/tools/clientcmd/{config,loader}.go.
"""

from __future__ import annotations

import base64
import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybernetes.cluster.errors import ClusterError
from pybernetes.host.files import write_atomic

_SECTIONS = ("clusters", "users", "contexts")
_LOCK_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach an apiserver as one identity. PEM bytes."""

    server: str
    ca: bytes
    certificate: bytes
    key: bytes


def config_tree(name: str, credentials: Credentials) -> dict[str, Any]:
    """A whole kubeconfig that holds what it needs."""
    cluster = {"server": credentials.server, "certificate-authority-data": in_base64(credentials.ca)}
    user = {
        "client-certificate-data": in_base64(credentials.certificate),
        "client-key-data": in_base64(credentials.key),
    }
    return one_context(name, cluster, user)


def one_context(name: str, cluster: Mapping[str, str], user: Mapping[str, str]) -> dict[str, Any]:
    """A whole kubeconfig with one cluster, user and context called `name`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def dump(tree: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.dump(dict(tree), Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False))


def entry(path: Path) -> dict[str, Any]:
    """What is in a file that `dump` wrote."""
    import yaml

    tree: dict[str, Any] = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tree


def user_files(environment: Mapping[str, str]) -> list[Path]:
    """The user's kubeconfig files in order of precedence; under sudo, those of the user who called it."""
    if listed := environment.get("KUBECONFIG"):
        return [Path(part) for part in dict.fromkeys(listed.split(os.pathsep)) if part]
    home = Path(environment.get("HOME") or "/root")
    if os.geteuid() == 0 and (caller := environment.get("SUDO_UID", "0")) != "0" and caller.isdigit():
        import pwd

        with contextlib.suppress(KeyError):
            home = Path(pwd.getpwuid(int(caller)).pw_dir)
    return [home / ".kube" / "config"]


def merge(files: list[Path], name: str, entry: Mapping[str, Any], owner: tuple[int, int] | None = None) -> bool:
    """Puts the entry into the user's files; whether its context is now the current one.

    Another current context is left alone. Raises ClusterError, and then nothing was changed.
    """
    trees = {path: _read(path) for path in files}
    target = _file_for_new(files)
    current = next((tree["current-context"] for tree in trees.values() if tree.get("current-context")), "")
    known = {item.get("name") for tree in trees.values() for item in tree.get("contexts") or []}
    for section in _SECTIONS:
        (item,) = entry[section]
        holder = next((path for path in files if _position(trees[path], section, name) is not None), target)
        _replace(holder, section, name, item, owner)
    if current == name:
        return True
    if current and current in known:
        return False
    for path in files:
        if trees[path].get("current-context"):
            _set_current(path, "", owner)
    _set_current(target, name, owner)
    return True


def check(files: list[Path]) -> None:
    """Raises ClusterError when one of the user's files is broken or cannot be read."""
    for path in files:
        _read(path)


def remove(files: list[Path], name: str) -> None:
    """Takes the entry out of the user's files. Raises ClusterError when one cannot be read or written."""
    for path in files:
        if not path.exists():
            continue
        tree = _read(path)
        present = [section for section in _SECTIONS if _position(tree, section, name) is not None]
        if not present and tree.get("current-context") != name:
            continue
        with _locked(path):
            tree = _read(path)
            for section in _SECTIONS:
                if tree.get(section):
                    tree[section] = [item for item in tree[section] if item.get("name") != name]
            if tree.get("current-context") == name:
                tree["current-context"] = ""
            _write(path, tree, None)


def _file_for_new(files: list[Path]) -> Path:
    if len(files) == 1:
        return files[0]
    return next((path for path in files if path.exists()), files[-1])


def _position(tree: Mapping[str, Any], section: str, name: str) -> int | None:
    for position, item in enumerate(tree.get(section) or []):
        if item.get("name") == name:
            return position
    return None


def _replace(path: Path, section: str, name: str, item: Any, owner: tuple[int, int] | None) -> None:
    with _locked(path, owner):
        tree = _read(path)
        items = tree.get(section) or []
        position = _position(tree, section, name)
        if position is None:
            items.append(item)
        elif items[position] == item:
            return
        else:
            items[position] = item
        tree[section] = items
        _write(path, tree, owner)


def _set_current(path: Path, name: str, owner: tuple[int, int] | None) -> None:
    with _locked(path, owner):
        tree = _read(path)
        tree["current-context"] = name
        _write(path, tree, owner)


def _read(path: Path) -> dict[str, Any]:
    """The tree of a file, {} where there is none. Raises ClusterError for what is no kubeconfig."""
    import yaml

    way_out = "repair it, or move it away and run this again"
    try:
        tree = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ClusterError(f"the kubeconfig {path} cannot be read: {error.strerror}; {way_out}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise ClusterError(f"the kubeconfig {path} is not valid YAML{where}; {way_out}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(
        isinstance(tree.get(section) or [], list) and all(isinstance(item, dict) for item in tree.get(section) or [])
        for section in _SECTIONS
    ):
        raise ClusterError(f"{path} is no kubeconfig; {way_out}")
    return tree


def _write(path: Path, tree: dict[str, Any], owner: tuple[int, int] | None) -> None:
    tree = {"apiVersion": "v1", "kind": "Config", **tree}
    try:
        if path.exists():
            found = path.stat()
            owner = (found.st_uid, found.st_gid)
        write_atomic(path, dump(tree), 0o600, owner)
    except OSError as error:
        raise ClusterError(
            f"the kubeconfig {path} cannot be written: {error.strerror}; "
            "name a file that can be in $KUBECONFIG and run this again"
        ) from None


@contextlib.contextmanager
def _locked(path: Path, owner: tuple[int, int] | None = None) -> Iterator[None]:
    """kubectl's lock: a file beside the kubeconfig that only one process can make."""
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, mode=0o700)
                if owner is not None:
                    os.chown(path.parent, *owner)
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise ClusterError(f"{lock} exists: another program edits {path}; if none does, delete it") from None
            time.sleep(0.05)
        except OSError as error:
            raise ClusterError(
                f"the kubeconfig {path} cannot be written: {error.strerror}; "
                "name a file that can be in $KUBECONFIG and run this again"
            ) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
