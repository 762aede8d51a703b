"""`pybernetes apiserver`: kube-apiserver as a process of its own, with upstream's flags."""

from __future__ import annotations

import argparse
import asyncio
import csv
import gc
import ipaddress
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.cmd.flag_types import SWITCH, duration, listed, port_range, size

if TYPE_CHECKING:
    from pybernetes.apimachinery.user import UserInfo
    from pybernetes.apiserver.config import ApiServerConfig
    from pybernetes.storage.store import Store

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listen = parser.add_argument_group("listening")
    listen.add_argument(
        "--bind-address", action="append", default=[], help="address to listen on; repeatable (default 0.0.0.0)"
    )
    listen.add_argument("--secure-port", type=int, default=6443, help="port (default %(default)s; 0: any free one)")
    listen.add_argument("--unix-socket", default="", help="socket to listen on besides")
    listen.add_argument("--advertise-address", default="", help="address that Pods reach the apiserver at")
    listen.add_argument("--tls-cert-file", default="", help="PEM certificate; without one, plain HTTP on loopback only")
    listen.add_argument("--tls-private-key-file", default="", help="PEM key of the certificate")
    store = parser.add_argument_group("store")
    store.add_argument("--data-file", default="", help="SQLite file of the store; without file and etcd, memory")
    store.add_argument(
        "--data-file-max-size", type=size, default=8 << 30, help="how large it may become (default 8Gi; 0: no limit)"
    )
    store.add_argument(
        "--data-file-check",
        type=duration,
        default=0.3,
        help="how long the start waits for the check of the file, which then goes on beside (default 300ms; 0: none)",
    )
    store.add_argument("--etcd-servers", default="", help="URLs of an etcd cluster (3.4 or later), by comma")
    store.add_argument("--etcd-prefix", default="/registry", help="where objects lie in it (default %(default)s)")
    store.add_argument("--etcd-cafile", default="", help="CA of the etcd servers")
    store.add_argument("--etcd-certfile", default="", help="client certificate for etcd")
    store.add_argument("--etcd-keyfile", default="", help="its key")
    store.add_argument("--etcd-user-file", default="", help="file with USER:PASSWORD for an etcd with authentication")
    store.add_argument(
        "--etcd-compaction-interval",
        type=duration,
        default=300.0,
        help="how often old versions are forgotten, in any store (default 5m0s; 0: never)",
    )
    store.add_argument(
        "--history-retention", type=duration, default=3600.0, help="which versions are kept (default 1h)"
    )
    store.add_argument(
        "--history-retention-revisions", type=int, default=0, help="how many of them at most (default: no limit)"
    )
    store.add_argument(
        "--encryption-provider-config", default="", help="EncryptionConfiguration by which resources are encrypted"
    )
    store.add_argument(
        "--encryption-provider-config-automatic-reload",
        **SWITCH,
        default=False,
        help="take changes of that file at once (default false)",
    )
    who = parser.add_argument_group("who may get in")
    who.add_argument("--client-ca-file", default="", help="CA whose client certificates are users")
    who.add_argument("--requestheader-client-ca-file", default="", help="CA of front proxies")
    who.add_argument("--requestheader-allowed-names", default="", help="common names of front proxies, by comma")
    who.add_argument("--proxy-client-cert-file", default="", help="PEM certificate for servers of aggregated APIs")
    who.add_argument("--proxy-client-key-file", default="", help="its key")
    who.add_argument("--token-auth-file", default="", help='CSV of token,user,uid,"group1,group2"')
    who.add_argument("--enable-bootstrap-token-auth", **SWITCH, default=False, help="accept bootstrap tokens")
    who.add_argument(
        "--anonymous-auth",
        **SWITCH,
        default=True,
        help="let requests without credentials be anonymous (default true)",
    )
    who.add_argument(
        "--authorization-mode", default="Node,RBAC", help="of Node, RBAC, AlwaysAllow, AlwaysDeny (default %(default)s)"
    )
    accounts = parser.add_argument_group("ServiceAccounts")
    accounts.add_argument(
        "--service-account-issuer",
        default="https://kubernetes.default.svc.cluster.local",
        help="issuer of tokens (default %(default)s)",
    )
    accounts.add_argument("--service-account-signing-key-file", default="", help="PEM key that signs tokens")
    accounts.add_argument(
        "--service-account-key-file",
        action="append",
        default=[],
        help="PEM key whose tokens are accepted too; repeatable",
    )
    accounts.add_argument("--api-audiences", default="", help="audiences of the API, by comma (default: the issuer)")
    services = parser.add_argument_group("Services")
    services.add_argument(
        "--service-cluster-ip-range",
        default="10.96.0.0/16",
        help="addresses of Services, by comma one range of each IP family (default %(default)s)",
    )
    services.add_argument(
        "--service-node-port-range", type=port_range, default=(30000, 32767), help="node ports (default 30000-32767)"
    )
    kubelet = parser.add_argument_group("kubelets")
    kubelet.add_argument("--kubelet-client-certificate", default="", help="PEM certificate to reach kubelets with")
    kubelet.add_argument("--kubelet-client-key", default="", help="its key")
    kubelet.add_argument("--kubelet-certificate-authority", default="", help="CA of the kubelets' certificates")
    kubelet.add_argument(
        "--resource-metrics", **SWITCH, default=False, help="serve metrics.k8s.io, until a metrics server is installed"
    )
    limits = parser.add_argument_group("limits and features")
    limits.add_argument("--max-requests-inflight", type=int, default=400, help="reads at once (default %(default)s)")
    limits.add_argument(
        "--max-mutating-requests-inflight", type=int, default=200, help="writes at once (default %(default)s)"
    )
    limits.add_argument(
        "--min-request-timeout", type=int, default=1800, help="seconds a watch lasts at least (default %(default)s)"
    )
    limits.add_argument(
        "--runtime-config",
        default="",
        help="APIs on or off: api/all, api/ga, api/beta, api/alpha, GROUP/VERSION or GROUP/VERSION/RESOURCE, =true,…",
    )
    limits.add_argument("--enable-admission-plugins", default="", help="plugins to have on, by comma")
    limits.add_argument("--disable-admission-plugins", default="", help="plugins to have off, by comma")
    limits.add_argument(
        "--admission-control-config-file", default="", help="AdmissionConfiguration with what plugins are told"
    )
    limits.add_argument(
        "--feature-gates", action="append", default=[], help="features on or off: Name=true,… (AllAlpha, AllBeta too)"
    )


async def run(args: argparse.Namespace) -> int:
    """Serves until told to end. Raises ClusterError with one line for a configuration that cannot be served."""
    from pybernetes.cluster.errors import ClusterError
    from pybernetes.storage.store import StoreError

    try:
        await _serve(args)
    except (ValueError, StoreError) as error:
        raise ClusterError(str(error)) from error
    return 0


async def _serve(args: argparse.Namespace) -> None:
    from pybernetes.apiserver.server import ApiServer
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random

    config = configuration(args)
    if not config.tls_cert_file and any(not address.startswith("127.") for address in config.bind_addresses):
        raise ValueError("give --tls-cert-file and --tls-private-key-file, or --bind-address 127.0.0.1")
    store = _store(args)
    await store.start()
    try:
        server = ApiServer(config, store, SystemClock(), Random())
        try:
            await server.start()
            gc.collect()
            gc.freeze()  # what is there now stays for good: the collector need not look at it again and again
            log.info("serving on %s port %d", ", ".join(config.bind_addresses), server.port)
            await asyncio.Event().wait()
        finally:
            await server.stop()
    finally:
        await store.stop()


def configuration(args: argparse.Namespace) -> ApiServerConfig:
    """The configuration that the flags say. Raises ValueError, OSError for files that do not read."""
    from pybernetes.apimachinery import features
    from pybernetes.apiserver import runtime_config
    from pybernetes.apiserver.config import ApiServerConfig

    return ApiServerConfig(
        bind_addresses=tuple(args.bind_address) or ("0.0.0.0",),
        port=args.secure_port,
        unix_path=args.unix_socket,
        advertise_address=args.advertise_address or _outward_address(args.bind_address),
        tls_cert_file=args.tls_cert_file,
        tls_private_key_file=args.tls_private_key_file,
        client_ca_file=args.client_ca_file,
        requestheader_client_ca_file=args.requestheader_client_ca_file,
        requestheader_allowed_names=listed(args.requestheader_allowed_names),
        service_account_issuer=args.service_account_issuer,
        service_account_signing_key_file=args.service_account_signing_key_file,
        service_account_key_files=tuple(args.service_account_key_file),
        api_audiences=listed(args.api_audiences),
        service_cluster_ip_range=args.service_cluster_ip_range,
        service_node_port_range=args.service_node_port_range,
        kubelet_client_certificate=args.kubelet_client_certificate,
        kubelet_client_key=args.kubelet_client_key,
        kubelet_certificate_authority=args.kubelet_certificate_authority,
        resource_metrics=args.resource_metrics,
        proxy_client_certificate=args.proxy_client_cert_file,
        proxy_client_key=args.proxy_client_key_file,
        anonymous_auth=args.anonymous_auth,
        authorization_modes=listed(args.authorization_mode),
        static_tokens=read_tokens(args.token_auth_file) if args.token_auth_file else {},
        bootstrap_token_auth=args.enable_bootstrap_token_auth,
        feature_gates=features.parse(args.feature_gates),
        enable_admission_plugins=listed(args.enable_admission_plugins),
        disable_admission_plugins=listed(args.disable_admission_plugins),
        admission_control_config_file=args.admission_control_config_file,
        runtime_config=runtime_config.parse(args.runtime_config),
        compaction_interval_s=args.etcd_compaction_interval,
        history_retention_s=args.history_retention,
        encryption_provider_config=args.encryption_provider_config,
        encryption_provider_config_automatic_reload=args.encryption_provider_config_automatic_reload,
        history_retention_revisions=args.history_retention_revisions,
        cache_dir=str(Path(args.data_file).resolve().parent / "cache") if args.data_file else "",
        min_request_timeout_s=args.min_request_timeout,
        max_requests_inflight=args.max_requests_inflight,
        max_mutating_requests_inflight=args.max_mutating_requests_inflight,
    )


def read_tokens(file: str) -> dict[str, UserInfo]:
    """The users of a token file. Source: apiserver/pkg/authentication/token/tokenfile."""
    from pybernetes.apimachinery.user import UserInfo

    tokens: dict[str, UserInfo] = {}
    with Path(file).open(newline="") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            if not row or row[0].startswith("#"):
                continue
            if len(row) < 3 or not row[0]:
                raise ValueError(f"{file} line {number}: expected token,user,uid and perhaps groups")
            groups = tuple(listed(row[3])) if len(row) > 3 else ()
            tokens[row[0]] = UserInfo(row[1], row[2], groups)
    return tokens


def _store(args: argparse.Namespace) -> Store:
    """Raises ValueError, OSError."""
    if args.etcd_servers and args.data_file:
        raise ValueError("give --etcd-servers or --data-file, not both")
    if args.etcd_servers:
        from pybernetes.storage.etcd import EtcdStore
        from pybernetes.storage.etcd_client import EtcdConfig

        return EtcdStore(
            EtcdConfig(
                listed(args.etcd_servers),
                args.etcd_prefix,
                args.etcd_cafile,
                args.etcd_certfile,
                args.etcd_keyfile,
                args.etcd_user_file,
            )
        )
    if args.data_file:
        from pybernetes.storage.sqlite import SqliteStore

        return SqliteStore(args.data_file, check_s=args.data_file_check, max_bytes=args.data_file_max_size)
    from pybernetes.storage.memory import MemoryStore

    return MemoryStore()


def _outward_address(bind: list[str]) -> str:
    """Without an address that Pods could reach among those listened on: the one of the default route."""
    if any(not ipaddress.ip_address(address).is_unspecified for address in bind):
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # UDP: chooses a route, sends nothing
        except OSError:
            return ""
        return str(probe.getsockname()[0])
