"""What Secrets of type service-account-token must hold. Pure.

Source: pkg/controller/serviceaccount/tokens_controller.go, pkg/serviceaccount/legacy.go.
"""

from __future__ import annotations

import base64
from typing import Any

from pybernetes.api.core.v1 import Secret, ServiceAccount
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.token_secrets import ACCOUNT_NAME, ACCOUNT_UID, CLAIM, ISSUER

TOKEN, CA, NAMESPACE = "token", "ca.crt", "namespace"


def claims(account: ServiceAccount, secret: Secret) -> dict[str, Any]:
    """Of a token that is valid for as long as its Secret is there."""
    namespace, name = account.metadata.namespace or "", account.metadata.name or ""
    return {
        "iss": ISSUER,
        CLAIM + "namespace": namespace,
        CLAIM + "secret.name": secret.metadata.name,
        CLAIM + "service-account.name": name,
        CLAIM + "service-account.uid": account.metadata.uid,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }


def lacking(secret: Secret, ca_pem: str) -> dict[str, str]:
    """The data to write, encoded, with "" for the token, which somebody has to sign."""
    found: dict[str, str] = {}
    ca = base64.b64encode(ca_pem.encode()).decode()
    if ca_pem and secret.data.get(CA) != ca:
        found[CA] = ca
    if not secret.data.get(NAMESPACE):
        found[NAMESPACE] = base64.b64encode((secret.metadata.namespace or "").encode()).decode()
    if not secret.data.get(TOKEN):
        found[TOKEN] = ""
    return found


def is_of(secret: Secret, account: ServiceAccount) -> bool:
    """Whether this is the account that the Secret names, the very same one where it names that."""
    annotations = secret.metadata.annotations
    uid = annotations.get(ACCOUNT_UID, "")
    return annotations.get(ACCOUNT_NAME) == account.metadata.name and uid in ("", account.metadata.uid)


def without(account: ServiceAccount, secret_name: str) -> ServiceAccount | None:
    """The account that no longer refers to the Secret; None when it does not."""
    if all(ref.name != secret_name for ref in account.secrets):
        return None
    changed = fresh(account)
    changed.secrets = [ref for ref in account.secrets if ref.name != secret_name]
    return changed
