"""Names of the cluster domain: records of Services and the answers made from them."""

from __future__ import annotations

import ipaddress

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.dns import answers
from pybernetes.dns.records import Zone, records_of
from tests.unit.dns.builders import service, slice_


def zone() -> Zone:
    made = Zone("cluster.local", ["10.96.0.10"])
    made.namespaces(["default"])
    web = service("web", clusterIP="10.96.0.20", ports=[{"name": "http", "port": 80, "protocol": "TCP"}])
    behind = slice_({"addresses": ["10.244.0.7"], "hostname": "web-0"}, {"addresses": ["10.244.0.8"]})
    made.replace(("default", "web"), records_of(web, [behind], made.domain))
    for name, target in (("middle", "web"), ("again", "middle"), ("ring", "ring"), ("lost", "nobody")):
        alias = service(name, type="ExternalName", externalName=f"{target}.default.svc.cluster.local")
        made.replace(("default", name), records_of(alias, [], made.domain))
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
            ["0 50 8080 10-244-0-3.db.default.svc.cluster.local.", "0 50 8080 db-0.db.default.svc.cluster.local."],
        ),
        ("web.default.svc.cluster.local", "SRV", ["0 100 80 web.default.svc.cluster.local."]),
        ("web-0.web.default.svc.cluster.local", "A", ["10.244.0.7"]),
        (
            "again.default.svc.cluster.local",
            "A",
            ["10.96.0.20", "middle.default.svc.cluster.local.", "web.default.svc.cluster.local."],
        ),
        ("again.default.svc.cluster.local", "CNAME", ["middle.default.svc.cluster.local."]),
        (
            "again.default.svc.cluster.local",
            "SRV",
            [
                "0 100 80 web.default.svc.cluster.local.",
                "middle.default.svc.cluster.local.",
                "web.default.svc.cluster.local.",
            ],
        ),
        ("out.default.svc.cluster.local", "TXT", ["www.example.com."]),
        ("ring.default.svc.cluster.local", "A", ["ring.default.svc.cluster.local."]),
        ("cluster.local", "NS", ["ns.dns.cluster.local."]),
        ("ns.dns.cluster.local", "A", ["10.96.0.10"]),
        ("dns-version.cluster.local", "TXT", ['"1.1.0"']),
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
    for name in ("web", "db", "out", "middle", "again", "ring", "lost"):
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
    packed = answers.pack(query, reply, answers.limit_of(query))
    assert len(packed) <= 512
    assert DNSRecord.parse(packed).header.tc
    assert len(DNSRecord.parse(packed).rr) > 20, "who asks no further has some of them"
    query.add_ar(EDNS0(udp_len=4096))
    reply = answers.answer(query, made)
    assert reply is not None
    packed = answers.pack(query, reply, answers.limit_of(query))
    assert not DNSRecord.parse(packed).header.tc
    assert len(DNSRecord.parse(packed).rr) == 100


def test_what_no_packet_holds_is_cut_off_over_tcp_too() -> None:
    made = zone()
    pieces = [
        slice_(*({"addresses": [f"10.{n}.{i // 250}.{i % 250 + 1}"], "hostname": f"h-{n}-{i}"} for i in range(1000)))
        for n in range(5)
    ]
    made.replace(("default", "db"), records_of(service("db", clusterIP="None"), pieces, made.domain))
    for kind in ("A", "SRV"):
        query = DNSRecord.question("db.default.svc.cluster.local", qtype=kind)
        reply = answers.answer(query, made)
        assert reply is not None
        packed = answers.pack(query, reply, answers.MAX_TCP)
        assert len(packed) <= 65535
        assert packed[2] & 2, "truncated"


@pytest.mark.parametrize(
    ("change", "rcode"),
    [
        pytest.param({"opcode": 5}, RCODE.NOTIMP, id="an update"),
        pytest.param({"qtype": QTYPE.AXFR}, RCODE.REFUSED, id="the whole zone"),
        pytest.param({"qclass": 3}, RCODE.REFUSED, id="class CH"),
    ],
)
def test_other_kinds_of_questions_are_refused(change: dict[str, int], rcode: int) -> None:
    query = DNSRecord.question("cluster.local", qtype="A")
    query.header.opcode = change.get("opcode", 0)
    query.q.qtype = change.get("qtype", QTYPE.A)
    query.q.qclass = change.get("qclass", 1)
    reply = answers.answer(query, zone())
    assert reply is not None
    assert (reply.header.rcode, reply.rr) == (rcode, [])


def test_edns_of_a_later_version() -> None:
    query = DNSRecord.question("web.default.svc.cluster.local")
    query.add_ar(EDNS0(version=1))
    reply = answers.answer(query, zone())
    assert reply is not None
    (extra,) = DNSRecord.parse(answers.pack(query, reply, 512)).ar
    assert (extra.edns_rcode, extra.edns_ver, reply.rr) == (1, 0, [])


def test_an_alias_to_nothing_is_no_such_name() -> None:
    reply = ask("lost.default.svc.cluster.local", "A")
    assert reply is not None
    assert (reply.header.rcode, len(reply.rr), len(reply.auth)) == (RCODE.NXDOMAIN, 1, 1)


def test_not_ready_addresses_where_the_service_wants_them() -> None:
    peers = slice_({"addresses": ["10.244.0.4"], "hostname": "db-2", "conditions": {"ready": False}})
    wanting = service("db", clusterIP="None", publishNotReadyAddresses=True)
    assert "db-2.db.default.svc.cluster.local" in records_of(wanting, [peers], "cluster.local").addresses


@pytest.mark.parametrize("domain", ["cluster.local", "Corp.Example.", "x"])
def test_the_domain_is_the_cluster_s(domain: str) -> None:
    made = Zone(domain)
    web = service("web", clusterIP="10.96.0.20", clusterIPs=["10.96.0.20", "fd00::20"])
    made.replace(("default", "web"), records_of(web, [], made.domain))
    for kind, ip in (("A", "10.96.0.20"), ("AAAA", "fd00::20")):
        reply = answers.answer(DNSRecord.question(f"web.default.svc.{domain}", qtype=kind), made)
        assert reply is not None
        assert [str(r.rdata) for r in reply.rr] == [ip]
    reply = answers.answer(DNSRecord.question(ipaddress.ip_address("fd00::20").reverse_pointer, qtype="PTR"), made)
    assert reply is not None
    assert str(reply.rr[0].rdata).lower() == f"web.default.svc.{domain.strip('.')}.".lower()


def test_a_change_that_changes_nothing_keeps_the_answers() -> None:
    made = zone()
    before = made.version
    out = service("out", type="ExternalName", externalName="www.example.com")
    made.replace(("default", "out"), records_of(out, [], made.domain))
    assert made.version == before
    made.replace(("default", "out"), None)
    assert made.version > before


@pytest.mark.parametrize("packet", [b"", b"\x00", b"\xff" * 11, bytes(12), b"\x12\x34\x01\x00\x00\x01" + b"\xc0" * 40])
def test_nonsense_is_no_crash(packet: bytes) -> None:
    assert answers.parse(packet) is None
    assert len(answers.format_error(packet)) in (0, 12)


QUERY = DNSRecord.question("db-0.db.default.svc.cluster.local", qtype="SRV")
QUERY.add_ar(EDNS0(udp_len=512))
HOSTILE = st.one_of(
    st.binary(max_size=80),
    st.binary(max_size=60).map(lambda tail: bytes(QUERY.pack())[:12] + tail),
    st.tuples(st.integers(2, len(QUERY.pack()) - 1), st.integers(0, 255)).map(
        lambda change: bytes(QUERY.pack())[: change[0]] + bytes((change[1],)) + bytes(QUERY.pack())[change[0] + 1 :]
    ),
)


@given(packet=HOSTILE)
def test_hostile_packets_get_an_answer_or_none(packet: bytes) -> None:
    query = answers.parse(packet)
    if query is None:
        assert len(answers.format_error(packet)) in (0, 12)
        return
    reply = answers.answer(query, zone())
    if reply is not None:
        assert len(answers.pack(query, reply, answers.limit_of(query))) <= 4096
