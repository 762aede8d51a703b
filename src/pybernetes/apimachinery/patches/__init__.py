"""The patch formats of the API, as pure functions on JSON trees: json_patch, merge, strategic."""
