"""What a fresh cluster has before anyone asks: namespaces, roles, the `kubernetes` Service."""
