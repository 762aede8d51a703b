"""Services of type LoadBalancer on bare machines: an address from a pool, or those of the nodes."""
