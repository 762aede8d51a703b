"""Approves the client certificates that kubelets ask for."""
