"""Validation of containers: everything of a PodSpec that lies under containers, initContainers, ephemeralContainers.

Source: pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.pods import AnyContainer
from pybernetes.apiserver.registry.core.pods import environment, resources, windows
from pybernetes.apiserver.registry.core.volumes.sources import relative_path

Volumes = dict[str, core.Volume]
_known_names: set[str] = set()

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_NOT_FOR_EPHEMERAL = (
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
)
_SIGNALS = tuple(
    sorted(
        "SIG" + name
        for name in (
            "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM "
            "TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX "
            + " ".join([f"RTMIN+{n}" for n in range(1, 16)] + [f"RTMAX-{n}" for n in range(1, 15)])
        ).split()
    )
)
_ONE_HANDLER = "may not specify more than 1 handler type"


def validate_containers(spec: core.PodSpec, volumes: Volumes, path: Path) -> list[FieldError]:
    """spec.containers: at least one, each valid, names and host ports unique."""
    if not spec.containers:
        return [FieldError.required(path)]
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, container in enumerate(spec.containers):
        at = path.index(index)
        found += _validate_common(container, spec, volumes, at)
        if container.name in seen:
            found.append(FieldError.duplicate(at.child("name"), container.name))
        seen.add(container.name)
        found += _validate_running(container, spec, at)
        found += _validate_restart_policy(container, at)
    return found + _host_port_conflicts(spec.containers, path)


def validate_init_containers(spec: core.PodSpec, volumes: Volumes, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen = {c.name for c in spec.containers}
    for index, container in enumerate(spec.initContainers):
        at = path.index(index)
        found += _validate_common(container, spec, volumes, at)
        found += _validate_restart_policy(container, at)
        if container.name in seen:
            found.append(FieldError.duplicate(at.child("name"), container.name))
        elif container.name:
            seen.add(container.name)
        found += _host_port_conflicts([container], path)
        if container.restartPolicy == "Always":
            found += _validate_running(container, spec, at)
        else:
            why = "may not be set for init containers without restartPolicy=Always"
            for name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
                if getattr(container, name) is not None:
                    found.append(FieldError.forbidden(at.child(name), why))
            for number, policy in enumerate(container.resizePolicy):
                if policy.restartPolicy == "RestartContainer":
                    where = at.child("resizePolicy").index(number).child("restartPolicy")
                    why = "must not be set to 'RestartContainer' for non-sidecar initContainers"
                    found.append(FieldError.invalid(where, policy.restartPolicy, why))
    return found


def validate_ephemeral_containers(spec: core.PodSpec, volumes: Volumes, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    others = {c.name for c in [*spec.containers, *spec.initContainers]}
    seen = set(others)
    why = "cannot be set for an Ephemeral Container"
    for index, container in enumerate(spec.ephemeralContainers):
        at = path.index(index)
        found += _validate_common(container, spec, volumes, at)
        found += image_spaces(container, at)
        if container.name in seen:
            found.append(FieldError.duplicate(at.child("name"), container.name))
        seen.add(container.name)
        if container.targetContainerName and container.targetContainerName not in others:
            found.append(FieldError.not_found(at.child("targetContainerName"), container.targetContainerName))
        for name in _NOT_FOR_EPHEMERAL:
            if getattr(container, name):
                found.append(FieldError.forbidden(at.child(name), why))
        if container.resources is not None and container.resources != core.ResourceRequirements():
            found.append(FieldError.forbidden(at.child("resources"), why))
        for number, mount in enumerate(container.volumeMounts):
            for name in ("subPath", "subPathExpr"):
                if getattr(mount, name):
                    found.append(FieldError.forbidden(at.child("volumeMounts").index(number).child(name), why))
    return found


def image_spaces(container: AnyContainer, path: Path) -> list[FieldError]:
    """A Pod's images (not a template's) have no spaces around them."""
    image = container.image or ""
    if image != image.strip():
        why = "must not have leading or trailing whitespace"
        return [FieldError.invalid(path.child("image"), image, why)]
    return []


def _validate_common(container: AnyContainer, spec: core.PodSpec, volumes: Volumes, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    name = container.name
    if not name:
        found.append(FieldError.required(path.child("name")))
    elif name not in _known_names:
        wrong = names.dns1123_label(name)
        if wrong:
            found += [FieldError.invalid(path.child("name"), name, message) for message in wrong]
        else:
            if len(_known_names) > 10_000:
                _known_names.clear()
            _known_names.add(name)
    if not container.image:
        found.append(FieldError.required(path.child("image")))
    policy = container.terminationMessagePolicy
    if policy not in ("File", "FallbackToLogsOnError"):
        at = path.child("terminationMessagePolicy")
        supported = ("File", "FallbackToLogsOnError")
        found.append(FieldError.not_supported(at, policy, supported) if policy else FieldError.required(at))
    if container.ports:
        found += _validate_ports(container.ports, path.child("ports"))
    if container.env:
        found += environment.validate_env(container.env, path.child("env"))
    if container.envFrom:
        found += environment.validate_env_from(container.envFrom, path.child("envFrom"))
    if container.volumeMounts:
        found += _validate_mounts(container, volumes, path.child("volumeMounts"))
    if container.volumeDevices:
        found += _validate_devices(container, volumes, path.child("volumeDevices"))
    if container.imagePullPolicy not in _PULL_POLICIES:
        at = path.child("imagePullPolicy")
        given = container.imagePullPolicy
        found.append(FieldError.not_supported(at, given, _PULL_POLICIES) if given else FieldError.required(at))
    if container.resources is not None and (
        container.resources.limits or container.resources.requests or container.resources.claims
    ):
        claims = {c.name for c in spec.resourceClaims if c.name}
        found += resources.validate_requirements(container.resources, claims, path.child("resources"))
    if container.resizePolicy:
        found += _validate_resize_policy(container, spec.restartPolicy or "", path.child("resizePolicy"))
    if container.securityContext is not None:
        found += _validate_security_context(container.securityContext, spec, path.child("securityContext"))
    return found


def _validate_running(container: core.Container, spec: core.PodSpec, path: Path) -> list[FieldError]:
    """Probes and lifecycle, of containers that keep running."""
    found: list[FieldError] = []
    grace_s = spec.terminationGracePeriodSeconds
    if container.lifecycle is not None:
        at = path.child("lifecycle")
        if container.lifecycle.postStart is not None:
            found += _validate_handler(container.lifecycle.postStart, grace_s, at.child("postStart"))
        if container.lifecycle.preStop is not None:
            found += _validate_handler(container.lifecycle.preStop, grace_s, at.child("preStop"))
        if container.lifecycle.stopSignal is not None:
            found += _validate_stop_signal(container.lifecycle.stopSignal, spec, at.child("stopSignal"))
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = getattr(container, name)
        if probe is not None:
            found += _validate_probe(probe, name, path.child(name))
    return found


def _validate_stop_signal(signal: str, spec: core.PodSpec, path: Path) -> list[FieldError]:
    if spec.os is None:
        return [FieldError.forbidden(path, "may not be set for containers with empty `spec.os.name`")]
    supported = {"linux": _SIGNALS, "windows": ("SIGKILL", "SIGTERM")}.get(spec.os.name, (signal,))
    return [] if signal in supported else [FieldError.not_supported(path, signal, supported)]


def _validate_probe(probe: core.Probe, name: str, path: Path) -> list[FieldError]:
    found = _validate_handler(probe, None, path)
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        value = getattr(probe, field)
        if value is not None and value < 0:
            found.append(FieldError.invalid(path.child(field), value, "must be greater than or equal to 0"))
    grace_s = probe.terminationGracePeriodSeconds
    if grace_s is not None and grace_s <= 0:
        at = path.child("terminationGracePeriodSeconds")
        found.append(FieldError.invalid(at, grace_s, "must be greater than 0"))
    if name == "readinessProbe":
        if grace_s is not None:
            at = path.child("terminationGracePeriodSeconds")
            found.append(FieldError.invalid(at, grace_s, "must not be set for readinessProbes"))
    elif probe.successThreshold != 1:
        found.append(FieldError.invalid(path.child("successThreshold"), probe.successThreshold, "must be 1"))
    return found


def _validate_handler(handler: core.Probe | core.LifecycleHandler, grace_s: int | None, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    count = 0
    for name in ("exec", "httpGet", "tcpSocket", "grpc", "sleep"):
        action = getattr(handler, name, None)
        if action is None:
            continue
        count += 1
        at = path.child(name)
        if count > 1:
            found.append(FieldError.forbidden(at, _ONE_HANDLER))
        elif isinstance(action, core.ExecAction):
            if not action.command:
                found.append(FieldError.required(at.child("command")))
        elif isinstance(action, core.HTTPGetAction):
            found += _validate_http_get(action, at)
        elif isinstance(action, core.TCPSocketAction):
            found += port_number_or_name(action.port, at.child("port"))
        elif isinstance(action, core.GRPCAction):
            found += [FieldError.invalid(at.child("port"), action.port, m) for m in names.port_number(action.port)]
        elif isinstance(action, core.SleepAction) and grace_s is not None and not 0 <= action.seconds <= grace_s:
            why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
            found.append(FieldError.invalid(at, action.seconds, why))
    if not count:
        found.append(FieldError.required(path, "must specify a handler type"))
    return found


def _validate_http_get(action: core.HTTPGetAction, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not action.path:
        found.append(FieldError.required(path.child("path")))
    found += port_number_or_name(action.port, path.child("port"))
    if action.scheme not in ("HTTP", "HTTPS"):
        found.append(FieldError.not_supported(path.child("scheme"), action.scheme, ("HTTP", "HTTPS")))
    for header in action.httpHeaders:
        at = path.child("httpHeaders")
        found += [FieldError.invalid(at, header.name, message) for message in names.http_header_name(header.name)]
    return found


def port_number_or_name(port: int | str, path: Path) -> list[FieldError]:
    wrong = names.port_number(port) if isinstance(port, int) else names.port_name(port)
    return [FieldError.invalid(path, port, message) for message in wrong]


def _validate_ports(ports: Sequence[core.ContainerPort], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at = path.index(index)
        if port.name:
            wrong = names.port_name(port.name)
            if wrong:
                found += [FieldError.invalid(at.child("name"), port.name, message) for message in wrong]
            elif port.name in seen:
                found.append(FieldError.duplicate(at.child("name"), port.name))
            seen.add(port.name)
        if not port.containerPort:
            found.append(FieldError.required(at.child("containerPort")))
        elif not 0 < port.containerPort < 65536:
            found.append(FieldError.invalid(at.child("containerPort"), port.containerPort, names.in_range(1, 65535)))
        if port.hostPort and not 0 < port.hostPort < 65536:
            found.append(FieldError.invalid(at.child("hostPort"), port.hostPort, names.in_range(1, 65535)))
        if port.protocol not in _PROTOCOLS:
            found.append(FieldError.not_supported(at.child("protocol"), port.protocol, _PROTOCOLS))
    return found


def _host_port_conflicts(containers: Sequence[core.Container], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.ports):
            if not port.hostPort:
                continue
            text = f"{port.protocol}/{port.hostIP or ''}/{port.hostPort}"
            if text in seen:
                at = path.index(index).child("ports").index(number).child("hostPort")
                found.append(FieldError.duplicate(at, text))
            seen.add(text)
    return found


def _validate_mounts(container: AnyContainer, volumes: Volumes, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    devices = {d.name: d.devicePath for d in container.volumeDevices}
    for index, mount in enumerate(container.volumeMounts):
        if not mount.name:
            found.append(FieldError.required(path.index(index).child("name")))
        if mount.name not in volumes:
            found.append(FieldError.not_found(path.index(index).child("name"), mount.name))
        if not mount.mountPath:
            found.append(FieldError.required(path.index(index).child("mountPath")))
        if mount.mountPath in seen:
            at = path.index(index).child("mountPath")
            found.append(FieldError.invalid(at, mount.mountPath, "must be unique"))
        seen.add(mount.mountPath)
        if mount.name in devices:
            at = path.index(index).child("name")
            found.append(FieldError.invalid(at, mount.name, "must not already exist in volumeDevices"))
        if mount.mountPath in devices.values():
            at = path.index(index).child("mountPath")
            why = "must not already exist as a path in volumeDevices"
            found.append(FieldError.invalid(at, mount.mountPath, why))
        if mount.subPath:
            found += relative_path(mount.subPath, path.child("subPath"))
        if mount.subPathExpr:
            if mount.subPath:
                at = path.index(index).child("subPathExpr")
                why = "subPathExpr and subPath are mutually exclusive"
                found.append(FieldError.invalid(at, mount.subPathExpr, why))
            found += relative_path(mount.subPathExpr, path.child("subPathExpr"))
        if mount.mountPropagation is not None:
            found += _validate_propagation(mount.mountPropagation, container, path.child("mountPropagation"))
        if mount.recursiveReadOnly not in (None, "Disabled"):
            found += _validate_recursive(mount, path.child("recursiveReadOnly"))
    return found


def _validate_propagation(mode: str, container: AnyContainer, path: Path) -> list[FieldError]:
    supported = ("Bidirectional", "HostToContainer", "None")
    if mode not in supported:
        return [FieldError.not_supported(path, mode, supported)]
    context = container.securityContext
    if mode == "Bidirectional" and not (context is not None and context.privileged):
        return [
            FieldError.forbidden(path, "Bidirectional mount propagation is available only to privileged containers")
        ]
    return []


def _validate_recursive(mount: core.VolumeMount, path: Path) -> list[FieldError]:
    mode = mount.recursiveReadOnly
    if mode not in ("Enabled", "IfPossible"):
        return [FieldError.not_supported(path, mode, ("Disabled", "Enabled", "IfPossible"))]
    found: list[FieldError] = []
    if not mount.readOnly:
        found.append(FieldError.forbidden(path, "may only be specified when readOnly is true"))
    if mount.mountPropagation not in (None, "None"):
        why = "may only be specified when mountPropagation is None or not specified"
        found.append(FieldError.forbidden(path, why))
    return found


def _validate_devices(container: AnyContainer, volumes: Volumes, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    mounts = {m.name: m.mountPath for m in container.volumeMounts}
    names_seen: set[str] = set()
    paths_seen: set[str] = set()
    for index, device in enumerate(container.volumeDevices):
        at = path.index(index)
        if not device.name:
            found.append(FieldError.required(at.child("name")))
        if device.name in names_seen:
            found.append(FieldError.invalid(at.child("name"), device.name, "must be unique"))
        volume = volumes.get(device.name)
        if volume is None:
            found.append(FieldError.not_found(at.child("name"), device.name))
        elif volume.persistentVolumeClaim is None and volume.ephemeral is None:
            why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            found.append(FieldError.invalid(at.child("name"), device.name, why))
        if not device.devicePath:
            found.append(FieldError.required(at.child("devicePath")))
        if device.devicePath in paths_seen:
            found.append(FieldError.invalid(at.child("devicePath"), device.devicePath, "must be unique"))
        if ".." in device.devicePath.split("/"):
            why = "can not contain backsteps ('..')"
            found.append(FieldError.invalid(at.child("devicePath"), device.devicePath, why))
        else:
            paths_seen.add(device.devicePath)
        if device.name in mounts:
            found.append(FieldError.invalid(at.child("name"), device.name, "must not already exist in volumeMounts"))
        if device.devicePath in mounts.values():
            why = "must not already exist as a path in volumeMounts"
            found.append(FieldError.invalid(at.child("devicePath"), device.devicePath, why))
        if device.name:
            names_seen.add(device.name)
    return found


def _validate_restart_policy(container: core.Container, path: Path) -> list[FieldError]:
    policy, rules = container.restartPolicy, container.restartPolicyRules
    at = path.child("restartPolicy")
    found: list[FieldError] = []
    if policy is None:
        if not rules:
            return []
        found.append(FieldError.required(at, "must specify restartPolicy when restart rules are used"))
    elif policy not in ("Always", "Never", "OnFailure"):
        found.append(FieldError.not_supported(at, policy, ("Always", "Never", "OnFailure")))
    if len(rules) > 20:
        found.append(FieldError.too_many(path.child("restartPolicyRules"), len(rules), 20))
    for index, rule in enumerate(rules):
        where = path.child("restartPolicyRules").index(index)
        if rule.action not in ("Restart", "RestartAllContainers"):
            supported = ("Restart", "RestartAllContainers")
            found.append(FieldError.not_supported(where.child("action"), rule.action, supported))
        if rule.exitCodes is None:
            found.append(FieldError.required(where.child("exitCodes"), "must be specified"))
            continue
        if rule.exitCodes.operator not in ("In", "NotIn"):
            operator = where.child("exitCodes").child("operator")
            found.append(FieldError.not_supported(operator, rule.exitCodes.operator, ("In", "NotIn")))
        if len(rule.exitCodes.values) > 255:
            values = where.child("exitCodes").child("values")
            found.append(FieldError.too_many(values, len(rule.exitCodes.values), 255))
    return found


def _validate_resize_policy(container: AnyContainer, pod_policy: str, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, policy in enumerate(container.resizePolicy):
        if policy.resourceName in seen:
            found.append(FieldError.duplicate(path.index(index), policy.resourceName))
        seen.add(policy.resourceName)
        for given, supported in (
            (policy.resourceName, ("cpu", "memory")),
            (policy.restartPolicy, ("NotRequired", "RestartContainer")),
        ):
            if not given:
                found.append(FieldError.required(path))
            elif given not in supported:
                found.append(FieldError.not_supported(path, given, supported))
        if pod_policy == "Never" and policy.restartPolicy != "NotRequired":
            why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            found.append(FieldError.invalid(path, policy.restartPolicy, why))
    return found


def _validate_security_context(context: core.SecurityContext, spec: core.PodSpec, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name in ("runAsUser", "runAsGroup"):
        value = getattr(context, name)
        if value is not None:
            found += [FieldError.invalid(path.child(name), value, m) for m in names.user_or_group_id(value)]
    if context.procMount is not None:
        at = path.child("procMount")
        if context.procMount not in ("Default", "Unmasked"):
            found.append(FieldError.not_supported(at, context.procMount, ("Default", "Unmasked")))
        if context.procMount == "Unmasked" and spec.hostUsers is not False:
            found.append(FieldError.invalid(at, context.procMount, "`hostUsers` must be false to use `Unmasked`"))
    found += validate_seccomp(context.seccompProfile, path.child("seccompProfile"))
    if context.allowPrivilegeEscalation is False:
        if context.privileged:
            why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            found.append(FieldError.invalid(path, context, why))
        times = context.capabilities.add.count("CAP_SYS_ADMIN") if context.capabilities is not None else 0
        why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        found += [FieldError.invalid(path, context, why)] * times
    found += windows.validate_options(context.windowsOptions, path.child("windowsOptions"))
    return found + validate_apparmor(context.appArmorProfile, path.child("appArmorProfile"))


_PROFILE_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")


def validate_seccomp(profile: core.SeccompProfile | None, path: Path) -> list[FieldError]:
    """Source: validateSeccompProfileField."""
    if profile is None:
        return []
    found: list[FieldError] = []
    if profile.type not in _PROFILE_TYPES:
        at, why = path.child("type"), "type is required when seccompProfile is set"
        wrong = FieldError.not_supported(at, profile.type, _PROFILE_TYPES)
        found.append(wrong if profile.type else FieldError.required(at, why))
    at = path.child("localhostProfile")
    if profile.type == "Localhost":
        if profile.localhostProfile is None:
            found.append(FieldError.required(at, "must be set when seccomp type is Localhost"))
        else:
            found += relative_path(profile.localhostProfile, at)
    elif profile.localhostProfile is not None:
        found.append(FieldError.invalid(at, profile, "can only be set when seccomp type is Localhost"))
    return found


def validate_apparmor(profile: core.AppArmorProfile | None, path: Path) -> list[FieldError]:
    """Source: ValidateAppArmorProfileField."""
    if profile is None:
        return []
    at, name = path.child("localhostProfile"), profile.localhostProfile
    if profile.type == "Localhost":
        if name is None:
            return [FieldError.required(at, "must be set when AppArmor type is Localhost")]
        found: list[FieldError] = []
        if name != name.strip():
            found.append(FieldError.invalid(at, name, "must not be padded with whitespace"))
        elif not name:
            found.append(FieldError.required(at, "must be set when AppArmor type is Localhost"))
        return [*found, FieldError.too_long(at, 4095)] if len(name.encode()) > 4095 else found
    if profile.type in _PROFILE_TYPES:
        why = "can only be set when AppArmor type is Localhost"
        return [FieldError.invalid(at, name, why)] if name is not None else []
    where = path.child("type")
    if not profile.type:
        return [FieldError.required(where, "type is required when appArmorProfile is set")]
    return [FieldError.not_supported(where, profile.type, _PROFILE_TYPES)]
