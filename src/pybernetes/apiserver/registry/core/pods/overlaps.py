"""Files of one volume that stand in each other's way: texts for Warning headers.

Source: pkg/api/pod/warnings.go (warningsForOverlappingVirtualPaths).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pybernetes.api.core import v1 as core

_File = tuple[str, str]
"""A path, and where it comes from ("" when the volume itself tells)."""


def overlapping_paths(volumes: Sequence[core.Volume]) -> Iterator[str]:
    for volume in volumes:
        if volume.configMap is not None:
            yield from _told(volume.name, f'ConfigMap "{volume.configMap.name or ""}"', _items(volume.configMap.items))
        if volume.secret is not None:
            yield from _told(volume.name, f'Secret "{volume.secret.secretName or ""}"', _items(volume.secret.items))
        if volume.downwardAPI is not None:
            yield from _told(volume.name, "DownwardAPI", _items(volume.downwardAPI.items))
        if volume.projected is not None:
            files: list[_File] = []
            for source in volume.projected.sources or []:
                if source == core.VolumeProjection():
                    yield f'volume "{volume.name}" (Projected) has no sources provided'
                files += _projected(source)
            yield from _told(volume.name, "Projected", files)


def _items(items: Iterable[core.KeyToPath | core.DownwardAPIVolumeFile], source: str = "") -> list[_File]:
    return [(item.path, source) for item in items]


def _projected(source: core.VolumeProjection) -> list[_File]:
    if source.configMap is not None and source.configMap.items:
        return _items(source.configMap.items, f'ConfigMap "{source.configMap.name or ""}"')
    if source.secret is not None and source.secret.items:
        return _items(source.secret.items, f'Secret "{source.secret.name or ""}"')
    if source.downwardAPI is not None and source.downwardAPI.items:
        return _items(source.downwardAPI.items, "DownwardAPI")
    if source.serviceAccountToken is not None:
        return [(source.serviceAccountToken.path, "ServiceAccountToken")]
    if source.clusterTrustBundle is not None:
        bundle = source.clusterTrustBundle
        return [(bundle.path, f'ClusterTrustBundle "{bundle.name or bundle.signerName or ""}"')]
    if source.podCertificate is not None:
        given = source.podCertificate
        files = (
            (given.certificateChainPath, "PodCertificate chain"),
            (given.keyPath, "PodCertificate key"),
            (given.credentialBundlePath, "PodCertificate credential bundle"),
        )
        return [(path, what) for path, what in files if path]
    return []


def _told(volume: str, what: str, files: Iterable[_File]) -> Iterator[str]:
    before: list[_File] = []
    for name, source in files:
        file = (name.rstrip("/"), source)
        for other in before if file[0] else ():
            if other[0] and _meet(file[0], other[0]):
                yield f'volume "{volume}" ({what}): overlapping paths: {_shown(file)} with {_shown(other)}'
        before.append(file)


def _meet(one: str, other: str) -> bool:
    """The same file, or one is a folder of the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _shown(file: _File) -> str:
    path, source = file
    return f'"{path}" ({source})' if source else f'"{path}"'
