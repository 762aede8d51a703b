"""What goes wrong between a controller manager and the apiserver, drawn from a seed.

Requests and answers are lost, answered with 500 or a conflict; watches lag, are cut, fall silent and are then told
that their version is too old; and the manager dies right before or right after a write.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.transport import HttpResponse, LocalTransport, RawResponse, ResponseStream
from pybernetes.host.random import Random
from pybernetes.http.messages import Handler

_LATEST_S = 0.4
"""How late news are, and how long a watch is silent. Reads are spared, and a watch that has brought nothing: so caches
lag for less than a controller waits after a request without an answer; what it then makes twice is its mistake."""


@dataclass(slots=True)
class Faults:
    """The chances of each, for one request, chunk of a watch or write; `done` counts them."""

    random: Random
    lost_request: float = 0.0
    lost_answer: float = 0.0
    error: float = 0.0
    conflict: float = 0.0
    late_event: float = 0.0
    cut_watch: float = 0.0
    silent_watch: float = 0.0
    death: float = 0.0
    done: Counter[str] = field(default_factory=Counter)

    def strikes(self, name: str) -> bool:
        struck = self.random.uniform(0, 1) < getattr(self, name)
        self.done[name] += struck
        return struck

    def end(self) -> None:
        for name in KINDS:
            setattr(self, name, 0.0)


KINDS = (
    *("lost_request", "lost_answer", "error", "conflict"),
    *("late_event", "cut_watch", "silent_watch", "death"),
)


class Life:
    """One process of the controller manager: once dead, nothing of it reaches the apiserver."""

    def __init__(self) -> None:
        self.dead = asyncio.Event()

    def check(self) -> None:
        if self.dead.is_set():
            raise ConnectionResetError("this process is dead")


class FaultyTransport(LocalTransport):
    def __init__(self, handler: Handler, user: UserInfo, faults: Faults, life: Life) -> None:
        super().__init__(handler, user)
        self._faults = faults
        self._life = life
        self._too_old: set[str] = set()
        """Paths whose watches are told so next."""

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout_s: float | None = None
    ) -> RawResponse:
        faults, life = self._faults, self._life
        life.check()
        if method == "GET":
            return await super().request(method, target, headers, body, timeout_s)
        if faults.strikes("lost_request"):
            raise ConnectionResetError("the request was lost")
        if faults.strikes("error"):
            return HttpResponse(500, {}, b"the apiserver stumbled")
        if method in ("PUT", "PATCH") and faults.strikes("conflict"):
            return HttpResponse(409, {}, _status(errors.Conflict("somebody else was faster")))
        dies = "/events" not in target and faults.strikes("death")
        after = dies and faults.random.choice_index(2) == 1
        if dies and not after:
            life.dead.set()
        life.check()
        # What was sent is done, though the sender may be gone by then.
        answer = await asyncio.shield(asyncio.ensure_future(super().request(method, target, headers, body, timeout_s)))
        if after:
            life.dead.set()
        life.check()
        if faults.strikes("lost_answer"):
            raise ConnectionResetError("the answer was lost")
        return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[ResponseStream]:
        self._life.check()
        path = target.partition("?")[0]
        if path in self._too_old:
            self._too_old.discard(path)
            yield _Refused(errors.Expired("too old resource version"))
            return
        async with super().stream(method, target, headers, body) as whole:
            yield _FaultyStream(whole, self._faults, lambda: self._too_old.add(path))


class _FaultyStream:
    def __init__(self, whole: ResponseStream, faults: Faults, forget: Callable[[], None]) -> None:
        self.status = whole.status
        self.headers = whole.headers
        self._whole = whole
        self._faults = faults
        self._forget = forget

    async def read(self) -> bytes:
        return await self._whole.read()

    async def chunks(self) -> AsyncIterator[bytes]:
        faults = self._faults
        loop = asyncio.get_running_loop()
        late_again_at = 0.0
        heard = False
        async for chunk in self._whole.chunks():
            if heard and faults.strikes("silent_watch"):
                await asyncio.sleep(faults.random.uniform(0, _LATEST_S))
                self._forget()
                raise ConnectionResetError("events were dropped")
            if loop.time() >= late_again_at and faults.strikes("late_event"):
                await asyncio.sleep(faults.random.uniform(0, _LATEST_S))
                late_again_at = loop.time() + _LATEST_S  # what has gathered meanwhile is not late twice
            yield chunk
            heard = True
            if faults.strikes("cut_watch"):
                raise ConnectionResetError("the watch was cut")


class _Refused:
    def __init__(self, error: errors.StatusError) -> None:
        self.status = error.code
        self.headers: dict[str, str] = {}
        self._body = _status(error)

    async def read(self) -> bytes:
        return self._body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body


def _status(error: errors.StatusError) -> bytes:
    return msgspec.json.encode(error.status)
