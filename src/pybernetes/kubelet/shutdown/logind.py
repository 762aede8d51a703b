"""systemd's logind over D-Bus: it is asked to wait with a shutdown, and tells when one comes.

Source: pkg/kubelet/nodeshutdown/systemd/inhibit_linux.go.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NAME, _PATH, _MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
_DROP_IN = Path("/etc/systemd/logind.conf.d/99-kubelet.conf")
_LOOKS, _FIRST_LOOK_S = 5, 0.1


class LogindError(Exception):
    """logind is not there, or does not do what it is asked."""


class Logind:
    """Used as an async context. `told(begins)` is called when a shutdown begins, or is called off."""

    def __init__(self, told: Callable[[bool], None], address: str = "", drop_in: Path = _DROP_IN) -> None:
        self._told = told
        self._address = address
        self._drop_in = drop_in
        self._lock: int | None = None

    async def __aenter__(self) -> Logind:
        """Raises LogindError."""
        from dbus_fast import BusType, Message, MessageType
        from dbus_fast.aio import MessageBus

        self._message, self._error = Message, MessageType.ERROR
        try:
            self._bus: Any = await MessageBus(
                bus_address=self._address or None, bus_type=BusType.SYSTEM, negotiate_unix_fd=True
            ).connect()
        except (OSError, EOFError, ValueError) as error:
            raise LogindError(f"the system's message bus cannot be reached: {error}") from None
        self._bus.add_message_handler(self._heard)
        rule = f"type='signal',interface='{_MANAGER}',member='PrepareForShutdown',path='{_PATH}'"
        bus = "org.freedesktop.DBus"
        try:
            await self._call(bus, "/org/freedesktop/DBus", bus, "AddMatch", "s", rule)
        except LogindError:
            self._bus.disconnect()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.let_go()
        self._bus.disconnect()

    async def closed(self) -> None:
        """Until the connection ends."""
        await self._bus.wait_for_disconnect()

    def _heard(self, message: Any) -> None:
        if message.member == "PrepareForShutdown" and message.interface == _MANAGER and message.body:
            self._told(bool(message.body[0]))

    async def _call(self, name: str, path: str, interface: str, member: str, signature: str = "", *body: Any) -> Any:
        message = self._message(
            destination=name, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        try:
            reply = await self._bus.call(message)
        except (OSError, EOFError) as error:
            raise LogindError(f"{member}: {error}") from None
        if reply.message_type is self._error:
            raise LogindError(f"{member}: {' '.join(str(word) for word in reply.body) or reply.error_name}")
        return reply

    async def _longest_delay_s(self) -> float:
        properties = "org.freedesktop.DBus.Properties"
        reply = await self._call(_NAME, _PATH, properties, "Get", "ss", _MANAGER, "InhibitDelayMaxUSec")
        return float(reply.body[0].value) / 1e6

    async def allow(self, seconds: int) -> None:
        """Has logind wait that long, by a file of its configuration where it would not. Raises LogindError."""
        if await self._longest_delay_s() >= seconds:
            return
        try:
            self._drop_in.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            self._drop_in.write_text(f"# Kubelet logind override\n[Login]\nInhibitDelayMaxSec={seconds}\n")
        except OSError as error:
            raise LogindError(f"{self._drop_in}: {error.strerror}") from None
        systemd, manager = "org.freedesktop.systemd1", "org.freedesktop.systemd1.Manager"
        unit = ("systemd-logind.service", "all", int(signal.SIGHUP))
        await self._call(systemd, "/org/freedesktop/systemd1", manager, "KillUnit", "ssi", *unit)
        wait_s = _FIRST_LOOK_S
        for _ in range(_LOOKS):
            if await self._longest_delay_s() >= seconds:
                return
            await asyncio.sleep(wait_s)
            wait_s *= 2
        raise LogindError(f"logind does not wait {seconds} s though {self._drop_in} says so")

    async def hold(self) -> None:
        """A shutdown waits until `let_go`. Raises LogindError."""
        why = ("shutdown", "kubelet", "Kubelet needs time to handle node shutdown", "delay")
        reply = await self._call(_NAME, _PATH, _MANAGER, "Inhibit", "ssss", *why)
        self.let_go()
        self._lock = reply.unix_fds[reply.body[0]]

    def let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
