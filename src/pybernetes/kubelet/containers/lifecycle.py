"""postStart and preStop hooks. Source: pkg/kubelet/lifecycle/handlers.go."""

from __future__ import annotations

import asyncio

from pybernetes.api.core.v1 import LifecycleHandler
from pybernetes.host.ip_families import socket_address
from pybernetes.kubelet.cri.client import CriError
from pybernetes.kubelet.pod_spec import full_name
from pybernetes.kubelet.probes.prober import ProbeError, Running, fetch, port_number


class HookError(Exception):
    """The hook did not succeed; the text is upstream's."""


async def run_hook(of: Running, handler: LifecycleHandler) -> None:
    """Runs one hook to its end, however long it takes. Raises HookError."""
    where = f'for Container "{of.container.name}" in Pod "{full_name(of.pod)}" failed - error:'
    if handler.exec is not None:
        shown = " ".join(handler.exec.command)
        try:
            stdout, stderr, code = await of.cri.exec_sync(of.container_id, handler.exec.command, 0)
        except CriError as error:
            raise HookError(f'Exec lifecycle hook ([{shown}]) {where} {error.message}, message: ""') from None
        if code != 0:
            said = (stdout + stderr).decode(errors="replace")
            why = f"command '{shown}' exited with {code}: {stderr.decode(errors='replace')}"
            raise HookError(f'Exec lifecycle hook ([{shown}]) {where} {why}, message: "{said}"')
    elif (get := handler.httpGet) is not None:
        try:
            host = get.host or of.pod_ip
            path = get.path or "/"
            server = socket_address(host, port_number(get.port, of.container))
            url = f"{(get.scheme or 'HTTP').lower()}://{server}{path if path.startswith('/') else '/' + path}"
            headers = {"User-Agent": "kube-lifecycle/1.36", "Accept": "*/*", "Connection": "close"}
            await fetch(url, headers | {h.name: h.value for h in get.httpHeaders})
        except (OSError, ValueError, ProbeError) as error:
            raise HookError(f"HTTP lifecycle hook ({get.path}) {where} {error}") from None
    elif handler.sleep is not None:
        await asyncio.sleep(handler.sleep.seconds)
    elif handler.tcpSocket is not None:
        raise HookError("Cannot run handler: invalid handler: tcpSocket is not supported")
