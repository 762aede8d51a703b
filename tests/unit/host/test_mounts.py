from __future__ import annotations

from pathlib import Path

from pybernetes.host.mounts import mount_points

MOUNTINFO = """22 27 0:20 / /proc rw - proc proc rw
31 27 0:24 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
40 27 0:30 / /run/up rw - tmpfs tmpfs rw
41 40 0:31 / /run/up/with\\040space rw - tmpfs tmpfs rw
42 27 0:32 / /run/upper rw - tmpfs tmpfs rw
43 27 0:33 / /data/run/up rw - tmpfs tmpfs rw
"""


def test_only_what_lies_in_the_folder() -> None:
    assert mount_points(MOUNTINFO, Path("/run/up")) == ["/run/up", "/run/up/with space"]
    assert mount_points(MOUNTINFO, Path("/run")) == ["/run/up", "/run/up/with space", "/run/upper"]
    assert mount_points(MOUNTINFO, Path("/ru")) == []
