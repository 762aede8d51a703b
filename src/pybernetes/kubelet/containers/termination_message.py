"""What a container said about its end: a file it wrote, or else the end of its log.

Source: pkg/kubelet/kuberuntime/kuberuntime_container.go getTerminationMessage, readLastStringFromContainerLogs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pybernetes.host.files import open_plain
from pybernetes.kubelet.runtime import MESSAGE_PATH_ANNOTATION, MESSAGE_POLICY_ANNOTATION

MAX_MESSAGE_BYTES = 4096
_MAX_LOG_BYTES = 2048
_MAX_LOG_LINES = 80
_LOG_WINDOW_BYTES = 64 * 1024


def termination_message(status: Any) -> str:
    """From a CRI ContainerStatus of a container that ended."""
    path = status.annotations.get(MESSAGE_PATH_ANNOTATION, "")
    from_logs = (
        status.annotations.get(MESSAGE_POLICY_ANNOTATION) == "FallbackToLogsOnError"
        and status.exit_code != 0
        and status.reason != "ContainerCannotRun"
    )
    text = ""
    if path:
        wanted = path if path.startswith("/") else f"/{path}"
        host_path = next((m.host_path for m in status.mounts if m.container_path == wanted), None)
        if host_path is not None:
            try:
                text = tail(Path(host_path), MAX_MESSAGE_BYTES).decode(errors="replace")
            except FileNotFoundError:
                pass
            except OSError as error:
                return f"Error on reading termination log {host_path}: {error.strerror}"
    if not text and from_logs and status.log_path:
        try:
            text = end_of_log(tail(Path(status.log_path), _LOG_WINDOW_BYTES))
        except OSError as error:
            return f"Error on reading termination message from logs: {error.strerror}"
    return text


def tail(path: Path, limit: int) -> bytes:
    with open_plain(path) as file:
        size = file.seek(0, 2)
        file.seek(max(size - limit, 0))
        return file.read(limit)


def end_of_log(data: bytes) -> str:
    """The last lines of a CRI log without their time, stream and tag: at most 80 lines, 2 KiB."""
    lines = []
    for line in data.splitlines()[-_MAX_LOG_LINES:]:
        fields = line.split(b" ", 3)
        if len(fields) == 4:
            lines.append(fields[3] + (b"" if fields[2].startswith(b"P") else b"\n"))
    return b"".join(lines)[-_MAX_LOG_BYTES:].decode(errors="replace")
