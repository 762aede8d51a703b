"""The outcome of one plugin call: a code, the reasons, and the plugin that gave it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """Source: kube-scheduler/framework/interface.go, Code."""

    SUCCESS = 0
    ERROR = 1
    UNSCHEDULABLE = 2
    """Rejected, but removing other Pods might help."""
    UNSCHEDULABLE_AND_UNRESOLVABLE = 3
    """Rejected, and no preemption can change it."""
    WAIT = 4
    SKIP = 5
    PENDING = 6
    """Rejected, but the plugin itself is working on it."""


@dataclass(slots=True, frozen=True)
class Status:
    """What a plugin answers where one answer covers the whole Pod (not one per node)."""

    code: Code = Code.SUCCESS
    reasons: tuple[str, ...] = ()
    plugin: str = ""
    error: BaseException | None = None

    @property
    def success(self) -> bool:
        return self.code is Code.SUCCESS

    @property
    def skip(self) -> bool:
        return self.code is Code.SKIP

    @property
    def wait(self) -> bool:
        return self.code is Code.WAIT

    @property
    def rejected(self) -> bool:
        return self.code in (Code.UNSCHEDULABLE, Code.UNSCHEDULABLE_AND_UNRESOLVABLE, Code.PENDING)

    @property
    def message(self) -> str:
        return ", ".join(self.reasons) if self.reasons else str(self.error or "")

    def of(self, plugin: str) -> Status:
        """The same status, marked as the named plugin's."""
        return Status(self.code, self.reasons, plugin, self.error)


class PluginFailed(Exception):
    """A plugin could not answer; the cycle ends and the Pod is tried again after its back-off."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


SUCCESS = Status()
SKIP = Status(Code.SKIP)


def unschedulable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE, reasons)


def unresolvable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, reasons)


def failed(error: BaseException) -> Status:
    return Status(Code.ERROR, error=error)
