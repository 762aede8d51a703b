"""Evicts Pods that do not tolerate, or no longer tolerate, a NoExecute taint."""
