"""Signs approved CertificateSigningRequests of the built-in signers."""
