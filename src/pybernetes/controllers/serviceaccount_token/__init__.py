"""Gives Secrets of type service-account-token their token, and takes them away with the account."""
