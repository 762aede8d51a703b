"""Invalidates, then deletes, generated token Secrets that nobody has used for a year."""
