"""Reads kubeconfig files as kubectl does: $KUBECONFIG lists merged, a context chosen, credentials loaded.

Source: client-go/tools/clientcmd (loading rules: the first file that sets a name or value wins).
Differs: exec credential plugins are run once per load; proxies and impersonation are not read.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from pybernetes.client.transport import HttpTransport
from pybernetes.host.ip_families import bracketed
from pybernetes.http import tls

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubeconfigError(Exception):
    """One line that says what is wrong with the kubeconfig and where."""


@dataclass(slots=True)
class Kubeconfig:
    """The chosen context, resolved."""

    context: str
    server: str
    namespace: str = "default"
    user: str = ""
    ca_pem: bytes | None = None
    certificate_pem: bytes | None = None
    key_pem: bytes | None = None
    token: str = ""
    token_file: str = ""
    username: str = ""
    password: str = ""
    verify: bool = True
    server_hostname: str = ""

    def ssl_context(self) -> ssl.SSLContext | None:
        """None for a server that is not spoken to over TLS. Raises KubeconfigError."""
        if not self.server.startswith("https://"):
            return None
        try:
            return tls.client_context(self.ca_pem, self.certificate_pem, self.key_pem, verify=self.verify)
        except ValueError as error:
            raise KubeconfigError(f"context {self.context!r}: {error}") from None

    def transport(self) -> HttpTransport:
        url = self.server
        if self.username:
            scheme, _, rest = url.partition("://")
            url = f"{scheme}://{quote(self.username, safe='')}:{quote(self.password, safe='')}@{rest}"
        try:
            return HttpTransport(
                url,
                self.ssl_context(),
                token=self.token,
                token_file=self.token_file,
                server_hostname=self.server_hostname,
            )
        except ValueError as error:
            raise KubeconfigError(f"context {self.context!r}: {error}") from None


def load(path: str = "", context: str = "") -> Kubeconfig:
    """`path`, else the files of $KUBECONFIG, else ~/.kube/config. Raises KubeconfigError."""
    paths = _paths(path)
    found = [(file, _read(file)) for file in paths if path or file.exists()]
    if not found:
        raise KubeconfigError(f"no kubeconfig found: {' and '.join(map(str, paths))} do not exist")
    chosen = context or next((str(t["current-context"]) for _, t in found if t.get("current-context")), "")
    if not chosen:
        raise KubeconfigError(f"{found[0][0]}: no current-context is set; choose one with --context")
    _, entry = _named(found, "contexts", "context", chosen)
    cluster_file, cluster = _named(found, "clusters", "cluster", _text(entry, "cluster"))
    user_name = _text(entry, "user")
    user_file, user = _named(found, "users", "user", user_name) if user_name else (cluster_file, {})
    server = _text(cluster, "server").rstrip("/")
    if not server:
        raise KubeconfigError(f"{cluster_file}: cluster {entry.get('cluster')!r} has no server")
    result = Kubeconfig(
        context=chosen,
        server=server if "://" in server else f"http://{server}",
        namespace=_text(entry, "namespace") or "default",
        user=user_name,
        ca_pem=_material(cluster_file, cluster, "certificate-authority"),
        certificate_pem=_material(user_file, user, "client-certificate"),
        key_pem=_material(user_file, user, "client-key"),
        token=_text(user, "token"),
        token_file=str(user_file.parent / _text(user, "tokenFile")) if _text(user, "tokenFile") else "",
        username=_text(user, "username"),
        password=_text(user, "password"),
        verify=not cluster.get("insecure-skip-tls-verify"),
        server_hostname=_text(cluster, "tls-server-name"),
    )
    if isinstance(user.get("exec"), dict):
        _run_plugin(user_file, user["exec"], result)
    return result


def in_cluster() -> Kubeconfig:
    """The ServiceAccount of the Pod that this process runs in. Raises KubeconfigError outside one."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise KubeconfigError("not in a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    try:
        ca_pem = (_SERVICE_ACCOUNT / "ca.crt").read_bytes()
        namespace = (_SERVICE_ACCOUNT / "namespace").read_text().strip()
    except OSError as error:
        raise KubeconfigError(f"cannot read the ServiceAccount's files: {error.strerror}: {error.filename}") from None
    token_file = str(_SERVICE_ACCOUNT / "token")
    return Kubeconfig(
        "in-cluster", f"https://{bracketed(host)}:{port}", namespace, ca_pem=ca_pem, token_file=token_file
    )


def _paths(path: str) -> list[Path]:
    if path:
        return [Path(path)]
    if listed := [Path(p) for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p]:
        return listed
    return [Path.home() / ".kube" / "config"]


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        tree = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise KubeconfigError(f"cannot read the kubeconfig {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise KubeconfigError(f"{path} is not a kubeconfig: it holds no mapping")
    return cast("dict[str, Any]", tree)


def _named(files: list[tuple[Path, dict[str, Any]]], plural: str, kind: str, name: str) -> tuple[Path, dict[str, Any]]:
    for path, tree in files:
        entries = tree.get(plural) or []
        if not isinstance(entries, list):
            raise KubeconfigError(f"{path}: {plural} is not a list")
        for entry in entries:
            if isinstance(entry, dict) and entry.get("name") == name:
                value = entry.get(kind) or {}
                if not isinstance(value, dict):
                    raise KubeconfigError(f"{path}: {kind} {name!r} is not a mapping")
                return path, value
    raise KubeconfigError(f"{files[0][0]}: there is no {kind} {name!r}")


def _text(tree: dict[str, Any], name: str) -> str:
    value = tree.get(name)
    return "" if value is None else str(value)


def _material(path: Path, tree: dict[str, Any], name: str) -> bytes | None:
    """PEM from `NAME-data` (base64) or from the file `NAME`, relative to the kubeconfig."""
    if data := _text(tree, f"{name}-data"):
        try:
            return base64.b64decode(data, validate=False)
        except (binascii.Error, ValueError):
            raise KubeconfigError(f"{path}: {name}-data is not valid base64") from None
    if file := _text(tree, name):
        try:
            return (path.parent / file).read_bytes()
        except OSError as error:
            raise KubeconfigError(f"{path}: cannot read {name} {file}: {error.strerror}") from None
    return None


def _run_plugin(path: Path, spec: dict[str, Any], into: Kubeconfig) -> None:
    """An exec credential plugin. Source: client-go/plugin/pkg/client/auth/exec."""
    import json
    import subprocess

    command = _text(spec, "command")
    version = _text(spec, "apiVersion")
    environment = dict(os.environ)
    environment.update({_text(e, "name"): _text(e, "value") for e in spec.get("env") or []})
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(info)
    try:
        done = subprocess.run(
            [command, *map(str, spec.get("args") or [])], env=environment, capture_output=True, check=True, timeout=60
        )
        status = json.loads(done.stdout)["status"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise KubeconfigError(f"{path}: the credential plugin {command!r} failed: {error}") from None
    into.token = _text(status, "token") or into.token
    if status.get("clientCertificateData"):
        into.certificate_pem = status["clientCertificateData"].encode()
        into.key_pem = _text(status, "clientKeyData").encode()
