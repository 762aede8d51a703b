"""The machine under each node: its containerd, its network namespace, its cgroup, and taking them away."""
