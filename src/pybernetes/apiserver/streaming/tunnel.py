"""port-forward for a WebSocket client (kubectl from 1.31): SPDY inside binary messages, unwrapped for the kubelet.

Source: staging/src/k8s.io/apiserver/pkg/util/proxy/streamtunnel.go.
"""

from __future__ import annotations

from pybernetes.http.client import Dial
from pybernetes.http.messages import Request, Response, Upgrade
from pybernetes.http.proxying import pump
from pybernetes.http.spdy import PROTOCOL_HEADER, SPDY
from pybernetes.http.websocket import TUNNEL_PREFIX, Tunnel, WebSocket, accept, offered_protocols


def tunnelled_protocols(request: Request) -> list[str]:
    """The SPDY protocols a WebSocket request offers to tunnel."""
    return [name.removeprefix(TUNNEL_PREFIX) for name in offered_protocols(request) if name.startswith(TUNNEL_PREFIX)]


async def tunnel(request: Request, dial: Dial) -> Response | Upgrade:
    """Upgrades the kubelet first; where that fails, its answer is the answer. Raises OSError."""
    headers = {"connection": "Upgrade", "upgrade": SPDY, PROTOCOL_HEADER: tunnelled_protocols(request)}
    answer, far = await dial(headers)
    if far is None:
        kind = answer.headers.get("content-type", "text/plain; charset=utf-8")
        return Response(answer.status, [("Content-Type", kind)], answer.body)
    chosen = TUNNEL_PREFIX + answer.headers.get(PROTOCOL_HEADER, "portforward.k8s.io")
    connection = far

    async def serve(socket: WebSocket) -> None:
        await pump(Tunnel(socket), connection)

    accepted = accept(request, [chosen], serve)
    if isinstance(accepted, Response):
        await far.close()
    return accepted
