"""Ingresses: their annotations and rules, as part of the proxy's table."""
