"""Volumes of CSI drivers on a node: drivers that register, and what is asked of them for each volume of a pod."""
