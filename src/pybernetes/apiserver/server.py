"""The apiserver: registry, authorizers, filters and listeners put together.

`ApiServer.handler` is the whole chain for one request; the listeners and every local transport
share it. The store is started and stopped by whoever made it.
Source: pkg/controlplane, staging/src/k8s.io/apiserver/pkg/server.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apimachinery.scheme import Resource, find
from pybernetes.apiserver import chain
from pybernetes.apiserver.admission.certificate_signers import (
    CertificateApproval,
    CertificateSigning,
    ClusterTrustBundleAttest,
)
from pybernetes.apiserver.admission.chain import AdmissionChain
from pybernetes.apiserver.admission.create_on_update import CreateOnUpdate
from pybernetes.apiserver.admission.interface import Plugin
from pybernetes.apiserver.aggregation.aggregator import Aggregator, GroupVersion
from pybernetes.apiserver.authenticators.bootstrap_token import BootstrapTokens
from pybernetes.apiserver.authenticators.client_certificate import ClientCertificates
from pybernetes.apiserver.authenticators.service_account import ServiceAccountTokens, TokenKeys
from pybernetes.apiserver.authorizers import node
from pybernetes.apiserver.authorizers.attributes import AlwaysAllow, AlwaysDeny, Authorizer, PrivilegedGroups, Union
from pybernetes.apiserver.authorizers.escalation import EscalationCheck
from pybernetes.apiserver.authorizers.rbac import RbacAuthorizer
from pybernetes.apiserver.bootstrap import roles
from pybernetes.apiserver.bootstrap.bootstrap import Bootstrap
from pybernetes.apiserver.bootstrap.master_leases import MasterLeases
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.crd.installer import CustomResources
from pybernetes.apiserver.endpoints.discovery import Discovery
from pybernetes.apiserver.endpoints.health import Health
from pybernetes.apiserver.endpoints.history import HistoryPage
from pybernetes.apiserver.endpoints.journal import JournalPage
from pybernetes.apiserver.endpoints.negotiation import offering_cbor
from pybernetes.apiserver.endpoints.own_pages import OwnPages
from pybernetes.apiserver.endpoints.pages import Pages
from pybernetes.apiserver.endpoints.reviews import Reviews
from pybernetes.apiserver.endpoints.router import Router
from pybernetes.apiserver.endpoints.scope import Services
from pybernetes.apiserver.endpoints.served import ServedResources
from pybernetes.apiserver.feeds import Feed, Put, Remove
from pybernetes.apiserver.filters import (
    authentication,
    authorization,
    deadline,
    errors,
    flow_control,
    impersonation,
    in_flight,
    request_info,
)
from pybernetes.apiserver.filters import metrics as metrics_filter
from pybernetes.apiserver.metrics import RequestMetrics
from pybernetes.apiserver.rbac_feed import rbac_feeds
from pybernetes.apiserver.registry.generic import keys
from pybernetes.apiserver.registry.generic.registry import Registry, RegistryConfig
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.apiserver.runtime_config import RuntimeConfig
from pybernetes.host.clock import Clock
from pybernetes.host.ip_families import socket_address
from pybernetes.host.random import Random
from pybernetes.http import tls
from pybernetes.http.messages import Handler, Request, Response, Upgrade
from pybernetes.http.server import HttpServer
from pybernetes.storage.compaction import compact_regularly
from pybernetes.storage.store import Store, StoreError

if TYPE_CHECKING:
    from pybernetes.api.core.v1 import Secret
    from pybernetes.apiserver.aggregation.in_process import InProcess
    from pybernetes.apiserver.streaming.connect import Connector
    from pybernetes.storage.encryption.store import EncryptedStore

log = logging.getLogger(__name__)

_WILDCARDS = ("", "0.0.0.0", "::")


class ApiServer:
    def __init__(self, config: ApiServerConfig, store: Store, clock: Clock, random: Random) -> None:
        self.config = config
        self._encryption = _encryption(config, store, clock)
        self._store = store = self._encryption or store
        self._clock = clock
        self._random = random
        self.features = FeatureGates(config.feature_gates)
        for warning in self.features.warnings():
            log.warning("%s", warning)
        self.metrics = RequestMetrics()
        self.metrics.parts["features"] = self.features.metric_lines
        self.own_pages = OwnPages()
        self.health = Health()
        self._tasks: list[asyncio.Task[None]] = []
        self._http: HttpServer | None = None
        self._connector: Connector | None = None
        self._bootstrapped = False
        self._stopping = False
        self.tokens = ServiceAccountTokens(
            TokenKeys(config.service_account_signing_key_file, config.service_account_key_files),
            config.service_account_issuer,
            config.audiences,
            clock,
            random,
            config.service_account_max_token_expiration_s,
        )
        self.registry = Registry(
            store,
            clock,
            random,
            RegistryConfig(
                service_cidr=config.service_cluster_ip_range,
                node_port_range=config.service_node_port_range,
                service_account_issuer_audience=config.audiences[0],
                features=self.features,
            ),
            token_issuer=self.tokens,
        )
        self.tokens.bind(self.registry, self._token_used)
        self._leases = MasterLeases(store, self.registry, self.advertise_address)
        self._rbac = RbacAuthorizer()
        self._graph = node.NodeGraph()
        self.authorizer = self._authorizer()
        check = EscalationCheck(self.registry, self._rbac, self.authorizer)
        creation = CreateOnUpdate(self.registry, self.authorizer)
        approval = CertificateApproval(self.registry, self.authorizer)
        signing = CertificateSigning(self.registry, self.authorizer)
        attest = ClusterTrustBundleAttest(self.registry, self.authorizer)
        self.registry.admission = AdmissionChain([*self._plugins(), check, creation, approval, attest, signing])
        self._authentication = authentication.Authentication(
            ClientCertificates(
                clock,
                config.client_ca_file,
                config.requestheader_client_ca_file,
                tuple(config.requestheader_allowed_names),
            ),
            self.tokens,
            config.static_tokens,
            BootstrapTokens(self.registry, clock) if config.bootstrap_token_auth else None,
            config.anonymous_auth,
        )
        self._aggregator = Aggregator(self.registry, config, clock, self._in_process())
        self._served = ServedResources(RuntimeConfig(config.runtime_config, self.features))
        self.custom_resources = CustomResources(self.registry, self._served)
        self._flows = flow_control.FlowTable()
        self.handler: Handler = self._chain()
        self._add_checks()

    @property
    def port(self) -> int:
        """The port it listens on; 0 before start and without a TCP listener."""
        return self._http.port if self._http is not None and self.config.port >= 0 else 0

    @property
    def advertise_address(self) -> str:
        config = self.config
        if config.advertise_address:
            return config.advertise_address
        return next((a for a in config.bind_addresses if a not in _WILDCARDS), "127.0.0.1")

    async def start(self) -> None:
        """Listens, then fills the store with what every cluster has; ready when this returns.

        Raises OSError when an address cannot be had, ValueError for files that are not what they should be.
        """
        if self._encryption is not None:
            await self._encryption.start()
        await self.registry.start()
        feeds = self._feeds()
        for feed in feeds:
            self._tasks.append(asyncio.create_task(feed.run(), name=f"feed {feed.name}"))
        self._tasks.append(asyncio.create_task(self.custom_resources.run(), name="custom resources"))
        self._tasks.append(asyncio.create_task(self._compact(), name="compaction"))
        await self._listen()
        self._leases.port = self.port
        await Bootstrap(self.registry, self.config, self._leases, self.features).run()
        for feed in feeds:
            await feed.synced.wait()
        self._bootstrapped = True
        self._tasks.append(asyncio.create_task(self._after_start(), name="after start"))

    async def stop(self, grace_s: float = 5.0) -> None:
        """Ends listeners and watches; the store stays open."""
        self._stopping = True
        if self._bootstrapped and self.config.port >= 0:
            with contextlib.suppress(StatusError, StoreError):
                await self._leases.retire()
        if self.config.shutdown_delay_s:
            await asyncio.sleep(self.config.shutdown_delay_s)
        if self._http is not None:
            await self._http.stop(grace_s)
        if self._connector is not None:
            await self._connector.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._aggregator.stop()
        await self.registry.stop()
        if self._encryption is not None:
            await self._encryption.stop()

    async def _after_start(self) -> None:
        """Writes what is there for clients to see and nothing waits for; then keeps this apiserver's Lease."""
        from pybernetes.apiserver.bootstrap import after_start, legacy_tokens

        registry, clock = self.registry, self._clock
        group_versions = [(group, version) for group in self._groups() for version in self._served.versions(group)]
        cidr, holder = self.config.service_cluster_ip_range, self._random.uid()
        steps: list[Callable[[], Awaitable[None]]] = [
            lambda: self._aggregator.register(group_versions),
            lambda: after_start.default_service_cidr(registry, cidr, clock),
            lambda: after_start.flow_control(registry),
            lambda: legacy_tokens.track(registry, clock),
            lambda: after_start.keep(registry, self._flows, self._leases, holder, clock),
        ]
        if self.config.resource_metrics:
            from pybernetes.apiserver.bootstrap.writing import ensure
            from pybernetes.apiserver.resource_metrics.reader import reader_role

            steps.insert(1, lambda: ensure(registry, reader_role()))
        for work in steps:
            try:
                await work()
            except (StatusError, ExceptionGroup) as error:
                log.warning("after the start: %s", error)

    async def _token_used(self, secret: Secret, day: str) -> None:
        from pybernetes.apiserver.bootstrap import legacy_tokens

        await legacy_tokens.mark_used(self.registry, secret, day)

    def _groups(self) -> list[str]:
        return ["", *self._served.groups()]

    async def _compact(self) -> None:
        config = self.config
        if config.compaction_interval_s:
            await compact_regularly(
                self._store,
                self._clock,
                keep_s=config.history_retention_s,
                keep_revisions=config.history_retention_revisions,
                interval_s=config.compaction_interval_s,
            )

    async def _listen(self) -> None:
        config = self.config
        if config.port < 0 and not config.unix_path:
            return
        context = _tls_context(config) if config.tls_cert_file else None
        hosts = list(config.bind_addresses) if config.port >= 0 else []
        self._http = HttpServer(
            self.handler, context, hosts, max(config.port, 0), unix_path=config.unix_path, clock=self._clock
        )
        await self._http.start()

    # the parts

    def _authorizer(self) -> Authorizer:
        made: dict[str, Callable[[], Authorizer]] = {
            "AlwaysAllow": AlwaysAllow,
            "AlwaysDeny": AlwaysDeny,
            "Node": lambda: node.NodeAuthorizer(self._graph, roles.node_rules(self.features)),
            "RBAC": lambda: self._rbac,
        }
        unknown = [mode for mode in self.config.authorization_modes if mode not in made]
        if unknown:
            raise ValueError(f"unknown authorization mode {unknown[0]!r}; there are {', '.join(made)}")
        return Union([PrivilegedGroups(), *(made[mode]() for mode in self.config.authorization_modes)])

    def _plugins(self) -> list[Plugin]:
        plugins = list(self.registry.admission.plugins)
        known = [plugin.name for plugin in plugins]
        off = set(self.config.disable_admission_plugins)
        unknown = sorted((off | set(self.config.enable_admission_plugins)) - set(known))
        if unknown:
            raise ValueError(f"unknown admission plugin {unknown[0]!r}; there are {', '.join(known)}")
        if self.config.admission_control_config_file:
            self._configure(plugins)
        return [plugin for plugin in plugins if plugin.name not in off]

    def _configure(self, plugins: list[Plugin]) -> None:
        """As upstream, plugins that there are not are passed over: a file may be for several clusters."""
        from pybernetes.apiserver.admission import configuration

        said = configuration.read(Path(self.config.admission_control_config_file))
        for plugin in plugins:
            if plugin.name in said:
                try:
                    plugin.configure(said[plugin.name])
                except ValueError as error:
                    raise ValueError(f"configuration of the admission plugin {plugin.name}: {error}") from None

    def _chain(self) -> Handler:
        config = self.config
        filters: list[chain.Filter] = [
            errors.status_for_errors(self._random),
            request_info.with_request_info,
            metrics_filter.measured(self.metrics),
            deadline.with_deadline(config.request_timeout_s),
            authentication.authenticated(self._authentication),
            impersonation.impersonating(self.authorizer),
            flow_control.classified(self._flows),
            in_flight.limited(
                in_flight.Seats(config.max_requests_inflight), in_flight.Seats(config.max_mutating_requests_inflight)
            ),
            authorization.authorized(self.authorizer),
            self._aggregator.wrap,
        ]
        if self.features.enabled("CBORServingAndStorage"):
            filters.insert(0, offering_cbor)
        return chain.compose(filters, self._router().handle)

    def _router(self) -> Router:
        reviews = Reviews(self.authorizer, self._authentication, self.config.audiences)
        served = self._served
        discovery = Discovery(served, self._address, self._aggregator)
        pages = Pages(
            discovery,
            self.health,
            self.metrics,
            self.tokens,
            self._address,
            self.config.cache_dir,
            self.custom_resources,
            served,
        )
        journal = JournalPage(self._store, self.authorizer)
        pages.table["pybernetes"] = functools.partial(self.own_pages.answer, journal, HistoryPage(self._store, journal))
        services = Services(self.config, self._clock, self._random, self.metrics)
        return Router(self.registry, served, services, reviews, self.health, self._connect, pages.table)

    async def _connect(self, request: Request, info: RequestInfo, resource: Resource) -> Response | Upgrade:
        return await self._connections()(request, info, resource)

    def _connections(self) -> Connector:
        if self._connector is None:
            # Imported with the first exec, log, proxy or question for metrics: nothing at the start needs it.
            from pybernetes.apiserver.streaming.connect import Connector

            self._connector = Connector(self.registry, self.authorizer, self.config, self._random)
        return self._connector

    def _in_process(self) -> dict[GroupVersion, InProcess]:
        """The groups that this process serves in the place of other servers."""
        if not self.config.resource_metrics:
            return {}
        from pybernetes.apiserver.resource_metrics.backend import in_process

        resolution_s = self.config.resource_metrics_resolution_s
        return in_process(self.registry, lambda: self._connections().kubelet_page, self._clock, resolution_s)

    def _address(self) -> str:
        return socket_address(self.advertise_address, self.port)

    def _feeds(self) -> list[Feed]:
        flows, group = self._flows, "flowcontrol.apiserver.k8s.io"
        feeds: list[Feed] = [
            self.custom_resources.feed(),
            *self._aggregator.feeds(),
            self._feed(group, "flowschemas", flows.put_schema, flows.remove_schema),
            self._feed(group, "prioritylevelconfigurations", flows.put_level, flows.remove_level),
        ]
        if "RBAC" in self.config.authorization_modes:
            feeds += rbac_feeds(self.registry, self._rbac)
        if "Node" in self.config.authorization_modes:
            graph = self._graph
            feeds += [
                self._feed("", "pods", lambda _, value: node.put_pod(graph, value), graph_remove(graph, "pods")),
                self._feed(
                    "",
                    "persistentvolumes",
                    lambda _, value: node.put_volume(graph, value),
                    lambda key: graph.remove_volume(key[1]),
                ),
            ]
            for group, plural in (("storage.k8s.io", "volumeattachments"), ("resource.k8s.io", "resourceslices")):
                put = functools.partial(_put_by_node_name, graph, plural)
                feeds.append(self._feed(group, plural, put, graph_remove(graph, plural)))
        return feeds

    def _feed(self, group: str, plural: str, put: Put, remove: Remove) -> Feed:
        resource = find(group, "v1", plural)
        assert resource is not None
        return Feed(self.registry.storage_for(resource), put, remove)

    def _add_checks(self) -> None:
        health = self.health
        health.add("ping", lambda: "")
        health.add("log", lambda: "")
        health.add("etcd", self._store.problem)
        if self._encryption is not None:
            self.metrics.parts["encryption"] = self._encryption.encryption.figures.lines
            if self._encryption.encryption.has_health_check:
                health.add("kms-providers", self._encryption.encryption.problem)
        hook = "poststarthook/rbac/bootstrap-roles"
        health.add(hook, lambda: "" if self._bootstrapped else "not finished", ("readyz", "healthz", "livez"))
        health.add("informer-sync", lambda: "" if self._bootstrapped else "not synced", ("readyz",))
        health.add("shutdown", lambda: "process is shutting down" if self._stopping else "", ("readyz",))


def _encryption(config: ApiServerConfig, store: Store, clock: Clock) -> EncryptedStore | None:
    """Raises ValueError for a configuration that cannot be used."""
    if not config.encryption_provider_config:
        if config.encryption_provider_config_automatic_reload:
            raise ValueError("--encryption-provider-config-automatic-reload goes with --encryption-provider-config")
        return None
    # Imported here: its ciphers are a tenth of a process's start, and few clusters need them.
    from pybernetes.storage.encryption.providers import Encryption
    from pybernetes.storage.encryption.store import EncryptedStore

    reload = config.encryption_provider_config_automatic_reload
    made = Encryption(config.encryption_provider_config, clock, reload=reload)
    return EncryptedStore(store, made, keys.ResourceOfKey())


def _tls_context(config: ApiServerConfig) -> ssl.SSLContext:
    """Raises OSError, ValueError with one line for the user."""
    authorities = [config.client_ca_file, config.requestheader_client_ca_file]
    try:
        return tls.server_context(
            Path(config.tls_cert_file).read_bytes(),
            Path(config.tls_private_key_file or config.tls_cert_file).read_bytes(),
            b"\n".join(Path(file).read_bytes() for file in authorities if file) or None,
        )
    except ssl.SSLError as error:
        raise ValueError(f"cannot use the certificates: {error.reason or error.strerror or error}") from None


def graph_remove(graph: node.NodeGraph, resource: str) -> Remove:
    return lambda key: graph.remove((resource, *key))


def _put_by_node_name(graph: node.NodeGraph, resource: str, key: tuple[str, str], value: bytes) -> None:
    node.put_by_node_name(graph, resource, value)
