"""The kubelet's HTTPS server: logs, streams, statistics."""
