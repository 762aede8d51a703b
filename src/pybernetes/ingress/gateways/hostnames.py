"""Pure: hostnames of listeners and routes: what both want, and which of two is the more specific.

Here *.DOMAIN stands for one label and more in front of the domain.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec (hostnames).
"""

from __future__ import annotations

from collections.abc import Sequence


def covers(wide: str, narrow: str) -> bool:
    """Whether every host that `narrow` stands for is one that `wide` stands for; "" stands for all."""
    if not wide or wide == narrow:
        return True
    return wide.startswith("*") and narrow.endswith(wide[1:])


def both(listener: str, wanted: Sequence[str]) -> list[str]:
    """The hosts of a route, none for all, at a listener; [] when they have none in common."""
    found = []
    for host in wanted or [""]:
        if covers(listener, host):
            found.append(host)
        elif covers(host, listener):
            found.append(listener)
    return list(dict.fromkeys(found))
