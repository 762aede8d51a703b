"""Probes: asking containers whether they have started, are alive, are ready."""
