"""A server that Services and proxies of the tests lead to: it tells what reached it, and echoes WebSockets.

It runs outside the cluster, or in a Pod that has this machine's files (`in_a_pod`), so that it needs no image.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Backend(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str, address: str, port: int = 0, certificate: tuple[str, ...] = ()) -> None:
        super().__init__((address, port), _Handler)
        self.name = name
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that the proxy cuts is no event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def do_GET(self) -> None:
        if self.headers.get("upgrade", "").lower() == "websocket":
            self._websocket()
            return
        what = self.path.strip("/").split("/")
        if what[0] == "bytes":
            self._zeros(int(what[1]))
        elif what[0] == "page":
            page = b'<a href="/there">there</a><img src="https://elsewhere.example/x.png"><a href="near">near</a>'
            self._answer(200, page, ("content-type", "text/html"), ("access-control-allow-origin", "*"))
        elif what[0] == "moved":
            self._answer(302, b"", ("location", "/there?x=1"))
        else:
            self._tell()

    do_POST = do_PUT = do_GET

    def _tell(self) -> None:
        length, body = 0, hashlib.sha256()
        for chunk in self._body():
            length += len(chunk)
            body.update(chunk)
        told = {
            "name": self.server.name, "path": self.path, "length": length, "sha256": body.hexdigest(),
            "headers": {key.lower(): value for key, value in self.headers.items()},
        }  # fmt: skip
        self._answer(200, json.dumps(told).encode())

    def _body(self) -> Iterator[bytes]:
        chunked = self.headers.get("transfer-encoding") == "chunked"
        left = int(self.rfile.readline(), 16) if chunked else int(self.headers.get("content-length") or 0)
        while left:
            chunk = self.rfile.read(min(left, 65536))
            if not chunk:
                return
            yield chunk
            left -= len(chunk)
            if chunked and not left:
                self.rfile.readline()
                left = int(self.rfile.readline(), 16)
        if chunked:
            self.rfile.readline()

    def _zeros(self, count: int) -> None:
        self.send_response(200)
        self.send_header("content-length", str(count))
        self.end_headers()
        for start in range(0, count, 65536):
            self.wfile.write(bytes(min(65536, count - start)))

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for key, value in (("content-length", str(len(body))), *headers):
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _websocket(self) -> None:
        """Sends back every byte that follows the handshake, frames and all."""
        magic = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode()
        self.send_response(101)
        for key, value in (("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", accept)):
            self.send_header(key, value)
        self.end_headers()
        self.wfile.flush()
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


def leading_to(address: str, port: int, name: str, app_protocol: str = "") -> list[dict[str, Any]]:
    """A Service without selector, and the slice that leads it to an address."""
    service_port = {"port": 80, "targetPort": port, **({"appProtocol": app_protocol} if app_protocol else {})}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [service_port]}},
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{"port": port, "protocol": "TCP"}],
        },
    ]  # fmt: skip


def in_a_pod(name: str, image: str, certificate: tuple[str, str]) -> dict[str, Any]:
    """A Pod that serves HTTP at port 8080 and HTTPS at 8443: this file, with this machine's Python."""
    command = ["chroot", "/host", sys.executable, "-B", __file__, name, *certificate]
    probe = {"tcpSocket": {"port": 8443}, "periodSeconds": 1}
    mount = {"name": "host", "mountPath": "/host", "readOnly": True}
    container = {
        "name": "backend", "image": image, "command": command, "readinessProbe": probe, "volumeMounts": [mount],
        "ports": [{"name": "http", "containerPort": 8080}, {"name": "https", "containerPort": 8443}],
    }  # fmt: skip
    spec = {
        "containers": [container], "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        "terminationGracePeriodSeconds": 0,
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


if __name__ == "__main__":
    Backend(sys.argv[1], "0.0.0.0", 8443, tuple(sys.argv[2:]))
    Backend(sys.argv[1], "0.0.0.0", 8080)
    threading.Event().wait()
