"""Where scheduled snapshots are, how they are called, and which of them are too many."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec

_NAME = re.compile(r"scheduled-\d{8}T\d{6}Z\.db")


def folder(spec: ClusterSpec, layout: Layout) -> Path:
    return Path(spec.snapshot_dir) if spec.snapshot_dir else layout.snapshots


def name_at(moment_s: float) -> str:
    return time.strftime("scheduled-%Y%m%dT%H%M%SZ.db", time.gmtime(moment_s))


def surplus(names: Iterable[str], keep: int) -> list[str]:
    """Those to delete so that the newest `keep` stay; files that the schedule did not make are nobody's business."""
    ours = sorted(name for name in names if _NAME.fullmatch(name))
    return ours[: max(0, len(ours) - keep)]
