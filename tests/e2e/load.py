"""A load for Services and proxies: whatever interrupts them is among its failures."""

from __future__ import annotations

import http.client
import threading

from .conftest import PATIENCE_S


class Load:
    """Requests one after the other, each on a connection of its own or all on one, until told to end."""

    def __init__(self, address: str, port: int, host: str, *, keep_alive: bool) -> None:
        self.sent, self.failures = 0, list[str]()
        self._where, self._host, self._keep_alive = (address, port), host, keep_alive
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(*self._where, timeout=PATIENCE_S)
        while not self._end.wait(0.02):
            self.sent += 1
            try:
                connection.request("GET", "/", headers={"Host": self._host})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(str(answer.status))
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not self._keep_alive:
                connection.close()

    def end(self) -> None:
        self._end.set()
        self._thread.join(PATIENCE_S)
