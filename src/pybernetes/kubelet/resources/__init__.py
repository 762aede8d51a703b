"""What pods ask of the node and get: admission, cgroups, preemption, resizing."""
