"""CertificateSubjectRestriction: nobody asks the signer of API clients for a certificate of system:masters.

Source: plugin/pkg/admission/certificates/subjectrestriction/admission.go.
"""

from __future__ import annotations

import base64
from typing import ClassVar

from pybernetes.apiserver.admission.interface import Attributes, Operation, Plugin

_SIGNER = "kubernetes.io/kube-apiserver-client"


class CertificateSubjectRestriction(Plugin):
    name = "CertificateSubjectRestriction"
    operations: ClassVar[frozenset[Operation]] = frozenset({"CREATE"})
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = frozenset(
        {("certificates.k8s.io", "certificatesigningrequests", "")}
    )
    validates = True

    async def validate(self, attributes: Attributes) -> None:
        spec = attributes.object.spec
        if spec.signerName != _SIGNER:
            return
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        try:
            request = x509.load_pem_x509_csr(base64.b64decode(spec.request))
        except ValueError as error:
            raise attributes.forbidden(f"failed to parse CSR: {error}") from None
        groups = {entry.value for entry in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)}
        if "system:masters" in groups:
            raise attributes.forbidden(f"use of {_SIGNER} signer with system:masters group is not allowed")
