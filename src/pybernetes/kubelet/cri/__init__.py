"""The Container Runtime Interface: stubs of the protocol, a client for it, and its stream of events."""
