"""Pure: which objects may be referred to from another namespace. Source: KEP-3766, GEP-709."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.ingress.gateways.api import GROUP, ReferenceGrant
from pybernetes.ingress.table import Key


class Grants:
    def __init__(self, grants: Iterable[ReferenceGrant]) -> None:
        self._by_namespace: dict[str, list[ReferenceGrant]] = {}
        for grant in grants:
            self._by_namespace.setdefault(grant.metadata.namespace or "", []).append(grant)

    def allow(self, kind: str, namespace: str, to_kind: str, to: Key) -> bool:
        """Whether objects of a kind of the Gateway API in a namespace may refer to a core object."""
        if namespace == to[0]:
            return True
        return any(
            any((f.group, f.kind, f.namespace) == (GROUP, kind, namespace) for f in grant.spec.from_)
            and any((t.group, t.kind) == ("", to_kind) and t.name in (None, "", to[1]) for t in grant.spec.to)
            for grant in self._by_namespace.get(to[0], ())
        )
