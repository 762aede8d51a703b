"""Which generated token Secrets are marked invalid, and which are deleted. Pure.

Only tokens that an account lists were generated; those that people made stay for good.
Source: pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from pybernetes.api.core.v1 import Secret, ServiceAccount
from pybernetes.apimachinery.times import parse_time
from pybernetes.apimachinery.token_secrets import INVALID_SINCE, LAST_USED, day

DAY_S = 86400.0

Verdict = Literal["", "invalidate", "delete"]


def tracked_long_enough(since: str, now: float, unused_s: float) -> bool:
    """Whether use has been noted for so long; it is from the day after the one named. Raises ValueError."""
    start = datetime.combine(date.fromisoformat(since) + timedelta(days=1), datetime.min.time(), UTC)
    return now >= start.timestamp() + unused_s


def verdict(
    secret: Secret, account: ServiceAccount | None, mounted: Collection[str], now: float, unused_s: float
) -> Verdict:
    """`account`: the one that the Secret names, if there is one; `mounted`: Secrets that Pods of the namespace use."""
    meta = secret.metadata
    keep_from = day(now - unused_s)
    if meta.deletionTimestamp or not meta.creationTimestamp or parse_time(meta.creationTimestamp) >= now - unused_s:
        return ""
    if LAST_USED in meta.labels and (not _is_day(meta.labels[LAST_USED]) or meta.labels[LAST_USED] >= keep_from):
        return ""
    if account is None or all(ref.name != meta.name for ref in account.secrets) or meta.name in mounted:
        return ""
    invalid = meta.labels.get(INVALID_SINCE, "")
    if not _is_day(invalid):
        return "invalidate"
    return "" if invalid >= keep_from else "delete"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
