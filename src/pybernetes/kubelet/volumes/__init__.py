"""Volumes of pods: where they lie on the node, what is in them, and how containers see them."""
