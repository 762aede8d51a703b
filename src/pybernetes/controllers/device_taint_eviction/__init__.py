"""Evicts Pods from devices that have got a NoExecute taint."""
