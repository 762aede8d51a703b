"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'CertificateSigningRequestStatus': {
        'conditions': ('map', ('type',), '', '', ''),
    },
}
ATOMIC = []
DEFAULTS = {'CertificateSigningRequestCondition': {'type': ''}}
