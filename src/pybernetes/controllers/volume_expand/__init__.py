"""Tells whom a claim waits for that asks for more than its volume has."""
