"""The API's errors, one class a StatusReason, each able to say itself as a Status.

    StatusError
    ├── BadRequest 400            ├── Conflict 409               ├── TooManyRequests 429
    ├── Unauthorized 401          ├── AlreadyExists 409          ├── InternalError 500
    ├── Forbidden 403             ├── Gone 410                   ├── ServiceUnavailable 503
    ├── NotFound 404              ├── Expired 410                ├── ServerTimeout 504/500
    ├── MethodNotAllowed 405      ├── RequestEntityTooLarge 413  └── Timeout 504
    ├── NotAcceptable 406         ├── UnsupportedMediaType 415
    └── Invalid 422 (with causes)

Source: staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go.
"""

from __future__ import annotations

from pybernetes.api.meta.v1 import Status, StatusCause, StatusDetails


class StatusError(Exception):
    """An answer of the API that is not success; `status` is what goes on the wire."""

    code = 500
    reason = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        group: str = "",
        kind: str = "",
        name: str = "",
        uid: str = "",
        causes: list[StatusCause] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = StatusDetails(
            group=group or None,
            kind=kind or None,
            name=name or None,
            uid=uid or None,
            causes=causes or [],
            retryAfterSeconds=retry_after_s,
        )

    @property
    def status(self) -> Status:
        details = self.details if self.details != StatusDetails() else None
        reason = self.reason or None
        return Status(status="Failure", message=self.message, reason=reason, code=self.code, details=details)


class BadRequest(StatusError):
    code, reason = 400, "BadRequest"


class Unreadable(BadRequest):
    """What was sent, or what a patch made, is no object of the kind it ought to be."""

    def __init__(self, kind: str, version: str, wanted: str, why: str) -> None:
        super().__init__(f'{kind} in version "{version}" cannot be handled as a {wanted}: {why}')
        self.why = why
        """What is wrong in it."""


class Unauthorized(StatusError):
    code, reason = 401, "Unauthorized"


class Forbidden(StatusError):
    code, reason = 403, "Forbidden"


class NotFound(StatusError):
    code, reason = 404, "NotFound"


class MethodNotAllowed(StatusError):
    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(StatusError):
    code, reason = 406, "NotAcceptable"


class Conflict(StatusError):
    code, reason = 409, "Conflict"


class AlreadyExists(StatusError):
    code, reason = 409, "AlreadyExists"


class Gone(StatusError):
    code, reason = 410, "Gone"


class Expired(StatusError):
    code, reason = 410, "Expired"

    def __init__(self, message: str, *, continue_: str = "") -> None:
        """`continue_`: the token with which the rest of a list can be had as it is now."""
        super().__init__(message)
        self.continue_ = continue_

    @property
    def status(self) -> Status:
        made = super().status
        made.metadata.continue_ = self.continue_ or None
        return made


class RequestEntityTooLarge(StatusError):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(StatusError):
    code, reason = 415, "UnsupportedMediaType"


class Invalid(StatusError):
    code, reason = 422, "Invalid"


class TooManyRequests(StatusError):
    code, reason = 429, "TooManyRequests"


class InternalError(StatusError):
    code, reason = 500, "InternalError"


class ServerTimeout(StatusError):
    code, reason = 500, "ServerTimeout"


class ServiceUnavailable(StatusError):
    code, reason = 503, "ServiceUnavailable"


class Timeout(StatusError):
    code, reason = 504, "Timeout"


_BY_REASON: dict[str, type[StatusError]] = {
    c.reason: c
    for c in (
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, Conflict, AlreadyExists,
        Gone, Expired, RequestEntityTooLarge, UnsupportedMediaType, Invalid, TooManyRequests, InternalError,
        ServerTimeout, ServiceUnavailable, Timeout,
    )
}  # fmt: skip
_BY_CODE: dict[int, type[StatusError]] = {
    400: BadRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 405: MethodNotAllowed, 406: NotAcceptable,
    409: Conflict, 410: Gone, 413: RequestEntityTooLarge, 415: UnsupportedMediaType, 422: Invalid,
    429: TooManyRequests, 500: InternalError, 503: ServiceUnavailable, 504: Timeout,
}  # fmt: skip


def from_status(status: Status) -> StatusError:
    """The error that a Status received from a server stands for."""
    cls = _BY_REASON.get(status.reason or "") or _BY_CODE.get(status.code or 500, InternalError)
    error = cls(status.message or status.reason or "unknown error")
    if status.details is not None:
        error.details = status.details
    return error


class Unknown(StatusError):
    """An error that nobody gave a reason."""

    reason = ""


def not_found(group: str, resource: str, name: str) -> NotFound:
    """`pods "x" not found`; `resource` is the plural."""
    return NotFound(f'{_qualified(resource, group)} "{name}" not found', group=group, kind=resource, name=name)


def already_exists(group: str, resource: str, name: str) -> AlreadyExists:
    return AlreadyExists(
        f'{_qualified(resource, group)} "{name}" already exists', group=group, kind=resource, name=name
    )


def conflict(group: str, resource: str, name: str, why: str) -> Conflict:
    return Conflict(
        f'Operation cannot be fulfilled on {_qualified(resource, group)} "{name}": {why}',
        group=group,
        kind=resource,
        name=name,
    )


def modified(group: str, resource: str, name: str) -> Conflict:
    """The Conflict of an update from a stale resourceVersion, in upstream's words."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(group, resource, name, why)


def _qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource
