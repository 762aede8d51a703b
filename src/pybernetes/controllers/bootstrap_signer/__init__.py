"""Signs cluster-info with the bootstrap tokens, so that who has one can trust it."""
