"""Webhooks: other people's HTTPS servers that this apiserver asks, for conversions now and for admission."""
