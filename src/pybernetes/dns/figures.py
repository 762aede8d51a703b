"""What the DNS server counts, in Prometheus' text form under CoreDNS's names.

Source: coredns/plugin/metrics, plugin/forward, plugin/cache (README.md of each).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dnslib import QTYPE, RCODE

from pybernetes.apimachinery.metrics_text import Histogram, escaped, head
from pybernetes.dns.wire import question_end

_BOUNDS = tuple(0.00025 * 2**step for step in range(16))
_KNOWN = frozenset(
    ("A", "AAAA", "ANY", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NS", "NSEC", "PTR", "SOA", "SRV", "SVCB", "TXT")
)
"""Types told by name; the rest is `other`, so that no client makes the list long."""


class Figures:
    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._responses: Counter[int] = Counter()
        self.ready_hits = 0
        """Answers of the zone that had been made before."""
        self.took = Histogram(_BOUNDS)

    def count(self, protocol: str, packet: bytes, reply: bytes, seconds: float) -> None:
        """One question of a client's and what it was answered; no question at all has the type 0."""
        self._requests[protocol, _type_of(packet)] += 1
        self._responses[reply[3] & 0x0F if len(reply) > 3 else -1] += 1
        self.took.add(seconds)

    def lines(self, forward_hits: int, forward_misses: int) -> Iterator[str]:
        kinds: Counter[tuple[str, str]] = Counter()
        for (protocol, kind), number in self._requests.items():
            name = str(QTYPE.get(kind))
            kinds[protocol, name if name in _KNOWN else "other"] += number
        yield from head("coredns_dns_requests_total", "counter", "Questions of clients.")
        for (protocol, name), number in sorted(kinds.items()):
            yield f'coredns_dns_requests_total{{proto="{protocol}",type="{name}"}} {number}'
        yield from head("coredns_dns_responses_total", "counter", "Answers to clients.")
        for code, number in sorted(self._responses.items()):
            name = "none" if code < 0 else escaped(str(RCODE.get(code)))
            yield f'coredns_dns_responses_total{{rcode="{name}"}} {number}'
        yield from head("coredns_dns_request_duration_seconds", "histogram", "Until the answer was sent.")
        yield from self.took.lines("coredns_dns_request_duration_seconds")
        yield from head("coredns_cache_hits_total", "counter", "Answers that were kept from earlier questions.")
        yield f'coredns_cache_hits_total{{type="forwarded"}} {forward_hits}'
        yield f'coredns_cache_hits_total{{type="zone"}} {self.ready_hits}'
        yield from head("coredns_forward_requests_total", "counter", "Questions that resolvers were asked.")
        yield f"coredns_forward_requests_total {forward_misses}"


def _type_of(packet: bytes) -> int:
    end = question_end(packet)
    return int.from_bytes(packet[end - 4 : end - 2], "big") if end else 0
