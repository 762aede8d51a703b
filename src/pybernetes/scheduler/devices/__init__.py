"""Devices of drivers (dynamic resource allocation): which there are, who has them, and which a claim gets."""
