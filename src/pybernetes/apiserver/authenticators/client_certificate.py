"""A verified client certificate's subject as the user: CN is the name, each O a group.

Source: apiserver/pkg/authentication/request/x509 (CommonNameUserConversion), request/headerrequest.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.apimachinery.user import UserInfo, with_authenticated_group
from pybernetes.apiserver.authenticators.service_account import CREDENTIAL_ID
from pybernetes.host.clock import Clock

if TYPE_CHECKING:
    from cryptography import x509

_UID_OID = "1.3.6.1.4.1.57683.2"
_KNOWN_MAX = 1024


class ClientCertificates:
    """Maps the DER bytes of a certificate, which TLS has verified, to a user.

    With a front-proxy CA beside the client CA, TLS accepts both; then the issuer decides which
    of the two a certificate belongs to.
    """

    def __init__(
        self, clock: Clock, client_ca_file: str, proxy_ca_file: str = "", proxy_names: tuple[str, ...] = ()
    ) -> None:
        self._clock = clock
        self._client_ca_file = client_ca_file
        self._proxy_ca_file = proxy_ca_file
        self._proxy_names = proxy_names
        self._known: dict[bytes, tuple[float, UserInfo | None, bool]] = {}

    def user(self, certificate: bytes) -> UserInfo | None:
        """The user, None when the certificate names none or has expired since the handshake."""
        until, user, _ = self._read(certificate)
        return user if self._clock.now() <= until else None

    def is_front_proxy(self, certificate: bytes) -> bool:
        """Whether X-Remote-* headers beside this certificate are believed."""
        until, _, proxy = self._read(certificate)
        return proxy and self._clock.now() <= until

    def _read(self, certificate: bytes) -> tuple[float, UserInfo | None, bool]:
        known = self._known.get(certificate)
        if known is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            known = self._known[certificate] = self._parse(certificate)
        return known

    def _parse(self, certificate: bytes) -> tuple[float, UserInfo | None, bool]:
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        parsed = x509.load_der_x509_certificate(certificate)
        until = parsed.not_valid_after_utc.timestamp()
        names = _values(parsed.subject, NameOID.COMMON_NAME.dotted_string)
        if self._proxy_ca_file and _issued_by(parsed, self._proxy_ca_file):
            trusted = not self._proxy_names or (bool(names) and names[0] in self._proxy_names)
            if not _issued_by(parsed, self._client_ca_file):
                return until, None, trusted
            return until, _user(parsed, names, certificate), trusted
        return until, _user(parsed, names, certificate), False


def _user(parsed: x509.Certificate, names: list[str], certificate: bytes) -> UserInfo | None:
    from cryptography.x509.oid import NameOID

    if not names or not names[-1]:
        return None
    groups = tuple(_values(parsed.subject, NameOID.ORGANIZATION_NAME.dotted_string))
    uids = _values(parsed.subject, _UID_OID)
    credential = f"X509SHA256={hashlib.sha256(certificate).hexdigest()}"
    user = UserInfo(names[-1], uids[0] if uids else "", groups, {CREDENTIAL_ID: (credential,)})
    return with_authenticated_group(user)  # once a certificate, not once a request


def _values(subject: x509.Name, oid: str) -> list[str]:
    return [str(attribute.value) for attribute in subject if attribute.oid.dotted_string == oid]


def _issued_by(certificate: x509.Certificate, ca_file: str) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    if not ca_file:
        return False
    for authority in x509.load_pem_x509_certificates(Path(ca_file).read_bytes()):
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return True
    return False
