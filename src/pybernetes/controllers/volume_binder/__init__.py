"""Binds claims to volumes, hands claims to provisioners, and does with released volumes what their policy says."""
