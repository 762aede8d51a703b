"""Stop signals between the API's names and the CRI's: SIGRTMIN+1 is SIGRTMINPLUS1. Pure.

Source: pkg/kubelet/kuberuntime/helpers.go getContainerConfigStopSignal, runtimeSignalToString.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.core.v1 import Container, EphemeralContainer

_SIGNS = {"+": "PLUS", "-": "MINUS"}
_UNSPECIFIED = "RUNTIME_DEFAULT"


def for_runtime(container: Container | EphemeralContainer) -> str:
    """The name of the CRI's Signal that ends the container."""
    name = container.lifecycle.stopSignal if container.lifecycle is not None else None
    for sign, word in _SIGNS.items():
        name = name.replace(sign, word) if name else name
    return name or _UNSPECIFIED


def of_status(status: Any) -> str | None:
    """Of a CRI ContainerStatus, by the API's name; None where the runtime does not say."""
    number = status.stop_signal
    if not number:
        return None
    name: str = status.DESCRIPTOR.fields_by_name["stop_signal"].enum_type.values_by_number[number].name
    for sign, word in _SIGNS.items():
        name = name.replace(word, sign)
    return name
