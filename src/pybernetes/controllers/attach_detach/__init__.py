"""Asks CSI drivers to attach volumes to the nodes of the Pods that use them, and to detach them after."""
