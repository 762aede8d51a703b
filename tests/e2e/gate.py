"""The cluster's Ingresses and Gateways as somebody outside has them: with backends, certificates, curl and openssl."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

from .backend import Backend, leading_to
from .conftest import PATIENCE_S, Cluster, eventually

ANNOTATION = "nginx.ingress.kubernetes.io/"


class Gate:
    """The cluster's Ingresses, as somebody outside reaches them."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.spec = json.loads((cluster.folder / "data" / "cluster.json").read_text())
        self.address: str = self.spec["node_address"]
        self.http, self.https = self.spec["ingress_http_port"], self.spec["ingress_https_port"]
        self.backends: list[Backend] = []

    def backend(self, name: str) -> Backend:
        made = Backend(name, self.address)
        self.backends.append(made)
        self.apply(*leading_to(self.address, made.port, name))
        return made

    def apply(self, *objects: dict[str, Any]) -> None:
        self.cluster.kubectl(
            "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        )

    def ingress(self, name: str, *rules: tuple[str, str, str, str], **more: Any) -> dict[str, Any]:
        """Rules are host, path, path type and Service."""
        annotations = {ANNOTATION + key: value for key, value in more.pop("annotations", {}).items()}
        found = [
            {"host": host, "http": {"paths": [{"path": path, "pathType": kind, "backend": to(service)}]}}
            for host, path, kind, service in rules
        ]
        return {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "annotations": annotations}, "spec": {"rules": found, **more},
        }  # fmt: skip

    def curl(self, url: str, *args: str) -> tuple[int, str]:
        """Status and body; `url` begins with http: or https: and a host, and has no port."""
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        port = self.https if scheme == "https" else self.http
        done = subprocess.run(
            ["curl", "-sk", "--max-time", "30", "--path-as-is", "-w", "\n%{http_code} %{redirect_url}", *args,
             "--resolve", f"{host}:{port}:{self.address}", f"{scheme}://{host}:{port}{slash}{path}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        body, _, last = done.stdout.rpartition("\n")
        status, _, target = last.partition(" ")
        return int(status or 0), target or body

    def told(self, url: str, *args: str) -> dict[str, Any]:
        status, body = self.curl(url, *args)
        assert status == 200, (status, body)
        return dict(json.loads(body))

    def serves(self, url: str, expected: str) -> None:
        """Returns once the backend `expected` answers."""

        def there() -> bool:
            status, body = self.curl(url)
            return status == 200 and json.loads(body)["name"] == expected

        eventually(f"{url} is served", there)

    def proxy_pid(self) -> int:
        return int(Path(f"/run/pybernetes/{self.cluster.name}/processes/ingress-proxy").read_text().split()[0])

    def settled_pid(self) -> int:
        """The recorded process, once no older one is being replaced by it."""

        def found() -> int:
            pid = self.proxy_pid()
            return pid if Path(f"/proc/{pid}").exists() else 0

        return int(eventually("the proxy is recorded", found))

    def events(self, name: str) -> str:
        return self.cluster.kubectl("get", "events", f"--field-selector=involvedObject.name={name}").stdout

    def subject(self, host: str) -> str:
        """Whom the certificate shown for a name is for."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"{self.address}:{self.https}", "-servername", host],
            input="", capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        return next((line for line in done.stdout.splitlines() if line.startswith("subject=")), "")


def to(service: str) -> dict[str, Any]:
    return {"service": {"name": service, "port": {"number": 80}}}


def tls_secret(folder: Path, name: str, host: str) -> dict[str, Any]:
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(crt), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{host}"],
        check=True, capture_output=True,
    )  # fmt: skip
    data = {"tls.crt": b64encode(crt.read_bytes()).decode(), "tls.key": b64encode(key.read_bytes()).decode()}
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": name.split("-")[0]},
        "data": data,
    }  # fmt: skip
