"""The filters in their order, outermost first, around the router.

Every request, from a socket or from a local transport, goes through all of them:

    errors → request info → metrics → deadline → authentication → impersonation → flow control → in flight →
    authorization → aggregation → router

Source: staging/src/k8s.io/apiserver/pkg/server/config.go, DefaultBuildHandlerChain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pybernetes.http.messages import Handler

Filter = Callable[[Handler], Handler]
"""Wraps the handler that comes after it."""


def compose(filters: Sequence[Filter], innermost: Handler) -> Handler:
    """The handler that passes a request through `filters` in their order.

    A filter that waits for nothing and does nothing afterwards is a plain function that returns what the
    inner handler returns: one coroutine less on the way of every request.
    """
    handler = innermost
    for wrap in reversed(filters):
        handler = wrap(handler)
    return handler
