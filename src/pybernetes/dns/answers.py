"""Pure: a DNS query becomes an answer from the zone, or the word that it has to be forwarded.

Wire format by dnslib. Source: RFC 1035, 2181, 2308 (negative answers), 6891 (EDNS).
"""

from __future__ import annotations

import random

from dnslib import AAAA, CNAME, EDNS0, PTR, QTYPE, RCODE, RR, SOA, SRV, A, DNSHeader, DNSRecord

from pybernetes.dns.records import Zone

TTL_S = 5
"""Short, so that answers follow the endpoints. Source: CoreDNS's kubernetes plugin."""
MAX_UDP = 512


def parse(packet: bytes) -> DNSRecord | None:
    """The query, or None for what is not one and deserves no answer."""
    try:
        record = DNSRecord.parse(packet)
    except Exception:  # dnslib raises whatever its parsing ran into
        return None
    if record.header.qr or len(record.questions) != 1:
        return None
    return record


def format_error(packet: bytes) -> bytes:
    """FORMERR for a packet that has at least a header; b"" otherwise."""
    if len(packet) < 12 or packet[2] & 0x80:
        return b""
    header = DNSHeader(id=int.from_bytes(packet[:2], "big"), qr=1, ra=1, rcode=RCODE.FORMERR)
    return bytes(DNSRecord(header).pack())


def question(query: DNSRecord) -> tuple[str, str]:
    """(name in lower case without the final dot, type's name)."""
    return str(query.q.qname).rstrip(".").lower(), str(QTYPE.get(query.q.qtype))


def answer(query: DNSRecord, zone: Zone) -> DNSRecord | None:
    """The answer; None when the name is not ours. A CNAME that leads out of the zone is left to the caller."""
    name, kind = question(query)
    reverse = name.endswith((".in-addr.arpa", ".ip6.arpa"))
    if reverse:
        if kind != "PTR" or not zone.pointers(name):
            return None
    elif not zone.owns(name):
        return None
    reply = query.reply(ra=1, aa=1)
    alias = zone.alias(name)
    owner = query.q.qname
    if reverse:
        for target in zone.pointers(name):
            reply.add_answer(RR(owner, QTYPE.PTR, rdata=PTR(target + "."), ttl=TTL_S))
    elif alias and kind in ("A", "AAAA", "CNAME"):
        reply.add_answer(RR(owner, QTYPE.CNAME, rdata=CNAME(alias + "."), ttl=TTL_S))
        if zone.owns(alias) and kind != "CNAME":
            _add_addresses(reply, alias + ".", zone.addresses(alias, 4 if kind == "A" else 6))
    elif kind in ("A", "AAAA"):
        found = zone.addresses(name, 4 if kind == "A" else 6)
        _add_addresses(reply, owner, random.sample(found, len(found)))
    elif kind == "SRV":
        for service in zone.services(name):
            rdata = SRV(0, 100, service.port, service.target + ".")
            reply.add_answer(RR(owner, QTYPE.SRV, rdata=rdata, ttl=TTL_S))
            for family in (4, 6):
                for ip in zone.addresses(service.target, family):
                    reply.add_ar(_address(service.target + ".", ip))
    if not reply.rr:
        if not zone.exists(name):
            reply.header.rcode = RCODE.NXDOMAIN
        reply.add_auth(_soa(zone.domain))
    return reply


def alias_target(reply: DNSRecord, zone: Zone) -> str:
    """The name outside the zone that an answer's CNAME leads to and that still has to be asked for."""
    if len(reply.rr) == 1 and reply.rr[0].rtype == QTYPE.CNAME and QTYPE.get(reply.q.qtype) != "CNAME":
        target = str(reply.rr[0].rdata).rstrip(".").lower()
        return "" if zone.owns(target) else target
    return ""


def failure(query: DNSRecord, rcode: int = RCODE.SERVFAIL) -> DNSRecord:
    reply = query.reply(ra=1, aa=0)
    reply.header.rcode = rcode
    return reply


def limit_of(query: DNSRecord) -> int:
    """How long a UDP answer may be: 512 octets, or what the client's EDNS record offers, up to 4096."""
    for extra in query.ar:
        if extra.rtype == QTYPE.OPT:
            return max(MAX_UDP, min(int(extra.edns_len), 4096))
    return MAX_UDP


def pack_udp(query: DNSRecord, reply: DNSRecord) -> bytes:
    """The answer's bytes, truncated with the TC bit where it does not fit."""
    if any(extra.rtype == QTYPE.OPT for extra in query.ar) and not any(e.rtype == QTYPE.OPT for e in reply.ar):
        reply.add_ar(EDNS0(udp_len=1232))
    packed = bytes(reply.pack())
    if len(packed) <= limit_of(query):
        return packed
    return bytes(reply.truncate().pack())


def _add_addresses(reply: DNSRecord, owner: object, addresses: list[str]) -> None:
    for ip in addresses:
        reply.add_answer(_address(owner, ip))


def _address(owner: object, ip: str) -> RR:
    if ":" in ip:
        return RR(owner, QTYPE.AAAA, rdata=AAAA(ip), ttl=TTL_S)
    return RR(owner, QTYPE.A, rdata=A(ip), ttl=TTL_S)


def _soa(domain: str) -> RR:
    times = (1, 7200, 1800, 86400, TTL_S)
    return RR(domain + ".", QTYPE.SOA, rdata=SOA(f"ns.dns.{domain}.", f"hostmaster.{domain}.", times), ttl=TTL_S)
