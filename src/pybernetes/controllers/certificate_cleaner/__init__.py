"""Deletes CertificateSigningRequests that nobody needs any more."""
