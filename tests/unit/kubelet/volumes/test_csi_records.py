"""Records of volumes on the disk: what is written is found again, and what is broken harms nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybernetes.kubelet.volumes.csi.mounts_on_disk import (
    Places,
    Use,
    Volume,
    staging_data,
    use_data,
    write_record,
)

FILES = Volume("driver", "handle", "pv")
DEVICE = Volume("driver", "handle-2", "raw", block=True)
INLINE = Volume("driver", "csi-1", "inline", ephemeral=True)


@pytest.mark.parametrize("volume", [FILES, INLINE], ids=["claimed", "inline"])
def test_a_use_is_found_again(tmp_path: Path, volume: Volume) -> None:
    places, use = Places(tmp_path), Use(volume, "uid")
    write_record(places.use_record(use), use_data(use, "node", "csi-x"))
    assert list(places.uses()) == [use]
    assert not list(places.staged())


def test_a_device_is_found_by_its_link(tmp_path: Path) -> None:
    places, use = Places(tmp_path), Use(DEVICE, "uid")
    write_record(places.staging_record(DEVICE), use_data(use, "node", ""))
    assert not list(places.uses())
    places.link(use).parent.mkdir(parents=True)
    places.link(use).symlink_to("/dev/null")
    assert list(places.uses()) == [use]
    assert list(places.staged()) == [DEVICE]


def test_what_is_staged_is_found_again(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write_record(places.staging_record(FILES), staging_data(FILES))
    (found,) = places.staged()
    assert (found.driver, found.handle) == ("driver", "handle")
    assert places.staging(found) == places.staging(FILES)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"driverName": "d"}', '{"driverName": 1, "volumeHandle": "h"}'])
def test_a_broken_record_is_left_out(tmp_path: Path, text: str) -> None:
    places = Places(tmp_path)
    for name in ("pv", "other"):
        use = Use(Volume("driver", name, name), "uid")
        write_record(places.use_record(use), use_data(use, "node", ""))
    places.use_record(Use(FILES, "uid")).write_text(text)
    assert [use.volume.name for use in places.uses()] == ["other"]
