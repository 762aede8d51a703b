"""The kubelet's certificates as a process of its own has them: made at its first start, renewed while it runs.

Source: cmd/kubelet/app/server.go (buildKubeletClientConfig), pkg/kubelet/certificate/bootstrap/bootstrap.go.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from pybernetes.apimachinery.errors import StatusError
from pybernetes.client import kubeconfig
from pybernetes.client.client import Client
from pybernetes.client.kubeconfig import Kubeconfig
from pybernetes.client.transport import HttpTransport
from pybernetes.cluster.kubeconfig import in_base64, one_context
from pybernetes.host.clock import Clock
from pybernetes.host.files import write_atomic
from pybernetes.host.random import Random
from pybernetes.kubelet.certificates import CertificateRefused, OwnCertificate, Wanted
from pybernetes.kubelet.kubelet import Kubelet


class Identity:
    def __init__(self, args: argparse.Namespace, node_name: str, clock: Clock, random: Random) -> None:
        self._args = args
        self._clock = clock
        self._random = random
        self._own = self._certificate("client", Wanted(node_name))

    async def transport(self) -> HttpTransport:
        """To the apiserver, as this node. Raises OSError with one line, KubeconfigError."""
        if self._args.bootstrap_kubeconfig and not self._is_known():
            await self._bootstrap(kubeconfig.load(self._args.bootstrap_kubeconfig))
        return HttpTransport.from_kubeconfig(self._args.kubeconfig)

    def _is_known(self) -> bool:
        return Path(self._args.kubeconfig).is_file() and self._own.held() is not None

    async def keep(self, kubelet: Kubelet, transport: HttpTransport) -> None:
        """Renews the client's certificate. Until cancelled."""
        kubelet.certificates.append(self._own)
        await self._own.keep(Client(transport, user_agent="kubelet"), transport.show_certificate)

    async def keep_server(self, kubelet: Kubelet, transport: HttpTransport) -> None:
        """The same for the server's, which shows one of its own making until it is approved."""
        await kubelet.started.wait()
        addresses = tuple(kubelet.settings.host_ips)
        wanted = Wanted(kubelet.config.node_name, (kubelet.config.hostname,), addresses)
        own = self._certificate("server", wanted)
        kubelet.certificates.append(own)
        if (held := own.held()) is not None:
            await kubelet.show_certificate(held)
        await own.keep(Client(transport, user_agent="kubelet"), kubelet.show_certificate)

    async def _bootstrap(self, given: Kubeconfig) -> None:
        transport = given.transport()
        try:
            await self._own.obtain(Client(transport, user_agent="kubelet-bootstrap"))
        except (CertificateRefused, StatusError) as error:
            raise OSError(f"no certificate for this node: {error}") from None
        finally:
            await transport.close()
        write_atomic(Path(self._args.kubeconfig), _kubeconfig_with(given, self._own.file), 0o600)

    def _certificate(self, name: str, wanted: Wanted) -> OwnCertificate:
        file = Path(self._args.cert_dir, f"kubelet-{name}-current.pem")
        return OwnCertificate(file, wanted, self._clock, self._random)


def _kubeconfig_with(given: Kubeconfig, certificate: Path) -> bytes:
    cluster = {"server": given.server}
    if given.ca_pem:
        cluster["certificate-authority-data"] = in_base64(given.ca_pem)
    user = {"client-certificate": str(certificate), "client-key": str(certificate)}
    return msgspec.json.encode(one_context("default", cluster, user))
