"""Validation of Windows options, and of Pods whose containers are processes of the host.

Source: pkg/apis/core/validation/validation.go (validateWindowsSecurityContextOptions, validateWindowsHostProcessPod).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.pods import containers_with_paths

_MAX_GMSA_KIB = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_NETBIOS = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}').fullmatch
_DNS_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS_DOMAIN = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*").fullmatch
_USER_CHARACTERS = re.compile(r'["/\\:;|=,+*?<>@\[\]]').search
_DOTS_AND_SPACES = re.compile(r"[. ]+").fullmatch


def validate_options(options: core.WindowsSecurityContextOptions | None, path: Path) -> list[FieldError]:
    if options is None:
        return []
    found: list[FieldError] = []
    at, name = path.child("gmsaCredentialSpecName"), options.gmsaCredentialSpecName
    if name is not None:
        found += [FieldError.invalid(at, name, message) for message in names.dns1123_subdomain(name)]
    at, text = path.child("gmsaCredentialSpec"), options.gmsaCredentialSpec
    if text == "":
        found.append(FieldError.invalid(at, text, "gmsaCredentialSpec cannot be an empty string"))
    elif text is not None and len(text.encode()) > _MAX_GMSA_KIB << 10:
        found.append(FieldError.invalid(at, text, f"gmsaCredentialSpec size must be under {_MAX_GMSA_KIB} KiB"))
    if options.runAsUserName is not None:
        at = path.child("runAsUserName")
        found += [
            FieldError.invalid(at, options.runAsUserName, f"runAsUserName{w}") for w in _user(options.runAsUserName)
        ]
    return found


def _user(name: str) -> Iterator[str]:
    """What is wrong with DOMAIN\\USER."""
    if not name:
        yield " cannot be an empty string"
        return
    if _CONTROL(name):
        yield " cannot contain control characters"
        return
    if name.count("\\") > 1:
        yield " cannot contain more than one backslash"
        return
    domain, backslash, user = name.rpartition("\\")
    if len(domain.encode()) >= 256:
        yield "'s Domain length must be under 256 characters"
    if backslash and not (_NETBIOS(domain) or _DNS_DOMAIN(domain)):
        yield "'s Domain doesn't match the NetBios nor the DNS format"
    if not user:
        yield "'s User cannot be empty"
    elif len(user.encode()) > 104:
        yield "'s User length must not be longer than 104 characters"
    if _DOTS_AND_SPACES(user):
        yield "'s User cannot contain only periods or spaces"
    if _USER_CHARACTERS(user):
        yield r"""'s User cannot contain the following characters: "/\:;|=,+*?<>@[]"""


def validate_host_processes(spec: core.PodSpec, path: Path) -> list[FieldError]:
    """Either every container is a process of the host, or none; and such Pods use the host's network."""
    found: list[FieldError] = []
    options = spec.securityContext.windowsOptions if spec.securityContext is not None else None
    of_pod = options.hostProcess if options is not None else None
    count = hosted = 0
    for container, where in containers_with_paths(spec, path):
        count += 1
        own = container.securityContext.windowsOptions if container.securityContext is not None else None
        value = own.hostProcess if own is not None else None
        if of_pod is not None and value is not None and of_pod != value:
            at = where.child("securityContext", "windowsOptions", "hostProcess")
            shown = "true" if of_pod else "false"
            why = f"pod hostProcess value must be identical if both are specified, was {shown}"
            found.append(FieldError.invalid(at, value, why))
        hosted += bool(value) or (value is None and bool(of_pod))
    if not hosted:
        return found
    if hosted != count:
        why = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        found.append(FieldError.invalid(path, "", why))
    if not spec.hostNetwork:
        why = "hostNetwork must be true if pod contains any hostProcess containers"
        found.append(FieldError.invalid(path.child("hostNetwork"), False, why))
    return found
