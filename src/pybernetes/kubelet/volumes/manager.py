"""Sets up, refreshes and removes the volumes of pods under ROOT/pods/<uid>/volumes.

Folder names are upstream's (`kubernetes.io~empty-dir/NAME`), so that tools which know a kubelet's
root find their way. Preparing is idempotent: after a restart of the kubelet what is there stays.

Source: pkg/volume/*, pkg/kubelet/volumemanager. Differs: volumes are set up when the pod needs them
and told by events, without a reconciler that polls.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pybernetes.api.core.v1 import (
    Container,
    EphemeralContainer,
    NFSVolumeSource,
    PersistentVolume,
    Pod,
    Volume,
    VolumeDevice,
    VolumeMount,
)
from pybernetes.apimachinery import errors, quantity, volume_claims
from pybernetes.apimachinery.metrics_text import Durations
from pybernetes.apimachinery.volume_claims import BLOCK
from pybernetes.client.client import Client
from pybernetes.host import files
from pybernetes.kubelet.containers.environment import ConfigError, Facts, Objects
from pybernetes.kubelet.containers.expansion import expand
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.runtime import lacks_image_volumes
from pybernetes.kubelet.volumes import atomic_writer, block, local, mounts, nfs, ownership, subpath
from pybernetes.kubelet.volumes import stats as volume_stats
from pybernetes.kubelet.volumes.claims import ClaimError, claimed_volume, is_read_only
from pybernetes.kubelet.volumes.csi import requests
from pybernetes.kubelet.volumes.csi.volumes import CsiVolumes, Recorder
from pybernetes.kubelet.volumes.huge_pages import page_size_for
from pybernetes.kubelet.volumes.image_mounts import FOLDER, ImageMounts
from pybernetes.kubelet.volumes.payload import VolumeError, is_payload, needs_memory, payload
from pybernetes.kubelet.volumes.plugins import plugin_name
from pybernetes.kubelet.volumes.stats import STORAGE_BOUNDS, NamedStats, VolumeStats
from pybernetes.kubelet.volumes.tokens import DEFAULT_LIFETIME_S, Tokens

_LOG = logging.getLogger(__name__)
_FOLDERS = {
    "emptyDir": "kubernetes.io~empty-dir",
    "configMap": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downwardAPI": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
}


class Volumes:
    def __init__(
        self,
        root: Path,
        objects: Objects,
        tokens: Tokens | None,
        client: Client | None = None,
        csi: CsiVolumes | None = None,
    ) -> None:
        self._root = root
        self._pods = root / "pods"
        self._csi = csi
        self._no_images = ""
        """Why no images can be mounted, "" where they can."""
        self._image_mounts: ImageMounts | None = None
        """Where the runtime does not mount them itself."""
        self._objects = objects
        self._tokens = tokens
        self._client = client
        self._claimed: dict[str, dict[str, PersistentVolume]] = {}
        """What is behind the claims of prepared pods: by uid and the name of the pod's volume."""
        self.mounted = Durations("migrated", "operation_name", "status", "volume_plugin", bounds=STORAGE_BOUNDS)
        """How long it took to make volumes ready, or to fail, and to take them away: all of a pod together."""

    def meet_runtime(self, name: str, version: str, endpoint: str) -> None:
        """What this runtime cannot do is done here, or refused."""
        self._no_images, self._image_mounts = lacks_image_volumes(name, version), None
        if self._no_images and name == "containerd" and shutil.which("ctr") is not None:
            self._no_images, self._image_mounts = "", ImageMounts(endpoint)

    async def mount_images(self, pod: Pod, images: Mapping[str, str]) -> None:
        """The images that are there by now: ids by the volume's name. Raises VolumeError, OSError."""
        if self._image_mounts is not None:
            for volume in pod.spec.volumes:
                if volume.name in images and (place := self.path(pod, volume)) is not None:
                    await self._image_mounts.mount(images[volume.name], place)

    def pod_folder(self, uid: str) -> Path:
        return self._pods / uid

    def known_pods(self) -> set[str]:
        """uids that have a folder."""
        with suppress(FileNotFoundError):
            return {entry.name for entry in self._pods.iterdir()}
        return set()

    async def prepare(self, pod: Pod, facts: Facts, record: Recorder) -> None:
        """Makes every volume of the pod ready.

        Raises VolumeError with the volume's name in its text, OSError where the pod's own folders cannot be made.
        """
        folder = self.pod_folder(uid_of(pod))
        for name in ("volumes", "plugins", "containers"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o750)
        for volume in pod.spec.volumes:
            began_s, status = time.monotonic(), "fail-unknown"
            try:
                await self._prepare_one(pod, volume, facts, record)
                status = "success"
            except ClaimError as error:
                name = volume.name
                raise VolumeError(
                    f"Unable to attach or mount volumes: unmounted volumes=[{name}], unattached volumes=[], "
                    f"failed to process volumes=[{name}]: {error}"
                ) from error
            except (VolumeError, OSError, errors.StatusError, ValueError) as error:
                raise VolumeError(_told(volume, error)) from error
            finally:
                self.mounted.add(time.monotonic() - began_s, "false", "volume_mount", status, self.plugin(pod, volume))

    def plugin(self, pod: Pod, volume: Volume) -> str:
        """What upstream calls what makes the volume."""
        return plugin_name(volume, self._claimed.get(uid_of(pod), {}).get(volume.name))

    async def _prepare_one(self, pod: Pod, volume: Volume, facts: Facts, record: Recorder) -> None:
        if volume.hostPath is not None:
            _check_host_path(volume.hostPath.path, volume.hostPath.type or "")
        elif volume.emptyDir is not None:
            self._empty_dir(pod, volume)
        elif is_payload(volume):
            await self.write(pod, volume, facts)
        elif volume.image is not None:
            if self._no_images:
                raise VolumeError(self._no_images)
        elif volume.csi is not None:
            await self._prepare_csi(pod, volume, None, record)
        elif volume.nfs is not None:
            await self._prepare_nfs(pod, volume, volume.nfs, ())
        elif volume.persistentVolumeClaim is not None or volume.ephemeral is not None:
            await self._prepare_claimed(pod, volume, record)
        else:
            raise VolumeError("no volume plugin matched")

    async def write(self, pod: Pod, volume: Volume, facts: Facts) -> bool:
        """Brings the files of one volume up to date; whether they changed."""
        tokens = await self._token_texts(pod, volume)
        files = payload(pod, volume, self._objects, facts, tokens)
        place = self.path(pod, volume)
        assert place is not None
        place.mkdir(parents=True, exist_ok=True, mode=0o755)
        if needs_memory(volume):
            try:
                mounts.tmpfs(place)
            except OSError as error:
                _LOG.debug("no tmpfs for volume %s: %s", volume.name, error)
        group = ownership.group_of(pod)
        place.chmod(0o777)
        if group is not None:
            os.chown(place, -1, group)
            files = {
                path: atomic_writer.File(file.content, file.mode | (file.mode & 0o700) >> 3 & 0o040, file.owner)
                for path, file in files.items()
            }
        return atomic_writer.write(place, files, group)

    async def _token_texts(self, pod: Pod, volume: Volume) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for source in (volume.projected.sources or []) if volume.projected is not None else []:
            wanted = source.serviceAccountToken
            if wanted is not None:
                if self._tokens is None:
                    raise VolumeError("cannot use service account tokens without an apiserver")
                lifetime_s = wanted.expirationSeconds or DEFAULT_LIFETIME_S
                found[wanted.path] = await self._tokens.token(pod, wanted.audience or "", lifetime_s)
        return found

    async def refresh(self, pod: Pod, facts: Facts) -> bool:
        """Writes anew what changed in the API, or what is about to expire; whether anything did."""
        changed = False
        for volume in pod.spec.volumes:
            if is_payload(volume):
                with suppress(VolumeError, errors.StatusError, OSError):
                    changed |= await self.write(pod, volume, facts)
        return changed

    async def stats(self, pod: Pod, *, only_claims: bool = False) -> list[NamedStats]:
        """Of the pod's volumes that can be measured."""
        found = []
        for volume in pod.spec.volumes:
            name = volume_claims.claim_name(pod, volume)
            if only_claims and not name:
                continue
            with suppress(OSError):
                if (measured := await self._measured(pod, volume)) is not None:
                    claim = (pod.metadata.namespace or "", name) if name else None
                    found.append(NamedStats(volume.name, claim, measured))
        return found

    async def _measured(self, pod: Pod, volume: Volume) -> VolumeStats | None:
        claimed = self._claimed.get(uid_of(pod), {}).get(volume.name)
        if self._csi is not None and (use := requests.use_of(pod, volume, claimed)) is not None:
            return await self._csi.stats(use)
        place = self.path(pod, volume)
        if place is None or volume.hostPath is not None or (claimed is not None and claimed.spec.hostPath is not None):
            return None
        if volume.emptyDir is not None or is_payload(volume):
            return await asyncio.to_thread(volume_stats.of_folder, place)
        return await asyncio.to_thread(volume_stats.of_file_system, place)

    async def look_again(self, pod: Pod, record: Recorder) -> None:
        """From time to time: what drivers want to be asked again, and volumes that have grown."""
        if self._csi is None:
            return
        for volume in pod.spec.volumes:
            found = self._claimed.get(uid_of(pod), {}).get(volume.name)
            if (use := requests.use_of(pod, volume, found)) is None:
                continue
            try:
                await self._csi.publish_again(pod, volume, found, use)
                if found is not None:
                    await self._csi.expand(pod, volume, use, record)
            except (VolumeError, errors.StatusError, OSError) as error:
                record("Warning", "FailedMount", _told(volume, error), "")

    async def _prepare_claimed(self, pod: Pod, volume: Volume, record: Recorder) -> None:
        found = await claimed_volume(self._client, pod, volume)
        spec, name = found.spec, found.metadata.name or ""
        self._claimed.setdefault(uid_of(pod), {})[volume.name] = found
        if spec.csi is not None:
            await self._prepare_csi(pod, volume, found, record)
        elif spec.local is not None and spec.volumeMode == BLOCK:
            await asyncio.to_thread(block.map_local, self._root, Path(spec.local.path), uid_of(pod), name)
        elif spec.volumeMode == BLOCK:
            raise VolumeError("volume plugin does not support block volumes", name, "MapVolume.NewBlockVolumeMapper")
        elif spec.hostPath is not None:
            _check_host_path(spec.hostPath.path, spec.hostPath.type or "")
        elif spec.local is not None:
            await local.set_up(self._root, spec.local, pod, name, spec.mountOptions, is_read_only(volume))
        elif spec.nfs is not None:
            await self._prepare_nfs(pod, volume, spec.nfs, spec.mountOptions)
        else:
            raise VolumeError(f"no volume plugin matched for PersistentVolume {name}")

    async def _prepare_csi(self, pod: Pod, volume: Volume, found: PersistentVolume | None, record: Recorder) -> None:
        use = requests.use_of(pod, volume, found)
        if self._csi is None or use is None:
            raise VolumeError("cannot use volumes of CSI drivers without an apiserver")
        await self._csi.set_up(pod, volume, found, use)
        if found is not None:
            await self._csi.expand(pod, volume, use, record)

    async def _prepare_nfs(self, pod: Pod, volume: Volume, source: NFSVolumeSource, options: Sequence[str]) -> None:
        place = self.path(pod, volume)
        assert place is not None
        await nfs.mount(source, place, options, is_read_only(volume))

    def _empty_dir(self, pod: Pod, volume: Volume) -> None:
        assert volume.emptyDir is not None
        place = self.path(pod, volume)
        assert place is not None
        fresh = not place.is_dir()
        place.mkdir(parents=True, exist_ok=True)
        if volume.emptyDir.medium == "Memory":
            limit = quantity.value(volume.emptyDir.sizeLimit) if volume.emptyDir.sizeLimit else 0
            if not mounts.is_mount_point(place):
                mounts.tmpfs(place, limit)
                fresh = True
        elif (volume.emptyDir.medium or "").startswith("HugePages") and not mounts.is_mount_point(place):
            size = page_size_for(pod, volume.emptyDir.medium or "")
            mounts.mount("nodev", place, "hugetlbfs", 0, f"pagesize={size}")
            fresh = True
        if fresh:
            mode = _mode(volume.emptyDir.medium == "Memory")
            place.chmod(mode)
            group = ownership.group_of(pod)
            if group is not None:
                os.chown(place, -1, group)
                place.chmod(mode | stat.S_ISGID)

    def path(self, pod: Pod, volume: Volume) -> Path | None:
        """Where the volume lies on the node; None for one that is no folder of the node (an image, mostly)."""
        if volume.image is not None and self._image_mounts is not None:
            return self.pod_folder(uid_of(pod)) / "volumes" / FOLDER / volume.name
        if volume.hostPath is not None:
            return Path(volume.hostPath.path)
        claimed = self._claimed.get(uid_of(pod), {}).get(volume.name)
        if self._csi is not None and (use := requests.use_of(pod, volume, claimed)) is not None:
            return self._csi.places.target(use)
        if volume.nfs is not None or (claimed is not None and claimed.spec.nfs is not None):
            name = volume.name if claimed is None else claimed.metadata.name or ""
            return self.pod_folder(uid_of(pod)) / "volumes" / nfs.FOLDER / name
        if claimed is not None:
            if claimed.spec.local is not None:
                return local.place_of(self._root, claimed.spec.local, uid_of(pod), claimed.metadata.name or "")
            return Path(claimed.spec.hostPath.path) if claimed.spec.hostPath is not None else None
        for field, folder in _FOLDERS.items():
            if getattr(volume, field) is not None:
                return self.pod_folder(uid_of(pod)) / "volumes" / folder / volume.name
        return None

    def device_source(self, pod: Pod, device: VolumeDevice) -> tuple[Path, bool]:
        """What names the device on the node, and whether it is only to be read. Raises ConfigError."""
        volume = next((v for v in pod.spec.volumes if v.name == device.name), None)
        found = self._claimed.get(uid_of(pod), {}).get(device.name)
        if volume is None or found is None:
            raise ConfigError(f'cannot find volume "{device.name}" to pass into container')
        if self._csi is not None and (use := requests.use_of(pod, volume, found)) is not None:
            return self._csi.places.link(use), is_read_only(volume)
        return block.local_link(self._pods, uid_of(pod), found.metadata.name or ""), is_read_only(volume)

    def mount_source(
        self, pod: Pod, container: Container | EphemeralContainer, mount: VolumeMount, environment: Mapping[str, str]
    ) -> tuple[Path | None, Volume, str]:
        """The path that one mount of a container shows, its volume, and the subPath. Raises ConfigError."""
        volume = next((v for v in pod.spec.volumes if v.name == mount.name), None)
        if volume is None:
            raise ConfigError(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
        sub_path = mount.subPath or ""
        if mount.subPathExpr:
            sub_path = _expand_strictly(mount.subPathExpr, environment)
        place = self.path(pod, volume)
        if not sub_path or place is None:
            return place, volume, sub_path
        try:
            subpath.check(sub_path)
        except subpath.SubPathError as error:
            raise ConfigError(str(error)) from None
        index = container.volumeMounts.index(mount)
        folder = self.pod_folder(uid_of(pod)) / "volume-subpaths" / volume.name / container.name
        try:
            if not os.path.lexists(place / sub_path):
                subpath.make_folder(place, sub_path)
        except (subpath.SubPathError, OSError) as error:
            _LOG.warning("subPath %s of volume %s: %s", sub_path, volume.name, error)
            raise ConfigError(
                f'failed to create subPath directory for volumeMount "{mount.name}" of container "{container.name}"'
            ) from None
        try:
            return subpath.bind(place, sub_path, folder / str(index)), volume, sub_path
        except (subpath.SubPathError, OSError) as error:
            _LOG.warning("subPath %s of volume %s: %s", sub_path, volume.name, error)
            raise ConfigError(
                f'failed to prepare subPath for volumeMount "{mount.name}" of container "{container.name}"'
            ) from None

    async def unmount(self, uid: str) -> None:
        """Unmounts and removes the volumes of a pod that has ended; nothing of the node is followed.

        Raises VolumeError for what a driver still has to give back, OSError.
        """
        kinds = [place.parent.name.replace("~", "/", 1) for place in (self.pod_folder(uid) / "volumes").glob("*/*")]
        began_s, status = time.monotonic(), "fail-unknown"
        try:
            await self._unmount(uid)
            status = "success"
        finally:
            for kind in kinds:
                self.mounted.add(time.monotonic() - began_s, "false", "volume_unmount", status, kind)

    async def _unmount(self, uid: str) -> None:
        folder = self.pod_folder(uid)
        _detach_below(folder / "volume-subpaths")
        if self._csi is not None:
            await self._csi.tear_down(uid)
        block.unmap_locals(self._root, uid)
        disks = local.names_of(self._root, uid)
        self._claimed.pop(uid, None)
        if self._image_mounts is not None:
            for place in (folder / "volumes" / FOLDER).glob("*"):
                await self._image_mounts.release(place)
        _detach_below(folder)
        for name in ("volumes", "volume-subpaths", "volumeDevices"):
            _remove_tree(folder / name)
        local.release(self._root, disks)

    async def remove(self, uid: str) -> None:
        """Removes everything of the pod on this node. Raises what `unmount` does."""
        await self.unmount(uid)
        _remove_tree(self.pod_folder(uid))


def _told(volume: Volume, error: Exception) -> str:
    text = files.reason(error) if isinstance(error, OSError) else str(error)
    known = error if isinstance(error, VolumeError) else VolumeError(text)
    return f'{known.step} failed for volume "{known.name or volume.name}" : {known}'


def _mode(in_memory: bool) -> int:
    """Everybody may write; a tmpfs keeps its own sticky bit, so that nobody removes the files of others."""
    return 0o1777 if in_memory else 0o777


def _detach_below(folder: Path) -> None:
    for place in mounts.mounts_below(folder):
        mounts.unmount(place, mounts.MNT_DETACH)


def _remove_tree(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def _expand_strictly(text: str, environment: Mapping[str, str]) -> str:
    missing: list[str] = []

    def lookup(name: str) -> str | None:
        if name not in environment:
            missing.append(name)
        return environment.get(name)

    result = expand(text, lookup)
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        raise ConfigError(f"missing value for {names}")
    return result


_TYPES = {
    "Directory": (stat.S_ISDIR, "is not a directory"),
    "File": (stat.S_ISREG, "is not a file"),
    "Socket": (stat.S_ISSOCK, "is not a socket"),
    "CharDevice": (stat.S_ISCHR, "is not a character device"),
    "BlockDevice": (stat.S_ISBLK, "is not a block device"),
}


def _check_host_path(text: str, kind: str) -> None:
    """Makes what ...OrCreate asks for and checks the rest. Source: pkg/volume/hostpath/host_path.go."""
    path = Path(text)
    if not kind:
        return
    if kind == "DirectoryOrCreate":
        if not path.exists():
            path.mkdir(parents=True, mode=0o755)
        kind = "Directory"
    elif kind == "FileOrCreate":
        if not path.exists():
            path.touch(mode=0o644)
        kind = "File"
    if kind not in _TYPES:
        raise VolumeError(f"{kind} is an invalid volume type")
    check, complaint = _TYPES[kind]
    if not path.exists():
        raise VolumeError(f"hostPath type check failed: {text} {complaint}")
    if not check(path.stat().st_mode):
        raise VolumeError(f"hostPath type check failed: {text} {complaint}")
