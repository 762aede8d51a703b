"""What the proxy says that it did, and on which pages."""

from __future__ import annotations

import json

import msgspec
import pytest

from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.host.clock import Clock
from pybernetes.proxy.figures import ProxyFigures
from pybernetes.proxy.pages import page
from pybernetes.proxy.proxy import ProxyConfig


class At(Clock):
    time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


def piece(changed: str, address_type: str = "IPv4") -> EndpointSlice:
    annotations = {"endpoints.kubernetes.io/last-change-trigger-time": changed}
    return msgspec.convert({"metadata": {"annotations": annotations}, "addressType": address_type}, EndpointSlice)


def told(figures: ProxyFigures) -> dict[str, str]:
    lines = figures.lines({("internal", 4): 2})
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_a_change_is_pending_until_a_sync_that_saw_it_has_ended() -> None:
    clock = At()
    figures = ProxyFigures(clock, (4, 6))
    figures.service_changed()
    figures.queued()
    figures.begin()
    figures.failed()
    figures.begin()
    figures.service_changed()
    assert told(figures)["kubeproxy_sync_proxy_rules_service_changes_pending"] == "2"
    clock.time += 3
    figures.end(0.005, full=False)
    found = told(figures)
    assert found["kubeproxy_sync_proxy_rules_service_changes_pending"] == "1", "it came while the kernel was told"
    assert found["kubeproxy_sync_proxy_rules_service_changes_total"] == "2"
    assert found['kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv6"}'] == "1"
    assert found['kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{ip_family="IPv4"}'] == "1800000000.0"
    assert found['kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}'] == "1800000003.0"
    counts = [
        f'kubeproxy_sync_{kind}proxy_rules_duration_seconds_count{{ip_family="IPv4"}}'
        for kind in ("", "full_", "partial_")
    ]
    assert [found[name] for name in counts] == ["1", "0", "1"]
    without_local = "kubeproxy_sync_proxy_rules_no_local_endpoints_total"
    assert found[f'{without_local}{{ip_family="IPv4",traffic_policy="internal"}}'] == "2"
    assert found[f'{without_local}{{ip_family="IPv6",traffic_policy="external"}}'] == "0"


def test_the_time_from_a_pods_change_to_the_rules_is_told_of_its_family_once_they_are_there() -> None:
    clock = At()
    figures = ProxyFigures(clock, (4, 6))
    for changed in ("2027-01-15T07:59:59Z", "2027-01-15T08:00:01Z", "of a hand", ""):
        figures.slice_changed(None, piece(changed))
    figures.slice_changed(None, piece("2027-01-15T08:00:01Z", "FQDN"))
    seen = piece("2027-01-15T08:00:01Z")
    figures.slice_changed(seen, seen)
    figures.slice_changed(seen, None)
    figures.begin()
    figures.slice_changed(seen, piece("2027-01-15T08:00:02Z", "IPv6"))
    clock.time += 4
    figures.end(0.001, full=True)
    found = told(figures)
    name = "kubeproxy_network_programming_duration_seconds"
    assert found[f'{name}_count{{ip_family="IPv4"}}'] == "1", "not what was before the start, was seen, or goes"
    assert found[f'{name}_sum{{ip_family="IPv4"}}'] == "3.000000"
    assert found[f'{name}_count{{ip_family="IPv6"}}'] == "0", "the sync had not seen it"
    figures.begin()
    figures.end(0.001, full=False)
    assert told(figures)[f'{name}_sum{{ip_family="IPv6"}}'] == "2.000000"


def test_probes_are_counted_by_what_they_were_answered() -> None:
    figures = ProxyFigures(At(), (4,))
    for path, status in (("/healthz", 200), ("/healthz", 503), ("/healthz", 503), ("/livez", 200), ("/other", 404)):
        figures.probed(path, status)
    found = {name: value for name, value in told(figures).items() if "proxy_healthz" in name or "proxy_livez" in name}
    assert found == {
        'kubeproxy_proxy_healthz_total{code="200"}': "1",
        'kubeproxy_proxy_healthz_total{code="503"}': "2",
        'kubeproxy_proxy_livez_total{code="200"}': "1",
    }


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/healthz", 200, b"ok"),
        ("/proxyMode", 200, b"nftables"),
        ("/metrics", 200, b"one 1\n"),
        ("/elsewhere", 404, b"404 page not found\n"),
    ],
)
def test_pages(path: str, status: int, body: bytes) -> None:
    answer = page(path, lambda: iter(["one 1"]), {})
    assert (answer.status, answer.body) == (status, body)


def test_the_configuration_is_shown_as_its_kind() -> None:
    config = ProxyConfig("node-1", cluster_cidrs=("fd00::/48",), metrics_port=0, tcp_timeouts_s={"established": 86400})
    answer = page("/configz", lambda: iter(()), config.published())
    assert isinstance(answer.body, bytes)
    shown = json.loads(answer.body)["kubeproxy.config.k8s.io"]
    assert (shown["kind"], shown["mode"], shown["hostnameOverride"]) == ("KubeProxyConfiguration", "nftables", "node-1")
    assert (shown["healthzBindAddress"], shown["metricsBindAddress"]) == ("[::]:10256", "")
    assert shown["conntrack"] == {"tcpEstablishedTimeout": "86400s", "tcpCloseWaitTimeout": "0s"}
