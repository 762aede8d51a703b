"""A KMS v2 plugin as a process of its own: `python -m tests.kms_plugin SOCKET STATE`.

STATE is a JSON file, read at every call: {"key": "k1", "healthz": "ok", "fail": ["Decrypt"], "calls": …}; a master key
follows from its name. Prints "ready" when it listens.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from concurrent import futures
from pathlib import Path
from typing import Any

from tests.plugin_process import PluginProcess


class KmsPlugin(PluginProcess):
    """Starts and ends the process, and tells it what to be."""

    def __init__(self, folder: Path, key: str = "k1") -> None:
        super().__init__("tests.kms_plugin")
        self.socket, self._state = folder / "kms.sock", folder / "kms.json"
        self.be(key=key)

    def be(self, **state: Any) -> None:
        """`key` and perhaps `healthz`, `fail`."""
        part = self._state.with_suffix(".part")
        part.write_text(json.dumps(state))
        part.rename(self._state)

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self.run(str(self.socket), str(self._state))


def serve(socket: str, state_file: str) -> None:
    import grpc
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from pybernetes.storage.encryption import kms_pb2 as untyped

    pb: Any = untyped

    def state(method: str, context: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(state_file).read_text())
        if method in found.get("fail", []):
            context.abort(grpc.StatusCode.INTERNAL, "told to fail")
        return found

    def master(key: str) -> Any:
        return AESGCM(hashlib.sha256(key.encode()).digest())

    def status(request: Any, context: Any) -> Any:
        found = state("Status", context)
        return pb.StatusResponse(version="v2", healthz=found.get("healthz", "ok"), key_id=found["key"])

    def encrypt(request: Any, context: Any) -> Any:
        key, nonce = state("Encrypt", context)["key"], os.urandom(12)
        sealed = nonce + master(key).encrypt(nonce, request.plaintext, None)
        return pb.EncryptResponse(ciphertext=sealed, key_id=key, annotations={"version.test.example": b"1"})

    def decrypt(request: Any, context: Any) -> Any:
        state("Decrypt", context)
        plain = master(request.key_id).decrypt(request.ciphertext[:12], request.ciphertext[12:], None)
        return pb.DecryptResponse(plaintext=plain)

    def method(function: Any, request: Any, answer: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(function, request.FromString, answer.SerializeToString)

    handlers = {
        "Status": method(status, pb.StatusRequest, pb.StatusResponse),
        "Encrypt": method(encrypt, pb.EncryptRequest, pb.EncryptResponse),
        "Decrypt": method(decrypt, pb.DecryptRequest, pb.DecryptResponse),
    }
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v2.KeyManagementService", handlers),))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
