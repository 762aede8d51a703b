"""Secrets of type service-account-token: what those who fill, check and clean them agree on.

Source: pkg/serviceaccount/legacy.go, pkg/controlplane/controller/legacytokentracking, core/v1/types.go.
"""

from __future__ import annotations

from datetime import UTC, datetime

SECRET_TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
ISSUER = "kubernetes/serviceaccount"
CLAIM = "kubernetes.io/serviceaccount/"
"""Before the names of the claims that say of which Secret and account a token is."""

LAST_USED = "kubernetes.io/legacy-token-last-used"
"""Label: the day of the last use."""
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
TRACKING = "kube-apiserver-legacy-service-account-token-tracking"
"""The ConfigMap in kube-system that says, under SINCE, from which day on use is noted."""
SINCE = "since"


def day(now: float) -> str:
    """The date in UTC, as labels have it."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()
