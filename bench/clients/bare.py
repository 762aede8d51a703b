"""The yardstick: a handler that does nothing, on the apiserver's own HTTP server over TLS.

Usage: python -m bench.clients.bare CERTIFICATE KEY CA. Prints its port; answers GET /N with N bytes until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from pybernetes.http import tls
from pybernetes.http.messages import Request, Response
from pybernetes.http.server import HttpServer


async def main(certificate: bytes, key: bytes, authority: bytes) -> None:
    bodies: dict[str, bytes] = {}

    async def answer(request: Request) -> Response:
        body = bodies.get(request.path)
        if body is None:
            body = bodies[request.path] = b"x" * int(request.path[1:])
        return Response(200, [("Content-Type", "application/json")], body)

    server = HttpServer(answer, tls.server_context(certificate, key, authority), "127.0.0.1")
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*(Path(file).read_bytes() for file in sys.argv[1:4])))
