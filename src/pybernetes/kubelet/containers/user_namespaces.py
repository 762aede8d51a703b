"""User namespaces of pods: ids of the node that no other pod has, which are 0 to 65535 inside.

What a pod has is in a file of its folder, and free with the folder. Ids under 65536 are the node's own.

Source: pkg/kubelet/userns/userns_manager.go, KEP-127.
Differs: `getsubids` is not asked which ids the node's administrator gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Pod
from pybernetes.host.files import write_atomic
from pybernetes.kubelet.pod_spec import uid_of

_FILE = "userns"
_LENGTH = 1 << 16
_SLOTS = range(1, 1 << 16)
_POD, _NODE = 0, 2  # NamespaceMode of the CRI


class _Mapping(msgspec.Struct, rename="camel"):
    host_id: int
    container_id: int = 0
    length: int = _LENGTH


class _Kept(msgspec.Struct, rename="camel"):
    uid_mappings: list[_Mapping]
    gid_mappings: list[_Mapping]


class UserNamespaces:
    def __init__(self, pods: Path) -> None:
        self._pods = pods
        self._handlers: frozenset[str] = frozenset()

    def runtime_has(self, handlers: Iterable[str]) -> None:
        """The names of the runtime's handlers that can map ids; "" is the one of most pods."""
        self._handlers = frozenset(handlers)

    def of(self, pb: Any, pod: Pod, handler: str = "") -> Any:
        """The CRI's UserNamespace. Raises ValueError where it cannot be had."""
        if pod.spec.hostUsers is not False:
            return pb.UserNamespace(mode=_NODE)
        kept = self._kept(uid_of(pod))
        if kept is None:
            self._check(handler)
            kept = self._make(uid_of(pod))

        def mappings(found: list[_Mapping]) -> list[Any]:
            return [pb.IDMapping(host_id=m.host_id, container_id=m.container_id, length=m.length) for m in found]

        return pb.UserNamespace(mode=_POD, uids=mappings(kept.uid_mappings), gids=mappings(kept.gid_mappings))

    def _check(self, handler: str) -> None:
        if handler in self._handlers:
            return
        whose = f'RuntimeClass handler "{handler}"' if handler else "runtime"
        raise ValueError(f"can't set `spec.hostUsers: false`, {whose} does not support user namespaces")

    def _kept(self, uid: str) -> _Kept | None:
        try:
            return msgspec.json.decode((self._pods / uid / _FILE).read_bytes(), type=_Kept)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise ValueError(f"user namespace: {error}") from None

    def _make(self, uid: str) -> _Kept:
        used = {
            mapping.host_id // _LENGTH
            for file in self._pods.glob(f"*/{_FILE}")
            if (kept := self._kept(file.parent.name)) is not None
            for mapping in kept.uid_mappings
        }
        slot = next((slot for slot in _SLOTS if slot not in used), None)
        if slot is None:
            raise ValueError("could not find an empty slot to allocate a user namespace")
        mappings = [_Mapping(slot * _LENGTH)]
        kept = _Kept(mappings, mappings)
        (self._pods / uid).mkdir(parents=True, exist_ok=True, mode=0o750)
        write_atomic(self._pods / uid / _FILE, msgspec.json.encode(kept), 0o600)
        return kept
