"""ClusterTrustBundles: certificates of CAs that workloads trust, perhaps those of one signer.

Source: pkg/registry/certificates/clustertrustbundle/strategy.go, pkg/apis/certificates/validation/validation.go
(ValidateClusterTrustBundle), pkg/apis/core/validation/names.go (ValidateClusterTrustBundleName), printers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import dns1123_subdomain
from pybernetes.apimachinery.pem import Block, blocks
from pybernetes.apiserver.registry.certificates.validation import SPEC, signer_errors
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import NONE, columns

if TYPE_CHECKING:
    from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle

_NAME = Path("metadata", "name")
_BUNDLE = SPEC.child("trustBundle")
_LARGEST = 1 << 20
_OMITTED = "<value omitted>"


class ClusterTrustBundleStrategy(Strategy):
    columns = columns("Name", "SignerName")
    extra_fields = frozenset({"spec.signerName"})

    def validate_name(self, name: str) -> list[str]:
        """Depends on the signer: `validate` looks at both."""
        return []

    def validate(self, obj: ClusterTrustBundle) -> list[FieldError]:
        return _name_errors(obj) + _bundle_errors(obj.spec.trustBundle)

    def validate_update(self, obj: ClusterTrustBundle, old: ClusterTrustBundle) -> list[FieldError]:
        found = _name_errors(obj)
        if obj.spec.trustBundle != old.spec.trustBundle:
            found += _bundle_errors(obj.spec.trustBundle)
        if (obj.spec.signerName or "") != (old.spec.signerName or ""):
            found.append(FieldError.invalid(SPEC.child("signerName"), obj.spec.signerName or "", "field is immutable"))
        return found

    def fields(self, obj: ClusterTrustBundle) -> dict[str, str]:
        return {"spec.signerName": obj.spec.signerName or ""}

    def row(self, obj: ClusterTrustBundle, now: float) -> list[Any]:
        return [obj.metadata.name, obj.spec.signerName or NONE]


def _name_errors(obj: ClusterTrustBundle) -> list[FieldError]:
    name, signer = obj.metadata.name or "", obj.spec.signerName or ""
    prefix = f"{signer.replace('/', ':')}:" if signer else ""
    if not signer and ":" in name:
        why = ['ClusterTrustBundle without signer name must not have ":" in its name']
    elif not name.startswith(prefix):
        why = [f"ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"]
    else:
        why = dns1123_subdomain(name.removeprefix(prefix))
    found = [FieldError.invalid(_NAME, name, each) for each in why]
    return found + signer_errors(signer, SPEC.child("signerName")) if signer else found


def _bundle_errors(text: str) -> list[FieldError]:
    if len(text.encode()) > _LARGEST:
        return [FieldError.too_long(_BUNDLE, _LARGEST)]
    found, places = list[str](), dict[bytes, list[int]]()
    for index, block in enumerate(blocks(text.encode())):
        content, problem = _anchor(block)
        if problem:
            found.append(f"entry {index} {problem}")
        else:
            places.setdefault(content, []).append(index)
    if not found:
        # Of malformed entries nobody needs to know how often they are there.
        found = [] if places else ["at least one trust anchor must be provided"]
        twice = (each for each in places.values() if len(each) > 1)
        found += [f"duplicate trust anchor (indices [{' '.join(map(str, each))}])" for each in twice]
    return [FieldError.invalid(_BUNDLE, _OMITTED, each) for each in found]


def _anchor(block: Block) -> tuple[bytes, str]:
    """The certificate as DER, and what is wrong with it."""
    if block.kind != "CERTIFICATE":
        return b"", f"has bad block type: {block.kind}"
    if b":" in block.text:
        return b"", "has PEM block headers"
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        certificate = x509.load_pem_x509_certificate(block.text)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return b"", "does not have the CA bit set"
    except ValueError:
        return b"", "does not parse as X.509"
    return certificate.public_bytes(Encoding.DER), "" if constraints.ca else "does not have the CA bit set"
