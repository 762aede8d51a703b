"""Packets that are worked on without being taken apart."""

from __future__ import annotations

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, SOA, TXT, A, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.dns import wire

QUERY = DNSRecord.question("www.example.com")
QUERY.add_ar(EDNS0(udp_len=4096))


def reply(*ttls: int, rcode: int = 0, minimum: int | None = None) -> bytes:
    made = QUERY.reply()
    made.header.rcode = rcode
    for ttl in ttls:
        made.add_answer(RR("www.example.com", QTYPE.A, rdata=A("192.0.2.1"), ttl=ttl))
    if minimum is not None:
        made.add_auth(
            RR("example.com", QTYPE.SOA, rdata=SOA("ns.example.com", "x.example.com", (1, 2, 3, 4, minimum)), ttl=60)
        )
    made.add_ar(EDNS0(udp_len=1232))
    return bytes(made.pack())


@pytest.mark.parametrize(
    ("packet", "seconds"),
    [
        (reply(60, 20, 300), 20),
        (reply(rcode=RCODE.NXDOMAIN, minimum=10), 10),
        (reply(minimum=90), 60),
        (reply(60, minimum=10), 60),
        (reply(60, rcode=RCODE.SERVFAIL), 0),
        (reply(), 0),
        (reply(60)[:-20], 0),
    ],
    ids=["the shortest", "no such name", "no such record", "a zone's own", "a failure", "nothing", "cut off"],
)
def test_lifetime(packet: bytes, seconds: int) -> None:
    assert wire.lifetime(packet) == seconds


def test_ageing() -> None:
    older = DNSRecord.parse(wire.aged(reply(60, 20), 25))
    assert [record.ttl for record in older.rr] == [35, 0]
    assert older.ar[0].edns_len == 1232, "EDNS's record has no lifetime"


def test_truncated() -> None:
    cut = DNSRecord.parse(wire.truncated(reply(60)))
    assert (cut.header.tc, cut.rr, cut.ar, str(cut.q.qname)) == (1, [], [], "www.example.com.")
    assert wire.truncated(b"x" * 12) == b""


@pytest.mark.parametrize(
    ("other", "same"),
    [("www.example.com", True), ("WWW.example.COM", True), ("www.example.net", False), ("ww.example.com", False)],
)
def test_answers_to_other_questions(other: str, same: bool) -> None:
    answer = DNSRecord.question(other).reply()
    answer.add_answer(RR(other, QTYPE.TXT, rdata=TXT("x")))
    assert wire.is_answer_to(QUERY.pack(), answer.pack()) is same


@given(packet=st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda tail: reply(1)[:33] + tail)))
def test_broken_packets_break_nothing(packet: bytes) -> None:
    wire.lifetime(packet)
    wire.truncated(packet)
    wire.is_answer_to(packet, packet)
    assert len(wire.aged(packet, 5)) == len(packet)
