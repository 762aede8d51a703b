"""Kubernetes' protobuf form of objects: kubectl and other Go clients send built-in kinds in it."""
