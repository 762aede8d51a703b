"""exec and attach for a WebSocket v5 client: five channels towards it, SPDY streams towards the kubelet.

v5 differs from what a runtime's streaming server knows in one thing: a channel can be ended, so that
`echo x | kubectl exec -i … cat` gets its end of input. The exit status is the kubelet's error stream,
passed on as it is: a Status, with reason NonZeroExitCode and the cause ExitCode where a command failed.

Source: staging/src/k8s.io/apiserver/pkg/util/proxy/{streamtranslator,websocket}.go,
client-go/tools/remotecommand/v4.go.
Differs: a failure Status of the kubelet is not wrapped into a second «Internal error occurred».
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from pybernetes.api.meta.v1 import Status
from pybernetes.apimachinery.errors import InternalError, StatusError
from pybernetes.apiserver.streaming.location import Streams
from pybernetes.http.client import Dial, HttpResponse, what_failed
from pybernetes.http.messages import Connection
from pybernetes.http.spdy import PROTOCOL_HEADER, SPDY, Session, Stream, StreamReset
from pybernetes.http.websocket import Channels, WebSocket

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
_STREAM_TYPES = {STDIN: "stdin", STDOUT: "stdout", STDERR: "stderr", ERROR: "error", RESIZE: "resize"}
_PROTOCOLS = ["v4.channel.k8s.io"]
SUCCESS = b'{"metadata":{},"status":"Success"}'


async def serve_remote_command(socket: WebSocket, dial: Dial, streams: Streams) -> None:
    """Runs one exec or attach to its end; the caller closes the socket. Raises ConnectionError only when the
    client is gone."""
    channels = Channels(socket)
    # Tells the client that the connection is there, before anything is dialled.
    await channels.send(STDOUT if streams.stdout else STDERR if streams.stderr else ERROR, b"")
    try:
        status = await _run(channels, dial, streams)
    except StatusError as error:
        status = encoded(error)
    if status is not None:
        await channels.send(ERROR, status)


def encoded(error: StatusError) -> bytes:
    return msgspec.json.encode(error.status)


async def _run(channels: Channels, dial: Dial, streams: Streams) -> bytes | None:
    """The Status for the error channel; None when the client went away."""
    headers = {"connection": "Upgrade", "upgrade": SPDY, PROTOCOL_HEADER: _PROTOCOLS}
    try:
        answer, connection = await dial(headers)
    except (OSError, TimeoutError) as error:
        raise InternalError(f"error dialing backend: {what_failed(error)}") from None
    if connection is None:
        raise refusal(answer)
    translation = _Translation(channels, connection, streams)
    try:
        return await translation.run()
    except (ConnectionError, TimeoutError) as error:
        raise InternalError(f"the connection to the kubelet broke: {error or 'it does not answer'}") from None


def refusal(answer: HttpResponse) -> StatusError:
    """What a kubelet's answer that is no upgrade means."""
    text = answer.body.decode("utf-8", "replace").strip()
    with contextlib.suppress(msgspec.DecodeError):
        status = msgspec.json.decode(answer.body, type=Status)
        text = status.message or text
    error = InternalError(f"unable to upgrade connection: {text or 'unknown error'}")
    error.code = answer.status
    return error


class _Translation:
    def __init__(self, channels: Channels, connection: Connection, streams: Streams) -> None:
        self._channels = channels
        self._session = Session(connection, client=True)
        self._wanted = streams
        self._open: dict[int, Stream] = {}

    async def run(self) -> bytes | None:
        async with self._session:
            wanted = self._wanted
            numbers = [ERROR]
            numbers += [STDIN] * wanted.stdin + [STDOUT] * wanted.stdout
            numbers += [STDERR] * wanted.stderr + [RESIZE] * wanted.tty
            for number in numbers:
                self._open[number] = await self._session.open({"streamtype": _STREAM_TYPES[number]})
            inward = asyncio.create_task(self._from_client())
            outward = asyncio.create_task(self._from_container())
            closing = asyncio.create_task(self._input_ended())
            try:
                await asyncio.wait((inward, outward), return_when=asyncio.FIRST_COMPLETED)
                return await outward if outward.done() else None
            finally:
                for task in (inward, outward, closing):
                    task.cancel()
                await asyncio.gather(inward, outward, closing, return_exceptions=True)

    async def _from_client(self) -> None:
        """Carries input and resizes until the client is gone."""
        while (message := await self._channels.receive()) is not None:
            number, data = message
            stream = self._open.get(number)
            if number not in (STDIN, RESIZE) or stream is None:
                continue
            # A container that takes no more input does not end the output.
            with contextlib.suppress(ConnectionError):
                if data is None:
                    await stream.close()
                elif data:
                    await stream.write(data if number == STDIN else data.rstrip(b"\n") + b"\n")

    async def _from_container(self) -> bytes:
        """Carries the output to its end; the Status that came then. Raises ConnectionError."""
        try:
            async with asyncio.TaskGroup() as group:
                status = group.create_task(self._status())
                for number in (STDOUT, STDERR):
                    if number in self._open:
                        group.create_task(self._carry(number))
        except* ConnectionError as broken:
            error = broken.exceptions[0]
        else:
            return status.result().strip() or SUCCESS
        raise error

    async def _status(self) -> bytes:
        stream = self._open[ERROR]
        message = b""
        try:
            while data := await stream.read():
                message += data
        except StreamReset:
            # The runtime resets what is open when it is done; only a connection that broke says nothing.
            pass
        except ConnectionError:
            if not message:
                raise
        return message

    async def _carry(self, number: int) -> None:
        stream = self._open[number]
        with contextlib.suppress(StreamReset):
            while data := await stream.read(32768):
                await self._channels.send(number, data)

    async def _input_ended(self) -> None:
        """The runtime ends the input stream when the process is gone; ours follows, as it waits for that."""
        stream = self._open.get(STDIN)
        if stream is not None:
            with contextlib.suppress(ConnectionError):
                await stream.read_all(0)
                await stream.close()
