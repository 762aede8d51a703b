"""Filters: each one step that every request passes, composed by `apiserver.chain`."""
