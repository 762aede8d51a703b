"""nftables through libnftables: one string of commands is one transaction, applied whole or not at all.

The library works in the caller's network namespace.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import threading
from typing import Any, Protocol

_OUTPUT_JSON = 1 << 4


class NftError(Exception):
    """A transaction that the kernel or the parser refused; the message is libnftables' own."""


class Nft(Protocol):
    def apply(self, commands: str) -> None:
        """Applies a transaction in nft's syntax. Raises NftError; then nothing was changed."""
        ...

    def query(self, command: str) -> list[dict[str, Any]]:
        """The objects that a list command shows, in libnftables' JSON."""
        ...


class LibNft:
    """The real one. Raises NftError on construction where libnftables is missing."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("nftables") or "libnftables.so.1"
        try:
            lib = ctypes.CDLL(name)
        except OSError:
            raise NftError("libnftables is missing; install the package libnftables1") from None
        lib.nft_ctx_new.restype = ctypes.c_void_p
        lib.nft_ctx_new.argtypes = [ctypes.c_uint32]
        for call in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(lib, call).restype = ctypes.c_char_p
            getattr(lib, call).argtypes = [ctypes.c_void_p]
        for call in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(lib, call).argtypes = [ctypes.c_void_p]
        lib.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        lib.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
        self._lib = lib
        self._lock = threading.Lock()
        """A context is for one thread at a time."""
        self._context = lib.nft_ctx_new(0)
        lib.nft_ctx_buffer_output(self._context)
        lib.nft_ctx_buffer_error(self._context)

    def apply(self, commands: str) -> None:
        self._run(commands, 0)

    def query(self, command: str) -> list[dict[str, Any]]:
        text = self._run(command, _OUTPUT_JSON)
        found: list[dict[str, Any]] = json.loads(text)["nftables"] if text else []
        return found

    def _run(self, commands: str, flags: int) -> str:
        with self._lock:
            self._lib.nft_ctx_output_set_flags(self._context, flags)
            failed = self._lib.nft_run_cmd_from_buffer(self._context, commands.encode())
            output = self._lib.nft_ctx_get_output_buffer(self._context) or b""
            error = self._lib.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftError(error.decode(errors="replace").strip() or "nftables refused the transaction")
        return str(output.decode(errors="replace"))
