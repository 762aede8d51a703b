"""Which settings of the kernel pods may have on this node. Pure.

Source: pkg/kubelet/sysctl/allowlist.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import sysctls


class AllowedSysctls:
    def __init__(self, unsafe: Iterable[str] = ()) -> None:
        """The safe ones, and those of `unsafe`, where `kernel.msg*` is all that begin so. Raises ValueError."""
        self.unsafe = tuple(unsafe)
        self._namespaces = {name: sysctls.namespace_of(name) for name in sysctls.SAFE}
        self._prefixes: dict[str, str] = {}
        for pattern in map(sysctls.normalized, self.unsafe):
            name = pattern.removesuffix("*")
            namespace = sysctls.namespace_of(name)
            if not namespace:
                raise ValueError(f'the sysctls "{name}" are not known to be namespaced')
            (self._namespaces if name == pattern else self._prefixes)[name] = namespace

    def refusal(self, pod: Pod) -> str:
        """What the pod asks for and may not have; "" when it may have all."""
        context = pod.spec.securityContext
        if context is None:
            return ""
        host = {"Net": pod.spec.hostNetwork, "IPC": pod.spec.hostIPC}
        for asked in context.sysctls:
            name = sysctls.normalized(asked.name)
            namespace = self._namespace(name)
            if not namespace:
                return f'"{name}" not allowlisted'
            if host[namespace]:
                return f'"{name}" not allowed with host {namespace} enabled'
        return ""

    def _namespace(self, name: str) -> str:
        by_prefix = (namespace for prefix, namespace in self._prefixes.items() if name.startswith(prefix))
        return self._namespaces.get(name) or next(by_prefix, "")
