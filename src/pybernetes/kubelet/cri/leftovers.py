"""What a containerd that was killed, or whose kubelet was, has forgotten: what it made and has no record of.

containerd makes the namespace of a sandbox, and has its address given, before it writes anything down. Those made
before a life of the runtime began that no sandbox names are nobody's; they are looked for once in a life, and again
where one could not be removed. A shim that starts while containerd dies, or while it is no longer asked to, is not
found again, and a bundle that was to have one stays: a task whose container containerd does not know, now and some
seconds later, is ended. So is what runc keeps of a container whose start was broken off in the middle: there is no
bundle then any more. And so is a sandbox that could not be taken back and that the CRI dropped, while containerd keeps
its container. The snapshot that was to be a container's root has a lease, with which containerd would keep it
for a day: it is looked for once in a life. All this only where containerd keeps its namespaces under a folder of its
own, as one does that serves this node alone.

Source: containerd's pkg/cri/server/sandbox_run.go, client.go NewContainer, lease.go, runtime/v2/manager.go
loadShims, runtime/v2/binary.go Delete, runtime/v2/runc/options; runc's delete.go; containernetworking/plugins'
ipam/host-local.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.host import mounts, netns
from pybernetes.host.processes import Process, all_pids, arguments, find_program
from pybernetes.kubelet.cri.client import CriClient, CriError, once_it_answers
from pybernetes.kubelet.cri.containerd import (
    NAMESPACE,
    container_labels,
    remove_container,
    remove_snapshot,
    writable_snapshots,
)
from pybernetes.kubelet.runtime import KUBELET_LABEL

_LOG = logging.getLogger(__name__)
_UNKNOWN_S = 5.0
_LATE_S = 10.0
_DELETE_S = 20.0
_SHIM = "containerd-shim-runc-v2"
_RUNC = "io.containerd.runc.v2"
_KIND = "io.cri-containerd.kind"
_TASKS = "io.containerd.runtime.v2.task"
_COMMON_BOOKS = Path("/var/lib/cni/networks")
_ADDRESS = re.compile("[0-9a-f]*[.:][0-9a-f.:]+")
_CRI_ID = re.compile("[0-9a-f]{64}")
"""The key of a snapshot that the CRI made; others in its namespace are somebody else's."""


class _Options(msgspec.Struct):
    Root: str = ""
    BinaryName: str = ""


class _Runtime(msgspec.Struct):
    runtimeType: str = ""
    options: _Options | None = None


class _Containers(msgspec.Struct):
    snapshotter: str = "overlayfs"
    runtimes: dict[str, _Runtime] = msgspec.field(default_factory=dict)

    def runcs(self) -> Iterator[tuple[Path, str]]:
        """Those with a folder of their own: where it keeps what it knows of containers, and its name."""
        for runtime in self.runtimes.values():
            if runtime.runtimeType == _RUNC and runtime.options is not None and runtime.options.Root:
                yield Path(runtime.options.Root, NAMESPACE), runtime.options.BinaryName or "runc"


class _Config(msgspec.Struct):
    """As much as is looked at of what containerd tells of its configuration."""

    containerd: _Containers = msgspec.field(default_factory=_Containers)
    stateDir: str = ""
    rootDir: str = ""
    netnsMountsUnderStateDir: bool = False


class _Ipam(msgspec.Struct):
    type: str = ""
    dataDir: str = ""


class _Plugin(msgspec.Struct):
    ipam: _Ipam = msgspec.field(default_factory=_Ipam)


class _Conflist(msgspec.Struct):
    name: str = ""
    plugins: list[_Plugin] = msgspec.field(default_factory=list)


class _Network(msgspec.Struct):
    Source: str = ""


class _NamedNetwork(msgspec.Struct):
    Config: _Network = msgspec.field(default_factory=_Network)


class _Cni(msgspec.Struct):
    Networks: list[_NamedNetwork] = msgspec.field(default_factory=list)


class _Namespace(msgspec.Struct):
    type: str = ""
    path: str = ""


class _Linux(msgspec.Struct):
    namespaces: list[_Namespace] = msgspec.field(default_factory=list)


class _Spec(msgspec.Struct):
    linux: _Linux = msgspec.field(default_factory=_Linux)


class _Info(msgspec.Struct):
    runtimeSpec: _Spec = msgspec.field(default_factory=_Spec)


class Leftovers:
    def __init__(self, cri: CriClient) -> None:
        self._cri = cri
        self._life_s = 0.0
        self._config = _Config()
        self._books: list[Path] = []
        """Of addresses in this node's own networks: in the common folder are those of other runtimes, too."""
        self._looking = asyncio.Lock()

    async def remove(self) -> None:
        """Removes what is nobody's; cheap where there is nothing."""
        if await self._look():
            await asyncio.sleep(_LATE_S)
            await self._look()

    async def _look(self) -> bool:
        """Whether it was the first time in a life of the runtime: what that has begun may be forgotten only later."""
        first = False
        try:
            async with self._looking:
                began_s = _began_s(self._cri.endpoint)
                first = began_s != self._life_s
                if first:
                    if await once_it_answers(partial(self._begin, began_s)):
                        self._life_s = began_s
                    await asyncio.sleep(_UNKNOWN_S)  # what was asked just before may break off only now
                if self._config.netnsMountsUnderStateDir:
                    await self._end_unknown()
                    if first:
                        await self._remove_snapshots(began_s)
        except (CriError, OSError, msgspec.DecodeError) as error:
            _LOG.debug("what the runtime has forgotten cannot be looked for: %s", error)
        return first

    async def _begin(self, began_s: float) -> bool:
        """Another life of the runtime: its configuration, and the namespaces of the last one; whether all are gone."""
        info = (await self._cri.status(verbose=True)).info
        self._config = msgspec.json.decode(info.get("config", "{}"), type=_Config)
        if not self._config.netnsMountsUnderStateDir:
            return True
        places = _older(Path(self._config.stateDir, "netns"), began_s)
        known = [item.id for item in await self._cri.list_pod_sandboxes()]
        remove_broken_results(known, began_s)
        for sandbox_id in known if places else ():
            places -= {Path(path) for path in await self._namespaces_of(sandbox_id)}
        books = list(address_books(info.get("cniconfig", "{}")))
        self._books = [book for book in books if book.parent != _COMMON_BOOKS]
        gone = True
        for place in places:
            try:
                await asyncio.to_thread(remove_namespace, place, books, frozenset(known))
                _LOG.warning("the runtime forgot the network namespace %s when it ended: removed", place.name)
            except OSError as error:
                _LOG.warning("the network namespace %s, which the runtime forgot, stays: %s", place.name, error)
                gone = False
        return gone

    async def _remove_snapshots(self, began_s: float) -> None:
        """Those made before this life of the runtime for a container that was then not written down."""
        snapshotter = self._config.containerd.snapshotter
        found = await writable_snapshots(self._cri, snapshotter)
        mine = [key for key, made_s in found.items() if made_s < began_s and _CRI_ID.fullmatch(key)]
        for key, labels in (await self._unlisted(mine)).items():
            if labels is None:
                await remove_snapshot(self._cri, snapshotter, key)
                _LOG.warning("the runtime forgot the snapshot %s when it ended: removed", key)

    async def _end_unknown(self) -> None:
        """Tasks, and addresses that a plugin noted for a sandbox that never was."""
        unknown, noted = await self._unknown_tasks(), await self._unknown_addresses()
        looked_s = time.monotonic()  # what was asked for meanwhile may be among these, and is still being made
        if not unknown and not noted:
            return
        await asyncio.sleep(_UNKNOWN_S)
        none_is_made = self._cri.making_since() > looked_s
        for page in noted & await self._unknown_addresses() if none_is_made else ():
            _LOG.warning("the runtime forgot the address %s: given back", page[0].name)
            page[0].unlink(missing_ok=True)
        for task_id, (process, dropped) in (await self._unknown_tasks()).items():
            if task_id not in unknown or (dropped and not none_is_made):
                continue
            _LOG.warning("the runtime forgot the task %s: removed", task_id)
            await asyncio.to_thread(_remove_task, task_id, process, self._folders(task_id), self._cri.endpoint)
            for root, program in self._config.containerd.runcs():
                await asyncio.to_thread(_remove_state, task_id, root, program)
            if dropped:
                await remove_container(self._cri, task_id)
                await remove_snapshot(self._cri, self._config.containerd.snapshotter, task_id)

    async def _unknown_tasks(self) -> dict[str, tuple[Process | None, bool]]:
        """The shims of tasks that have one, a bundle or runc's state, but no container; containerd notes that first.

        Where there is one, and it is a sandbox of a kubelet's that the CRI does not list, either it is being made or
        the CRI dropped it: with True.
        """
        places = [self._folders("")[0], *(root for root, _ in self._config.containerd.runcs())]
        found = {place.name: None for folder in places for place in folder.glob("*")} | _shims(self._cri.endpoint)
        unlisted = await self._unlisted(found)
        tasks = {each: (found[each], labels is not None) for each, labels in unlisted.items()}
        return {each: task for each, task in tasks.items() if not task[1] or _is_sandbox(unlisted[each])}

    async def _unknown_addresses(self) -> set[tuple[Path, str]]:
        """Their pages, with ids of which nobody knows; the runtime has one noted before it writes anything down."""
        found = {row for book in self._books for row in await asyncio.to_thread(list, _noted(book))}
        unlisted = await self._unlisted({sandbox_id for _, sandbox_id in found})
        return {row for row in found if row[1] in unlisted and unlisted[row[1]] is None}

    async def _unlisted(self, ids: Collection[str]) -> dict[str, dict[str, str] | None]:
        """Those of which the CRI knows nothing, with the labels of their containers where containerd knows them."""
        if not ids:
            return {}
        known = {item.id for item in await self._cri.list_pod_sandboxes()}
        known |= {item.id for item in await self._cri.list_containers()}
        return {each: await container_labels(self._cri, each) for each in ids if each not in known}

    def _folders(self, task_id: str) -> list[Path]:
        """The bundle and what belongs to it below the runtime's root."""
        places = (self._config.stateDir, self._config.rootDir)
        return [Path(place).parent / _TASKS / NAMESPACE / task_id for place in places]

    async def _namespaces_of(self, sandbox_id: str) -> list[str]:
        try:
            status: Any = await self._cri.pod_sandbox_status(sandbox_id, verbose=True)
        except CriError as error:
            if error.not_found:
                return []
            raise
        info = msgspec.json.decode(status.info.get("info", "{}"), type=_Info)
        return [namespace.path for namespace in info.runtimeSpec.linux.namespaces if namespace.path]


def _is_sandbox(labels: dict[str, str] | None) -> bool:
    """Whether a kubelet had it made; not what somebody else runs in containerd's namespace of the CRI."""
    return labels is not None and labels.get(_KIND) == "sandbox" and KUBELET_LABEL in labels


def _began_s(endpoint: str) -> float:
    """When the runtime made its socket. Raises OSError."""
    return Path(endpoint.removeprefix("unix://")).stat().st_ctime


def _older(folder: Path, began_s: float) -> set[Path]:
    found = set()
    for place in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if place.stat().st_ctime < began_s:
                found.add(place)
    return found


def _shims(endpoint: str) -> dict[str, Process]:
    """By sandbox, those of the runtime at that socket."""
    socket, found = endpoint.removeprefix("unix://"), {}
    for pid in all_pids():
        words = arguments(pid)
        if not words or not Path(words[0]).name.startswith("containerd-shim-") or words[-1] in ("start", "delete"):
            continue
        flags, process = dict(pairwise(words)), Process.of(pid)
        mine = (flags.get("-address"), flags.get("-namespace")) == (socket, NAMESPACE)
        if mine and "-id" in flags and process is not None:
            found[flags["-id"]] = process
    return found


def _remove_task(task_id: str, shim: Process | None, folders: list[Path], endpoint: str) -> None:
    """Ends its shim and has that delete what it made, as containerd does with one that it lost. Raises OSError.

    Of a shim that is dead containerd has done so, but waits no longer than 5 s for it.
    """
    bundle = folders[0]
    if shim is not None:
        program: str | None = str(Path(f"/proc/{shim.pid}/exe").readlink())
        shim.stop(0)
    else:
        program = find_program(_SHIM)
    if program is not None and bundle.is_dir():
        socket = endpoint.removeprefix("unix://")
        words = ["-namespace", NAMESPACE, "-address", socket, "-id", task_id, "-bundle", str(bundle), "delete"]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([program, *words], cwd=bundle, capture_output=True, check=False, timeout=_DELETE_S)
    mounts.unmount_below(bundle)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_state(task_id: str, root: Path, program: str) -> None:
    """Has runc end and forget a container of which nobody but it knows any more. Raises OSError."""
    found = find_program(program)
    if found is not None and (root / task_id).is_dir():
        words = [found, "--root", str(root), "delete", "--force", task_id]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(words, capture_output=True, check=False, timeout=_DELETE_S)


def address_books(cni_config: str) -> Iterator[Path]:
    """The folders in which host-local keeps a file by address, of every network that the runtime uses."""
    for network in msgspec.json.decode(cni_config, type=_Cni).Networks:
        conflist = msgspec.json.decode(network.Config.Source or "{}", type=_Conflist)
        for plugin in conflist.plugins:
            if plugin.ipam.type == "host-local":
                yield Path(plugin.ipam.dataDir or _COMMON_BOOKS) / conflist.name


def _noted(book: Path) -> Iterator[tuple[Path, str]]:
    """The pages of addresses, with the sandboxes that have them."""
    for page in book.glob("*"):
        if _ADDRESS.fullmatch(page.name):
            with contextlib.suppress(FileNotFoundError):
                if sandbox_id := page.read_text().split("\n")[0].strip():
                    yield page, sandbox_id


def remove_broken_results(sandboxes: list[str], began_s: float) -> None:
    """A page that libcni had just opened when its runtime was killed would keep the sandbox from ever being stopped."""
    for page in _older(netns.CNI_RESULTS, began_s):
        if any(sandbox_id in page.name for sandbox_id in sandboxes) and not page.stat().st_size:
            _LOG.warning("the runtime was killed as it wrote down a network: %s is empty, removed", page.name)
            page.unlink(missing_ok=True)


def remove_namespace(place: Path, books: list[Path], sandboxes: frozenset[str]) -> None:
    """Gives back the addresses in it that none of these sandboxes has, then the namespace, and its links with it.

    Where the runtime was killed before it mounted the namespace there is a bare file. Raises OSError.
    """
    for address in netns.addresses(place) if mounts.below(place) else ():
        for book in books:
            page = book / address
            if page.is_file() and page.read_text().split("\n")[0].strip() not in sandboxes:
                page.unlink(missing_ok=True)
    mounts.unmount_below(place)
    place.unlink(missing_ok=True)
