"""Outermost: every error becomes a Status, every answer has its Audit-ID, no traceback leaves.

Source: apiserver/pkg/server/filters/wrap.go, endpoints/filters/audit_init.go.
"""

from __future__ import annotations

import itertools
import logging

from pybernetes.apimachinery.errors import BadRequest, InternalError, ServiceUnavailable, StatusError
from pybernetes.apiserver.chain import Filter
from pybernetes.apiserver.endpoints.answers import error_answer
from pybernetes.apiserver.filters.flow_control import CONTEXT_KEY
from pybernetes.host.random import Random
from pybernetes.http.messages import Handler, Request, Response, Upgrade
from pybernetes.storage.store import StoreError

log = logging.getLogger(__name__)


def status_for_errors(random: Random) -> Filter:
    """The filter; audit ids look like UUIDs: a random start and a count."""
    prefix = random.uid()[:24]
    numbers = itertools.count(1)

    def wrap(inner: Handler) -> Handler:
        async def handle(request: Request) -> Response | Upgrade:
            audit_id = request.headers.get("audit-id") or f"{prefix}{next(numbers):012x}"
            request.context["audit_id"] = audit_id
            answer: Response | Upgrade
            try:
                answer = await inner(request)
            except StatusError as error:
                answer = error_answer(request, error)
            except StoreError as error:
                log.error("store: %s", error)
                answer = error_answer(request, ServiceUnavailable(f"the store cannot serve: {error}"))
            except RecursionError:
                log.warning("%s %s: nested too deeply", request.method, request.path)
                answer = error_answer(request, BadRequest("exceeded max depth"))
            except Exception:
                log.exception("%s %s (audit id %s) failed", request.method, request.path, audit_id)
                answer = error_answer(
                    request, InternalError(f"Internal error occurred: see the apiserver's log for audit id {audit_id}")
                )
            answer.headers.insert(0, ("Audit-Id", audit_id))
            answer.headers += request.context.get(CONTEXT_KEY, ())
            return answer

        return handle

    return wrap
