"""The signatures that cluster-info should have. Pure.

Source: pkg/controller/bootstrap/bootstrapsigner.go, cluster-bootstrap/token/jws (RFC 7515, appendix F).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable

from pybernetes.api.core.v1 import ConfigMap, Secret
from pybernetes.apimachinery.fresh import fresh
from pybernetes.controllers.bootstrap_signer.tokens import SECRET_TYPE, Token, signing_token

NAMESPACE, NAME = "kube-public", "cluster-info"
_CONTENT = "kubeconfig"
_SIGNATURE = "jws-kubeconfig-"


def signature(content: str, token: Token) -> str:
    """A JWS of the content under the token, with the content left out."""
    head = _encoded(json.dumps({"alg": "HS256", "kid": token.id}, separators=(",", ":")).encode())
    signed = f"{head}.{_encoded(content.encode())}".encode()
    return f"{head}..{_encoded(hmac.digest(token.secret.encode(), signed, hashlib.sha256))}"


def wanted(config_map: ConfigMap, secrets: Iterable[Secret], now: float) -> ConfigMap | None:
    """The ConfigMap with the signatures of all valid tokens and no others; None when it is so already."""
    content = config_map.data.get(_CONTENT)
    if content is None:
        return None
    tokens = [signing_token(secret, now) for secret in secrets if secret.type == SECRET_TYPE]
    signed = {_SIGNATURE + token.id: signature(content, token) for token in tokens if token is not None}
    data = {key: text for key, text in config_map.data.items() if not key.startswith(_SIGNATURE)} | signed
    if data == config_map.data:
        return None
    changed = fresh(config_map)
    changed.data = data
    return changed


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
