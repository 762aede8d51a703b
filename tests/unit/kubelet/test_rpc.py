"""What the kubelet says on unix sockets, and that it needs no library of gRPC's for it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pybernetes.kubelet.cri import cri_pb2 as untyped
from pybernetes.kubelet.cri.client import CriClient, CriError
from pybernetes.kubelet.rpc import RpcError, serve

pb: Any = untyped
CRI = "runtime.v1.RuntimeService"

WITHOUT_GRPC = """
import asyncio, importlib, pkgutil, sys
from pathlib import Path
import pybernetes.cmd.node, pybernetes.kubelet as kubelet
from pybernetes.api.core.v1 import Container, GRPCAction, Pod, Probe

for module in pkgutil.walk_packages(kubelet.__path__, "pybernetes.kubelet."):
    importlib.import_module(module.name)

from pybernetes.kubelet.cri import cri_pb2 as pb
from pybernetes.kubelet.cri.client import CriClient
from pybernetes.kubelet.probes.prober import Running, probe
from pybernetes.kubelet.rpc import serve

async def version(request):
    return pb.VersionResponse(runtime_name="by hand")

async def main():
    server = await serve(Path(sys.argv[1]), "runtime.v1.RuntimeService", {"Version": (version, pb.VersionRequest)})
    async with CriClient(sys.argv[1]) as cri:
        assert (await cri.version()).runtime_name == "by hand"
    await probe(Running(None, Pod(), Container(name="c"), "id", "127.0.0.1"), Probe(grpc=GRPCAction(port=1)))
    await server.stop()

asyncio.run(main())
print([name for name in sys.modules if name.partition(".")[0] in ("grpc", "grpclib", "h2")])
"""


def test_the_kubelet_does_without_a_library_of_grpcs(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_GRPC, str(tmp_path / "s")]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert told.stdout.strip() == "[]"


def test_what_a_runtime_says_and_refuses(tmp_path: Path) -> None:
    async def version(request: Any) -> Any:
        return pb.VersionResponse(runtime_name="one", version=request.version)

    async def status(request: Any) -> Any:
        raise RpcError("NOT_FOUND", "no such container")

    async def run() -> None:
        methods = {"Version": (version, pb.VersionRequest), "ContainerStatus": (status, pb.ContainerStatusRequest)}
        server = await serve(tmp_path / "folder" / "s", CRI, methods)
        async with CriClient(str(tmp_path / "folder" / "s")) as cri:
            answer = await cri.version()
            assert (answer.runtime_name, answer.version) == ("one", "v1")
            with pytest.raises(CriError) as raised:
                await cri.container_status("c")
            assert raised.value.not_found and not raised.value.away
            assert str(raised.value) == "rpc error: code = NotFound desc = no such container"
            with pytest.raises(CriError) as raised:
                await cri.status()
            assert raised.value.unimplemented
            await server.stop()
            with pytest.raises(CriError) as raised:
                await cri.version()
            assert raised.value.away
            assert dict(cri.failed) == {"container_status": 1, "status": 1, "version": 1}

    asyncio.run(run())


def test_messages_that_cannot_be_read(tmp_path: Path) -> None:
    broken = Raw(b"\x0a\xff")  # a string longer than what there is

    async def version(request: Any) -> Any:
        return broken

    async def run() -> None:
        server = await serve(tmp_path / "s", CRI, {"Version": (version, pb.VersionRequest)})
        async with CriClient(str(tmp_path / "s")) as cri:
            with pytest.raises(CriError, match="failed to unmarshal the received message") as raised:
                await cri.version()
            assert raised.value.code == "INTERNAL"
            with pytest.raises(CriError, match="error unmarshalling request"):
                await cri.unary(f"/{CRI}/Version", broken, pb.VersionResponse, 60)
        await server.stop()

    asyncio.run(run())


class Raw:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:
        return self._data


@pytest.mark.skipif(shutil.which("ctr") is None, reason="needs containerd's client")
def test_a_client_of_grpc_go_is_answered(tmp_path: Path) -> None:
    """containerd's own, whose messages here are one string each: version, revision."""
    asked: list[Any] = []

    async def version(request: Any) -> Any:
        asked.append(request)
        return pb.VersionResponse(version="1.2.3", runtime_name="by hand")

    async def uuid(request: Any) -> Any:
        return pb.VersionResponse(version="an id")

    async def ctr(*words: str) -> tuple[str, str]:
        env = {**os.environ, "LC_ALL": "C"}
        process = await asyncio.create_subprocess_exec(
            "ctr", "--address", str(tmp_path / "s"), *words, env=env, stdout=-1, stderr=-1
        )
        out, err = await process.communicate()
        return out.decode(), err.decode()

    async def run() -> None:
        service = "containerd.services.version.v1.Version"
        server = await serve(tmp_path / "s", service, {"Version": (version, pb.VersionRequest)})
        out, err = await ctr("version")
        assert "Version:  1.2.3" in out and "Revision: by hand" in out, err
        _, err = await ctr("namespaces", "ls")
        assert "unknown service containerd.services.namespaces.v1.Namespaces: not implemented" in err
        assert len(asked) == 1
        await server.stop()

    asyncio.run(run())
