"""The checks of the Pod Security Standards: what is wrong with a PodSpec at the levels baseline and restricted.

A check looks at a spec and says a reason and a detail, or nothing. Differs: every version is judged as the latest;
older ones were stricter with user namespaces and sysctls. AppArmor annotations are judged by the fields that the
Pod's strategy makes of them, those of templates not at all.
Source: pod-security-admission/policy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery.pods import containers_of
from pybernetes.apimachinery.sysctls import SAFE


class Finding(NamedTuple):
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


Check = Callable[[core.PodSpec], Finding | None]

_CAPABILITIES = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
_SELINUX_TYPES = frozenset({"", "container_engine_t", "container_init_t", "container_kvm_t", "container_t"})
_VOLUMES = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
})  # fmt: skip
_PROFILES = ("Localhost", "RuntimeDefault")


def _contexts(spec: core.PodSpec) -> Iterator[tuple[str, core.SecurityContext]]:
    for container in containers_of(spec):
        yield container.name, container.securityContext or core.SecurityContext()


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def _plural(noun: str, names: Collection[str]) -> str:
    return noun if len(names) == 1 else f"{noun}s"


def _named(names: list[str]) -> str:
    return f"{_plural('container', names)} {_quoted(names)}"


def _setters(pod: bool, names: list[str]) -> str:
    return " and ".join([*(["pod"] if pod else []), *([_named(names)] if names else [])])


# -- baseline ------------------------------------------------------------------------------------


def app_armor(spec: core.PodSpec) -> Finding | None:
    setters, bad = _profiles(spec, "appArmorProfile")
    if not bad:
        return None
    detail = f"{setters} must not set AppArmor profile type to {_quoted(bad)}"
    return Finding(_plural("forbidden AppArmor profile", bad), detail)


def _profiles(spec: core.PodSpec, field: str) -> tuple[str, list[str]]:
    """Who sets an AppArmor or seccomp profile of a type that is not allowed, and which types."""
    own = getattr(spec.securityContext, field, None)
    given = [("", own), *((name, getattr(context, field)) for name, context in _contexts(spec))]
    bad = [(name, profile.type) for name, profile in given if profile is not None and profile.type not in _PROFILES]
    setters = _setters(any(not name for name, _ in bad), [name for name, _ in bad if name])
    return setters, sorted({kind for _, kind in bad})


def capabilities_baseline(spec: core.PodSpec) -> Finding | None:
    return _added(spec, _CAPABILITIES, "non-default capabilities")


def _added(spec: core.PodSpec, allowed: frozenset[str], reason: str) -> Finding | None:
    names: list[str] = []
    bad: set[str] = set()
    for name, context in _contexts(spec):
        extra = set(context.capabilities.add) - allowed if context.capabilities is not None else set()
        if extra:
            names.append(name)
            bad |= extra
    if not names:
        return None
    detail = f"{_named(names)} must not include {_quoted(sorted(bad))} in securityContext.capabilities.add"
    return Finding(reason, detail)


def host_namespaces(spec: core.PodSpec) -> Finding | None:
    used = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if getattr(spec, name)]
    return Finding("host namespaces", ", ".join(used)) if used else None


def host_path_volumes(spec: core.PodSpec) -> Finding | None:
    names = [volume.name for volume in spec.volumes if volume.hostPath is not None]
    return Finding("hostPath volumes", f"{_plural('volume', names)} {_quoted(names)}") if names else None


def host_ports(spec: core.PodSpec) -> Finding | None:
    names: list[str] = []
    ports: set[str] = set()
    for container in containers_of(spec):
        used = {str(port.hostPort) for port in container.ports if port.hostPort}
        if used:
            names.append(container.name)
            ports |= used
    if not names:
        return None
    use = "uses" if len(names) == 1 else "use"
    return Finding("hostPort", f"{_named(names)} {use} {_plural('hostPort', ports)} {', '.join(sorted(ports))}")


def probe_hosts(spec: core.PodSpec) -> Finding | None:
    names: set[str] = set()
    hosts: set[str] = set()
    for container in containers_of(spec):
        lifecycle = container.lifecycle or core.Lifecycle()
        handlers: tuple[Any, ...] = (
            container.livenessProbe, container.readinessProbe, container.startupProbe,
            lifecycle.postStart, lifecycle.preStop,
        )  # fmt: skip
        for handler in handlers:
            for action in (handler.httpGet, handler.tcpSocket) if handler is not None else ():
                if action is not None and action.host:
                    names.add(container.name)
                    hosts.add(action.host)
    if not names:
        return None
    use = "uses" if len(names) == 1 else "use"
    detail = f"{_named(sorted(names))} {use} {_plural('probe or lifecycle host', hosts)} {_quoted(sorted(hosts))}"
    return Finding("probe or lifecycle host", detail)


def privileged(spec: core.PodSpec) -> Finding | None:
    names = [name for name, context in _contexts(spec) if context.privileged]
    return Finding("privileged", f"{_named(names)} must not set securityContext.privileged=true") if names else None


def proc_mount_baseline(spec: core.PodSpec) -> Finding | None:
    return None if spec.hostUsers is False else proc_mount(spec)


def seccomp_baseline(spec: core.PodSpec) -> Finding | None:
    setters, bad = _profiles(spec, "seccompProfile")
    if not bad:
        return None
    detail = f"{setters} must not set securityContext.seccompProfile.type to {_quoted(bad)}"
    return Finding("seccompProfile", detail)


def selinux(spec: core.PodSpec) -> Finding | None:
    own = spec.securityContext.seLinuxOptions if spec.securityContext is not None else None
    options = [("", own), *((name, context.seLinuxOptions) for name, context in _contexts(spec))]
    bad = [(name, o) for name, o in options if (o is not None and (o.type or "") not in _SELINUX_TYPES) or _owned(o)]
    if not bad:
        return None
    kinds = {o.type or "" for _, o in bad if o is not None} - _SELINUX_TYPES
    said = [f"{_plural('type', kinds)} {_quoted(sorted(kinds))}"] if kinds else []
    for field in ("user", "role"):
        if any(getattr(o, field) for _, o in bad):
            said.append(f"{field} may not be set")
    names = [name for name, _ in bad if name]
    setters = _setters(any(not name for name, _ in bad), names)
    return Finding("seLinuxOptions", f"{setters} set forbidden securityContext.seLinuxOptions: {'; '.join(said)}")


def _owned(options: core.SELinuxOptions | None) -> bool:
    return options is not None and bool(options.user or options.role)


def sysctls(spec: core.PodSpec) -> Finding | None:
    given = spec.securityContext.sysctls if spec.securityContext is not None else []
    bad = [sysctl.name for sysctl in given if sysctl.name not in SAFE]
    return Finding("forbidden sysctls", ", ".join(bad)) if bad else None


def windows_host_process(spec: core.PodSpec) -> Finding | None:
    own = spec.securityContext.windowsOptions if spec.securityContext is not None else None
    names = [name for name, context in _contexts(spec) if context.windowsOptions and context.windowsOptions.hostProcess]
    pod = own is not None and bool(own.hostProcess)
    if not pod and not names:
        return None
    detail = f"{_setters(pod, names)} must not set securityContext.windowsOptions.hostProcess=true"
    return Finding("hostProcess", detail)


# -- restricted ----------------------------------------------------------------------------------


def _is_windows(spec: core.PodSpec) -> bool:
    return spec.os is not None and spec.os.name == "windows"


def privilege_escalation(spec: core.PodSpec) -> Finding | None:
    names = [name for name, context in _contexts(spec) if context.allowPrivilegeEscalation is not False]
    if not names or _is_windows(spec):
        return None
    detail = f"{_named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", detail)


def capabilities_restricted(spec: core.PodSpec) -> Finding | None:
    if _is_windows(spec):
        return None
    names = [
        name
        for name, context in _contexts(spec)
        if context.capabilities is None or "ALL" not in context.capabilities.drop
    ]
    details = [f'{_named(names)} must set securityContext.capabilities.drop=["ALL"]'] if names else []
    added = _added(spec, frozenset({"NET_BIND_SERVICE"}), "")
    if added is not None:
        details.append(added.detail)
    return Finding("unrestricted capabilities", "; ".join(details)) if details else None


def proc_mount(spec: core.PodSpec) -> Finding | None:
    bad = {name: context.procMount for name, context in _contexts(spec) if context.procMount not in (None, "Default")}
    if not bad:
        return None
    kinds = _quoted(sorted({kind or "" for kind in bad.values()}))
    return Finding("procMount", f"{_named(list(bad))} must not set securityContext.procMount to {kinds}")


def restricted_volumes(spec: core.PodSpec) -> Finding | None:
    names: list[str] = []
    kinds: set[str] = set()
    for volume in spec.volumes:
        given = [f for f in volume.__struct_fields__ if f != "name" and getattr(volume, f) is not None]
        if not set(given) & _VOLUMES:
            names.append(volume.name)
            kinds.add(given[0] if given else "unknown")
    if not names:
        return None
    use = "uses" if len(names) == 1 else "use"
    detail = f"{_plural('volume', names)} {_quoted(names)} {use} {_plural('restricted volume type', kinds)}"
    return Finding("restricted volume types", f"{detail} {_quoted(sorted(kinds))}")


def run_as_non_root(spec: core.PodSpec) -> Finding | None:
    if spec.hostUsers is False:
        return None
    own = spec.securityContext.runAsNonRoot if spec.securityContext is not None else None
    names = [name for name, context in _contexts(spec) if context.runAsNonRoot is False]
    if own is False or names:
        detail = f"{_setters(own is False, names)} must not set securityContext.runAsNonRoot=false"
        return Finding("runAsNonRoot != true", detail)
    names = [name for name, context in _contexts(spec) if context.runAsNonRoot is None and not own]
    if not names:
        return None
    return Finding("runAsNonRoot != true", f"pod or {_named(names)} must set securityContext.runAsNonRoot=true")


def run_as_user(spec: core.PodSpec) -> Finding | None:
    if spec.hostUsers is False:
        return None
    pod = spec.securityContext is not None and spec.securityContext.runAsUser == 0
    names = [name for name, context in _contexts(spec) if context.runAsUser == 0]
    return Finding("runAsUser=0", f"{_setters(pod, names)} must not set runAsUser=0") if pod or names else None


def seccomp_restricted(spec: core.PodSpec) -> Finding | None:
    if _is_windows(spec):
        return None
    found = seccomp_baseline(spec)
    if found is not None:
        return found
    own = spec.securityContext.seccompProfile if spec.securityContext is not None else None
    names = [name for name, context in _contexts(spec) if context.seccompProfile is None and own is None]
    if not names:
        return None
    detail = f'pod or {_named(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Finding("seccompProfile", detail)


_BASELINE: tuple[Check, ...] = (
    app_armor, capabilities_baseline, host_namespaces, host_path_volumes, host_ports, probe_hosts, privileged,
    proc_mount_baseline, selinux, seccomp_baseline, sysctls, windows_host_process,
)  # fmt: skip
_RESTRICTED: tuple[Check, ...] = (
    app_armor, host_namespaces, host_ports, probe_hosts, privileged, selinux, sysctls, windows_host_process,
    privilege_escalation, capabilities_restricted, proc_mount, restricted_volumes, run_as_non_root, run_as_user,
    seccomp_restricted,
)  # fmt: skip
"""Stricter checks stand for the baseline's of the same matter."""

LEVELS: dict[str, tuple[Check, ...]] = {"privileged": (), "baseline": _BASELINE, "restricted": _RESTRICTED}


def findings(level: str, spec: core.PodSpec) -> list[Finding]:
    """What of the level the spec violates, in upstream's order."""
    return [found for check in LEVELS[level] if (found := check(spec)) is not None]
