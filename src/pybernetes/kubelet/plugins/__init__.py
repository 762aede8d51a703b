"""Plugins that register themselves with the kubelet."""
