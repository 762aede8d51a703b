"""Endpoints: the older object with all addresses of a Service in one."""
