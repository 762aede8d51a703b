"""A file in which a part of the kubelet keeps what it has to know after a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pybernetes.host.files import write_atomic

_LOG = logging.getLogger(__name__)


class Checkpoint:
    """`what` it tells, for the log."""

    def __init__(self, file: Path, what: str) -> None:
        self._file = file
        self._what = what

    def read(self, take: Callable[[bytes], None]) -> None:
        """Hands over what an earlier kubelet wrote; what `take` refuses with a ValueError is logged and left."""
        try:
            take(self._file.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            _LOG.warning("%s cannot be read from %s: %s", self._what, self._file, error)

    def insist(self, take: Callable[[bytes], None]) -> None:
        """The same, but raises ValueError, with the way out, for what `take` refuses or cannot be read."""
        try:
            take(self._file.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self._what} cannot be restored from {self._file}: {error}; "
                "drain this node and delete that file before the kubelet is started again"
            ) from None

    def write(self, text: bytes) -> None:
        """Raises OSError."""
        write_atomic(self._file, text, 0o600)

    def keep(self, text: bytes) -> None:
        """Writes it as far as that is possible."""
        try:
            self.write(text)
        except OSError as error:
            _LOG.warning("%s cannot be written to %s: %s", self._what, self._file, error)
