"""Names of the cluster domain: records of Services and the answers made from them."""

from __future__ import annotations

import msgspec
import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.dns import answers
from pybernetes.dns.records import Zone, records_of


def service(name: str, **spec: object) -> Service:
    return msgspec.convert({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, Service)


def slice_(*endpoints: dict[str, object]) -> EndpointSlice:
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    return msgspec.convert({"addressType": "IPv4", "endpoints": list(endpoints), "ports": ports}, EndpointSlice)


def zone() -> Zone:
    made = Zone("cluster.local")
    made.namespaces(["default"])
    web = service("web", clusterIP="10.96.0.20", ports=[{"name": "http", "port": 80, "protocol": "TCP"}])
    made.replace(("default", "web"), records_of(web, [], made.domain))
    peers = slice_(
        {"addresses": ["10.244.0.2"], "hostname": "db-0", "conditions": {"ready": True}},
        {"addresses": ["10.244.0.3"], "conditions": {"ready": True}},
        {"addresses": ["10.244.0.4"], "conditions": {"ready": False}},
    )
    made.replace(("default", "db"), records_of(service("db", clusterIP="None"), [peers], made.domain))
    out = service("out", type="ExternalName", externalName="www.example.com")
    made.replace(("default", "out"), records_of(out, [], made.domain))
    return made


def ask(name: str, kind: str) -> DNSRecord | None:
    return answers.answer(DNSRecord.question(name, qtype=kind), zone())


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web.default.svc.cluster.local", "A", ["10.96.0.20"]),
        ("WEB.default.svc.CLUSTER.local", "A", ["10.96.0.20"]),
        ("db.default.svc.cluster.local", "A", ["10.244.0.2", "10.244.0.3"]),
        ("db-0.db.default.svc.cluster.local", "A", ["10.244.0.2"]),
        ("10-244-0-3.db.default.svc.cluster.local", "A", ["10.244.0.3"]),
        ("_http._tcp.web.default.svc.cluster.local", "SRV", ["0 100 80 web.default.svc.cluster.local."]),
        (
            "_http._tcp.db.default.svc.cluster.local",
            "SRV",
            ["0 100 8080 10-244-0-3.db.default.svc.cluster.local.", "0 100 8080 db-0.db.default.svc.cluster.local."],
        ),
        ("10-244-0-9.default.pod.cluster.local", "A", ["10.244.0.9"]),
        ("20.0.96.10.in-addr.arpa", "PTR", ["web.default.svc.cluster.local."]),
        ("2.0.244.10.in-addr.arpa", "PTR", ["db-0.db.default.svc.cluster.local."]),
        ("out.default.svc.cluster.local", "CNAME", ["www.example.com."]),
        ("out.default.svc.cluster.local", "A", ["www.example.com."]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answer(name: str, kind: str, expected: list[str]) -> None:
    reply = ask(name, kind)
    assert reply is not None
    assert sorted(str(r.rdata) for r in reply.rr) == expected
    assert reply.header.rcode == RCODE.NOERROR


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("nobody.default.svc.cluster.local", "A", RCODE.NXDOMAIN),
        ("web.default.svc.cluster.local", "AAAA", RCODE.NOERROR),
        ("default.svc.cluster.local", "A", RCODE.NOERROR),
        ("svc.cluster.local", "A", RCODE.NOERROR),
        ("10-244-0-9.nowhere.pod.cluster.local", "A", RCODE.NXDOMAIN),
    ],
)
def test_empty_answers_carry_the_soa(name: str, kind: str, rcode: int) -> None:
    reply = ask(name, kind)
    assert reply is not None
    assert (reply.header.rcode, reply.rr, len(reply.auth)) == (rcode, [], 1)
    assert reply.auth[0].rtype == QTYPE.SOA


@pytest.mark.parametrize("name", ["www.example.com", "notcluster.local", "9.0.96.10.in-addr.arpa"])
def test_other_names_are_forwarded(name: str) -> None:
    assert ask(name, "PTR" if name.endswith("arpa") else "A") is None


def test_alias_out_of_the_zone_is_asked_further() -> None:
    reply = ask("out.default.svc.cluster.local", "A")
    assert reply is not None
    assert answers.alias_target(reply, zone()) == "www.example.com"


def test_a_service_that_goes_takes_its_names_along() -> None:
    made = zone()
    for name in ("web", "db", "out"):
        made.replace(("default", name), None)
    assert not made.exists("default.svc.cluster.local")
    assert made.pointers("20.0.96.10.in-addr.arpa") == []


def test_long_answers_are_truncated_unless_the_client_takes_more() -> None:
    made = zone()
    many = slice_(*({"addresses": [f"10.244.{i // 250}.{i % 250 + 1}"]} for i in range(100)))
    made.replace(("default", "db"), records_of(service("db", clusterIP="None"), [many], made.domain))
    query = DNSRecord.question("db.default.svc.cluster.local", qtype="A")
    reply = answers.answer(query, made)
    assert reply is not None
    packed = answers.pack_udp(query, reply)
    assert len(packed) <= 512
    assert DNSRecord.parse(packed).header.tc
    query.add_ar(EDNS0(udp_len=4096))
    reply = answers.answer(query, made)
    assert reply is not None
    packed = answers.pack_udp(query, reply)
    assert not DNSRecord.parse(packed).header.tc
    assert len(DNSRecord.parse(packed).rr) == 100


@pytest.mark.parametrize("packet", [b"", b"\x00", b"\xff" * 11, bytes(12), b"\x12\x34\x01\x00\x00\x01" + b"\xc0" * 40])
def test_nonsense_is_no_crash(packet: bytes) -> None:
    assert answers.parse(packet) is None
    assert len(answers.format_error(packet)) in (0, 12)
