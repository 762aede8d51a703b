"""Which ServiceAccounts a namespace lacks. Pure.

Source: pkg/controller/serviceaccount/serviceaccounts_controller.go.
"""

from __future__ import annotations

from collections.abc import Collection

from pybernetes.api.core.v1 import Namespace

ENSURED = ("default",)


def missing(namespace: Namespace, existing: Collection[str]) -> list[str]:
    """Names to create; none in a namespace that is not active."""
    if namespace.status.phase != "Active":
        return []
    return [name for name in ENSURED if name not in existing]
