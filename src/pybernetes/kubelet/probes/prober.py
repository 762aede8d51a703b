"""One probe, once: exec, HTTP, TCP, gRPC.

Source: pkg/probe/{exec,http,tcp,grpc}, pkg/kubelet/prober/prober.go.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from pybernetes.api.core.v1 import Container, EphemeralContainer, GRPCAction, HTTPGetAction, Pod, Probe
from pybernetes.apimachinery.protobuf.varint import varint
from pybernetes.apimachinery.times import format_duration
from pybernetes.host.ip_families import socket_address
from pybernetes.http.grpc_client import Channel
from pybernetes.http.grpc_wire import GrpcError
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.rpc import RpcError

Verdict = Literal["success", "warning", "failure"]
_MAX_OUTPUT_BYTES = 10 * 1024
_MAX_REDIRECTS = 10
_MAX_HEALTH_BYTES = 4 * 1024 * 1024
_MAX_HEALTH_HEADERS_BYTES = 16 * 1024


class ProbeError(Exception):
    """The probe could not be made at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    verdict: Verdict
    output: str = ""


def port_number(port: int | str, container: Container | EphemeralContainer) -> int:
    """A port given by number or by the name of a container port. Raises ProbeError."""
    if isinstance(port, str):
        found = next((p.containerPort for p in container.ports if p.name == port), None)
        if found is None:
            if not port.isdecimal():
                raise ProbeError(f"couldn't find port: {port}")
            found = int(port)
        port = found
    if not 0 < port < 65536:
        raise ProbeError(f"invalid port number: {port}")
    return port


@dataclass(frozen=True, slots=True)
class Running:
    """A container that runs, as probes and hooks reach it."""

    cri: CriClient
    pod: Pod
    container: Container | EphemeralContainer
    container_id: str
    pod_ip: str


async def probe(of: Running, probe_spec: Probe) -> Answer:
    """Asks once, within the probe's timeout. Raises ProbeError."""
    timeout_s = float(probe_spec.timeoutSeconds or 1)
    if probe_spec.exec is not None:
        return await _exec(of.cri, of.container_id, probe_spec.exec.command, timeout_s)
    if (get := probe_spec.httpGet) is not None:
        return await _http(get, get.host or of.pod_ip, port_number(get.port, of.container), timeout_s)
    if (tcp := probe_spec.tcpSocket) is not None:
        return await _tcp(tcp.host or of.pod_ip, port_number(tcp.port, of.container), timeout_s)
    if probe_spec.grpc is not None:
        return await _grpc(probe_spec.grpc, of.pod_ip, timeout_s)
    raise ProbeError("missing probe handler")


async def _exec(cri: CriClient, container_id: str, command: list[str], timeout_s: float) -> Answer:
    try:
        async with asyncio.timeout(timeout_s + 5):
            stdout, stderr, code = await cri.exec_sync(container_id, command, timeout_s)
    except TimeoutError:
        return Answer("failure", f'command timed out: "{" ".join(command)}" timed out after {timeout_s:g}s')
    except CriError as error:
        if error.code == "DEADLINE_EXCEEDED":
            return Answer("failure", f'command timed out: "{" ".join(command)}" timed out after {timeout_s:g}s')
        if "timeout" in error.message and "exceeded" in error.message:
            return Answer("failure", f'command timed out: "{" ".join(command)}" timed out after {timeout_s:g}s')
        raise ProbeError(str(error)) from None
    output = (stdout + stderr)[:_MAX_OUTPUT_BYTES].decode(errors="replace")
    return Answer("success" if code == 0 else "failure", output)


async def _tcp(host: str, port: int, timeout_s: float) -> Answer:
    server = socket_address(host, port)
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Answer("failure", f"dial tcp {server}: i/o timeout")
    except OSError as error:
        return Answer("failure", f"dial tcp {server}: connect: {_reason(error)}")
    writer.close()
    return Answer("success")


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return (error.strerror or str(error)).lower()


async def _http(get: HTTPGetAction, host: str, port: int, timeout_s: float) -> Answer:
    scheme = (get.scheme or "HTTP").lower()
    path = get.path or "/"
    server = socket_address(host, port)
    url = f"{scheme}://{server}{path if path.startswith('/') else '/' + path}"
    headers = {"User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    headers |= {h.name: h.value for h in get.httpHeaders}
    try:
        async with asyncio.timeout(timeout_s):
            return await _follow(url, headers)
    except TimeoutError:
        return Answer(
            "failure",
            f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        )
    except (OSError, ValueError) as error:
        why = f"dial tcp {server}: connect: {_reason(error)}" if isinstance(error, OSError) else str(error)
        return Answer("failure", f'Get "{url}": {why}')


async def _follow(url: str, headers: Mapping[str, str]) -> Answer:
    """Redirects are followed on the same host only. Source: pkg/probe/http RedirectChecker."""
    original = urlsplit(url).hostname
    for _ in range(_MAX_REDIRECTS):
        code, fields, body = await fetch(url, headers)
        location = fields.get("location")
        if 300 <= code < 400 and location:
            target = urljoin(url, location)
            if urlsplit(target).hostname == original:
                url = target
                continue
            return Answer("warning", f"Probe terminated redirects, Response body: {body}")
        if 200 <= code < 400:
            return Answer("success", body)
        return Answer("failure", f"HTTP probe failed with statuscode: {code}")
    return Answer("failure", f'Get "{url}": stopped after {_MAX_REDIRECTS} redirects')


async def fetch(url: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
    """GET with HTTP/1.1 on a connection of its own: status, headers, the beginning of the body."""
    parts = urlsplit(url)
    context = _trusting() if parts.scheme == "https" else None
    port = parts.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = dict(headers)
        host = next((fields.pop(k) for k in list(fields) if k.lower() == "host"), parts.netloc)
        lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in fields.items() if v)]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        status_line, *rest = head.decode("latin-1").split("\r\n")
        words = status_line.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
            raise ValueError(f'malformed HTTP response "{status_line}"')
        answered = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in rest if line)}
        body = await reader.read(_MAX_OUTPUT_BYTES)
        return int(words[1]), answered, body.decode(errors="replace")
    except asyncio.IncompleteReadError:
        raise ValueError("EOF") from None
    except asyncio.LimitOverrunError:
        raise ValueError("net/http: server response headers exceeded their limit") from None
    finally:
        writer.close()


@functools.cache
def _trusting() -> ssl.SSLContext:
    """Takes any certificate; made once, for that costs more than a probe."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _grpc(action: GRPCAction, host: str, timeout_s: float) -> Answer:
    """grpc.health.v1.Health/Check; the two messages are small enough to be written by hand."""
    service = (action.service or "").encode()
    request = b"\x0a" + varint(len(service)) + service if service else b""
    target = socket_address(host, action.port)
    limit = format_duration(timeout_s)
    until = asyncio.get_running_loop().time() + timeout_s
    channel = Channel(
        target, user_agent="kube-probe/1.36", limit_bytes=_MAX_HEALTH_BYTES, max_headers_bytes=_MAX_HEALTH_HEADERS_BYTES
    )
    try:
        try:
            async with asyncio.timeout_at(until):
                await channel.channel_ready()
        except TimeoutError:
            why = "context deadline exceeded"
            return Answer("failure", f'timeout: failed to connect service "{target}" within {limit}: {why}')
        left_s = until - asyncio.get_running_loop().time()
        try:
            answer = await channel.unary("/grpc.health.v1.Health/Check", request, left_s)
        except GrpcError as error:
            return Answer("failure", _rpc_failure(error, limit))
    finally:
        await channel.close()
    status = _HEALTH.get(answer[1] if len(answer) > 1 and answer[0] == 8 else 0, "UNKNOWN")
    if status == "SERVING":
        return Answer("success", "service healthy")
    return Answer("failure", f'service unhealthy (responded with "{status}")')


_HEALTH = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


def _rpc_failure(error: GrpcError, limit: str) -> str:
    if error.code == "UNIMPLEMENTED":
        about = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
        return f"error: {about}: {error.message}"
    if error.code == "DEADLINE_EXCEEDED":
        return f"timeout: health rpc did not complete within {limit}"
    return f"error: health rpc probe failed: {RpcError(error.code, error.message)}"
