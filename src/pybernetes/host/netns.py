"""Network namespaces, links and addresses through iproute2: what makes and removes a node's machine.

Run once a start, so a forked `ip` is cheap enough and its messages are what users know. `ip netns exec` is
never used: it remounts /sys.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pybernetes.host.mounts import unmount_below

RUN_NETNS = Path("/run/netns")
CNI_RESULTS = Path("/var/lib/cni/results")
"""Where libcni keeps what the plugins answered, by network, container and device."""
_ANSWER_S = 20.0


class NetnsError(Exception):
    """iproute2 refused; the message is its own."""


def exists(namespace: str) -> bool:
    return (RUN_NETNS / namespace).exists()


def link_exists(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


def batch(commands: Sequence[str], namespace: str = "") -> None:
    """Runs `ip` commands in order, in a namespace if one is named. Raises NetnsError at the first that fails."""
    arguments = ["-n", namespace, "-batch", "-"] if namespace else ["-batch", "-"]
    _ip(arguments, "\n".join(commands) + "\n")


def try_each(commands: Sequence[str]) -> None:
    """Runs `ip` commands and goes on when one fails."""
    if commands:
        _ip(["-force", "-batch", "-"], "\n".join(commands) + "\n", check=False)


def add(namespace: str) -> None:
    _ip(["netns", "add", namespace])


def delete(namespace: str) -> None:
    """Removes a namespace, and with the last one the mount that iproute2 keeps for all of them."""
    if exists(namespace):
        _ip(["netns", "delete", namespace], check=False)
        if not names():
            unmount_below(RUN_NETNS)


def names() -> list[str]:
    try:
        return sorted(entry.name for entry in RUN_NETNS.iterdir())
    except OSError:
        return []


def addresses(place: Path) -> list[str]:
    """The IPs of all links of the namespace that is mounted at a path. Raises OSError."""
    command = ["nsenter", f"--net={place}", "--", "ip", "-json", "address", "show"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ANSWER_S)
    except subprocess.TimeoutExpired:
        raise OSError(f"nsenter {place} does not answer") from None
    if done.returncode:
        raise OSError(done.stderr.strip() or f"nsenter {place} failed")
    return [entry["local"] for link in json.loads(done.stdout) for entry in link.get("addr_info", ())]


def _ip(arguments: list[str], stdin: str = "", *, check: bool = True) -> str:
    program = shutil.which("ip") or "/sbin/ip"
    try:
        done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NetnsError("ip is missing; install it: apt-get install iproute2") from None
    if check and done.returncode:
        raise NetnsError(done.stderr.strip().replace("\n", "; ") or f"ip {' '.join(arguments)} failed")
    return done.stdout
