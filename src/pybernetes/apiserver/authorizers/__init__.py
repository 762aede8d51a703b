"""What a user may do: RBAC, the Node authorizer, and their union."""
