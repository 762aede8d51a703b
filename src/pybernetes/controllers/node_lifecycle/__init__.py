"""Node health: heartbeats, the Ready condition, taints, Pods marked not ready."""
