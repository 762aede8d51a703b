"""One module a verb: from a routed request to the registry and back to an answer."""
