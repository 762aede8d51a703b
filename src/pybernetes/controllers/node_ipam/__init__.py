"""Gives every node a range of Pod addresses of its own."""
