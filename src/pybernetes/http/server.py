"""The HTTP/1.1 server: listeners that share one handler; what happens on a connection is in http/connection.py.

Source: staging/src/k8s.io/apiserver/pkg/server/secure_serving.go (timeouts, TLS floor).
Differs: HTTP/1.1 only (offered so by ALPN). A client certificate that no configured CA signed fails the TLS
handshake here, where upstream goes on and answers 401.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any

from pybernetes.host.clock import Clock, SystemClock
from pybernetes.host.memory import give_back
from pybernetes.http.connection import HttpConnection
from pybernetes.http.messages import Handler

_SWEEP_S = 15.0
_MANY = 16
"""When so many clients that did not read are ended at once, their memory goes back to the system."""
_FREED_AFTER_S = 1.0
_HANDSHAKE_TIMEOUT_S = 10.0


class HttpServer:
    """Listeners that share one handler. `port` is the bound port once started.

    `ssl_context` comes from `http.tls.server_context`.
    `host` is one address or several (all on the same port, also when `port` is 0); with
    `unix_path` it listens on that socket (mode 0600) and, when `host` is given too, on both.
    `sockets` are bound already.
    """

    def __init__(
        self,
        handler: Handler,
        ssl_context: ssl.SSLContext | None = None,
        host: str | Sequence[str] = (),
        port: int = 0,
        *,
        unix_path: str = "",
        sockets: Sequence[socket.socket] = (),
        clock: Clock | None = None,
    ) -> None:
        self.handler = handler
        self.port = port
        self.stopping = False
        self.connections: set[HttpConnection] = set()
        self._ssl_context = ssl_context
        self._hosts = [host] if isinstance(host, str) else list(host)
        if not self._hosts and not unix_path and not sockets:
            self._hosts = ["127.0.0.1"]
        self._sockets = sockets
        self._unix_path = unix_path
        self._clock = clock or SystemClock()
        self._servers: list[asyncio.Server] = []
        self._date_at = 0
        self._date = b""
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Binds. Raises OSError when an address or the port cannot be had."""
        loop = asyncio.get_running_loop()
        self.stopping = False
        try:
            for place in (*self._hosts, *self._sockets):
                options: dict[str, Any] = {"sock": place} if isinstance(place, socket.socket) else {"host": place}
                if "host" in options:
                    options["port"] = self.port
                server = await loop.create_server(
                    lambda: HttpConnection(self),
                    ssl=self._ssl_context,
                    backlog=1024,
                    ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S if self._ssl_context else None,
                    **options,
                )
                self._servers.append(server)
                self.port = int(server.sockets[0].getsockname()[1])
            if self._unix_path:
                self._servers.append(
                    await loop.create_unix_server(lambda: HttpConnection(self), self._unix_path, backlog=1024)
                )
                os.chmod(self._unix_path, 0o600)  # noqa: PTH101
        except OSError:
            self._close_listeners()
            raise

    async def stop(self, grace_s: float = 5.0) -> None:
        """Stops listening, ends streams and idle connections, gives requests `grace_s`, then cuts."""
        self.stopping = True
        servers = self._close_listeners()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self.connections):
            connection.wind_down()
        tasks = [c.task for c in self.connections if c.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for connection in list(self.connections):
            connection.cut()
        left = [t for t in tasks if not t.done()]
        if left:
            await asyncio.wait(left, timeout=grace_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                for server in servers:
                    await server.wait_closed()

    def _close_listeners(self) -> list[asyncio.Server]:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        if self._unix_path and servers:
            with contextlib.suppress(OSError):
                os.unlink(self._unix_path)  # noqa: PTH108
        return servers

    def date(self) -> bytes:
        """The Date header line, formatted once a second."""
        now = int(self._clock.now())
        if now != self._date_at:
            self._date_at = now
            self._date = b"Date: %s\r\n" % formatdate(now, usegmt=True).encode()
        return self._date

    def opened(self, connection: HttpConnection) -> None:
        self.connections.add(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    def closed(self, connection: HttpConnection) -> None:
        self.connections.discard(connection)

    def _sweep(self) -> None:
        """Ends connections that sent no whole request in time; runs only while there are any."""
        self._sweeper = None
        if not self.connections or self.stopping:
            return
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep)
        now = loop.time()
        ended = sum(connection.expire(now) for connection in list(self.connections))
        if ended >= _MANY:
            loop.call_later(_FREED_AFTER_S, give_back)
