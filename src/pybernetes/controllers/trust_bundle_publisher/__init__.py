"""Publishes the CA of the API server's certificate as a ClusterTrustBundle."""
