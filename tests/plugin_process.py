"""A plugin of tests as a process of its own: `python -m MODULE WORD…`, which prints "ready" when it listens.

A `Plugin` tells it what to do and reads what it was asked: FOLDER/orders.json is read at every call, every call is a
line of FOLDER/calls.jsonl. In the process, a subclass of `Answers` has a method for each of the protocol's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent import futures
from pathlib import Path
from typing import Any


class PluginProcess:
    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> None:
        """Returns once it is ready."""
        command = [sys.executable, "-m", self._module, *words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """As suddenly as a crash: its sockets stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


class Plugin(PluginProcess):
    def __init__(self, module: str, folder: Path) -> None:
        super().__init__(module)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def order(self, **orders: Any) -> None:
        """What it is to do from now on; `fail` has gRPC's code by method."""
        part = self.folder / "orders.part"
        part.write_text(json.dumps(orders))
        part.rename(self.folder / "orders.json")

    def calls(self, *methods: str) -> list[dict[str, Any]]:
        """What it was asked so far, as the protocol's JSON with the method's name."""
        file = self.folder / "calls.jsonl"
        found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [call for call in found if not methods or call["method"] in methods]


class Answers:
    """In the process of the plugin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def orders(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "orders.json").read_text())
        return found

    def heard(self, method: str, request: Any, context: Any) -> None:
        import grpc
        from google.protobuf.json_format import MessageToDict

        with (self.folder / "calls.jsonl").open("a") as file:
            told = MessageToDict(request, preserving_proto_field_name=True)
            file.write(json.dumps({"method": method, **told}) + "\n")
        if code := self.orders().get("fail", {}).get(method):
            context.abort(getattr(grpc.StatusCode, code), "told to fail")

    def listen(self, services: list[tuple[Any, str]], socket: Path) -> Any:
        """Answers services of the protocol, each with its messages, at a socket."""
        import grpc

        server = grpc.server(futures.ThreadPoolExecutor(4))
        for messages, name in services:
            described = messages.DESCRIPTOR.services_by_name[name]
            handlers = {method: self._handler(messages, each) for method, each in described.methods_by_name.items()}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(described.full_name, handlers),))
        socket.unlink(missing_ok=True)
        server.add_insecure_port(f"unix://{socket}")
        server.start()
        return server

    def _handler(self, messages: Any, method: Any) -> Any:
        import grpc

        def answer(message: Any, context: Any) -> Any:
            self.heard(method.name, message, context)
            return getattr(self, method.name)(message, context)

        streams = method.server_streaming
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        asked = getattr(messages, method.input_type.name)
        return make(answer, asked.FromString, lambda made: made.SerializeToString())
