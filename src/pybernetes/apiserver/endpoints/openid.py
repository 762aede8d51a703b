"""OpenID discovery of the ServiceAccount issuer, so that others can verify its tokens.

Source: pkg/serviceaccount/openidmetadata.go, KEP-1393.
"""

from __future__ import annotations

import orjson

from pybernetes.apiserver.authenticators.service_account import ServiceAccountTokens
from pybernetes.http.messages import Response

CONFIGURATION_PATH = "/.well-known/openid-configuration"
JWKS_PATH = "/openid/v1/jwks"
_CACHE = ("Cache-Control", "public, max-age=3600")


def configuration(tokens: ServiceAccountTokens, address: str) -> Response:
    """The provider document; `address` is host:port of this server."""
    algorithms = sorted({key.alg for key in tokens.keys.verifying})
    document = {
        "issuer": tokens.issuer,
        "jwks_uri": f"https://{address}{JWKS_PATH}",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    }
    return Response(200, [("Content-Type", "application/json"), _CACHE], orjson.dumps(document))


def key_set(tokens: ServiceAccountTokens) -> Response:
    document = {"keys": [key.jwk() for key in tokens.keys.verifying]}
    return Response(200, [("Content-Type", "application/jwk-set+json"), _CACHE], orjson.dumps(document))
