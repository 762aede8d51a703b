"""A folder of the node for every claim of the class `local-path`: what `up` gives those who ask for storage."""
