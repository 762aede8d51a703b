"""Pure: a DNS query becomes an answer from the zone, or the word that it has to be forwarded.

Wire format by dnslib. Source: RFC 1035, 2181, 2308 (negative answers), 6604 (after an alias), 6891 (EDNS);
kubernetes/dns specification 1.1.0; coredns/plugin/kubernetes.
"""

from __future__ import annotations

import random

from dnslib import AAAA, CLASS, CNAME, EDNS0, NS, OPCODE, PTR, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSRecord

from pybernetes.dns.records import VERSION, Zone

TTL_S = 5
"""Short, so that answers follow the endpoints. Source: CoreDNS's kubernetes plugin."""
MAX_UDP = 512
MAX_TCP = 65535
_OFFERED_UDP = 1232
"""What we take ourselves: it fits into a packet everywhere. Source: dnsflagday.net/2020."""
_SMALLEST_RECORD = 16
"""Bytes of an address record with a compressed name."""
_MAX_ALIASES = 8
_KEPT_FLAGS = 0x79
"""Of a query's, in its answer: what kind it is, and whether recursion is wanted."""
_BAD_VERSION = 1
"""The upper bits of BADVERS (16), which stand in the EDNS record."""


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
    return packet[:2] + bytes((0x80 | packet[2] & _KEPT_FLAGS, 0x80 | RCODE.FORMERR)) + bytes(8)


def question(query: DNSRecord) -> tuple[str, str]:
    """(name in lower case without the final dot, type's name)."""
    return str(query.q.qname).rstrip(".").lower(), str(QTYPE.get(query.q.qtype))


def answer(query: DNSRecord, zone: Zone, limit: int = MAX_TCP, turn: int | None = None) -> DNSRecord | None:
    """The answer; None when the name is not ours. A CNAME that leads out of the zone is left to the caller.

    Records that cannot fit into `limit` bytes are left out, so that a name with thousands of them holds up nobody.
    Of several addresses the one at `turn` comes first, anyone without it: turns one after another serve all alike.
    """
    if (refused := _refusal(query)) is not None:
        return refused
    name, kind = question(query)
    reverse = name.endswith((".in-addr.arpa", ".ip6.arpa"))
    if reverse:
        if not zone.pointers(name):
            return None
    elif not zone.owns(name):
        return None
    reply = query.reply(ra=1, aa=1)
    reply.header.ad = 0  # nothing is signed
    owner = query.q.qname
    if reverse:
        for target in zone.pointers(name) if kind in ("PTR", "ANY") else ():
            reply.add_answer(RR(owner, QTYPE.PTR, rdata=PTR(target + "."), ttl=TTL_S))
    else:
        owner, name = _follow(reply, owner, name, kind, zone)
        if not zone.owns(name) or zone.alias(name):  # out of the zone, or round in a circle
            return reply
        _add_records(reply, owner, name, kind, zone, limit // _SMALLEST_RECORD, turn)
    if not reply.rr or reply.rr[-1].rtype == QTYPE.CNAME:
        if not reverse and not zone.exists(name):
            reply.header.rcode = RCODE.NXDOMAIN
        reply.add_auth(_soa(zone.domain))
    return reply


def alias_target(reply: DNSRecord, zone: Zone) -> str:
    """The name outside the zone that an answer's CNAME leads to and that still has to be asked for."""
    if reply.rr and reply.rr[-1].rtype == QTYPE.CNAME and QTYPE.get(reply.q.qtype) != "CNAME":
        target = str(reply.rr[-1].rdata).rstrip(".").lower()
        return "" if zone.owns(target) else target
    return ""


def failure(query: DNSRecord, rcode: int = RCODE.SERVFAIL) -> DNSRecord:
    reply = query.reply(ra=1, aa=0)
    reply.header.rcode = rcode
    return reply


def limit_of(query: DNSRecord) -> int:
    """How long a UDP answer may be: 512 octets, or what the client's EDNS record offers, up to 4096."""
    extra = _edns(query)
    return max(MAX_UDP, min(int(extra.edns_len), 4096)) if extra is not None else MAX_UDP


def pack(query: DNSRecord, reply: DNSRecord, limit: int) -> bytes:
    """The answer's bytes, with an EDNS record where the query has one. What does not fit is left out: first the
    additional records, then answers, which the TC bit tells. Some clients have to do with those that are left.
    """
    if _edns(query) is not None and _edns(reply) is None:
        reply.add_ar(EDNS0(udp_len=_OFFERED_UDP))
    packed = bytes(reply.pack())
    if len(packed) > limit:
        reply.ar = [extra for extra in reply.ar if extra.rtype == QTYPE.OPT]
        packed = bytes(reply.pack())
    while len(packed) > limit and (reply.rr or reply.auth):
        reply.auth = []
        _cut(reply, min(len(reply.rr) * limit // len(packed), len(reply.rr) - 1))
        packed = bytes(reply.pack())
    return packed


def _cut(reply: DNSRecord, count: int) -> None:
    reply.rr = reply.rr[: max(count, 0)]
    reply.ar = [extra for extra in reply.ar if extra.rtype == QTYPE.OPT]
    reply.header.tc = 1


def _edns(record: DNSRecord) -> RR | None:
    return next((extra for extra in record.ar if extra.rtype == QTYPE.OPT), None)


def _refusal(query: DNSRecord) -> DNSRecord | None:
    """For what is no question of the kind that is answered here."""
    if query.header.opcode != OPCODE.QUERY:
        return failure(query, RCODE.NOTIMP)
    extra = _edns(query)
    if extra is not None and extra.edns_ver:
        reply = failure(query, RCODE.NOERROR)
        reply.add_ar(EDNS0(udp_len=_OFFERED_UDP, ext_rcode=_BAD_VERSION))
        return reply
    if query.q.qclass not in (CLASS.IN, CLASS.get("*")) or QTYPE.get(query.q.qtype) in ("AXFR", "IXFR"):
        return failure(query, RCODE.REFUSED)
    return None


def _follow(reply: DNSRecord, owner: object, name: str, kind: str, zone: Zone) -> tuple[object, str]:
    """Adds the aliases from a name on; where they end."""
    seen = {name}
    while (alias := zone.alias(name)) and len(seen) <= _MAX_ALIASES:
        reply.add_answer(RR(owner, QTYPE.CNAME, rdata=CNAME(alias + "."), ttl=TTL_S))
        if kind == "CNAME" or alias in seen:
            break
        seen.add(alias)
        owner, name = alias + ".", alias
    return owner, name


def _add_records(
    reply: DNSRecord, owner: object, name: str, kind: str, zone: Zone, most: int, turn: int | None
) -> None:
    if kind in ("A", "AAAA"):
        found = zone.addresses(name, 4 if kind == "A" else 6)
        for ip in _from_turn(found, turn)[:most]:
            reply.add_answer(_address(owner, ip))
        reply.header.tc = int(len(found) > most)
    elif kind == "SRV":
        services = zone.services(name)
        reply.header.tc = int(len(services) > most)
        for service in services[:most]:
            # Source: coredns/plugin/backend_lookup.go, SRV: equal shares of a hundred.
            rdata = SRV(0, max(100 // len(services), 1), service.port, service.target + ".")
            reply.add_answer(RR(owner, QTYPE.SRV, rdata=rdata, ttl=TTL_S))
        for target in dict.fromkeys(service.target for service in services if len(services) * 2 < most):
            for family in (4, 6):
                for ip in zone.addresses(target, family):
                    reply.add_ar(_address(target + ".", ip))
    elif name == zone.domain and kind == "SOA":
        reply.add_answer(_soa(zone.domain))
    elif name == zone.domain and kind == "NS":
        server = f"ns.dns.{zone.domain}"
        reply.add_answer(RR(owner, QTYPE.NS, rdata=NS(server + "."), ttl=TTL_S))
        for family in (4, 6):
            for ip in zone.addresses(server, family):
                reply.add_ar(_address(server + ".", ip))
    elif name == f"dns-version.{zone.domain}" and kind == "TXT":
        reply.add_answer(RR(owner, QTYPE.TXT, rdata=TXT(VERSION), ttl=TTL_S))


def _from_turn(addresses: list[str], turn: int | None) -> list[str]:
    if turn is None:
        return random.sample(addresses, len(addresses))
    first = turn % max(len(addresses), 1)
    return addresses[first:] + addresses[:first]


def _address(owner: object, ip: str) -> RR:
    if ":" in ip:
        return RR(owner, QTYPE.AAAA, rdata=AAAA(ip), ttl=TTL_S)
    return RR(owner, QTYPE.A, rdata=A(ip), ttl=TTL_S)


def _soa(domain: str) -> RR:
    times = (1, 7200, 1800, 86400, TTL_S)
    return RR(domain + ".", QTYPE.SOA, rdata=SOA(f"ns.dns.{domain}.", f"hostmaster.{domain}.", times), ttl=TTL_S)
