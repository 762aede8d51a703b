"""Tells nodes how long what they read may be kept, by the size of the cluster."""
