"""Connection tracking entries: forgets those of UDP flows whose endpoint is gone.

A UDP flow has no end, so its entry would keep sending to the vanished endpoint.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import Protocol


class Conntrack(Protocol):
    async def forget_udp(self, destination: str, endpoint: str) -> None:
        """Drops entries sent to `destination` and translated to `endpoint` (both addresses)."""
        ...


class ConntrackTool:
    """The distribution's `conntrack`; does nothing where it is missing."""

    async def forget_udp(self, destination: str, endpoint: str) -> None:
        tool = shutil.which("conntrack") or shutil.which("conntrack", path="/usr/sbin:/sbin")
        if tool is None:
            return
        process = await asyncio.create_subprocess_exec(
            tool, "-D", "-p", "udp", "--orig-dst", destination, "--dst-nat", endpoint,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await process.wait()
