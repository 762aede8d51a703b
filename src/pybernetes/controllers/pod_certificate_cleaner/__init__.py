"""Deletes PodCertificateRequests that have had their time."""
