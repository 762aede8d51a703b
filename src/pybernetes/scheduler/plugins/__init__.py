"""The scheduler's own plugins, a module each; `registry.py` lists them with their default order and weights."""
