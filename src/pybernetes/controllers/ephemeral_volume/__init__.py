"""Makes the claims of Pods' own ephemeral volumes."""
