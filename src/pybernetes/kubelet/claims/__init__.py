"""Dynamic resources on the node: drivers prepare the devices of claims before containers of their pods start."""
