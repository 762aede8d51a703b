"""Scales what can be scaled by what its Pods and the world outside say of themselves."""
