"""The verbs of the `pybernetes` command, one module each, with `add_arguments(parser)` and `run(args) -> int`."""
