"""Asks the apiserver who a token's user is, and what users may do; answers are remembered for a short while.

Source: apiserver/pkg/server/options/{authentication,authorization}.go (delegating), with their cache times.
"""

from __future__ import annotations

import asyncio

from pybernetes.api.authentication.v1 import TokenReview, TokenReviewSpec
from pybernetes.api.authorization.v1 import (
    NonResourceAttributes,
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.client.client import Client

_REMEMBERED_S = 10.0
_KEPT_MOST = 1024


class AccessReviews:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._users: dict[str, tuple[float, UserInfo | None]] = {}
        self._verdicts: dict[str, tuple[float, str | None]] = {}
        """By the whole question: a user's uid and extra fields count as much as the name."""

    async def user(self, token: str) -> UserInfo | None:
        """None for a token that is nobody's, and when the apiserver cannot be asked."""
        now = asyncio.get_running_loop().time()
        until, user = self._users.get(token, (0.0, None))
        if until > now:
            return user
        try:
            status = (await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))).status
        except (StatusError, OSError):
            return None
        found = status.user
        if status.authenticated and found is not None:
            extra = {key: tuple(values) for key, values in found.extra.items()}
            user = UserInfo(found.username or "", found.uid or "", tuple(found.groups), extra)
        else:
            user = None
        if len(self._users) >= _KEPT_MOST:
            self._users.clear()
        self._users[token] = (now + _REMEMBERED_S, user)
        return user

    async def denied(self, user: UserInfo, asked: ResourceAttributes | NonResourceAttributes) -> str | None:
        """Why, None when it is allowed."""
        now = asyncio.get_running_loop().time()
        if SYSTEM_MASTERS in user.groups:
            return None
        review = SubjectAccessReview(
            spec=SubjectAccessReviewSpec(
                user=user.name,
                uid=user.uid or None,
                groups=list(user.groups),
                extra={name: list(values) for name, values in user.extra.items()},
                resourceAttributes=asked if isinstance(asked, ResourceAttributes) else None,
                nonResourceAttributes=asked if isinstance(asked, NonResourceAttributes) else None,
            )
        )
        key = repr(review.spec)
        if (known := self._verdicts.get(key)) is not None and known[0] > now:
            return known[1]
        try:
            status = (await self._client.create(review)).status
        except (StatusError, OSError) as error:
            return f"the apiserver cannot be asked: {error}"
        verdict = None if status.allowed else status.reason or ""
        if len(self._verdicts) >= _KEPT_MOST:
            self._verdicts.clear()
        self._verdicts[key] = (now + _REMEMBERED_S, verdict)
        return verdict


def bearer_token(header: str) -> str:
    """The token of an Authorization header; "" where there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
