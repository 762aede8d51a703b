"""The names of the images that every cluster has."""

from __future__ import annotations

PAUSE = "pybernetes.local/pause:1.0"
BUSYBOX = "pybernetes.local/busybox:1.35"
HELLO = "pybernetes.local/hello:1.0"
